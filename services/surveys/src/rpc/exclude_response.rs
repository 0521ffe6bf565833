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
        let other = match seen.invitation {
            Some(invitation) => {
                let (held, _) = invitations::hold(app, &author, tx, invitation).await?;
                held.body.response.filter(|other| *other != id)
            }
            None => None,
        };
        let held = responses::lock(tx, tenant, id).await?;
        let held = held.ok_or_else(|| Error::no_response(&name))?;
        if held.standing == to {
            return Ok(());
        }
        check(tx, &author, &held, to, other).await?;
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
