//! `RecordResponse`: what another system has.

use contracts::surveys::v1::{self as pb, Evidence, RecordResponseRequest, Standing};
use kernel::{
    CustomerId, ResponseId, SurveyId, TicketId, Time, Violations,
    id::{is_language_tag, is_product_id, slug_in},
    language,
};
use rpc::{Call, wire};
use store::{Tx, transact};

use crate::{
    App, Error,
    command::{self, reaches},
    convert,
    domain::{
        logic::Answers,
        response::{Origin, Response},
    },
    events::{self, Author},
    store::responses,
    submission::{self, Submission},
};

const MAX_CHANNEL: usize = 40;

/// A response, as it is told.
struct Told {
    survey: SurveyId,
    number: Option<i64>,
    id: ResponseId,
    answers: Answers,
    locale: String,
    origin: Origin,
    at: Option<Time>,
}

pub(crate) async fn handle(
    app: App,
    call: Call,
    request: RecordResponseRequest,
) -> Result<pb::Response, Error> {
    let told = parse(&app, &request)?;
    let tenant = call.tenant();
    if !reaches(&call) {
        return Err(Error::no_survey(&told.survey.name()));
    }
    let number = match told.number {
        Some(number) => number,
        // What is sent again is read by the version that was live then.
        None => match responses::get(&app.db, tenant, told.id).await? {
            Some(earlier) if earlier.survey == told.survey => earlier.number,
            Some(_) | None => live(&app, &call, told.survey).await?,
        },
    };
    let asked = app.asked(tenant, told.survey, number).await?;
    let version = || crate::domain::survey::version_name(told.survey, number);
    let asked = asked.ok_or_else(|| Error::no_version(&version()))?;
    let mut violations = Violations::new();
    let path = submission::path(&asked, &told.answers, "response.answers", &mut violations);
    violations.finish(())?;

    let now = app.clock.now();
    let (answers, at) = (path.counting(&told.answers), told.at.unwrap_or(now));
    // The version as it was told: who names it, and who does not, say two things.
    let same = (&told.origin, &answers, told.number, told.at, &told.locale);
    let submission = Submission {
        id: told.id,
        hash: app.hash(tenant, &same),
        answers,
        path,
        locale: told.locale,
        evidence: Evidence::Api,
        day: app.day(tenant, at).await?,
        at,
    };
    let response = submission::new(&submission, &asked, &told.origin, None, Standing::Counted, now);
    let author = Author::of(&call);
    let new = if submission.path.follow_up {
        transact!(app.db, "response.record", |tx| {
            write(&app, &author, tx, &response, &submission).await
        })
    } else {
        let happened = events::events_of(&author, vec![submission::submitted(&response)]);
        responses::record(&app.db, app.partitions, tenant, &response, &happened).await
    };
    if new? {
        return Ok(convert::response(&response));
    }
    let earlier = responses::get(&app.db, tenant, told.id).await?;
    let same = earlier.filter(|earlier| earlier.hash == response.hash);
    let same = same.filter(|earlier| earlier.survey == response.survey);
    let name = told.id.name();
    same.as_ref().map(convert::response).ok_or(Error::ResponseExists { name })
}

/// Writes it with the loop that its answers ask for; false where its id is taken.
async fn write(
    app: &App,
    author: &Author,
    tx: &mut Tx,
    response: &Response,
    submission: &Submission,
) -> Result<bool, Error> {
    let (tenant, name) = (author.tenant, response.id.name());
    let new = responses::insert(tx, tenant, response).await?;
    if new {
        let mut happened = vec![submission::submitted(response)];
        let path = &submission.path;
        happened.extend(submission::open(app, tx, tenant, response, path, &name).await?);
        events::append(app, author, tx, happened).await?;
    }
    Ok(new)
}

/// The number of the version that is asked now.
async fn live(app: &App, call: &Call, id: SurveyId) -> Result<i64, Error> {
    let survey = command::find(app, call, id).await?;
    if survey.versions == 0 {
        return Err(Error::NotPublished { name: id.name() });
    }
    Ok(survey.versions)
}

fn parse(app: &App, request: &RecordResponseRequest) -> Result<Told, Violations> {
    let mut violations = Violations::new();
    let survey = convert::survey_id(&request.parent, "parent", &mut violations);
    violations.check(request.response.is_some(), "response", "must be given");
    let given = request.response.clone().unwrap_or_default();
    let id = convert::response_id(&given.name, "response.name", &mut violations);
    let number = (!given.version.is_empty()).then(|| {
        let (of, number) =
            convert::version_key(&given.version, "response.version", &mut violations);
        let why = "must be a version of the survey";
        violations.check(of == survey, "response.version", why);
        number
    });
    let answers = convert::answers(&given.answers, "response.answers", &mut violations);
    let known = given.locale.is_empty() || is_language_tag(&given.locale);
    violations.check(known, "response.locale", "must be a language tag");
    let at = given.submit_time.as_ref().map(|time| wire::time(time).unwrap_or(Time::EPOCH));
    let past = at.is_none_or(|at| at > Time::EPOCH && at <= app.clock.now());
    violations.check(past, "response.submit_time", "must be a time since 1970, and not to come");
    let origin = origin(&given.origin.clone().unwrap_or_default(), &mut violations);
    let locale = language::canonical(&given.locale);
    violations.finish(Told { survey, number, id, answers, locale, origin, at })
}

