survey=$(curl --silent --show-error http://127.0.0.1:8080/v1/surveys \
  --header "authorization: Bearer $TOKEN" --header 'content-type: application/json' \
  --data '{
    "title": "After each ticket",
    "afterResolution": {"delay": "86400s"},
    "draft": {
      "defaultLocale": "en",
      "followUpIf": "answers.overall <= 2",
      "questions": [
        {"id": "overall", "kind": "QUESTION_KIND_CSAT", "required": true, "scale": {"min": 1, "max": 5},
         "title": [{"locale": "en", "text": "How satisfied are you?"}, {"locale": "zh", "text": "您满意吗？"}]},
        {"id": "why", "kind": "QUESTION_KIND_LONG_TEXT", "visibleIf": "answers.overall <= 2",
         "title": [{"locale": "en", "text": "What went wrong?"}, {"locale": "zh", "text": "哪里不满意？"}]}
      ]
    }
  }' | sed --quiet 's/.*"name": *"\(surveys\/[^"]*\)".*/\1/p')
curl --silent --show-error --request POST "http://127.0.0.1:8080/v1/$survey:publish" \
  --header "authorization: Bearer $TOKEN"
