//! TriageTicket: a matter is judged.

use ::rpc::Call;
use contracts::tickets::v1 as pb;
use kernel::Violations;

use crate::{
    app::App,
    command::{Command, Decision, run},
    error::Error,
    fields,
    store::tickets::Texts,
};

const WORDS: usize = 2_000;

pub(crate) async fn handle(
    app: App,
    call: Call,
    mut request: pb::TriageTicketRequest,
) -> Result<pb::Ticket, Error> {
    let mut v = Violations::new();
    let command = Command::parse(&app, &mut request, &mut v);
    let Some(triage) = request.triage else {
        v.add("triage", "is required");
        return Err(v.into());
    };
    let nature: pb::Nature = fields::required("triage.nature", triage.nature, &mut v);
    v.check((1..=4).contains(&triage.severity), "triage.severity", "must be 1 (worst) to 4");
    v.text("triage.cause", &triage.cause, 0, WORDS);
    v.text("triage.evidence", &triage.evidence, 0, WORDS);
    v.finish(())?;
    run(&app, &call, &command, |stored, cx| {
        let changed = stored.ticket.clone().judge(nature, triage.severity, cx)?;
        let texts = Texts {
            cause: triage.cause.trim().to_owned(),
            evidence: triage.evidence.trim().to_owned(),
            ..stored.texts.clone()
        };
        Ok(Decision { changed, texts: Some(texts) })
    })
    .await
}
