//! `ReportDelivery`: what became of a delivery that was requested.

use contracts::surveys::v1::{DeliveryOutcome, Invitation as Answer, ReportDeliveryRequest};
use kernel::Violations;
use rpc::Call;
use store::transact;

use crate::{
    App, Error,
    command::reaches,
    convert,
    events::{self, Author},
    invitations,
};

pub(crate) async fn handle(
    app: App,
    call: Call,
    request: ReportDeliveryRequest,
) -> Result<Answer, Error> {
    let mut violations = Violations::new();
    let id = convert::invitation_id(&request.name, "name", &mut violations);
    let outcome = DeliveryOutcome::try_from(request.outcome).unwrap_or_default();
    let said = outcome != DeliveryOutcome::Unspecified;
    violations.check(said, "outcome", "must be one that there is");
    violations.finish(())?;
    if !reaches(&call) {
        return Err(Error::no_invitation(&request.name));
    }
    let (sent, author) = (outcome == DeliveryOutcome::Sent, Author::of(&call));
    let after = transact!(app.db, "invitation.report", |tx| {
        let (before, at) = invitations::hold(&app, &author, tx, id).await?;
        let told_otherwise = before.body.sent.is_some_and(|told| told != sent);
        if before.body.contact.is_empty() || told_otherwise {
            return Err(Error::invitation_state(&before, at));
        }
        let step = before.clone().report(sent, at);
        let (after, happened) = invitations::save(&author, tx, &before, step, at).await?;
        events::append(&app, &author, tx, happened).await?;
        Ok::<_, Error>(after)
    })?;
    Ok(convert::invitation(&after))
}
