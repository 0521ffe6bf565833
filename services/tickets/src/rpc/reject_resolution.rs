//! RejectResolution: the customer objects, and the ticket is open again.

use ::rpc::Call;
use contracts::tickets::v1::{self as pb, AuthorRole, Turn, Visibility};
use kernel::{EntryId, Violations};

use crate::{
    app::App,
    command::{Command, Decision, run_with},
    domain::entry::Said,
    error::Error,
    rpc::add_entry::Spoken,
};

const OBJECTION: usize = 8_000;

pub(crate) async fn handle(
    app: App,
    call: Call,
    mut request: pb::RejectResolutionRequest,
) -> Result<pb::Ticket, Error> {
    let mut v = Violations::new();
    let command = Command::parse(&app, &mut request, &mut v);
    v.text("objection", &request.objection, 0, OBJECTION);
    v.finish(())?;

    let words = request.objection.trim();
    let spoken =
        (!words.is_empty()).then(|| Spoken::new(&call, EntryId::from(app.ids().next()), words));
    let said = spoken.as_ref().map(|spoken| Said {
        id: spoken.id(),
        role: AuthorRole::Customer,
        visibility: Visibility::Public,
        turn: Turn::Unspecified,
        // The objection itself opens the ticket; its words are only recorded.
        thanks: true,
    });
    run_with(
        &app,
        &call,
        &command,
        true,
        |stored, keep, cx| {
            let mut changed = stored.ticket.clone().reject(keep, cx)?;
            if let Some(said) = &said {
                changed = changed.and_say(said, cx)?;
            }
            Ok(Decision::from(changed))
        },
        spoken,
    )
    .await
}
