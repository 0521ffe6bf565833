//! `GetScores`: what the answers to a question come to, by period and by one dimension.

use std::collections::BTreeMap;

use contracts::surveys::v1::{
    self as pb, Dimension, GetScoresRequest, GetScoresResponse, Period, Score, ValueCount,
};
use jiff::{ToSpan as _, civil::Date};
use kernel::{SurveyId, Violations};
use rpc::Call;

use crate::{
    App, Error, command, convert,
    domain::{
        rollup::{self, EXCLUDED, Grain, SUSPECTED, UNANSWERED},
        score::{Counts, Interval, Measure},
        survey::Survey,
    },
    measures::Question,
    store::scores::{self, Asked, Count, Cut, MOST},
};

/// The most days from the first to the last, and where they are told one by one.
const MAX_DAYS: i64 = 3_660;
const MAX_SINGLE_DAYS: i64 = 400;

pub(crate) async fn handle(
    app: App,
    call: Call,
    request: GetScoresRequest,
) -> Result<GetScoresResponse, Error> {
    let today = app.day(call.tenant(), app.clock.now()).await?;
    let wanted = parse(&request, today)?;
    let survey = command::find(&app, &call, wanted.survey).await?;
    if survey.versions == 0 {
        return Err(Error::NotPublished { name: survey.id.name() });
    }
    let (series, question) = question(&app, &call, &survey, &request).await?;
    let asked = Asked {
        tenant: call.tenant(),
        survey: survey.id,
        series,
        question: question.id.clone(),
        by: wanted.by,
        start: wanted.start,
        end: wanted.end,
        cut: wanted.cut,
    };
    let figures = told_apart(scores::counts(&app.db, &asked).await?)?;
    if figures.len() > MOST {
        let mut violations = Violations::new();
        violations.add("start_day", "leads to more than 10 000 figures: ask for fewer days");
        return Err(Error::Invalid(violations));
    }
    let scores =
        figures.iter().map(|((period, key), counts)| score(*period, key, counts, question.measure));
    Ok(GetScoresResponse {
        question: question.id.clone(),
        kind: question.kind.into(),
        series: i32::try_from(series).unwrap_or(i32::MAX),
        scores: scores.collect(),
    })
}

/// The counts of each period and key, in their order.
fn told_apart(counts: Vec<Count>) -> Result<BTreeMap<(i64, String), Counts>, Error> {
    let mut figures: BTreeMap<(i64, String), Counts> = BTreeMap::new();
    for Count { period, key, value, n } in counts {
        let counts = figures.entry((period, key)).or_default();
        match value {
            UNANSWERED => counts.unanswered += n,
            EXCLUDED => counts.excluded += n,
            SUSPECTED => counts.suspected += n,
            number => {
                let number = i32::try_from(number).map_err(|_| Error::Corrupt("score"))?;
                *counts.values.entry(number).or_default() += n;
            }
        }
    }
    Ok(figures)
}

/// A request as it was understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Wanted {
    survey: SurveyId,
    by: Dimension,
    cut: Cut,
    start: i64,
    end: i64,
}

/// The request, or all that is wrong with it.
fn parse(request: &GetScoresRequest, today: i64) -> Result<Wanted, Violations> {
    let mut violations = Violations::new();
    let survey = convert::survey_id(&request.survey, "survey", &mut violations);
    violations.check(request.series >= 0, "series", "must not be negative");
    let period = Period::try_from(request.period);
    violations.check(period.is_ok(), "period", "is none that there is");
    let by = Dimension::try_from(request.by);
    violations.check(by.is_ok(), "by", "is none that there is");
    let cut = match period.unwrap_or_default() {
        Period::Unspecified | Period::Month => Cut::By(Grain::Month),
        Period::Day => Cut::By(Grain::Day),
        Period::All => Cut::Not,
    };
    let mut day = |text: &str, field: &str| read_day(text, field, cut, &mut violations);
    let (start, end) = (day(&request.start_day, "start_day"), day(&request.end_day, "end_day"));
    let is_read = start.is_ok() && end.is_ok();
    let end = end.unwrap_or(None).unwrap_or_else(|| usual_end(today, cut));
    let start = start.unwrap_or(None).unwrap_or_else(|| usual_start(end));
    let most = if cut == Cut::By(Grain::Day) { MAX_SINGLE_DAYS } else { MAX_DAYS };
    violations.check(!is_read || start < end, "end_day", "must be after `start_day`");
    let why = format!("must be at most {most} days after `start_day`");
    violations.check(!is_read || end - start <= most, "end_day", &why);
    violations.finish(Wanted { survey, by: by.unwrap_or_default(), cut, start, end })
}

