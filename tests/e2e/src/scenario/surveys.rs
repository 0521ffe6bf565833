//! The scenarios of surveys.

use kernel::Role;
use serde_json::{Value, json};

use super::{Abroad, Prepared, Scenario};
use crate::{
    Desk,
    desk::{canary, name, new_id},
    linked::Linked,
    until,
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
    Scenario {
        method: "aftercare.surveys.v1.DispatchService.GetInvitation",
        role: Role::Agent,
        abroad: Abroad::Missing,
        prepare: |desk| Box::pin(of_invitation(desk, json!({}))),
    },
    Scenario {
        method: "aftercare.surveys.v1.DispatchService.ListInvitations",
        role: Role::Agent,
        abroad: Abroad::Empty,
        prepare: |desk| Box::pin(invitations(desk)),
    },
    Scenario {
        method: "aftercare.surveys.v1.DispatchService.CreateInvitationLink",
        role: Role::Integration,
        abroad: Abroad::Missing,
        prepare: |desk| Box::pin(of_invitation(desk, json!({}))),
    },
    Scenario {
        method: "aftercare.surveys.v1.DispatchService.ReportDelivery",
        role: Role::Integration,
        abroad: Abroad::Missing,
        prepare: |desk| Box::pin(report(desk)),
    },
    Scenario {
        method: "aftercare.surveys.v1.DispatchService.RevokeInvitation",
        role: Role::Integration,
        abroad: Abroad::Missing,
        prepare: |desk| Box::pin(of_invitation(desk, json!({ "requestId": new_id() }))),
    },
    Scenario {
        method: "aftercare.surveys.v1.DispatchService.RecordInterview",
        role: Role::Agent,
        abroad: Abroad::Missing,
        prepare: |desk| Box::pin(interview(desk)),
    },
    Scenario {
        method: "aftercare.surveys.v1.ResponseService.GetInvitedSurvey",
        role: Role::LinkHolder,
        abroad: Abroad::Missing,
        prepare: |desk| Box::pin(by_link(desk, json!({}))),
    },
    Scenario {
        method: "aftercare.surveys.v1.ResponseService.SaveProgress",
        role: Role::LinkHolder,
        abroad: Abroad::Missing,
        prepare: |desk| Box::pin(by_link(desk, json!({ "answers": answers() }))),
    },
    Scenario {
        method: "aftercare.surveys.v1.ResponseService.SubmitResponse",
        role: Role::LinkHolder,
        abroad: Abroad::Missing,
        prepare: |desk| {
            Box::pin(by_link(desk, json!({ "responseId": new_id(), "answers": answers() })))
        },
    },
    Scenario {
        method: "aftercare.surveys.v1.ResponseService.RecordResponse",
        role: Role::Integration,
        abroad: Abroad::Missing,
        prepare: |desk| Box::pin(record(desk)),
    },
    Scenario {
        method: "aftercare.surveys.v1.ResponseService.GetResponse",
        role: Role::Supervisor,
        abroad: Abroad::Missing,
        prepare: |desk| Box::pin(of_response(desk, json!({}))),
    },
    Scenario {
        method: "aftercare.surveys.v1.ResponseService.ListResponses",
        role: Role::Supervisor,
        abroad: Abroad::Missing,
        prepare: |desk| Box::pin(responses(desk)),
    },
    Scenario {
        method: "aftercare.surveys.v1.ResponseService.ExcludeResponse",
        role: Role::Supervisor,
        abroad: Abroad::Missing,
        prepare: |desk| {
            Box::pin(of_response(desk, json!({ "exclusion": "own-staff", "requestId": new_id() })))
        },
    },
    Scenario {
        method: "aftercare.surveys.v1.ResponseService.IncludeResponse",
        role: Role::Supervisor,
        abroad: Abroad::Missing,
        prepare: |desk| Box::pin(of_response(desk, json!({ "requestId": new_id() }))),
    },
    Scenario {
        method: "aftercare.surveys.v1.LoopService.GetLoop",
        role: Role::Supervisor,
        abroad: Abroad::Missing,
        prepare: |desk| Box::pin(of_loop(desk)),
    },
    Scenario {
        method: "aftercare.surveys.v1.LoopService.ListLoops",
        role: Role::Supervisor,
        abroad: Abroad::Own,
        prepare: |desk| Box::pin(loops(desk)),
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

/// An invitation that was handed over, and the ticket that it is about.
async fn asked(desk: &Desk<'_>) -> (Value, Value) {
    desk.asking().await;
    let linked = Linked::new(desk).await;
    let handed = until("an invitation is handed over", async || {
        let mut all = linked.invitations().await.into_iter();
        all.find(|one| one["state"] == "INVITATION_STATE_REQUESTED")
    });
    (handed.await, linked.ticket)
}

async fn of_invitation(desk: &Desk<'_>, mut request: Value) -> Prepared {
    let (invitation, ticket) = asked(desk).await;
    let name = name(&invitation);
    request["name"] = json!(name);
    Prepared::new(request, &[&name], &[&invitation, &ticket])
}

async fn invitations(desk: &Desk<'_>) -> Prepared {
    let (invitation, ticket) = asked(desk).await;
    let name = name(&ticket);
    let request = json!({ "ticket": name, "pageSize": 1000 });
    Prepared::new(request, &[&name], &[&invitation, &ticket])
}

async fn report(desk: &Desk<'_>) -> Prepared {
    of_invitation(desk, json!({ "outcome": "DELIVERY_OUTCOME_SENT" })).await
}

async fn interview(desk: &Desk<'_>) -> Prepared {
    let interview = json!({ "disposition": "DISPOSITION_NO_ANSWER" });
    of_invitation(desk, json!({ "interview": interview, "requestId": new_id() })).await
}

fn answers() -> Value {
    let why = format!("because {}", canary());
    json!([{ "question": "overall", "number": 2 }, { "question": "why", "text": why }])
}

/// A request by whoever holds the link of a ticket whose customer is asked.
async fn by_link(desk: &Desk<'_>, request: Value) -> Prepared {
    desk.asking().await;
    let linked = Linked::new(desk).await;
    Prepared::new(request, &[], &[&linked.ticket]).by_link(linked.token)
}

async fn record(desk: &Desk<'_>) -> Prepared {
    let survey = desk.asking().await;
    let customer = desk.customer().await;
    let survey = name(&survey);
    let response = json!({
        "name": format!("responses/{}", new_id()),
        "answers": answers(),
        "origin": { "customer": name(&customer), "channel": "web_chat" },
    });
    let request = json!({ "parent": survey, "response": response });
    Prepared::new(request, &[&survey], &[&customer])
}

/// A response that was recorded.
async fn response(desk: &Desk<'_>) -> Value {
    let Prepared { request, .. } = record(desk).await;
    desk.system().call("RecordResponse", request).await
}

async fn of_response(desk: &Desk<'_>, mut request: Value) -> Prepared {
    let response = response(desk).await;
    let name = name(&response);
    request["name"] = json!(name);
    Prepared::new(request, &[&name], &[&response])
}

async fn responses(desk: &Desk<'_>) -> Prepared {
    let (survey, response) = (desk.asking().await, response(desk).await);
    let survey = name(&survey);
    Prepared::new(json!({ "parent": survey, "pageSize": 5 }), &[&survey], &[&response])
}

/// The loop that a bad answer has opened.
async fn a_loop(desk: &Desk<'_>) -> Value {
    let response = response(desk).await;
    let all = desk.system().call("ListLoops", json!({ "pageSize": 1000 })).await;
    let of = |one: &&Value| one["response"] == response["name"];
    let found = all["loops"].as_array().into_iter().flatten().find(of);
    found.expect("a bad answer opens a loop").clone()
}

async fn of_loop(desk: &Desk<'_>) -> Prepared {
    let found = a_loop(desk).await;
    let name = name(&found);
    Prepared::new(json!({ "name": name }), &[&name], &[&found])
}

async fn loops(desk: &Desk<'_>) -> Prepared {
    let found = a_loop(desk).await;
    Prepared::new(json!({ "pageSize": 5 }), &[], &[&found])
}
