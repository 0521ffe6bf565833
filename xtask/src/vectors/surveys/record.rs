//! A year as a survey of the suite: published, answered by every row, and what the suite tells of it

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use contracts::surveys::v1::{
    Answer, CreateSurveyRequest, Dimension, GetScoresRequest, Origin, Period, PublishSurveyRequest,
    Question, QuestionKind, Questionnaire, RecordResponseRequest, Response, Scale, Score, Survey,
    Text, analytics_service_client::AnalyticsServiceClient, answer::Value,
    response_service_client::ResponseServiceClient, survey_service_client::SurveyServiceClient,
};
use indicatif::{ProgressBar, ProgressStyle};
use jiff::tz::TimeZone;
use prost_types::Timestamp;
use tokio::task::JoinSet;

use super::data::{NPS, Row, Year, id};
use super::site::{Line, Site, ZONE};

/// How many calls are under way at once.
const AT_ONCE: usize = 16;
/// One row of so many is recorded twice.
const TWICE: usize = 10;
/// How long the scores may be behind.
const PATIENCE: Duration = Duration::from_mins(1);

/// What the suite tells of a year.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Of each question, all in one.
    pub(super) whole: BTreeMap<String, Score>,
    /// Of the NPS, day by day.
    pub(super) days: Vec<Score>,
    /// Of each question, the sum of the answers of each part of the airport.
    pub(super) by_area: BTreeMap<String, i64>,
}

/// Records a year and reads its scores.
pub(super) async fn year(site: &Site, year: &Year) -> Result<Told> {
    let survey = publish(site, year).await?;
    record(site, year, &survey).await?;
    settled(site, year, &survey).await?;
    let questions = year.items.keys().map(|column| id(column));
    let questions: Vec<_> = questions.chain(year.has_nps.then(|| NPS.to_owned())).collect();
    let mut told = Told::default();
    for question in questions {
        let asked = asked(year, &survey, &question);
        let all = GetScoresRequest { period: Period::All.into(), ..asked.clone() };
        let whole = scores(site, all.clone()).await?.into_iter().next();
        let apart = GetScoresRequest { by: Dimension::Channel.into(), ..all };
        let apart = scores(site, apart).await?;
        told.by_area.insert(question.clone(), apart.iter().map(|score| score.n).sum());
        if question == NPS {
            let days = GetScoresRequest { period: Period::Day.into(), ..asked };
            told.days = scores(site, days).await?;
        }
        told.whole.insert(question, whole.unwrap_or_default());
    }
    Ok(told)
}

async fn publish(site: &Site, year: &Year) -> Result<String> {
    let text = |text: &str| vec![Text { locale: "en".to_owned(), text: text.to_owned() }];
    let item = |(column, words): (&String, &String)| Question {
        id: id(column),
        kind: QuestionKind::Rating.into(),
        title: text(words),
        scale: Some(Scale { min: 1, max: 5, ..Scale::default() }),
        ..Question::default()
    };
    let mut questions: Vec<_> = year.items.iter().map(item).collect();
    if year.has_nps {
        questions.push(Question {
            id: NPS.to_owned(),
            kind: QuestionKind::Nps.into(),
            title: text("How likely is it that you would recommend us?"),
            ..Question::default()
        });
    }
    let draft =
        Questionnaire { default_locale: "en".to_owned(), questions, ..Questionnaire::default() };
    let title = format!("Passengers, {}", year.number);
    let survey = Survey { title, draft: Some(draft), ..Survey::default() };
    let mut client = SurveyServiceClient::new(site.line());
    let create = CreateSurveyRequest { survey: Some(survey), ..CreateSurveyRequest::default() };
    let name = client.create_survey(create).await?.into_inner().name;
    let publish = PublishSurveyRequest { name: name.clone(), ..PublishSurveyRequest::default() };
    client.publish_survey(publish).await?;
    Ok(name)
}