fn origin(given: &pb::Origin, violations: &mut Violations) -> Origin {
    let mut check = |field: &str, right: bool, form: &str| {
        violations.check(right, &format!("response.origin.{field}"), form);
    };
    let ticket = TicketId::parse_name(&given.ticket);
    let right = given.ticket.is_empty() || ticket.is_some();
    check("ticket", right, "must be of the form `tickets/{id}`");
    let customer = CustomerId::parse_name(&given.customer);
    let right = given.customer.is_empty() || customer.is_some();
    check("customer", right, "must be of the form `customers/{id}`");
    let slug = |name: &str, of: &str| name.is_empty() || slug_in(name, of).is_some();
    check("team", slug(&given.team, "teams"), "must be of the form `teams/{id}`");
    check("agent", slug(&given.agent, "members"), "must be of the form `members/{id}`");
    let product = given.product.strip_prefix("products/").is_some_and(is_product_id);
    let right = given.product.is_empty() || product;
    check("product", right, "must be of the form `products/{id}`");
    let small = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    let right = given.channel.len() <= MAX_CHANNEL && given.channel.bytes().all(small);
    check("channel", right, "must have small letters, digits and `_`, at most 40");
    Origin {
        ticket,
        customer,
        team: given.team.clone(),
        agent: given.agent.clone(),
        product: given.product.clone(),
        channel: given.channel.clone(),
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::rpc::fixture::{Fixture, editor, fields, number, stranger};

    fn told(survey: &str, id: u128, rating: i32) -> RecordResponseRequest {
        let response = pb::Response {
            name: format!("responses/{}", Uuid::from_u128(id)),
            answers: vec![number("overall", rating)],
            origin: Some(pb::Origin {
                customer: CustomerId::from(Uuid::from_u128(4)).name(),
                channel: "web_chat".to_owned(),
                ..Default::default()
            }),
            ..Default::default()
        };
        RecordResponseRequest { parent: survey.to_owned(), response: Some(response) }
    }

    #[tokio::test]
    async fn what_another_system_has_is_recorded_once() {
        let fixture = Fixture::new().await;
        let survey = fixture.asking("After a chat").await;
        let record = async |call, request| handle(fixture.app.clone(), call, request).await;
        let first = record(editor(), told(&survey.name, 7, 1)).await.unwrap();
        assert_eq!((first.evidence(), first.standing()), (Evidence::Api, Standing::Counted));
        assert_eq!(first.version, format!("{}/versions/1", survey.name));
        assert_eq!(record(editor(), told(&survey.name, 7, 1)).await.unwrap(), first);
        // Also where another version was published since.
        fixture.publish_changed(&survey.name).await;
        assert_eq!(record(editor(), told(&survey.name, 7, 1)).await.unwrap(), first);
        let error = record(editor(), told(&survey.name, 7, 2)).await.unwrap_err();
        assert!(matches!(error, Error::ResponseExists { .. }), "{error:?}");
        let error = record(stranger(), told(&survey.name, 8, 1)).await.unwrap_err();
        assert!(matches!(error, Error::SurveyNotFound { .. }), "{error:?}");
        assert_eq!(fixture.loops().await.len(), 1);
    }

    #[tokio::test]
    async fn every_fault_is_told_at_once() {
        let fixture = Fixture::new().await;
        let survey = fixture.asking("After a chat").await;
        let other = fixture.live("Another").await;
        let mut odd = told(&survey.name, 7, 1);
        odd.response = Some(pb::Response {
            name: "responses/7".to_owned(),
            version: other.live_version,
            locale: "?".to_owned(),
            submit_time: Some(wire::timestamp(fixture.clock.now().plus_micros(1))),
            origin: Some(pb::Origin {
                ticket: "1".to_owned(),
                customer: "1".to_owned(),
                team: "1".to_owned(),
                agent: "1".to_owned(),
                product: "1".to_owned(),
                channel: "Telephone".to_owned(),
            }),
            ..Default::default()
        });
        let error = handle(fixture.app.clone(), editor(), odd).await.unwrap_err();
        let mut wrong = fields(&error);
        wrong.sort_unstable();
        let mut expected: Vec<_> = ["name", "version", "locale", "submit_time"]
            .into_iter()
            .map(|field| format!("response.{field}"))
            .collect();
        let parts = ["ticket", "customer", "team", "agent", "product", "channel"];
        expected.extend(parts.map(|part| format!("response.origin.{part}")));
        expected.sort_unstable();
        assert_eq!(wrong, expected);
        let error = handle(fixture.app.clone(), editor(), told(&survey.name, 7, 6)).await;
        assert_eq!(fields(&error.unwrap_err()), ["response.answers.overall"]);
    }

    #[tokio::test]
    async fn a_day_is_the_tenants() {
        let fixture = Fixture::new().await;
        let survey = fixture.asking("After a chat").await;
        // 23:30 on the 21st in London is the 22nd in Shanghai.
        let at = Time::from_micros(1_763_767_800_000_000);
        let mut late = told(&survey.name, 7, 5);
        late.response.as_mut().unwrap().submit_time = Some(wire::timestamp(at));
        handle(fixture.app.clone(), editor(), late).await.unwrap();
        let id = ResponseId::from(Uuid::from_u128(7));
        let tenant = crate::rpc::fixture::tenant(1);
        let stored = responses::get(&fixture.app.db, tenant, id).await.unwrap().unwrap();
        assert_eq!(stored.day, 20_414);
    }
}
