//! `ExcludeResponse`: staff let a response count no more.

use contracts::surveys::v1::{ExcludeResponseRequest, Response as Answer, Standing};
use kernel::{ResponseId, Violations};
use rpc::{Call, wire};
use store::{Tx, idempotency::Once, transact};

use crate::{
    App, Error,
    command::reaches,
    convert,
    domain::response::{MAX_EXCLUSION, Response},
    events::{self, Author},
    invitations,
    store::responses,
    submission,
};

const METHOD: &str = "aftercare.surveys.v1.ResponseService/ExcludeResponse";

pub(crate) async fn handle(
    app: App,
    call: Call,
    mut request: ExcludeResponseRequest,
) -> Result<Answer, Error> {
    let request_id = std::mem::take(&mut request.request_id);
    let mut violations = Violations::new();
    wire::check_request_id(&request_id, &mut violations);
    let id = convert::response_id(&request.name, "name", &mut violations);
    let exclusion = request.exclusion.trim().to_owned();
    violations.text("exclusion", &exclusion, 1, MAX_EXCLUSION);
    violations.finish(())?;
    let once = app.once(&call, METHOD, &request_id, &request);
    decide(&app, &call, id, &once, Standing::Excluded, &exclusion).await
}

/// Lets a response stand so, by a decision of the staff.
pub(crate) async fn decide(
    app: &App,
    call: &Call,
    id: ResponseId,
    once: &Once,
    to: Standing,
    exclusion: &str,
) -> Result<Answer, Error> {
    let (tenant, name, author) = (call.tenant(), id.name(), Author::of(call));
    let seen = if reaches(call) { responses::get(&app.db, tenant, id).await? } else { None };
    let seen = seen.ok_or_else(|| Error::no_response(&name))?;
    transact!(app.db, "response.judge", |tx| {
        if once.claim(tx, &name, 0).await?.is_some() {
            return Ok(());
        }
        // Submissions hold the invitation first, too.
        let invitation = match seen.invitation {
            Some(invitation) => Some(invitations::hold(app, &author, tx, invitation).await?),
            None => None,
        };
        let holds = invitation.as_ref().and_then(|(held, _)| held.body.response);
        let held = responses::lock(tx, tenant, id).await?;
        let held = held.ok_or_else(|| Error::no_response(&name))?;
        if held.standing == to && held.exclusion == exclusion {
            return Ok(());
        }
        check(tx, &author, &held, to, holds.filter(|other| *other != id)).await?;
        if let Some((before, at)) = invitation.filter(|_| to == Standing::Counted) {
            let step = before.clone().hold(id);
            invitations::save(&author, tx, &before, step, at).await?;
        }
        let now = app.clock.now();
        let happened = submission::judge(tx, tenant, &held, to, exclusion, now).await?;
        events::append(app, &author, tx, vec![happened]).await
    })?;
    let after = responses::get(&app.db, tenant, id).await?;
    after.as_ref().map(convert::response).ok_or_else(|| Error::no_response(&name))
}