/// What a text is that is no day; the violation says why.
struct NoDay;

/// A day as given, in days since 1970; `None` where it was left out.
fn read_day(
    text: &str,
    field: &str,
    cut: Cut,
    violations: &mut Violations,
) -> Result<Option<i64>, NoDay> {
    if text.is_empty() {
        return Ok(None);
    }
    let date = text.parse().ok().filter(|date: &Date| date.to_string() == text);
    let Some(date) = date else {
        violations.add(field, "must be a day such as `2026-11-01`");
        return Err(NoDay);
    };
    if cut != Cut::By(Grain::Day) && date.day() != 1 {
        violations.add(field, "must be the first day of a month, unless `period` is days");
        return Err(NoDay);
    }
    Ok(Some(rollup::day_of(date)))
}

/// The day after today, or the first of next month.
fn usual_end(today: i64, cut: Cut) -> i64 {
    if cut == Cut::By(Grain::Day) {
        return today + 1;
    }
    let next = rollup::date(today).and_then(|date| date.last_of_month().tomorrow().ok());
    next.map_or(today, rollup::day_of)
}

/// A year before the end.
fn usual_start(end: i64) -> i64 {
    let start = rollup::date(end).and_then(|date| date.checked_sub(1.year()).ok());
    start.map_or(end, rollup::day_of)
}

/// The series and the question that are asked for: the latest version of the series that has it tells
/// how it is counted, which is the same in all of them.
async fn question(
    app: &App,
    call: &Call,
    survey: &Survey,
    request: &GetScoresRequest,
) -> Result<(i64, Question), Error> {
    let mut wanted = Some(i64::from(request.series)).filter(|series| *series > 0);
    let mut is_series = false;
    for number in (1..=survey.versions).rev() {
        let version = app.asked(call.tenant(), survey.id, number).await?;
        let version = version.ok_or(Error::Corrupt("version"))?;
        let series = *wanted.get_or_insert(version.series);
        if version.series < series {
            break;
        }
        if version.series > series {
            continue;
        }
        is_series = true;
        let is_it = |one: &&Question| request.question.is_empty() || one.id == request.question;
        if let Some(question) = version.measured.questions.iter().find(is_it) {
            return Ok((series, question.clone()));
        }
    }
    let mut violations = Violations::new();
    if is_series {
        violations.add("question", "is no rating, NPS, CSAT or CES of this series");
    } else {
        violations.add("series", "is no series of this survey");
    }
    Err(Error::Invalid(violations))
}

/// What was counted, on the wire.
fn score(period: i64, key: &str, counts: &Counts, measure: Measure) -> Score {
    let figure = measure.figure(counts);
    let interval = |interval: Interval| pb::Interval { low: interval.low, high: interval.high };
    let value = |(value, count): &(i32, i64)| ValueCount { value: *value, count: *count };
    Score {
        period: rollup::date(period).map_or_else(String::new, |date| date.to_string()),
        key: key.to_owned(),
        n: figure.n,
        numerator: figure.numerator,
        denominator: figure.n,
        detractors: figure.detractors,
        score: figure.score.map(|(score, _)| score),
        interval: figure.score.map(|(_, around)| interval(around)),
        mean: figure.mean,
        mean_interval: figure.mean_interval.map(interval),
        values: figure.values.iter().map(value).collect(),
        unanswered: counts.unanswered,
        excluded: counts.excluded,
        suspected: counts.suspected,
    }
}

