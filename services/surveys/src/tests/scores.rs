//! The table of scores on both databases: whatever becomes of responses, it equals a recount.

use std::collections::BTreeMap;

use contracts::surveys::v1::{
    self as pb, GetScoresRequest, QuestionKind, ResponseJudged, ResponseSubmitted, Standing,
    SurveyEvent, survey_event::Change,
};
use feed::{Event, Handler as _};
use kernel::{CallerKind, SurveyId, Time};
use prost::Message as _;
use serde_json::json;
use store::{Arg, Db, Engine, Sql, Text, args, transact};
use testing::each_db;
use uuid::Uuid;

use super::{app, tenant};
use crate::{
    App, MIGRATIONS,
    domain::rollup,
    rpc::{
        create_survey, fixture,
        fixture::{editor, question},
        get_scores, publish_survey, update_survey,
    },
    scores::Scores,
    store::scores,
};

const RESPONSE: Sql = Sql::both(
    "INSERT INTO responses (tenant, id, sequence, last_at, survey, number, series, team, agent, \
     product, channel, locale, evidence, standing, exclusion, answers, path, day, hash, submitted_at, \
     created_at) VALUES ($1, $2, 1, 0, $3, $4, $5, $6, $7, $8, $9, 'en', 3, $10, '', $11, $12, $13, \
     $14, 0, 0)",
);
const TABLE: Sql = Sql::both(
    "SELECT survey, series, question, grain, dimension, period, key, value, n FROM scores \
     WHERE tenant = $1 AND n <> 0",
);
/// The questions of the survey.
const QUESTIONS: [&str; 4] = ["recommend", "overall", "effort", "why"];

/// The next of a row of numbers that look as if they were drawn.
#[derive(Clone, Debug)]
struct Drawn(u64);

impl Drawn {
    /// A number below `end`.
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % u64::try_from(end).unwrap()).unwrap()
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}

/// A response with how it stands in the end.
#[derive(Clone, Debug)]
struct Response {
    id: Uuid,
    number: i64,
    series: i64,
    about: [String; 4],
    path: Vec<&'static str>,
    answers: BTreeMap<&'static str, serde_json::Value>,
    day: i64,
    standing: Standing,
}

/// A row of the table: survey, series, question, grain, dimension, period, key, value.
type Row = (Uuid, i64, String, i64, i64, i64, String, i64);

fn asked(max: i32) -> Vec<pb::Question> {
    let scale = |max, direction: pb::ScaleDirection| {
        Some(pb::Scale { min: 1, max, direction: direction.into(), ..pb::Scale::default() })
    };
    let [recommend, overall, effort, why] = QUESTIONS;
    let mut csat = question(overall, QuestionKind::Csat);
    csat.scale = scale(max, pb::ScaleDirection::Unspecified);
    let mut ces = question(effort, QuestionKind::Ces);
    ces.scale = scale(7, pb::ScaleDirection::LowIsGood);
    let nps = question(recommend, QuestionKind::Nps);
    vec![nps, csat, ces, question(why, QuestionKind::ShortText)]
}

/// A survey in three versions: the second continues the first, the third begins a series of its own.
pub(crate) async fn survey(app: &App) -> SurveyId {
    let made = fixture::with("After a repair", asked(5));
    let made = create_survey::handle(app.clone(), editor(), made).await.unwrap();
    let publish = pb::PublishSurveyRequest { name: made.name.clone(), ..Default::default() };
    publish_survey::handle(app.clone(), editor(), publish.clone()).await.unwrap();
    for max in [5, 7] {
        let mut draft = fixture::with("", asked(max)).survey.unwrap().draft.unwrap();
        draft.questions[0].required = true;
        let written =
            pb::Survey { name: made.name.clone(), draft: Some(draft), ..Default::default() };
        let update = pb::UpdateSurveyRequest { survey: Some(written), ..Default::default() };
        update_survey::handle(app.clone(), editor(), update).await.unwrap();
        publish_survey::handle(app.clone(), editor(), publish.clone()).await.unwrap();
    }
    SurveyId::parse_name(&made.name).unwrap()
}

