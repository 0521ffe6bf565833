//! The scenarios of tickets.

use kernel::Role;
use serde_json::{Value, json};

use super::{Abroad, Prepared, Scenario};
use crate::{
    Desk,
    desk::{canary, name, new_id},
    suite::{OTHER_AGENT, QUIET_QUEUE},
};

/// One for each RPC.
pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario {
        method: "aftercare.tickets.v1.TicketService.CreateTicket",
        role: Role::Agent,
        abroad: Abroad::Missing,
        prepare: |desk| Box::pin(create(desk)),
    },
    Scenario {
        method: "aftercare.tickets.v1.TicketService.GetTicket",
        role: Role::Agent,
        abroad: Abroad::Missing,
        prepare: |desk| Box::pin(get(desk)),
    },
    Scenario {
        method: "aftercare.tickets.v1.TicketService.ListTickets",
        role: Role::Agent,
        abroad: Abroad::Empty,
        prepare: |desk| Box::pin(list(desk)),
    },
    Scenario {
        method: "aftercare.tickets.v1.TicketService.UpdateTicket",
        role: Role::Agent,
        abroad: Abroad::Missing,
        prepare: |desk| Box::pin(update(desk)),
    },
    Scenario {
        method: "aftercare.tickets.v1.TicketService.TriageTicket",
        role: Role::Agent,
        abroad: Abroad::Missing,
        prepare: |desk| Box::pin(triage(desk)),
    },
    Scenario {
        method: "aftercare.tickets.v1.TicketService.AssignTicket",
        role: Role::Supervisor,
        abroad: Abroad::Missing,
        prepare: |desk| Box::pin(assign(desk)),
    },
    Scenario {
        method: "aftercare.tickets.v1.TicketService.ClaimTicket",
        role: Role::Agent,
        abroad: Abroad::Missing,
        prepare: |desk| Box::pin(claim(desk)),
    },
    Scenario {
        method: "aftercare.tickets.v1.TicketService.ClaimNextTicket",
        role: Role::Agent,
        abroad: Abroad::Empty,
        prepare: |desk| Box::pin(claim_next(desk)),
    },
    Scenario {
        method: "aftercare.tickets.v1.TicketService.ReleaseTicket",
        role: Role::Agent,
        abroad: Abroad::Missing,
        prepare: |desk| Box::pin(release(desk)),
    },
    Scenario {
        method: "aftercare.tickets.v1.TicketService.ResolveTicket",
        role: Role::Agent,
        abroad: Abroad::Missing,
        prepare: |desk| Box::pin(resolve(desk)),
    },
    Scenario {
        method: "aftercare.tickets.v1.TicketService.ConfirmResolution",
        role: Role::Agent,
        abroad: Abroad::Missing,
        prepare: |desk| Box::pin(confirm(desk)),
    },
    Scenario {
        method: "aftercare.tickets.v1.TicketService.RejectResolution",
        role: Role::Agent,
        abroad: Abroad::Missing,
        prepare: |desk| Box::pin(reject(desk)),
    },
    Scenario {
        method: "aftercare.tickets.v1.TicketService.ReopenTicket",
        role: Role::Agent,
        abroad: Abroad::Missing,
        prepare: |desk| Box::pin(reopen(desk)),
    },
    Scenario {
        method: "aftercare.tickets.v1.TicketService.CloseTicket",
        role: Role::Agent,
        abroad: Abroad::Missing,
        prepare: |desk| Box::pin(close(desk)),
    },
    Scenario {
        method: "aftercare.tickets.v1.TicketService.ListTicketHistory",
        role: Role::Agent,
        abroad: Abroad::Missing,
        prepare: |desk| Box::pin(history(desk)),
    },
    Scenario {
        method: "aftercare.tickets.v1.TicketService.WatchTickets",
        role: Role::Agent,
        abroad: Abroad::Invalid,
        prepare: |desk| Box::pin(watch(desk)),
    },
    Scenario {
        method: "aftercare.tickets.v1.ResultService.CreateTicketLink",
        role: Role::Agent,
        abroad: Abroad::Missing,
        prepare: |desk| Box::pin(link(desk)),
    },
    Scenario {
        method: "aftercare.tickets.v1.ResultService.GetResult",
        role: Role::LinkHolder,
        abroad: Abroad::Missing,
        prepare: |desk| Box::pin(result(desk, json!({}))),
    },
    Scenario {
        method: "aftercare.tickets.v1.ResultService.ConfirmResult",
        role: Role::LinkHolder,
        abroad: Abroad::Missing,
        prepare: |desk| Box::pin(result(desk, json!({ "instance": 1, "requestId": new_id() }))),
    },
    Scenario {
        method: "aftercare.tickets.v1.ResultService.ObjectToResult",
        role: Role::LinkHolder,
        abroad: Abroad::Missing,
        prepare: |desk| Box::pin(object(desk)),
    },
    Scenario {
        method: "aftercare.tickets.v1.StatsService.GetBacklog",
        role: Role::Agent,
        abroad: Abroad::Own,
        prepare: |desk| Box::pin(stats(desk)),
    },
    Scenario {
        method: "aftercare.tickets.v1.StatsService.GetFigures",
        role: Role::Supervisor,
        abroad: Abroad::Own,
        prepare: |desk| Box::pin(stats(desk)),
    },
    Scenario {
        method: "aftercare.tickets.v1.ConversationService.AddEntry",
        role: Role::Agent,
        abroad: Abroad::Missing,
        prepare: |desk| Box::pin(add_entry(desk)),
    },
    Scenario {
        method: "aftercare.tickets.v1.ConversationService.ListEntries",
        role: Role::Agent,
        abroad: Abroad::Missing,
        prepare: |desk| Box::pin(list_entries(desk)),
    },
];