#[cfg(test)]
mod tests {
    use contracts::surveys::v1::QuestionKind;
    use store::{Sql, args, transact};

    use super::*;
    use crate::rpc::fixture::{Fixture, create, editor, fields, question, stranger, with};

    const TODAY: &str = "2026-11-27";

    fn day(text: &str) -> i64 {
        rollup::day_of(text.parse().unwrap())
    }

    fn asked(survey: &str) -> GetScoresRequest {
        GetScoresRequest { survey: survey.to_owned(), ..Default::default() }
    }

    fn some_survey() -> GetScoresRequest {
        asked("surveys/0198b2a0-0000-7000-8000-000000000001")
    }

    #[test]
    fn days_that_are_left_out_are_those_of_the_last_year() {
        for (period, start, end) in [
            (Period::Unspecified, "2025-12-01", "2026-12-01"),
            (Period::All, "2025-12-01", "2026-12-01"),
            (Period::Day, "2025-11-28", "2026-11-28"),
        ] {
            let request = GetScoresRequest { period: period.into(), ..some_survey() };
            let wanted = parse(&request, day(TODAY)).unwrap();
            assert_eq!((wanted.start, wanted.end), (day(start), day(end)), "{period:?}");
        }
        let request = GetScoresRequest { end_day: "2020-03-01".to_owned(), ..some_survey() };
        let wanted = parse(&request, day(TODAY)).unwrap();
        assert_eq!((wanted.start, wanted.end), (day("2019-03-01"), day("2020-03-01")));
    }

    #[test]
    fn whatever_is_wrong_is_told_with_its_place() {
        let wrong = |request: GetScoresRequest| {
            let violations = parse(&request, day(TODAY)).unwrap_err();
            let fields = violations.as_slice().iter().map(|one| one.field.clone());
            fields.collect::<Vec<_>>()
        };
        let days = |start: &str, end: &str, period: Period| GetScoresRequest {
            start_day: start.to_owned(),
            end_day: end.to_owned(),
            period: period.into(),
            ..some_survey()
        };
        let all = GetScoresRequest { period: 9, by: 9, series: -1, ..asked("surveys/x") };
        assert_eq!(wrong(all), ["survey", "series", "period", "by"]);
        for (start, end, period, field) in [
            ("2026-1-01", "", Period::Month, "start_day"),
            ("2026-02-30", "2010-01-01", Period::Day, "start_day"),
            ("2026-11-02", "", Period::Month, "start_day"),
            ("2026-11-01", "2026-11-20", Period::All, "end_day"),
            ("2026-11-01", "2026-11-01", Period::Day, "end_day"),
            ("2025-01-01", "2026-03-01", Period::Day, "end_day"),
            ("2010-01-01", "2026-03-01", Period::Month, "end_day"),
        ] {
            assert_eq!(wrong(days(start, end, period)), [field], "{start} {end}");
        }
        parse(&days("2026-01-01", "2026-04-01", Period::Day), day(TODAY)).unwrap();
    }

    async fn get(
        fixture: &Fixture,
        call: Call,
        request: GetScoresRequest,
    ) -> Result<GetScoresResponse, Error> {
        handle(fixture.app.clone(), call, request).await
    }

