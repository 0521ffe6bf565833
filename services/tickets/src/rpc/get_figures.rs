//! `GetFigures`: what each day came to.

use std::collections::BTreeMap;

use ::rpc::Call;
use contracts::tickets::v1 as pb;
use kernel::{RowScope, Violations};

use crate::{
    app::App,
    command::settings,
    domain::figures::{Measure, date_of, day_at, parse_day},
    error::Error,
    store::figures,
};

/// How many days are told where the caller does not say.
const WEEK: i64 = 7;
/// How many days are told at most.
const MOST: i64 = 400;

pub(crate) async fn handle(
    app: App,
    call: Call,
    request: pb::GetFiguresRequest,
) -> Result<pb::GetFiguresResponse, Error> {
    let settings = settings(&app, &call)?;
    let today = day_at(app.clock().now(), &settings.zone);
    let (start, end) = parse(&request, today)?;
    let mut days: BTreeMap<i64, pb::DayFigures> = BTreeMap::new();
    for day in start..end {
        let date = date_of(day).map(|date| date.to_string()).unwrap_or_default();
        days.insert(day, pb::DayFigures { day: date, ..empty() });
    }
    // Figures are of the whole tenant: who reaches less of it reaches none.
    let reached = call.scope == RowScope::Tenant;
    let kept = async || figures::days(app.db(), call.tenant(), start, end).await;
    for (day, measure, n) in if reached { kept().await? } else { Vec::new() } {
        if let Some(figures) = days.get_mut(&day) {
            put(figures, measure, n);
        }
    }
    Ok(pb::GetFiguresResponse { days: days.into_values().collect() })
}

fn parse(request: &pb::GetFiguresRequest, today: i64) -> Result<(i64, i64), Violations> {
    let mut v = Violations::new();
    let mut day = |field: &str, text: &str| {
        let day = parse_day(text);
        v.check(text.is_empty() || day.is_some(), field, "must be a day such as `2026-11-01`");
        day
    };
    let (start, end) = (day("start_day", &request.start_day), day("end_day", &request.end_day));
    let mut v = v.finish(()).map(|()| Violations::new())?;
    let end = end.unwrap_or(today + 1);
    let start = start.unwrap_or(end - WEEK);
    v.check(start < end, "end_day", "must be after `start_day`");
    v.check(end - start <= MOST, "end_day", "must be at most 400 days after `start_day`");
    v.finish((start, end))
}

fn empty() -> pb::DayFigures {
    let kept = Some(pb::Kept::default());
    pb::DayFigures { first_response: kept, resolution: kept, ..<_>::default() }
}

fn put(figures: &mut pb::DayFigures, measure: Measure, n: i64) {
    let place = match measure {
        Measure::Created => &mut figures.created,
        Measure::Complaints => &mut figures.complaints,
        Measure::Resolved => &mut figures.resolved,
        Measure::Rejected => &mut figures.rejected,
        Measure::Reopened => &mut figures.reopened,
        Measure::Closed => &mut figures.closed,
        Measure::Confirmed => &mut figures.confirmed,
        Measure::FirstResponses => &mut figures.first_response.get_or_insert_default().denominator,
        Measure::FirstResponsesKept => {
            &mut figures.first_response.get_or_insert_default().numerator
        }
        Measure::Resolutions => &mut figures.resolution.get_or_insert_default().denominator,
        Measure::ResolutionsKept => &mut figures.resolution.get_or_insert_default().numerator,
    };
    *place = n;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::*;

    #[tokio::test]
    async fn a_week_is_told_and_other_days_where_they_are_asked_for() {
        let house = House::new().await;
        let system = house.client(system(1));
        let days = async |start: &str, end: &str| {
            let (start_day, end_day) = (start.to_owned(), end.to_owned());
            let figures = system.get_figures(pb::GetFiguresRequest { start_day, end_day }).await;
            figures.map(|told| told.days.into_iter().map(|day| day.day).collect::<Vec<_>>())
        };
        let week = days("", "").await.unwrap();
        assert_eq!(
            (week.len(), week[0].as_str(), week[6].as_str()),
            (7, "2026-02-24", "2026-03-02")
        );
        assert_eq!(days("2026-02-28", "2026-03-02").await.unwrap(), ["2026-02-28", "2026-03-01"]);
        assert_eq!(wrong(days("2026-2-1", "x").await), ["start_day", "end_day"]);
        assert_eq!(wrong(days("2026-03-02", "2026-03-02").await), ["end_day"]);
        assert_eq!(wrong(days("2025-01-01", "2026-03-02").await), ["end_day"]);
    }
}