async fn link(desk: &Desk<'_>) -> Prepared {
    let ticket = desk.ticket().await;
    let name = name(&ticket);
    Prepared::new(json!({ "name": name }), &[&name], &[&ticket])
}

/// A request by whoever holds the link of a resolved ticket.
async fn result(desk: &Desk<'_>, request: Value) -> Prepared {
    let ticket = desk.resolved().await;
    let link = json!({ "name": name(&ticket) });
    let link = desk.agent().call("CreateTicketLink", link).await;
    let token = link["token"].as_str().expect("a link has a token").to_owned();
    Prepared::new(request, &[], &[&ticket]).by_link(token)
}

async fn object(desk: &Desk<'_>) -> Prepared {
    let objection = format!("no {}", canary());
    let request = json!({ "instance": 1, "objection": objection, "requestId": new_id() });
    result(desk, request).await
}

/// A command on a ticket, with all that commands have.
fn command(ticket: &Value, more: Value) -> Prepared {
    let mut request = more;
    let name = name(ticket);
    request["name"] = json!(name);
    request["etag"] = ticket["etag"].clone();
    request["requestId"] = json!(new_id());
    Prepared::new(request, &[&name], &[ticket])
}

async fn create(desk: &Desk<'_>) -> Prepared {
    let customer = desk.customer().await;
    let name = name(&customer);
    let request = json!({ "ticket": Desk::complaint(&name), "requestId": new_id() });
    Prepared::new(request, &[&name], &[&customer])
}

async fn get(desk: &Desk<'_>) -> Prepared {
    let ticket = desk.claimed().await;
    let name = name(&ticket);
    Prepared::new(json!({ "name": name }), &[&name], &[&ticket])
}

async fn list(desk: &Desk<'_>) -> Prepared {
    let ticket = desk.ticket().await;
    let customer = ticket["customer"].as_str().unwrap_or_default();
    Prepared::new(json!({ "customer": customer }), &[customer], &[&ticket])
}

async fn update(desk: &Desk<'_>) -> Prepared {
    let ticket = desk.ticket().await;
    let name = name(&ticket);
    let changed = json!({ "name": name, "etag": ticket["etag"], "title": canary() });
    let request = json!({ "ticket": changed, "updateMask": "title", "requestId": new_id() });
    Prepared::new(request, &[&name], &[&ticket])
}

async fn triage(desk: &Desk<'_>) -> Prepared {
    let judged = json!({ "nature": "NATURE_BILLING", "severity": 3, "cause": canary() });
    command(&desk.ticket().await, json!({ "triage": judged }))
}

async fn assign(desk: &Desk<'_>) -> Prepared {
    command(&desk.ticket().await, json!({ "assignee": format!("members/{OTHER_AGENT}") }))
}

async fn claim(desk: &Desk<'_>) -> Prepared {
    command(&desk.ticket().await, json!({}))
}

async fn claim_next(desk: &Desk<'_>) -> Prepared {
    let customer = desk.customer().await;
    let mut ticket = Desk::complaint(&name(&customer));
    ticket["queue"] = json!(format!("queues/{QUIET_QUEUE}"));
    let ticket = desk.agent().call("CreateTicket", json!({ "ticket": ticket })).await;
    let request = json!({ "queue": format!("queues/{QUIET_QUEUE}"), "requestId": new_id() });
    Prepared::new(request, &[], &[&ticket, &customer])
}

async fn release(desk: &Desk<'_>) -> Prepared {
    command(&desk.claimed().await, json!({}))
}

async fn resolve(desk: &Desk<'_>) -> Prepared {
    command(&desk.claimed().await, json!({ "answer": canary() }))
}

async fn confirm(desk: &Desk<'_>) -> Prepared {
    command(&desk.resolved().await, json!({}))
}

async fn reject(desk: &Desk<'_>) -> Prepared {
    command(&desk.resolved().await, json!({ "objection": canary() }))
}

async fn reopen(desk: &Desk<'_>) -> Prepared {
    command(&desk.closed().await, json!({}))
}

async fn close(desk: &Desk<'_>) -> Prepared {
    command(&desk.ticket().await, json!({ "reason": "CLOSE_REASON_CANCELLED" }))
}

async fn stats(desk: &Desk<'_>) -> Prepared {
    let ticket = desk.ticket().await;
    Prepared::new(json!({}), &[], &[&ticket])
}

async fn history(desk: &Desk<'_>) -> Prepared {
    let ticket = desk.claimed().await;
    let name = name(&ticket);
    Prepared::new(json!({ "parent": name }), &[&name], &[&ticket])
}

async fn watch(desk: &Desk<'_>) -> Prepared {
    let mut stream = desk.agent().open("WatchTickets", &json!({})).await.expect("a watch opens");
    let first = stream.message().await.expect("it goes on").expect("it says that it lives");
    let first = crate::client::json_of(&first);
    let ticket = desk.ticket().await;
    Prepared::new(json!({ "resumeToken": first["resumeToken"] }), &[], &[&ticket])
}

async fn add_entry(desk: &Desk<'_>) -> Prepared {
    let ticket = desk.claimed().await;
    let name = name(&ticket);
    let entry = json!({ "body": canary(), "externalId": canary() });
    let request = json!({ "parent": name, "entry": entry, "requestId": new_id() });
    Prepared::new(request, &[&name], &[&ticket])
}

async fn list_entries(desk: &Desk<'_>) -> Prepared {
    let ticket = desk.claimed().await;
    let name = name(&ticket);
    let request = json!({ "parent": name, "entry": { "body": canary() } });
    let entry = desk.agent().call("AddEntry", request).await;
    Prepared::new(json!({ "parent": name }), &[&name], &[&ticket, &entry])
}
