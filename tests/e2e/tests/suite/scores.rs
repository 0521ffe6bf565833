//! Scores through the gateway: they follow whatever becomes of responses.

use aftercare_e2e::{
    Desk, Tenant,
    desk::{name, new_id},
    each_backend, until,
};
use serde_json::{Value, json};

/// What was answered, and by what team and channel; all on one day.
const ANSWERS: [(i32, &str, &str); 6] = [
    (10, "teams/first-line", "phone"),
    (9, "teams/first-line", "email"),
    (9, "teams/repair", "phone"),
    (8, "teams/repair", "phone"),
    (6, "teams/repair", "email"),
    (0, "", "email"),
];

/// A figure as it is told, in short: n, for, against, excluded, and the score to two digits.
type Figure = (i64, i64, i64, i64, String);

fn figure(score: &Value) -> Figure {
    let count = |field: &str| score[field].as_str().map_or(0, |count| count.parse().unwrap());
    let told = score["score"].as_f64().map_or_else(String::new, |score| format!("{score:.2}"));
    (count("n"), count("numerator"), count("detractors"), count("excluded"), told)
}

fn told(n: i64, promoters: i64, detractors: i64, excluded: i64, score: &str) -> Figure {
    (n, promoters, detractors, excluded, score.to_owned())
}

/// The figures of a survey's NPS, by key, as soon as they are these.
async fn become_these(desk: &Desk<'_>, request: &Value, expected: &[(&str, Figure)]) {
    until("the scores follow", async || {
        let answer = desk.system().call("GetScores", request.clone()).await;
        let scores = answer["scores"].as_array().cloned().unwrap_or_default();
        let scores: Vec<_> = scores
            .iter()
            .map(|score| (score["key"].as_str().unwrap_or_default().to_owned(), figure(score)))
            .collect();
        let equal = scores.len() == expected.len()
            && scores
                .iter()
                .zip(expected)
                .all(|(ours, theirs)| (ours.0.as_str(), &ours.1) == (theirs.0, &theirs.1));
        equal.then_some(())
    })
    .await;
}

#[tokio::test]
async fn scores_follow_what_becomes_of_responses() {
    each_backend(async |suite| {
        let desk = Desk::new(suite, Tenant::North);
        let survey = name(&desk.live_survey().await);
        let mut responses = Vec::new();
        for (number, team, channel) in ANSWERS {
            let response = json!({
                "name": format!("responses/{}", new_id()),
                "answers": [{ "question": "recommend", "number": number }],
                "origin": { "team": team, "channel": channel },
                "submitTime": "2025-03-04T05:06:07Z",
            });
            let request = json!({ "parent": survey, "response": response });
            // A caller that heard nothing asks again.
            let first = desk.system().call("RecordResponse", request.clone()).await;
            assert_eq!(desk.system().call("RecordResponse", request).await, first);
            responses.push(name(&first));
        }
        let days = json!({
            "survey": survey, "startDay": "2025-03-01", "endDay": "2025-04-01",
        });
        let with = |more: Value| {
            let mut request = days.clone();
            request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            request
        };
        become_these(&desk, &days, &[("", told(6, 3, 2, 0, "16.67"))]).await;
        let by_team = with(json!({ "by": "DIMENSION_TEAM" }));
        let teams = [
            ("", told(1, 0, 1, 0, "-100.00")),
            ("teams/first-line", told(2, 2, 0, 0, "100.00")),
            ("teams/repair", told(3, 1, 1, 0, "0.00")),
        ];
        become_these(&desk, &by_team, &teams).await;

        // What staff excludes does not count, and counts again.
        let worst = json!({ "name": responses[5], "exclusion": "test_call" });
        desk.system().call("ExcludeResponse", worst.clone()).await;
        desk.system().call("ExcludeResponse", worst).await;
        become_these(&desk, &days, &[("", told(5, 3, 1, 1, "40.00"))]).await;
        let by_channel = with(json!({ "by": "DIMENSION_CHANNEL", "period": "PERIOD_ALL" }));
        let channels = [("email", told(2, 1, 1, 1, "0.00")), ("phone", told(3, 2, 0, 0, "66.67"))];
        become_these(&desk, &by_channel, &channels).await;
        desk.system().call("IncludeResponse", json!({ "name": responses[5] })).await;
        let by_day = with(json!({ "period": "PERIOD_DAY" }));
        become_these(&desk, &by_day, &[("", told(6, 3, 2, 0, "16.67"))]).await;
        become_these(&desk, &by_team, &teams).await;

        // Nothing was asked in another month, and nobody was asked the other question.
        let empty = with(json!({ "startDay": "2025-04-01", "endDay": "2025-05-01" }));
        become_these(&desk, &empty, &[]).await;
        let words = desk.system().refused("GetScores", with(json!({ "question": "why" }))).await;
        assert_eq!(words.code(), tonic::Code::InvalidArgument);
    })
    .await;
}