fn drawn(n: usize, drawn: &mut Drawn) -> Response {
    let (number, series) = drawn.of(&[(1, 1), (2, 1), (3, 3)]);
    let path: Vec<_> = QUESTIONS.into_iter().filter(|_| drawn.below(4) > 0).collect();
    let mut answers = BTreeMap::new();
    for question in QUESTIONS {
        // Of what was not asked there are answers too, as if a bug had kept them.
        if question != "why" && drawn.below(4) > 0 {
            answers.insert(question, json!(drawn.below(5) + 1));
        }
    }
    answers.insert("why", json!("a_choice"));
    Response {
        id: Uuid::from_u128(u128::try_from(n).unwrap() + 100),
        number,
        series,
        about: [
            drawn.of(&["", "teams/first-line", "teams/repair"]).to_owned(),
            drawn.of(&["", "members/mia", "members/noah"]).to_owned(),
            drawn.of(&["", "products/1"]).to_owned(),
            drawn.of(&["phone", "web_chat"]).to_owned(),
        ],
        path,
        answers,
        day: 20_000 + i64::try_from(drawn.below(70)).unwrap(),
        standing: Standing::Counted,
    }
}

fn event(response: &Response, sequence: i64, change: Change) -> Event {
    Event {
        source: "surveys".into(),
        partition: 0,
        position: 0,
        tenant: tenant(),
        aggregate: response.id,
        sequence,
        kind: String::new(),
        payload: SurveyEvent { change: Some(change) }.encode_to_vec(),
        actor_kind: CallerKind::Service,
        actor: "surveys".to_owned(),
        at: Time::EPOCH,
        trace: String::new(),
    }
}

/// What becomes of a response, which is left standing as it does in the end.
fn history(response: &mut Response, drawn: &mut Drawn) -> Vec<Event> {
    const ALL: [Standing; 4] =
        [Standing::Counted, Standing::Excluded, Standing::Suspected, Standing::Superseded];
    let standing = drawn.of(&ALL);
    let submitted = ResponseSubmitted { standing: standing.into(), ..Default::default() };
    let mut events = vec![event(response, 1, Change::ResponseSubmitted(submitted))];
    response.standing = standing;
    for sequence in 2..i64::try_from(drawn.below(5)).unwrap() + 2 {
        let (previous, standing) = (response.standing, drawn.of(&ALL));
        let judged = ResponseJudged { previous: previous.into(), standing: standing.into() };
        events.push(event(response, sequence, Change::ResponseJudged(judged)));
        response.standing = standing;
    }
    events
}

async fn insert(app: &App, survey: SurveyId, all: &[Response]) {
    transact!(app.db, "test.responses", |tx| {
        for one in all {
            let [team, agent, product, channel] = &one.about;
            let answers = json!(one.answers);
            let values = args![
                tenant(),
                one.id,
                survey,
                one.number,
                one.series,
                team,
                agent,
                product,
                channel,
                one.standing as i32,
                answers,
                json!(one.path),
                one.day,
                vec![0_u8; 32],
            ];
            tx.execute(RESPONSE, values).await?;
        }
        Ok::<_, store::Error>(())
    })
    .unwrap();
}

async fn apply(handler: &Scores, events: &[Event]) {
    let together: Vec<&Event> = events.iter().collect();
    transact!(handler.0.db, "test.apply", |tx| handler.apply_all(tx, &together).await).unwrap();
}

/// What the table must hold: counted one by one from how responses stand.
fn recount(survey: SurveyId, all: &[Response]) -> BTreeMap<Row, i64> {
    let (mut rows, none) = (BTreeMap::new(), String::new());
    for one in all {
        for question in one.path.iter().filter(|question| **question != "why") {
            let value = match one.standing {
                Standing::Counted => {
                    one.answers.get(question).map_or(-1, |answer| answer.as_i64().unwrap())
                }
                Standing::Excluded => -2,
                Standing::Suspected => -3,
                _ => continue,
            };
            let month = rollup::date(one.day).unwrap().first_of_month();
            for (grain, period) in [(1, one.day), (2, rollup::day_of(month))] {
                let keys = std::iter::once(&none).chain(&one.about);
                for (dimension, key) in (0..).zip(keys) {
                    let (question, key) = ((*question).to_owned(), key.clone());
                    let row =
                        (survey.uuid(), one.series, question, grain, dimension, period, key, value);
                    *rows.entry(row).or_default() += 1;
                }
            }
        }
    }
    rows
}

