//! The figures of days on both databases: whatever happens to tickets, in whatever batches it is told
//! and however often, they equal a recount of the events.

use std::collections::BTreeMap;

use ::store::{Db, Engine, Sql, args, transact};
use contracts::tickets::v1::{self as pb, TicketEvent};
use feed::{Event, Handler as _};
use kernel::{CallerKind, TenantId, Time};
use prost::Message as _;
use uuid::Uuid;

use crate::{
    domain::figures::{Measure, day_at},
    figures::Figures,
    fixture::*,
};

const EVENTS: Sql = Sql::both(
    "SELECT tenant, aggregate, sequence, at, kind, payload FROM events ORDER BY at, aggregate, sequence",
);
const TABLE: Sql = Sql::both("SELECT tenant, day, measure, n FROM figures");

type Table = BTreeMap<(Uuid, i64, String), i64>;

/// Everything that happened to tickets, in the order of time.
async fn events(db: &Db) -> Vec<Event> {
    let rows: Vec<(Uuid, Uuid, i64, i64, String, Vec<u8>)> = db.all(EVENTS, args![]).await.unwrap();
    let read = |(place, (tenant, aggregate, sequence, at, kind, payload))| Event {
        source: "tickets".into(),
        partition: 0,
        position: place,
        tenant: TenantId::from(tenant),
        aggregate,
        sequence,
        at: Time::from_micros(at),
        kind,
        payload,
        actor_kind: CallerKind::Service,
        actor: "tickets".to_owned(),
        trace: String::new(),
    };
    (1..).zip(rows).map(read).collect()
}

async fn table(db: &Db) -> Table {
    let rows: Vec<(Uuid, i64, String, i64)> = db.all(TABLE, args![]).await.unwrap();
    rows.into_iter().map(|(tenant, day, measure, n)| ((tenant, day, measure), n)).collect()
}

fn recount(events: &[Event]) -> Table {
    let mut table = Table::new();
    for event in events {
        let zone = if event.tenant == tenant(1) { "Asia/Shanghai" } else { "Europe/Berlin" };
        let day = day_at(event.at, &jiff::tz::TimeZone::get(zone).unwrap());
        for measure in Measure::of(&TicketEvent::decode(event.payload.as_slice()).unwrap()) {
            let key = (event.tenant.uuid(), day, measure.as_str().to_owned());
            *table.entry(key).or_default() += 1;
        }
    }
    table
}

/// Some days in the life of two tenants.
async fn live(house: &House) {
    let (lin, theirs) = (house.agent("lin"), house.client(system(2)));
    for n in 0..24_u64 {
        let made = lin.create(if n % 3 == 0 { complaint() } else { inquiry() }).await;
        theirs.create(inquiry()).await;
        lin.claim(&made.name).await.unwrap();
        lin.triage(&made.name).await.unwrap();
        lin.say(&made.name, "We look into it.").await.unwrap();
        house.later(std::time::Duration::from_hours(n % 7 * 5)).await;
        lin.resolve(&made.name).await.unwrap();
        if n % 4 == 0 {
            lin.reject(&made.name).await.unwrap();
            lin.resolve(&made.name).await.unwrap();
        }
        if n % 2 == 0 {
            lin.confirm(&made.name).await.unwrap();
        }
        if n % 6 == 0 {
            lin.reopen(&made.name).await.unwrap();
        }
    }
    house.later(std::time::Duration::from_hours(9 * 24)).await;
}

#[tokio::test]
async fn whatever_happens_the_figures_equal_a_recount() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let house = House::on(engine).await;
        live(&house).await;
        let events = events(&house.db).await;
        let expected = recount(&events);
        for measure in Measure::ALL {
            assert!(expected.keys().any(|(.., name)| name == measure.as_str()), "{measure:?}");
        }
        let handler = Figures(house.app.clone());
        let apply = async |from: usize, to: usize| {
            let batch: Vec<&Event> = events[from..to].iter().collect();
            transact!(house.db, "test.figures", |tx| handler.apply_all(tx, &batch).await).unwrap();
        };
        let mut from = 0;
        for size in (1..).map(|n| n * 7 % 23 + 1) {
            let to = (from + size).min(events.len());
            apply(from, to).await;
            // Every now and then some of it is told again, as after a rewind.
            if size % 3 == 0 {
                apply(from / 2, to).await;
            }
            if to == events.len() {
                break;
            }
            from = to;
        }
        apply(0, events.len()).await;
        assert_eq!(table(&house.db).await, expected, "{engine:?}");

        // Through the API, day by day.
        let request = pb::GetFiguresRequest {
            start_day: "2026-03-01".to_owned(),
            end_day: "2026-04-15".to_owned(),
        };
        let told = house.client(system(1)).get_figures(request).await.unwrap().days;
        let sum = |of: fn(&pb::DayFigures) -> i64| told.iter().map(of).sum::<i64>();
        let all = |measure: Measure| {
            let of = |(key, n): (&(Uuid, i64, String), &i64)| {
                (key.0 == tenant(1).uuid() && key.2 == measure.as_str()).then_some(*n)
            };
            expected.iter().filter_map(of).sum::<i64>()
        };
        assert_eq!(sum(|day| day.created), 24);
        assert_eq!(sum(|day| day.complaints), 8);
        assert_eq!(sum(|day| day.resolved), all(Measure::Resolved));
        assert_eq!(sum(|day| day.rejected), 6);
        assert_eq!(sum(|day| day.reopened), all(Measure::Reopened));
        assert_eq!(sum(|day| day.closed), all(Measure::Closed));
        assert_eq!(sum(|day| day.confirmed), 12);
        let kept = |day: &pb::DayFigures| day.first_response.unwrap_or_default();
        assert_eq!(
            told.iter().map(|day| kept(day).denominator).sum::<i64>(),
            all(Measure::FirstResponses)
        );
        assert_eq!(
            told.iter().map(|day| kept(day).numerator).sum::<i64>(),
            all(Measure::FirstResponsesKept)
        );
        let kept = |day: &pb::DayFigures| day.resolution.unwrap_or_default();
        assert_eq!(
            told.iter().map(|day| kept(day).denominator).sum::<i64>(),
            all(Measure::Resolutions)
        );
        assert_eq!(
            told.iter().map(|day| kept(day).numerator).sum::<i64>(),
            all(Measure::ResolutionsKept)
        );
    }
}
