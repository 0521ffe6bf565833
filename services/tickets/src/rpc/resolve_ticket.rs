//! ResolveTicket: a resolution is proposed to the customer.

use ::rpc::Call;
use contracts::tickets::v1 as pb;
use kernel::Violations;

use crate::{
    app::App,
    command::{Command, Decision, run},
    error::Error,
    store::tickets::Texts,
};

const ANSWER: usize = 8_000;

pub(crate) async fn handle(
    app: App,
    call: Call,
    mut request: pb::ResolveTicketRequest,
) -> Result<pb::Ticket, Error> {
    let mut v = Violations::new();
    let command = Command::parse(&app, &mut request, &mut v);
    v.text("answer", &request.answer, 1, ANSWER);
    v.finish(())?;
    run(&app, &call, &command, |stored, cx| {
        let changed = stored.ticket.clone().resolve(cx)?;
        let texts = Texts { answer: request.answer.trim().to_owned(), ..stored.texts.clone() };
        Ok(Decision { changed, texts: Some(texts) })
    })
    .await
}
