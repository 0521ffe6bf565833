//! `ValidateSurvey`: what keeps a draft from being published.

use contracts::surveys::v1::{SurveyFault, ValidateSurveyRequest, ValidateSurveyResponse};
use kernel::Violations;
use rpc::Call;

use crate::{App, Error, command, convert, domain::logic::Logic};

pub(crate) async fn handle(
    app: App,
    call: Call,
    request: ValidateSurveyRequest,
) -> Result<ValidateSurveyResponse, Error> {
    let mut violations = Violations::new();
    let id = convert::survey_id(&request.name, "name", &mut violations);
    violations.finish(())?;
    let survey = command::find(&app, &call, id).await?;
    let faults = Logic::read(&survey.draft).err().unwrap_or_default();
    let fault = |one: crate::domain::logic::Fault| SurveyFault {
        kind: one.kind.into(),
        field: one.field,
        question: one.question,
        description: one.description,
    };
    Ok(ValidateSurveyResponse { faults: faults.into_iter().map(fault).collect() })
}
