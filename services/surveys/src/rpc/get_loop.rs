//! `GetLoop`.

use contracts::surveys::v1::{GetLoopRequest, Loop};
use kernel::{LoopId, Violations};
use rpc::Call;
use uuid::Uuid;

use crate::{App, Error, command::reaches, convert, store::loops};

pub(crate) async fn handle(app: App, call: Call, request: GetLoopRequest) -> Result<Loop, Error> {
    let mut violations = Violations::new();
    let id = LoopId::parse_name(&request.name);
    violations.check(id.is_some(), "name", "must be of the form `loops/{id}`");
    let id = violations.finish(id.unwrap_or_else(|| LoopId::from(Uuid::nil())))?;
    let found = if reaches(&call) { loops::get(&app.db, call.tenant(), id).await? } else { None };
    found.as_ref().map(convert::a_loop).ok_or(Error::LoopNotFound { name: request.name })
}
