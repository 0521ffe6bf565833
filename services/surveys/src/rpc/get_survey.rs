//! `GetSurvey`: a survey with its draft.

use contracts::surveys::v1::{GetSurveyRequest, Survey as Answer};
use kernel::Violations;
use rpc::Call;

use crate::{App, Error, command, convert};

pub(crate) async fn handle(
    app: App,
    call: Call,
    request: GetSurveyRequest,
) -> Result<Answer, Error> {
    let mut violations = Violations::new();
    let id = convert::survey_id(&request.name, "name", &mut violations);
    violations.finish(())?;
    command::read(&app, &call, id).await
}
