//! ConfirmResolution: the customer agrees.

use ::rpc::Call;
use contracts::tickets::v1 as pb;
use kernel::Violations;

use crate::{
    app::App,
    command::{Command, Decision, run},
    error::Error,
};

pub(crate) async fn handle(
    app: App,
    call: Call,
    mut request: pb::ConfirmResolutionRequest,
) -> Result<pb::Ticket, Error> {
    let mut v = Violations::new();
    let command = Command::parse(&app, &mut request, &mut v);
    v.finish(())?;
    run(&app, &call, &command, |stored, cx| stored.ticket.clone().confirm(cx).map(Decision::from))
        .await
}
