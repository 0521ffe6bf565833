//! `TriageTicket`: a matter is judged.

use ::rpc::Call;
use contracts::tickets::v1 as pb;
use kernel::Violations;

use crate::{
    app::App,
    command::{Command, Decision, run},
    error::Error,
    fields,
    store::tickets::Texts,
};

const WORDS: usize = 2_000;

pub(crate) async fn handle(
    app: App,
    call: Call,
    mut request: pb::TriageTicketRequest,
) -> Result<pb::Ticket, Error> {
    let mut v = Violations::new();
    let command = Command::parse(&app, &call, &mut request, &mut v);
    let Some(triage) = request.triage else {
        v.add("triage", "is required");
        return Err(v.into());
    };
    let nature: pb::Nature = fields::required("triage.nature", triage.nature, &mut v);
    v.check((1..=4).contains(&triage.severity), "triage.severity", "must be 1 (worst) to 4");
    v.text("triage.cause", &triage.cause, 0, WORDS);
    v.text("triage.evidence", &triage.evidence, 0, WORDS);
    v.finish(())?;
    run(&app, &call, &command, |stored, cx| {
        let changed = stored.ticket.clone().judge(nature, triage.severity, cx)?;
        let texts = Texts {
            cause: triage.cause.trim().to_owned(),
            evidence: triage.evidence.trim().to_owned(),
            ..stored.texts.clone()
        };
        Ok(Decision { changed, texts: Some(texts) })
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::*;

    #[tokio::test]
    async fn a_matter_is_judged_and_may_be_judged_again() {
        let house = House::new().await;
        let lin = house.agent("lin");
        let ticket = lin.create(complaint()).await;
        let judged = lin.triage(&ticket.name).await.unwrap();
        let triage = judged.triage.unwrap();
        assert_eq!(pb::Triage { triage_time: None, ..triage }, judgement());
        assert_eq!(house.history(&ticket.name).await.last().unwrap(), "ticket.triaged");

        let worse = pb::Triage { severity: 1, ..judgement() };
        let request = pb::TriageTicketRequest {
            name: ticket.name.clone(),
            triage: Some(worse),
            etag: judged.etag.clone(),
            request_id: request_id(1),
        };
        assert_eq!(lin.triage_ticket(request.clone()).await.unwrap().triage.unwrap().severity, 1);
        assert_ne!(lin.triage_ticket(request).await.unwrap().etag, judged.etag);

        lin.close(&ticket.name, pb::CloseReason::Cancelled).await.unwrap();
        assert_eq!(blockers(lin.triage(&ticket.name).await), blocker("STATE", "CLOSED"));
        let customer = house.customer(kernel::CustomerId::from(uuid::Uuid::from_u128(1)));
        assert_eq!(
            customer.triage(&ticket.name).await.unwrap_err().code(),
            tonic::Code::PermissionDenied
        );
    }

    #[tokio::test]
    async fn all_that_is_wrong_is_said_at_once() {
        let house = House::new().await;
        let bad = pb::Triage { nature: 0, severity: 5, cause: "x".repeat(2_001), ..judgement() };
        let request = pb::TriageTicketRequest {
            name: "x".to_owned(),
            triage: Some(bad),
            request_id: "x".to_owned(),
            ..<_>::default()
        };
        assert_eq!(
            wrong(house.agent("lin").triage_ticket(request).await),
            ["request_id", "name", "triage.nature", "triage.severity", "triage.cause"]
        );
    }
}
