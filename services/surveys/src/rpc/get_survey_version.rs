//! `GetSurveyVersion`: what was published.

use contracts::surveys::v1::{GetSurveyVersionRequest, SurveyVersion as Answer};
use kernel::{SurveyId, Violations};
use rpc::Call;

use crate::{
    App, Error,
    command::reaches,
    convert,
    domain::survey::{Version, version_name},
    store::versions,
};

pub(crate) async fn handle(
    app: App,
    call: Call,
    request: GetSurveyVersionRequest,
) -> Result<Answer, Error> {
    let mut violations = Violations::new();
    let (survey, number) = convert::version_key(&request.name, "name", &mut violations);
    violations.finish(())?;
    Ok(convert::version(&find(&app, &call, survey, number).await?))
}

/// A version that the caller may read.
pub(crate) async fn find(
    app: &App,
    call: &Call,
    survey: SurveyId,
    number: i64,
) -> Result<Version, Error> {
    let found = if reaches(call) {
        versions::get(&app.db, call.tenant(), survey, number).await?
    } else {
        None
    };
    found.ok_or_else(|| Error::no_version(&version_name(survey, number)))
}
