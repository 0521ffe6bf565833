//! `IncludeResponse`: staff let a response count.

use contracts::surveys::v1::{IncludeResponseRequest, Response as Answer, Standing};
use kernel::Violations;
use rpc::{Call, wire};

use super::exclude_response::decide;
use crate::{App, Error, convert};

const METHOD: &str = "aftercare.surveys.v1.ResponseService/IncludeResponse";

pub(crate) async fn handle(
    app: App,
    call: Call,
    mut request: IncludeResponseRequest,
) -> Result<Answer, Error> {
    let request_id = std::mem::take(&mut request.request_id);
    let mut violations = Violations::new();
    wire::check_request_id(&request_id, &mut violations);
    let id = convert::response_id(&request.name, "name", &mut violations);
    violations.finish(())?;
    let once = app.once(&call, METHOD, &request_id, &request);
    decide(&app, &call, id, &once, Standing::Counted, "").await
}