#[derive(sqlx::FromRow)]
struct Stored {
    survey: Uuid,
    series: i64,
    question: String,
    grain: i64,
    dimension: i64,
    period: i64,
    key: String,
    value: i64,
    n: i64,
}

async fn table(db: &Db) -> BTreeMap<Row, i64> {
    let rows: Vec<Stored> = db.all(TABLE, args![tenant()]).await.unwrap();
    let row = |one: Stored| {
        let Stored { survey, series, question, grain, dimension, period, key, value, n } = one;
        ((survey, series, question, grain, dimension, period, key, value), n)
    };
    rows.into_iter().map(row).collect()
}

#[tokio::test]
async fn whatever_becomes_of_responses_the_table_equals_a_recount() {
    each_db(MIGRATIONS, async |database| {
        for seed in 0..3 {
            let app = app(database).await;
            let (survey, mut draw) = (survey(&app).await, Drawn(seed));
            let start = usize::try_from(seed).unwrap() * 1_000;
            let mut all: Vec<_> = (start..start + 150).map(|n| drawn(n, &mut draw)).collect();
            let mut waiting: Vec<Vec<Event>> =
                all.iter_mut().map(|one| history(one, &mut draw)).collect();
            insert(&app, survey, &all).await;
            let before = table(database).await;

            // Events come in the order of each response, in batches of any length, and some again.
            let handler = Scores(app.clone());
            let mut batch = Vec::new();
            while !waiting.is_empty() {
                let at = draw.below(waiting.len());
                batch.push(waiting[at].remove(0));
                if waiting[at].is_empty() {
                    waiting.remove(at);
                }
                if draw.below(12) == 0 || waiting.is_empty() {
                    apply(&handler, &batch).await;
                    if draw.below(3) == 0 {
                        apply(&handler, &batch).await;
                    }
                    batch.clear();
                }
            }
            let mut expected = before;
            expected.extend(recount(survey, &all));
            assert_eq!(table(database).await, expected, "seed {seed}");
            told(&app, survey, &all).await;
        }
    })
    .await;
}

/// What `GetScores` tells of it is the same again.
async fn told(app: &App, survey: SurveyId, all: &[Response]) {
    for by in 0..=4 {
        let request = GetScoresRequest {
            survey: survey.name(),
            question: "overall".to_owned(),
            series: 1,
            start_day: "2024-01-01".to_owned(),
            end_day: "2025-01-01".to_owned(),
            by,
            ..Default::default()
        };
        let scores = get_scores::handle(app.clone(), editor(), request).await.unwrap().scores;
        let of = |standing| {
            let asked = |one: &&Response| one.series == 1 && one.path.contains(&"overall");
            all.iter().filter(asked).filter(|one| one.standing == standing).collect::<Vec<_>>()
        };
        let counted = of(Standing::Counted);
        let answers: Vec<i64> =
            counted.iter().filter_map(|one| one.answers.get("overall")?.as_i64()).collect();
        let sum = |of: fn(&pb::Score) -> i64| {
            usize::try_from(scores.iter().map(of).sum::<i64>()).unwrap()
        };
        assert_eq!(sum(|one| one.n), answers.len());
        let satisfied = answers.iter().filter(|answer| **answer >= 4).count();
        assert_eq!(sum(|one| one.numerator), satisfied);
        assert_eq!(sum(|one| one.unanswered), counted.len() - answers.len());
        assert_eq!(sum(|one| one.excluded), of(Standing::Excluded).len());
        assert_eq!(sum(|one| one.suspected), of(Standing::Suspected).len());
    }
}

