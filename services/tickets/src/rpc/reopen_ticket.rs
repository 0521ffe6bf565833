//! ReopenTicket: a closed ticket is opened again, within the policy's time.

use ::rpc::Call;
use contracts::tickets::v1 as pb;
use kernel::Violations;

use crate::{
    app::App,
    command::{Command, Decision, Nothing, run_with},
    error::Error,
};

pub(crate) async fn handle(
    app: App,
    call: Call,
    mut request: pb::ReopenTicketRequest,
) -> Result<pb::Ticket, Error> {
    let mut v = Violations::new();
    let command = Command::parse(&app, &mut request, &mut v);
    v.finish(())?;
    run_with(
        &app,
        &call,
        &command,
        true,
        |stored, keep, cx| stored.ticket.clone().reopen(keep, cx).map(Decision::from),
        Nothing,
    )
    .await
}
