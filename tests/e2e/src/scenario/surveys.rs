//! The scenarios of surveys.

use kernel::Role;
use serde_json::{Value, json};

use super::{Abroad, Prepared, Scenario};
use crate::{
    Desk,
    desk::{canary, name, new_id},
};

/// One for each RPC.
pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario {
        method: "aftercare.surveys.v1.SurveyService.CreateSurvey",
        role: Role::Integration,
        abroad: Abroad::Own,
        prepare: |desk| Box::pin(create(desk)),
    },
    Scenario {
        method: "aftercare.surveys.v1.SurveyService.GetSurvey",
        role: Role::Supervisor,
        abroad: Abroad::Missing,
        prepare: |desk| Box::pin(of_survey(desk, "name")),
    },
    Scenario {
        method: "aftercare.surveys.v1.SurveyService.ListSurveys",
        role: Role::Supervisor,
        abroad: Abroad::Own,
        prepare: |desk| Box::pin(list(desk)),
    },
    Scenario {
        method: "aftercare.surveys.v1.SurveyService.UpdateSurvey",
        role: Role::Integration,
        abroad: Abroad::Missing,
        prepare: |desk| Box::pin(update(desk)),
    },
    Scenario {
        method: "aftercare.surveys.v1.SurveyService.ValidateSurvey",
        role: Role::Supervisor,
        abroad: Abroad::Missing,
        prepare: |desk| Box::pin(of_survey(desk, "name")),
    },
    Scenario {
        method: "aftercare.surveys.v1.SurveyService.PublishSurvey",
        role: Role::Integration,
        abroad: Abroad::Missing,
        prepare: |desk| Box::pin(publish(desk)),
    },
    Scenario {
        method: "aftercare.surveys.v1.SurveyService.ArchiveSurvey",
        role: Role::Integration,
        abroad: Abroad::Missing,
        prepare: |desk| Box::pin(of_survey(desk, "name")),
    },
    Scenario {
        method: "aftercare.surveys.v1.SurveyService.GetSurveyVersion",
        role: Role::Supervisor,
        abroad: Abroad::Missing,
        prepare: |desk| Box::pin(get_version(desk)),
    },
    Scenario {
        method: "aftercare.surveys.v1.SurveyService.ListSurveyVersions",
        role: Role::Supervisor,
        abroad: Abroad::Missing,
        prepare: |desk| Box::pin(of_survey(desk, "parent")),
    },
    Scenario {
        method: "aftercare.surveys.v1.SurveyService.SimulateSurvey",
        role: Role::Supervisor,
        abroad: Abroad::Missing,
        prepare: |desk| Box::pin(simulate(desk)),
    },
    Scenario {
        method: "aftercare.surveys.v1.AnalyticsService.GetScores",
        role: Role::Supervisor,
        abroad: Abroad::Missing,
        prepare: |desk| Box::pin(of_survey(desk, "survey")),
    },
];

async fn create(desk: &Desk<'_>) -> Prepared {
    // Another of this tenant, which must not shine through.
    let other = desk.live_survey().await;
    let text = |text: &str| json!([{ "locale": "en", "text": format!("{text} {}", canary()) }]);
    let survey: Value = json!({
        "title": format!("After a repair {}", canary()),
        "draft": {
            "defaultLocale": "en",
            "questions": [{
                "id": "overall", "kind": "QUESTION_KIND_CSAT", "title": text("How was it?"),
                "scale": { "min": 1, "max": 5 },
            }],
        },
    });
    Prepared::new(json!({ "survey": survey, "requestId": new_id() }), &[], &[&other])
}

/// A request about a survey that is asked, which names it in `field`.
async fn of_survey(desk: &Desk<'_>, field: &str) -> Prepared {
    let survey = desk.live_survey().await;
    let name = name(&survey);
    Prepared::new(json!({ field: name }), &[&name], &[&survey])
}

async fn list(desk: &Desk<'_>) -> Prepared {
    let survey = desk.live_survey().await;
    Prepared::new(json!({ "pageSize": 1000 }), &[], &[&survey])
}

async fn update(desk: &Desk<'_>) -> Prepared {
    let survey = desk.live_survey().await;
    let name = name(&survey);
    let change = json!({ "name": name, "title": format!("After a call {}", canary()) });
    let request = json!({ "survey": change, "updateMask": "title", "requestId": new_id() });
    Prepared::new(request, &[&name], &[&survey])
}

async fn publish(desk: &Desk<'_>) -> Prepared {
    let survey = desk.survey().await;
    let name = name(&survey);
    Prepared::new(json!({ "name": name, "requestId": new_id() }), &[&name], &[&survey])
}

async fn get_version(desk: &Desk<'_>) -> Prepared {
    let survey = desk.live_survey().await;
    let version = survey["liveVersion"].as_str().expect("a live survey has a version").to_owned();
    Prepared::new(json!({ "name": version }), &[&version], &[&survey])
}

async fn simulate(desk: &Desk<'_>) -> Prepared {
    let survey = desk.live_survey().await;
    let name = name(&survey);
    let answers = json!([{ "question": "recommend", "number": 3 }]);
    Prepared::new(json!({ "name": name, "answers": answers }), &[&name], &[&survey])
}