#[tokio::test]
async fn what_scores_do_not_know_changes_nothing() {
    each_db(MIGRATIONS, async |database| {
        let app = app(database).await;
        let survey = survey(&app).await;
        let mut draw = Drawn(7);
        let gone = drawn(1, &mut draw);
        let created = event(&gone, 1, Change::Created(pb::SurveyCreated {}));
        let submitted =
            ResponseSubmitted { standing: Standing::Counted.into(), ..Default::default() };
        let submitted = event(&gone, 1, Change::ResponseSubmitted(submitted));
        let newer = Event { payload: Vec::new(), ..created.clone() };
        apply(&Scores(app.clone()), &[created, submitted, newer]).await;
        assert_eq!(table(database).await, BTreeMap::new());
        assert_eq!(recount(survey, &[]), BTreeMap::new());
    })
    .await;
}

/// So many that a look at all of them would cost: responses, and their scores.
async fn filled(app: &App) -> (SurveyId, Vec<Response>) {
    let (survey, mut draw) = (survey(app).await, Drawn(1));
    let mut all: Vec<_> = (0..4_000).map(|n| drawn(n, &mut draw)).collect();
    insert(app, survey, &all).await;
    for chunk in all.chunks_mut(400) {
        let events: Vec<_> = chunk.iter_mut().flat_map(|one| history(one, &mut draw)).collect();
        apply(&Scores(app.clone()), &events).await;
    }
    transact!(app.db, "test.analyze", |tx| tx.execute(Sql::both("ANALYZE"), args![]).await)
        .unwrap();
    (survey, all)
}

/// What a statement begins with that is only planned.
fn explain(db: &Db) -> &'static str {
    match db.engine() {
        Engine::Sqlite => "EXPLAIN QUERY PLAN ",
        Engine::Postgres => "EXPLAIN ",
    }
}

/// How the engine would run a statement that is explained, one line a step.
async fn plan(db: &Db, explained: impl Into<Text>, values: Vec<Arg>) -> Vec<String> {
    match db.engine() {
        Engine::Sqlite => {
            let rows: Vec<(i64, i64, i64, String)> = db.all(explained, values).await.unwrap();
            rows.into_iter().map(|(_, _, _, step)| step).collect()
        }
        Engine::Postgres => {
            let rows: Vec<(String,)> = db.all(explained, values).await.unwrap();
            rows.into_iter().map(|(step,)| step).collect()
        }
    }
}

/// Holds that a plan goes by these indexes, each named as SQLite names it and as PostgreSQL does.
#[track_caller]
fn goes_by(plan: &[String], indexes: &[[&str; 2]]) {
    let steps = plan.join("\n");
    for names in indexes {
        assert!(names.iter().any(|name| steps.contains(name)), "not by {names:?}:\n{steps}");
    }
    let scans = |step: &String| {
        let whole = step.contains("Seq Scan") || step.starts_with("SCAN");
        whole && !step.contains("VALUES") && !step.contains("CONSTANT")
    };
    assert!(!plan.iter().any(scans), "a whole table is read:\n{steps}");
}

#[tokio::test]
async fn each_statement_goes_by_its_index() {
    each_db(MIGRATIONS, async |database| {
        let app = app(database).await;
        let (survey, all) = filled(&app).await;
        let keys = all.iter().step_by(97).take(20).map(|one| (tenant(), one.id)).collect();
        let (text, values) = scores::find(&keys).behind(explain(database)).finish();
        let steps = plan(database, text, values).await;
        let scored = ["SEARCH s USING PRIMARY KEY", "scored_key"];
        goes_by(&steps, &[["sqlite_autoindex_responses_1", "responses_key"], scored]);

        let texts = scores::STATEMENTS.iter().map(|sql| sql.text(database.engine()));
        // Those of a recount read everything, as they must; the others are told eight things.
        for text in texts.filter(|text| text.starts_with("SELECT") && text.contains("$8")) {
            let text = format!("{}{text}", explain(database));
            let text = Sql::both(Box::leak(text.into_boxed_str()));
            let values = args![tenant(), survey, 1, "overall", 2, 1, 20_000, 20_040];
            let steps = plan(database, text, values).await;
            goes_by(&steps, &[["SEARCH scores USING PRIMARY KEY", "scores_key"]]);
        }
    })
    .await;
}
