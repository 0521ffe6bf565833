//! `ResolveTicket`: a resolution is proposed to the customer.

use ::rpc::Call;
use contracts::tickets::v1 as pb;
use kernel::Violations;

use crate::{
    app::App,
    command::{Command, Decision, run},
    error::Error,
    store::tickets::Texts,
};

const ANSWER: usize = 8_000;

pub(crate) async fn handle(
    app: App,
    call: Call,
    mut request: pb::ResolveTicketRequest,
) -> Result<pb::Ticket, Error> {
    let mut v = Violations::new();
    let command = Command::parse(&app, &call, &mut request, &mut v);
    v.text("answer", &request.answer, 1, ANSWER);
    v.finish(())?;
    run(&app, &call, &command, |stored, cx| {
        let changed = stored.ticket.clone().resolve(cx)?;
        let texts = Texts { answer: request.answer.trim().to_owned(), ..stored.texts.clone() };
        Ok(Decision { changed, texts: Some(texts) })
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::fixture::*;

    #[tokio::test]
    async fn a_complaint_needs_somebody_and_a_judgement() {
        let house = House::new().await;
        let lin = house.agent("lin");
        let ticket = lin.create(complaint()).await;
        let missing = |fields: &[&str]| {
            let field = |field: &&str| ("MISSING_FIELD".to_owned(), (*field).to_owned());
            fields.iter().map(field).collect::<Vec<_>>()
        };
        assert_eq!(blockers(lin.resolve(&ticket.name).await), missing(&["assignee", "triage"]));
        lin.claim(&ticket.name).await.unwrap();
        assert_eq!(blockers(lin.resolve(&ticket.name).await), missing(&["triage"]));
        lin.triage(&ticket.name).await.unwrap();
        house.clock.advance(Duration::from_mins(1));
        let resolved = lin.resolve(&ticket.name).await.unwrap();
        assert_eq!(resolved.category(), pb::Category::Resolved);
        let resolution = resolved.resolution.unwrap();
        assert_eq!((resolution.instance, resolution.answer.as_str()), (1, "It was replaced."));
        // Monday morning and three working days: Thursday, 18:00 in Shanghai.
        assert_eq!(
            resolution.silent_close_time.unwrap().seconds,
            START.seconds() + 3 * 86_400 + 9 * 3_600
        );
        let states: Vec<_> = resolved.clocks.iter().map(pb::Clock::state).collect();
        assert_eq!(states, [pb::ClockState::Fulfilled; 2]);
        assert_eq!(resolved.next_due_time, None);
        assert_eq!(house.used("lin").await, 0);
        assert_eq!(
            house.history(&ticket.name).await[5..],
            ["clock.fulfilled", "clock.fulfilled", "work_session.ended", "ticket.resolved"]
        );
        assert_eq!(blockers(lin.resolve(&ticket.name).await), blocker("STATE", "RESOLVED"));
    }

    #[tokio::test]
    async fn it_needs_words_and_repeats() {
        let house = House::new().await;
        let lin = house.agent("lin");
        let ticket = lin.create(inquiry()).await;
        lin.claim(&ticket.name).await.unwrap();
        let request = |answer: &str| pb::ResolveTicketRequest {
            name: ticket.name.clone(),
            answer: answer.to_owned(),
            request_id: request_id(1),
            ..<_>::default()
        };
        assert_eq!(wrong(lin.resolve_ticket(request(" ")).await), ["answer"]);
        assert_eq!(wrong(lin.resolve_ticket(request(&"x".repeat(8_001))).await), ["answer"]);
        let first = lin.resolve_ticket(request("Done.")).await.unwrap();
        assert_eq!(lin.resolve_ticket(request("Done.")).await.unwrap(), first);
        assert_eq!(refused(lin.resolve_ticket(request("Not done.")).await).1, "REQUEST_ID_REUSED");
    }

    #[tokio::test]
    async fn what_a_program_proposes_is_no_response() {
        let house = House::new().await;
        let ticket = house.agent("lin").create(inquiry()).await;
        house.agent("lin").claim(&ticket.name).await.unwrap();
        let resolved = house.client(system(1)).resolve(&ticket.name).await.unwrap();
        let states: Vec<_> = resolved.clocks.iter().map(pb::Clock::state).collect();
        assert_eq!(states, [pb::ClockState::Cancelled, pb::ClockState::Fulfilled]);
    }

    #[tokio::test]
    async fn who_stays_silent_for_three_working_days_agrees() {
        let house = House::new().await;
        let lin = house.agent("lin");
        let ticket = lin.create(inquiry()).await;
        lin.claim(&ticket.name).await.unwrap();
        lin.resolve(&ticket.name).await.unwrap();
        house.later(Duration::from_secs(3 * 86_400 + 9 * 3_600 - 1)).await;
        assert_eq!(lin.get(&ticket.name).await.unwrap().category(), pb::Category::Resolved);
        house.later(Duration::from_secs(1)).await;
        let closed = lin.get(&ticket.name).await.unwrap();
        assert_eq!(
            (closed.category(), closed.close_reason()),
            (pb::Category::Closed, pb::CloseReason::Silent)
        );
        assert_eq!(house.history(&ticket.name).await.last().unwrap(), "ticket.closed");
        house.later(Duration::from_hours(24)).await;
        assert_eq!(lin.get(&ticket.name).await.unwrap(), closed);
    }
}
