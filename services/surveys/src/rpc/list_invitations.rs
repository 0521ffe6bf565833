//! `ListInvitations`: invitations by one of their access paths, newest first.

use contracts::surveys::v1::{InvitationState, ListInvitationsRequest, ListInvitationsResponse};
use kernel::{
    SurveyId, TicketId, Violations,
    page::{self, Newest},
};
use rpc::{Call, wire};
use uuid::Uuid;

use crate::{
    App, Error,
    command::reaches,
    convert,
    store::invitations::{self, Which},
};

const PATHS: &str = "lists go by one of: no filter; survey; state; ticket; survey and state";

pub(crate) async fn handle(
    app: App,
    call: Call,
    request: ListInvitationsRequest,
) -> Result<ListInvitationsResponse, Error> {
    let mut violations = Violations::new();
    let which = which(&request, &mut violations);
    let of = format!("{which:?}");
    let query = page::Query::new(&app.tokens, call.tenant(), "ListInvitations", &of);
    let size = page::size(request.page_size, &mut violations);
    let Newest(start) = query.start(&request.page_token, &mut violations);
    violations.finish(())?;

    let rows = if reaches(&call) {
        invitations::list(&app.db, call.tenant(), which, start, size + 1).await?
    } else {
        Vec::new()
    };
    let (invitations, last) = wire::page_of(&rows, size, convert::invitation);
    let next_page_token = query.token(last.map(|last| Newest(last.id.uuid())));
    Ok(ListInvitationsResponse { invitations, next_page_token })
}

fn which(request: &ListInvitationsRequest, violations: &mut Violations) -> Which {
    let state = InvitationState::try_from(request.state);
    violations.check(state.is_ok(), "state", "is none that there is");
    let state = state.ok().filter(|state| *state != InvitationState::Unspecified);
    let survey = (!request.survey.is_empty())
        .then(|| convert::survey_id(&request.survey, "survey", violations));
    let ticket = (!request.ticket.is_empty()).then(|| ticket_id(&request.ticket, violations));
    match (survey, state, ticket) {
        (None, None, None) => Which::All,
        (Some(survey), None, None) => Which::Survey(survey),
        (None, Some(state), None) => Which::State(state),
        (None, None, Some(ticket)) => Which::Ticket(ticket),
        (Some(survey), Some(state), None) => Which::SurveyAndState(survey, state),
        (Some(_), _, Some(_)) | (_, Some(_), Some(_)) => {
            violations.add("ticket", PATHS);
            Which::Survey(SurveyId::from(Uuid::nil()))
        }
    }
}

fn ticket_id(name: &str, violations: &mut Violations) -> TicketId {
    let id = TicketId::parse_name(name);
    violations.check(id.is_some(), "ticket", "must be of the form `tickets/{id}`");
    id.unwrap_or_else(|| TicketId::from(Uuid::nil()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rpc::fixture::{Fixture, editor, fields, stranger};

    #[tokio::test]
    async fn each_path_lists_what_it_says() {
        let fixture = Fixture::new().await;
        let survey = fixture.asking("After a repair").await;
        let (first, second) = (fixture.resolve(1, None).await, fixture.resolve(2, None).await);
        let list = async |call, request: ListInvitationsRequest| {
            let page = handle(fixture.app.clone(), call, request).await.unwrap();
            let tickets = page.invitations.into_iter().map(|one| one.ticket);
            (tickets.collect::<Vec<_>>(), page.next_page_token)
        };
        let all = ListInvitationsRequest { page_size: 1, ..Default::default() };
        let (page, token) = list(editor(), all.clone()).await;
        assert_eq!(page, std::slice::from_ref(&second));
        let (page, end) = list(editor(), ListInvitationsRequest { page_token: token, ..all }).await;
        assert_eq!((page, end.as_str()), (vec![first.clone()], ""));
        let ticket = ListInvitationsRequest { ticket: first.clone(), ..Default::default() };
        assert_eq!(list(editor(), ticket.clone()).await.0, std::slice::from_ref(&first));
        assert_eq!(list(stranger(), ticket.clone()).await.0, [""; 0]);
        let of = |state: InvitationState, survey: &str| ListInvitationsRequest {
            survey: survey.to_owned(),
            state: state.into(),
            ..Default::default()
        };
        let pending = InvitationState::Pending;
        assert_eq!(list(editor(), of(pending, "")).await.0.len(), 2);
        assert_eq!(list(editor(), of(pending, &survey.name)).await.0.len(), 2);
        assert_eq!(list(editor(), of(InvitationState::Revoked, &survey.name)).await.0.len(), 0);
        let odd = ListInvitationsRequest { state: pending.into(), ..ticket };
        let error = handle(fixture.app.clone(), editor(), odd).await.unwrap_err();
        assert_eq!(fields(&error), ["ticket"]);
        let odd = ListInvitationsRequest {
            survey: "a".to_owned(),
            state: 99,
            page_size: -1,
            ..Default::default()
        };
        let error = handle(fixture.app.clone(), editor(), odd).await.unwrap_err();
        assert_eq!(fields(&error), ["state", "survey", "page_size"]);
    }
}
