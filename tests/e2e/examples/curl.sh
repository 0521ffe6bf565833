curl http://127.0.0.1:8080/v1/tickets -H "Authorization: Bearer $TOKEN" \
  -H 'Content-Type: application/json' -H 'Idempotency-Key: 2f1b6d0e-58a4-4c7b-9a53-0d6f6e1c8b11' \
  -d '{"kind": "KIND_INQUIRY", "channel": "CHANNEL_EMAIL", "title": "When does the warranty end?"}'
curl 'http://127.0.0.1:8080/v1/tickets?pageSize=5' -H "Authorization: Bearer $TOKEN"