/// Whether a response may stand so: of an invitation one counts at most, and what was replaced by its
/// own customer stays so.
async fn check(
    tx: &mut Tx,
    author: &Author,
    held: &Response,
    to: Standing,
    other: Option<ResponseId>,
) -> Result<(), Error> {
    if held.standing == Standing::Superseded {
        let why = "the customer answered again, and that counts";
        return Err(Error::response_state(held.id, "SUPERSEDED", why));
    }
    let (Standing::Counted, Some(other)) = (to, other) else { return Ok(()) };
    let other = responses::lock(tx, author.tenant, other).await?;
    if other.is_some_and(|other| other.standing == Standing::Counted) {
        let why = "another response to the invitation counts";
        return Err(Error::response_state(held.id, "REPLACED", why));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use contracts::surveys::v1::{IncludeResponseRequest, ListResponsesRequest};

    use super::*;
    use crate::rpc::{
        fixture::{Fixture, editor, fields, invited, number, request_id, stranger},
        include_response, list_responses,
    };

    fn exclude(name: &str) -> ExcludeResponseRequest {
        ExcludeResponseRequest {
            name: name.to_owned(),
            exclusion: "own-staff".to_owned(),
            request_id: request_id(1),
        }
    }

    #[tokio::test]
    async fn staff_decide_whether_a_response_counts_and_why() {
        let fixture = Fixture::new().await;
        let survey = fixture.asking("After a repair").await;
        let ticket = fixture.resolve(1, None).await;
        let call = invited(&fixture.invitation(&ticket).await);
        fixture.submit(call.clone(), 7, vec![number("overall", 5)]).await.unwrap();
        let name = fixture.response(7).await.name;
        let app = || fixture.app.clone();
        let out = handle(app(), editor(), exclude(&name)).await.unwrap();
        assert_eq!((out.standing(), out.exclusion.as_str()), (Standing::Excluded, "own-staff"));
        let include = || IncludeResponseRequest { name: name.clone(), ..Default::default() };
        let back = include_response::handle(app(), editor(), include()).await.unwrap();
        assert_eq!((back.standing(), back.exclusion.as_str()), (Standing::Counted, ""));
        let again = handle(app(), editor(), exclude(&name)).await.unwrap();
        assert_eq!(again, back, "a request that was carried out is not carried out again");
        assert_eq!(
            fixture.events_of(&name).await,
            ["response.submitted", "response.excluded", "response.included"]
        );
        let list = async |standing: Standing| {
            let asked = ListResponsesRequest {
                parent: survey.name.clone(),
                standing: standing.into(),
                ..Default::default()
            };
            list_responses::handle(app(), editor(), asked).await.unwrap().responses.len()
        };
        assert_eq!((list(Standing::Counted).await, list(Standing::Excluded).await), (1, 0));
        assert!(handle(app(), stranger(), exclude(&name)).await.is_err());
        let bare = ExcludeResponseRequest { name: "responses/1".to_owned(), ..Default::default() };
        let error = handle(app(), editor(), bare).await.unwrap_err();
        assert_eq!(fields(&error), ["name", "exclusion"]);
    }

    #[tokio::test]
    async fn of_an_invitation_one_response_counts() {
        let fixture = Fixture::new().await;
        fixture.asking("After a repair").await;
        let ticket = fixture.resolve(1, None).await;
        let call = invited(&fixture.invitation(&ticket).await);
        for (id, seconds) in [(1, 1), (2, 60), (3, 60)] {
            let answers = vec![number("overall", id)];
            fixture.submit(call.clone(), id.try_into().unwrap(), answers).await.unwrap();
            fixture.clock.advance(std::time::Duration::from_secs(seconds));
        }
        let name = |id: u128| format!("responses/{}", uuid::Uuid::from_u128(id));
        let include = async |id| {
            let asked = IncludeResponseRequest { name: name(id), ..Default::default() };
            include_response::handle(fixture.app.clone(), editor(), asked).await
        };
        // The first two were a machine's, and the third counts.
        let error = include(1).await.unwrap_err();
        assert!(matches!(error, Error::ResponseState { .. }), "{error:?}");
        handle(fixture.app.clone(), editor(), exclude(&name(3))).await.unwrap();
        assert_eq!(include(2).await.unwrap().standing(), Standing::Counted);
        for other in [1, 3] {
            let error = include(other).await.unwrap_err();
            assert!(matches!(error, Error::ResponseState { .. }), "{error:?}");
        }
        // What staff let count is what the customer's next answer replaces.
        fixture.clock.advance(std::time::Duration::from_mins(1));
        fixture.submit(call, 4, vec![number("overall", 4)]).await.unwrap();
        assert_eq!(fixture.response(2).await.standing(), Standing::Superseded);
        assert_eq!(fixture.response(4).await.standing(), Standing::Counted);
    }
}
