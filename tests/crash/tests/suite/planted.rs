//! The checker finds what is planted: a loss, a double, a disorder, each by its name.

use aftercare_crash::{
    check::{Kind, check},
    door::{Door, TENANT},
    found::{House, Tables},
    record::Record,
};
use kernel::TicketId;
use store::{Db, Error, Sql, args, transact};

use crate::told;

/// A plant, where it is found, and what its finding names.
struct Plant {
    what: &'static str,
    kind: Kind,
    house: House,
    named: String,
}

/// In copies of what was read.
pub(crate) fn in_copies(record: &Record, house: &House) {
    let plants = plants(house);
    for Plant { what, kind, house, named } in plants {
        let findings = check(record, &house);
        let found = findings.iter().any(|f| f.kind == kind && f.what.contains(&named));
        assert!(found, "{what}: no {kind:?} names {named}\n{}", told(&findings));
    }
}

fn plants(house: &House) -> Vec<Plant> {
    // A ticket with a conversation, and not the only one.
    let at = house.tickets.iter().position(|found| found.entries.len() > 1);
    let at = at.expect("somebody has said something twice");
    let name = house.tickets[at].ticket.name.clone();
    let id = TicketId::parse_name(&name).expect("a ticket's name").uuid();
    let event = house.events.iter().position(|row| row.ticket == id).expect("it has events");
    let places: Vec<usize> =
        (0..house.feed.len()).filter(|i| house.feed[*i].ticket == id).collect();
    let customer = house.tickets[at].ticket.customer.clone();

    let mut plants = Vec::new();
    let mut plant = |what, kind, named: &str, change: &dyn Fn(&mut House)| {
        let mut house = house.clone();
        change(&mut house);
        plants.push(Plant { what, kind, house, named: named.to_owned() });
    };
    plant("a ticket lost", Kind::Lost, &name, &|h| drop(h.tickets.remove(at)));
    plant("an entry lost", Kind::Lost, &name, &|h| drop(h.tickets[at].entries.pop()));
    plant("an event lost", Kind::Differing, &name, &|h| drop(h.events.remove(event)));
    plant("a place in the feed lost", Kind::Lost, "partition", &|h| {
        h.feed.remove(places[0]);
    });
    plant("an effect lost", Kind::Lost, &id.to_string(), &|h| {
        h.timeline.retain(|row| *row != (id, 1));
    });
    plant("a line of a timeline lost", Kind::Lost, &name, &|h| {
        let items = h.timelines.get_mut(&customer).expect("its customer has a timeline");
        items.retain(|item| item.resource != name);
    });
    plant("an old version", Kind::Lost, &name, &|h| {
        "v0".clone_into(&mut h.tickets[at].ticket.etag);
    });
    plant("a ticket twice", Kind::Doubled, "title of ", &|h| {
        let twin = h.tickets[at].clone();
        h.tickets.push(twin);
    });
    plant("an entry twice", Kind::Doubled, &name, &|h| {
        let twin = h.tickets[at].entries[0].clone();
        h.tickets[at].entries.push(twin);
    });
    plant("an effect twice", Kind::Doubled, &id.to_string(), &|h| h.timeline.push((id, 1)));
    plant("an application twice", Kind::Doubled, &format!("application of ({id}, 1)"), &|h| {
        h.trace.push((id, 1));
    });
    plant("an application lost", Kind::Lost, &format!("application of ({id}, 1)"), &|h| {
        h.trace.retain(|row| *row != (id, 1));
    });
    let applied: Vec<usize> = (0..house.trace.len()).filter(|i| house.trace[*i].0 == id).collect();
    plant("applications swapped", Kind::Disordered, &format!("{id} took effect after 2"), &|h| {
        h.trace.swap(applied[0], applied[1]);
    });
    plant("an event placed twice", Kind::Doubled, &id.to_string(), &|h| {
        let twin = h.feed[places[0]].clone();
        h.feed.push(twin);
    });
    plant("places swapped", Kind::Disordered, &id.to_string(), &|h| {
        let first = h.feed[places[0]].sequence;
        h.feed[places[0]].sequence = h.feed[places[1]].sequence;
        h.feed[places[1]].sequence = first;
    });
    plant("history in another order", Kind::Disordered, &name, &|h| {
        h.tickets[at].history.swap(0, 1);
    });
    plant("an entry at another place", Kind::Disordered, &name, &|h| {
        h.tickets[at].entries.swap(0, 1);
    });
    plant("time that falls", Kind::Disordered, &id.to_string(), &|h| {
        h.events[event].at += 1_000_000_000_000;
    });
    let who = house.ledger.iter().find(|(_, (used, _))| *used > 0);
    let who = who.map(|(who, _)| who.clone()).expect("somebody has work");
    plant("capacity that nothing holds", Kind::Differing, &who, &|h| {
        h.ledger.entry(who.clone()).and_modify(|(used, _)| *used += 1);
    });
    plants
}