/// Records every row, and one of ten again: the same again is the same response.
async fn record(site: &Site, year: &Year, survey: &str) -> Result<()> {
    let again = year.rows.iter().step_by(TWICE);
    let rows: Vec<&Row> = year.rows.iter().chain(again).collect();
    let bar = ProgressBar::new(rows.len() as u64);
    bar.set_style(ProgressStyle::with_template("    {msg} {wide_bar} {pos}/{len}, {eta} left")?);
    bar.set_message(year.number.to_string());
    let client = ResponseServiceClient::new(site.line());
    let mut under_way = JoinSet::new();
    for row in rows {
        if under_way.len() >= AT_ONCE {
            finished(&mut under_way, &bar).await?;
        }
        let request = RecordResponseRequest {
            parent: survey.to_owned(),
            response: Some(response(year.number, row)?),
        };
        under_way.spawn(send(client.clone(), request));
    }
    while !under_way.is_empty() {
        finished(&mut under_way, &bar).await?;
    }
    bar.finish_and_clear();
    Ok(())
}

async fn send(
    mut client: ResponseServiceClient<Line>,
    request: RecordResponseRequest,
) -> Result<()> {
    let asked = request.response.as_ref().map(|response| response.name.clone());
    let answer = client.record_response(request).await?.into_inner();
    ensure!(Some(&answer.name) == asked.as_ref(), "{} was recorded instead", answer.name);
    Ok(())
}

async fn finished(under_way: &mut JoinSet<Result<()>>, bar: &ProgressBar) -> Result<()> {
    if let Some(done) = under_way.join_next().await {
        done??;
        bar.inc(1);
    }
    Ok(())
}

/// A row as the response that it is whenever it is recorded.
fn response(year: u16, row: &Row) -> Result<Response> {
    let mut id = [0; 16];
    id[..6].copy_from_slice(b"survey");
    id[8..10].copy_from_slice(&year.to_be_bytes());
    id[12..].copy_from_slice(&u32::try_from(row.number)?.to_be_bytes());
    let id = uuid::Builder::from_custom_bytes(id).into_uuid();
    let noon = row.day.at(12, 0, 0, 0).to_zoned(TimeZone::get(ZONE)?)?.timestamp();
    let answer = |(question, number): (&String, &i32)| Answer {
        question: question.clone(),
        value: Some(Value::Number(*number)),
    };
    let channel = if row.area.is_empty() { String::new() } else { format!("area_{}", row.area) };
    Ok(Response {
        name: format!("responses/{id}"),
        answers: row.answers.iter().map(answer).collect(),
        origin: Some(Origin { channel, ..Origin::default() }),
        submit_time: Some(Timestamp { seconds: noon.as_second(), nanos: 0 }),
        ..Response::default()
    })
}

/// Waits until every row is among the scores.
async fn settled(site: &Site, year: &Year, survey: &str) -> Result<()> {
    let question = year.items.keys().next().map(|column| id(column)).context("there is no item")?;
    let all = GetScoresRequest { period: Period::All.into(), ..asked(year, survey, &question) };
    let began = Instant::now();
    loop {
        let counted = scores(site, all.clone()).await?;
        let counted: i64 = counted.iter().map(|score| score.n + score.unanswered).sum();
        if usize::try_from(counted)? == year.rows.len() {
            return Ok(());
        }
        ensure!(began.elapsed() < PATIENCE, "{counted} of {} rows are counted", year.rows.len());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A question's scores of the whole year.
fn asked(year: &Year, survey: &str, question: &str) -> GetScoresRequest {
    GetScoresRequest {
        survey: survey.to_owned(),
        question: question.to_owned(),
        start_day: format!("{}-01-01", year.number),
        end_day: format!("{}-01-01", year.number + 1),
        ..GetScoresRequest::default()
    }
}

async fn scores(site: &Site, request: GetScoresRequest) -> Result<Vec<Score>> {
    let mut client = AnalyticsServiceClient::new(site.line());
    Ok(client.get_scores(request).await?.into_inner().scores)
}
