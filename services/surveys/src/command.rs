//! What every command on a survey does around its decision: the row held, the request id, the etag, the
//! write with its event. In one transaction.

use contracts::surveys::v1::{Survey as Answer, survey_event::Change};
use kernel::{RowScope, SurveyId, Time, etag::Demand};
use rpc::Call;
use store::{Tx, events::monotone, idempotency::Once};

use crate::{
    App, Error, convert,
    domain::survey::Survey,
    events::{self, Author},
    store::surveys,
};

/// A command on a survey, as its request names it.
#[derive(Debug)]
pub(crate) struct Command {
    pub(crate) id: SurveyId,
    pub(crate) etag: Demand,
    pub(crate) once: Once,
}

/// Whether a caller reaches the surveys of its tenant at all. They belong to the tenant as a whole: a
/// permission that reaches less reaches none of them.
pub(crate) fn reaches(call: &Call) -> bool {
    match call.scope {
        RowScope::Tenant => true,
        RowScope::None | RowScope::Own(_) | RowScope::Teams(_) => false,
    }
}

/// A survey that the caller may read.
pub(crate) async fn find(app: &App, call: &Call, id: SurveyId) -> Result<Survey, Error> {
    let found = if reaches(call) { surveys::get(&app.db, call.tenant(), id).await? } else { None };
    found.ok_or_else(|| Error::no_survey(&id.name()))
}

/// The same on the wire.
pub(crate) async fn read(app: &App, call: &Call, id: SurveyId) -> Result<Answer, Error> {
    Ok(convert::survey(&find(app, call, id).await?, true))
}

/// Holds the survey of a command, with the instant of its next event, which may be a little ahead of
/// the clock's; `None` where the same request was carried out before.
pub(crate) async fn hold(
    app: &App,
    call: &Call,
    tx: &mut Tx,
    command: &Command,
) -> Result<Option<(Survey, Time)>, Error> {
    let name = command.id.name();
    if !reaches(call) {
        return Err(Error::no_survey(&name));
    }
    let held = surveys::lock(tx, call.tenant(), command.id).await?;
    let survey = held.ok_or_else(|| Error::no_survey(&name))?;
    if command.once.claim(tx, &name, survey.version + 1).await?.is_some() {
        return Ok(None);
    }
    if !command.etag.admits(survey.version) {
        return Err(Error::StaleEtag { name });
    }
    let at = monotone(app.clock.now(), survey.last_at);
    Ok(Some((survey, at)))
}

/// Writes a survey as it is after a command, and what happened to it.
pub(crate) async fn save(
    app: &App,
    call: &Call,
    tx: &mut Tx,
    after: &Survey,
    change: Change,
) -> Result<(), Error> {
    surveys::update(tx, call.tenant(), after).await?;
    events::append(app, &Author::of(call), tx, events::of_survey(after, change)).await
}