const LOSE: Sql =
    Sql::both("DELETE FROM entries WHERE tenant = $1 AND ticket = $2 AND position = 1");
const DOUBLE: Sql = Sql::both(
    "INSERT INTO entries (tenant, ticket, position, id, author_role, visibility, channel, \
     external_id, delivery, answers, actor_kind, actor, created_at, body) \
     SELECT tenant, ticket, 1000, $3, author_role, visibility, channel, external_id, NULL, answers, \
     actor_kind, actor, created_at, body FROM entries \
     WHERE tenant = $1 AND ticket = $2 AND position = 2",
);
const DISORDER: Sql = Sql::both(
    "UPDATE feed SET sequence = CASE WHEN sequence = 1 THEN 2 ELSE 1 END \
     WHERE tenant = $1 AND aggregate = $2 AND sequence IN (1, 2)",
);

/// The consumer forgets that it has read an event, and what is behind it.
const FORGET: Sql = Sql::both(
    "UPDATE cursors SET position = $2 \
     WHERE consumer = 'customers.timeline' AND source = 'tickets' AND partition = $1",
);

/// What it made of a ticket's first two events is gone, so that it does it once more in their order.
const UNDO: Sql = Sql::both(
    "DELETE FROM timeline \
     WHERE tenant = $1 AND collection = 'tickets' AND aggregate = $2 AND sequence IN (1, 2)",
);

/// In the database, and read back from there; the consumer runs and does itself what it is led to.
pub(crate) async fn in_the_database(record: &Record, door: &Door, tables: &Tables) {
    let house = House::read(door, tables).await;
    let found = house.tickets.iter().find(|found| found.entries.len() > 1);
    let found = found.expect("somebody has said something twice");
    let name = &found.ticket.name;
    let id = TicketId::parse_name(name).expect("a ticket's name").uuid();
    let twice = &found.entries[1];
    // Any id that nothing has will do.
    let twin = uuid::Uuid::from_u128(1);
    write(&tables.tickets, id, twin).await.expect("the plants can be written");
    let first = house.feed.iter().find(|row| row.ticket == id).expect("it has a place in the feed");
    let (partition, behind) = (first.partition, first.position - 1);
    transact!(tables.customers, "crash.plant", |tx| {
        tx.execute(UNDO, args![TENANT.id(), id]).await?;
        tx.execute(FORGET, args![partition, behind]).await
    })
    .expect("the cursor can be set back");

    let findings = check(record, &House::read(door, tables).await);
    for (kind, named) in [
        // By its place: one whose answer never came has no name in the record.
        (Kind::Lost, format!("conversation of {name} 1: 0 times")),
        (Kind::Doubled, format!("entry of {name} by {}", twice.body)),
        (Kind::Disordered, format!("event 1 of ticket {id} comes after 2")),
        (Kind::Doubled, format!("application of ({id}, 2)")),
        (Kind::Disordered, format!("event 1 of ticket {id} took effect after 2")),
    ] {
        let found = findings.iter().any(|f| f.kind == kind && f.what.contains(&named));
        assert!(found, "no {kind:?} names {named}\n{}", told(&findings));
    }
}

async fn write(db: &Db, ticket: uuid::Uuid, twin: uuid::Uuid) -> Result<(), Error> {
    transact!(db, "crash.plant", |tx| {
        let tenant = TENANT.id();
        tx.execute(LOSE, args![tenant, ticket]).await?;
        tx.execute(DOUBLE, args![tenant, ticket, twin]).await?;
        tx.execute(DISORDER, args![tenant, ticket]).await?;
        Ok::<_, Error>(())
    })
}
