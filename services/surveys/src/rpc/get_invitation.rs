//! `GetInvitation`.

use contracts::surveys::v1::{GetInvitationRequest, Invitation};
use kernel::Violations;
use rpc::Call;

use crate::{App, Error, convert, invitations};

pub(crate) async fn handle(
    app: App,
    call: Call,
    request: GetInvitationRequest,
) -> Result<Invitation, Error> {
    let mut violations = Violations::new();
    let id = convert::invitation_id(&request.name, "name", &mut violations);
    violations.finish(())?;
    invitations::read(&app, &call, id).await
}
