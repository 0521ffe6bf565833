//! Surveys: `GetScores` on many responses against few, and `RecordResponse` against the bare
//! transaction that writes the same rows, on each database.

pub(crate) mod bare;
mod growth;
mod record;

use std::sync::Arc;

use anyhow::Result;
use contracts::surveys::v1::{
    Answer, CreateSurveyRequest, Origin, PublishSurveyRequest, Question, QuestionKind,
    Questionnaire, RecordResponseRequest, Response, Scale, Survey, Text, answer::Value,
};
use kernel::{Clock, ResponseId};
use prost::Message;
use prost_types::Timestamp;

use crate::{
    Plan,
    load::{Call, Calls},
    report::{Aim, Section},
    suite::{AGENTS, Suite},
    tickets,
};

/// How many teams there are.
const TEAMS: u64 = 20;
/// Over so many days responses are spread.
const DAYS: i64 = 330;
const DAY: i64 = 86_400;
/// A number that shares no factor with what is counted by it, so that everything meets everything.
const STRIDE: u64 = 7_919;

/// Measures both.
pub(crate) async fn run(plan: &Plan) -> Result<Vec<Section>> {
    Ok(vec![
        Section {
            bench: "surveys, growth",
            a: "GetScores on many responses",
            b: "on few",
            aims: &[Aim::CpuAtMost(1.5), Aim::P50AtMost(1.5)],
            note: "cpu is the server's process and PostgreSQL's",
            compared: growth::run(plan).await?,
        },
        Section {
            bench: "surveys, record",
            a: "RecordResponse, until it is among the scores",
            b: "the bare transaction that writes the same rows",
            aims: &[Aim::RateAtLeast(0.5)],
            note: "cpu is the server's process and PostgreSQL's",
            compared: record::run(plan).await?,
        },
    ])
}

fn method(service: &str, name: &str) -> String {
    format!("aftercare.surveys.v1.{service}/{name}")
}

/// Publishes a survey of two questions and gives its name.
async fn survey(suite: &Suite) -> Result<String> {
    let question = |id: &str, kind: QuestionKind, scale| Question {
        id: id.to_owned(),
        kind: kind.into(),
        title: vec![Text { locale: "en".to_owned(), text: format!("{id}?") }],
        scale,
        ..Question::default()
    };
    let five = Scale { min: 1, max: 5, ..Scale::default() };
    let questions = vec![
        question("overall", QuestionKind::Csat, Some(five)),
        question("recommend", QuestionKind::Nps, None),
    ];
    let draft =
        Questionnaire { default_locale: "en".to_owned(), questions, ..Questionnaire::default() };
    let title = "After a repair".to_owned();
    let survey = Survey { title, draft: Some(draft), ..Survey::default() };
    let create = CreateSurveyRequest { survey: Some(survey), ..CreateSurveyRequest::default() };
    let call = Call::new(&method("SurveyService", "CreateSurvey"), &suite.admin, &create)?;
    let name = suite.target.ask::<Survey>(call).await?.name;
    let publish = PublishSurveyRequest { name: name.clone(), ..PublishSurveyRequest::default() };
    let call = Call::new(&method("SurveyService", "PublishSurvey"), &suite.admin, &publish)?;
    suite.target.ask::<Survey>(call).await?;
    Ok(name)
}

/// When responses were answered.
#[derive(Clone, Copy, Debug)]
enum Answered {
    /// As they are recorded, which is what a submission is.
    Now,
    /// On the days of a year.
    OverAYear,
}

/// The n-th response: every answer, team, agent, product, channel and day in turn.
fn response(n: u64, answered: Answered, now: i64) -> Response {
    let of = |count: u64| n.wrapping_mul(STRIDE) / 7 % count;
    let number = |question: &str, number: u64| Answer {
        question: question.to_owned(),
        value: Some(Value::Number(i32::try_from(number).unwrap_or(0))),
    };
    let agents = u64::try_from(AGENTS).unwrap_or(1);
    let days = i64::try_from(n * STRIDE % DAYS.unsigned_abs()).unwrap_or(0);
    let submit_time = match answered {
        Answered::Now => None,
        Answered::OverAYear => Some(Timestamp { seconds: now - DAY * (1 + days), nanos: 0 }),
    };
    Response {
        answers: vec![number("overall", of(5) + 1), number("recommend", of(11))],
        origin: Some(Origin {
            team: format!("teams/team-{}", n % TEAMS),
            agent: format!("members/agent-{}", n % agents + 1),
            product: format!("products/p-{}", of(10)),
            channel: ["phone", "email", "web_chat"][usize::try_from(of(3)).unwrap_or(0)].to_owned(),
            ..Origin::default()
        }),
        locale: "en".to_owned(),
        submit_time,
        ..Response::default()
    }
}

/// Calls that record the responses from the `first` on, each with a new id.
fn recording(suite: &Suite, survey: &str, first: u64, answered: Answered) -> Result<Calls> {
    let now = Clock::system().now().seconds();
    let method = method("ResponseService", "RecordResponse");
    let empty = RecordResponseRequest { parent: survey.to_owned(), response: None };
    let (call, parent) = (Call::new(&method, &suite.admin, &empty)?, survey.to_owned());
    let ids = tickets::ids();
    Ok(Arc::new(move |n| {
        let name = ResponseId::from(ids.next()).name();
        // The version is known, so that nothing has to be looked up.
        let version = format!("{parent}/versions/1");
        let response = Response { name, version, ..response(first + n, answered, now) };
        let request = RecordResponseRequest { parent: parent.clone(), response: Some(response) };
        Call { message: request.encode_to_vec().into(), ..call.clone() }
    }))
}
