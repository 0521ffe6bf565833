//! What the gateway tells of tenants and their staff, on both databases.

use ::store::{Engine, transact};
use contracts::gateway::v1::{GatewayEvent, MemberWritten, TenantWritten, gateway_event::Change};
use contracts::tickets::v1 as pb;
use feed::{Event, HandleError, Handler};
use kernel::{Caller, CallerKind, TenantId};
use prost::Message;
use tonic::Code;
use uuid::Uuid;

use crate::{directory::Directory, fixture::*};

/// The gateway tells this, in this order, and the process looks.
async fn tell(house: &House, tenant: TenantId, changes: Vec<Change>) {
    for change in changes {
        apply(house, tenant, change).await.unwrap();
    }
    house.app.refresh().await.unwrap();
}

async fn apply(house: &House, tenant: TenantId, change: Change) -> Result<(), HandleError> {
    let event = Event {
        source: "gateway".into(),
        partition: 0,
        position: 1,
        tenant,
        aggregate: Uuid::nil(),
        sequence: 1,
        kind: String::new(),
        payload: GatewayEvent { change: Some(change) }.encode_to_vec(),
        actor_kind: CallerKind::Service,
        actor: String::new(),
        at: START,
        trace: String::new(),
    };
    let directory = Directory(house.app.clone());
    transact!(house.app.db(), "test.apply", |tx| directory.apply(tx, &event).await)
}

fn company(time_zone: &str) -> TenantWritten {
    TenantWritten {
        slug: "new".to_owned(),
        locale: "en".to_owned(),
        phone_region: "US".to_owned(),
        time_zone: time_zone.to_owned(),
    }
}

fn person(id: &str, role: &str, teams: &[&str]) -> MemberWritten {
    MemberWritten {
        member: format!("members/{id}"),
        roles: vec![role.to_owned()],
        teams: teams.iter().map(|team| format!("teams/{team}")).collect(),
        locale: String::new(),
        active: true,
    }
}

async fn create(client: &Client) -> Result<pb::Ticket, tonic::Status> {
    let ticket = Some(inquiry());
    client.create_ticket(pb::CreateTicketRequest { ticket, ..<_>::default() }).await
}

/// An agent of a tenant that no configuration names.
fn newcomer(house: &House) -> Client {
    house.client(Caller { tenant: tenant(3), ..agent("nora") })
}

#[tokio::test]
async fn a_tenant_that_is_recorded_at_run_time_is_worked_for() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let house = House::on(engine).await;
        let nora = newcomer(&house);
        let unheard = create(&nora).await.unwrap_err();
        assert_eq!(unheard.code(), Code::Unavailable);

        // Its staff may be told of before the tenant itself: they are other aggregates.
        let staff = Change::MemberCreated(person("nora", "agent", &[]));
        tell(&house, tenant(3), vec![staff]).await;
        assert_eq!(create(&nora).await.unwrap_err().code(), Code::Unavailable);
        let created = Change::TenantCreated(company("America/New_York"));
        tell(&house, tenant(3), vec![created]).await;
        let ticket = nora.create(inquiry()).await;
        assert_eq!((ticket.queue.as_str(), ticket.team.as_str()), ("queues/general", ""));
        let taken = nora.claim_next().await.unwrap().unwrap();
        assert_eq!((taken.name, taken.assignee.as_str()), (ticket.name, "members/nora"));
    }
}

#[tokio::test]
async fn who_joins_a_tenant_is_routed_to_and_who_leaves_is_not() {
    let house = House::new().await;
    let lin = house.agent("lin");
    let ticket = lin.create(complaint()).await;
    let boss = house.client(member("boss", kernel::Role::Supervisor, &[]));
    assert_eq!(wrong(boss.assign(&ticket.name, "nora").await), ["assignee"]);

    let nora = person("nora", "agent", &["resolution"]);
    tell(&house, tenant(1), vec![Change::MemberCreated(nora.clone())]).await;
    let taken = house.agent("nora").claim_next().await.unwrap().unwrap();
    assert_eq!(taken.name, ticket.name);
    assert_eq!(house.used("nora").await, 1);

    // Whose profile is written keeps it, whatever teams the directory tells.
    let mei = person("mei", "agent", &[]);
    tell(&house, tenant(1), vec![Change::MemberUpdated(mei)]).await;
    let more = lin.create(complaint()).await;
    assert_eq!(house.agent("mei").claim_next().await.unwrap().unwrap().name, more.name);

    let left = MemberWritten { active: false, ..nora };
    tell(&house, tenant(1), vec![Change::MemberDeactivated(left)]).await;
    boss.release(&ticket.name).await.unwrap();
    assert_eq!(wrong(boss.assign(&ticket.name, "nora").await), ["assignee"]);
}

