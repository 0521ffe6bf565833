//! `CreateInvitationLink`: a link to the survey of an invitation.

use contracts::surveys::v1::{CreateInvitationLinkRequest, InvitationLink};
use kernel::{
    Violations,
    link::{Link, Opens},
};
use rpc::{Call, wire};

use crate::{App, Error, convert, invitations};

pub(crate) async fn handle(
    app: App,
    call: Call,
    request: CreateInvitationLinkRequest,
) -> Result<InvitationLink, Error> {
    let mut violations = Violations::new();
    let id = convert::invitation_id(&request.name, "name", &mut violations);
    violations.finish(())?;
    let invitation = invitations::find(&app, &call, id).await?;
    let now = app.clock.now();
    if !invitation.is_answerable(now) {
        return Err(Error::invitation_state(&invitation, now));
    }
    // The link goes by real time, and the invitation by the suite's, which may be ahead; as long is left
    // of both.
    let left = invitation.body.expires.since(now);
    let expires = app.clock.real_now().plus_micros(left);
    let link = Link { tenant: call.tenant(), opens: Opens::Invitation(id), expires };
    let token = link.seal(&app.keys);
    let path = Link::path(&token);
    Ok(InvitationLink { token, path, expire_time: Some(wire::timestamp(expires)) })
}
