//! `GetResponse`.

use contracts::surveys::v1::{GetResponseRequest, Response};
use kernel::Violations;
use rpc::Call;

use crate::{App, Error, command::reaches, convert, store::responses};

pub(crate) async fn handle(
    app: App,
    call: Call,
    request: GetResponseRequest,
) -> Result<Response, Error> {
    let mut violations = Violations::new();
    let id = convert::response_id(&request.name, "name", &mut violations);
    violations.finish(())?;
    let found =
        if reaches(&call) { responses::get(&app.db, call.tenant(), id).await? } else { None };
    found.as_ref().map(convert::response).ok_or_else(|| Error::no_response(&request.name))
}