    #[tokio::test]
    async fn the_question_is_one_of_the_series() {
        let fixture = Fixture::new().await;
        let draft = fixture.draft("Not published").await;
        let error = get(&fixture, editor(), asked(&draft.name)).await.unwrap_err();
        assert!(matches!(error, Error::NotPublished { .. }));
        let words = question("why", QuestionKind::ShortText);
        let made = with("After a repair", vec![words, question("recommend", QuestionKind::Nps)]);
        let made = fixture.made(made).await;
        fixture.publish(&made.name).await.unwrap();
        let answer = get(&fixture, editor(), asked(&made.name)).await.unwrap();
        assert_eq!((answer.question.as_str(), answer.kind()), ("recommend", QuestionKind::Nps));
        assert_eq!((answer.series, answer.scores.len()), (1, 0));
        let wrong = |question: &str, series| GetScoresRequest {
            question: question.to_owned(),
            series,
            ..asked(&made.name)
        };
        for (request, field) in [
            (wrong("why", 0), "question"),
            (wrong("", 2), "series"),
            (wrong("other", 1), "question"),
        ] {
            let error = get(&fixture, editor(), request).await.unwrap_err();
            assert_eq!(fields(&error), [field]);
        }
        let error = get(&fixture, stranger(), asked(&made.name)).await.unwrap_err();
        assert!(matches!(error, Error::SurveyNotFound { .. }));
    }

    #[tokio::test]
    async fn figures_are_those_of_the_table() {
        const ROW: Sql = Sql::both(
            "INSERT INTO scores (tenant, survey, series, question, grain, dimension, period, key, \
             value, n) VALUES ($1, $2, 1, 'recommend', $3, $4, $5, $6, $7, $8)",
        );
        let fixture = Fixture::new().await;
        let live = fixture.made(create("After a repair")).await;
        fixture.publish(&live.name).await.unwrap();
        let survey = SurveyId::parse_name(&live.name).unwrap();
        let tenant = editor().tenant();
        let (september, november) = (day("2025-09-01"), day("2025-11-01"));
        transact!(fixture.app.db, "test.scores", |tx| {
            for (grain, dimension, period, key, value, n) in [
                (2, 0, september, "", 9_i64, 2_i64),
                (2, 0, september, "", 6, 1),
                (2, 0, november, "", 9, 1),
                (2, 0, november, "", UNANSWERED, 4),
                (2, 0, november, "", EXCLUDED, 3),
                (2, 0, november, "", SUSPECTED, 2),
                (2, 0, november, "", 3, 0),
                (2, 1, november, "teams/b", 9, 1),
                (2, 1, november, "", 3, 7),
                (1, 0, november + 4, "", 9, 1),
                // Beyond what is asked for.
                (2, 0, day("2025-12-01"), "", 9, 50),
            ] {
                let values = args![tenant, survey, grain, dimension, period, key, value, n];
                tx.execute(ROW, values).await?;
            }
            Ok::<_, store::Error>(())
        })
        .unwrap();
        let months = get(&fixture, editor(), asked(&live.name)).await.unwrap().scores;
        let told: Vec<_> = months
            .iter()
            .map(|one| (one.period.as_str(), one.n, one.numerator, one.denominator, one.detractors))
            .collect();
        assert_eq!(told, [("2025-09-01", 3, 2, 3, 1), ("2025-11-01", 1, 1, 1, 0)]);
        let last = &months[1];
        assert_eq!((last.unanswered, last.excluded, last.suspected), (4, 3, 2));
        assert_eq!(last.values.len(), 11);
        assert_eq!((last.score, last.mean_interval), (Some(100.0), None));

        let all = GetScoresRequest { period: Period::All.into(), ..asked(&live.name) };
        let all = get(&fixture, editor(), all).await.unwrap().scores;
        assert_eq!((all.len(), all[0].n, all[0].score), (1, 4, Some(50.0)));
        assert_eq!((all[0].period.as_str(), all[0].excluded), ("2024-12-01", 3));

        let days = GetScoresRequest { period: Period::Day.into(), ..asked(&live.name) };
        let days = get(&fixture, editor(), days).await.unwrap().scores;
        assert_eq!((days.len(), days[0].period.as_str()), (1, "2025-11-05"));

        let teams = GetScoresRequest { by: Dimension::Team.into(), ..asked(&live.name) };
        let teams = get(&fixture, editor(), teams).await.unwrap().scores;
        let told: Vec<_> = teams.iter().map(|one| (one.key.as_str(), one.n)).collect();
        assert_eq!(told, [("", 7), ("teams/b", 1)]);
    }
}
