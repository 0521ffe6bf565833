//! `RevokeInvitation`: an invitation is taken back.

use contracts::surveys::v1::{Invitation as Answer, InvitationState, RevokeInvitationRequest};
use kernel::{Violations, etag::Demand};
use rpc::{Call, wire};
use store::transact;

use crate::{
    App, Error, convert,
    events::{self, Author},
    invitations::{self, Command},
};

const METHOD: &str = "aftercare.surveys.v1.DispatchService/RevokeInvitation";

pub(crate) async fn handle(
    app: App,
    call: Call,
    mut request: RevokeInvitationRequest,
) -> Result<Answer, Error> {
    let request_id = std::mem::take(&mut request.request_id);
    let mut violations = Violations::new();
    wire::check_request_id(&request_id, &mut violations);
    let id = convert::invitation_id(&request.name, "name", &mut violations);
    violations.finish(())?;
    let once = app.once(&call, METHOD, &request_id, &request);
    let command = Command { id, etag: Demand::parse(&request.etag), once };
    let author = Author::of(&call);
    transact!(app.db, "invitation.revoke", |tx| {
        let held = invitations::hold_for(&app, &call, tx, &command).await?;
        let Some((before, at)) = held else { return Ok(()) };
        if before.state == InvitationState::Completed || !before.is_answerable(at) {
            return Err(Error::invitation_state(&before, at));
        }
        let step = before.clone().revoke(at);
        let (_, happened) = invitations::save(&author, tx, &before, step, at).await?;
        events::append(&app, &author, tx, happened).await
    })?;
    invitations::read(&app, &call, id).await
}