#[tokio::test]
async fn whom_no_profile_is_written_for_goes_by_their_teams_as_they_are_now() {
    let house = House::new().await;
    let lin = house.agent("lin");
    let (asked, complained) = (lin.create(inquiry()).await, lin.create(complaint()).await);
    let taken = house.agent("zoe").claim_next().await.unwrap().unwrap();
    assert_eq!(taken.name, asked.name, "as she was known before");
    assert_eq!(house.agent("zoe").claim_next().await.unwrap(), None);
    let moved = Change::MemberUpdated(person("zoe", "agent", &["resolution"]));
    tell(&house, tenant(1), vec![moved]).await;
    let taken = house.agent("zoe").claim_next().await.unwrap().unwrap();
    assert_eq!(taken.name, complained.name);
    let promoted = Change::MemberUpdated(person("zoe", "auditor", &["resolution"]));
    tell(&house, tenant(1), vec![promoted]).await;
    let boss = house.client(member("boss", kernel::Role::Supervisor, &[]));
    let next = lin.create(complaint()).await;
    assert_eq!(wrong(boss.assign(&next.name, "zoe").await), ["assignee"]);
    // A restart changes nothing of it, and gives those who came since their room.
    tell(&house, tenant(1), vec![Change::MemberCreated(person("nora", "agent", &["resolution"]))])
        .await;
    let again = house.second(7).await;
    again.app.load().await.unwrap();
    let taken = house.client_of(&again, agent("nora")).claim_next().await.unwrap().unwrap();
    assert_eq!(taken.name, next.name);
    assert_eq!(refused(house.client_of(&again, agent("zoe")).claim_next().await).1, "NOT_AN_AGENT");
}

#[tokio::test]
async fn a_tenant_that_moves_works_by_its_new_hours() {
    let house = House::new().await;
    // 09:00 on a Monday in Shanghai is late on Sunday in New York.
    let before = house.agent("lin").create(complaint()).await;
    let moved = Change::TenantUpdated(company("America/New_York"));
    tell(&house, tenant(1), vec![moved]).await;
    let after = house.agent("lin").create(complaint()).await;
    let due = |ticket: &pb::Ticket| ticket.next_due_time.unwrap().seconds;
    assert!(due(&after) > due(&before), "{before:?} {after:?}");
}

#[tokio::test]
async fn what_no_gateway_tells_is_put_aside() {
    let house = House::new().await;
    let bad = Change::MemberCreated(MemberWritten { member: "nora".to_owned(), ..<_>::default() });
    let refused = apply(&house, tenant(3), bad).await;
    assert!(matches!(refused, Err(HandleError::Poison(_))), "{refused:?}");
}

/// The gateway of a newer release may know more of them.
#[tokio::test]
async fn a_time_zone_that_no_calendar_has_stops_nothing_behind_it() {
    let house = House::new().await;
    let staff = Change::MemberCreated(person("nora", "agent", &[]));
    let created = Change::TenantCreated(company("Mars/Olympus"));
    tell(&house, tenant(3), vec![staff, created]).await;
    let nora = newcomer(&house);
    assert_eq!(create(&nora).await.unwrap_err().code(), Code::Unavailable);
    let mended = Change::TenantUpdated(company("America/New_York"));
    tell(&house, tenant(3), vec![mended]).await;
    assert_eq!(create(&nora).await.unwrap().queue, "queues/general");
}
