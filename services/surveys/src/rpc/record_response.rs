//! `RecordResponse`: what another system has.

use contracts::surveys::v1::{self as pb, Evidence, RecordResponseRequest, Standing};
use kernel::{
    CustomerId, ResponseId, SurveyId, TicketId, Time, Violations,
    id::{is_language_tag, is_product_id, slug_in},
    language,
};
use rpc::{Call, wire};
use store::transact;

use crate::{
    App, Error,
    command::{self, reaches},
    convert,
    domain::{logic::Answers, response::Origin},
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
        None => live(&app, &call, told.survey).await?,
    };
    let asked = app.asked(tenant, told.survey, number).await?;
    let version = || crate::domain::survey::version_name(told.survey, number);
    let asked = asked.ok_or_else(|| Error::no_version(&version()))?;
    let mut violations = Violations::new();
    let path = submission::path(&asked, &told.answers, "response.answers", &mut violations);
    violations.finish(())?;

    let now = app.clock.now();
    let (answers, at) = (path.counting(&told.answers), told.at.unwrap_or(now));
    let same = (&told.origin, &answers, number, told.at, &told.locale);
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
    let written = transact!(app.db, "response.record", |tx| {
        if !responses::insert(tx, tenant, &response).await? {
            return Ok(false);
        }
        let mut happened = vec![submission::submitted(&response)];
        let (path, cause) = (&submission.path, response.id.name());
        happened.extend(submission::open(&app, tx, tenant, &response, path, &cause).await?);
        events::append(&app, &author, tx, happened).await?;
        Ok::<_, Error>(true)
    })?;
    if written {
        return Ok(convert::response(&response));
    }
    let earlier = responses::get(&app.db, tenant, told.id).await?;
    let same = earlier.filter(|earlier| earlier.hash == response.hash);
    let same = same.filter(|earlier| earlier.survey == response.survey);
    let name = told.id.name();
    same.as_ref().map(convert::response).ok_or(Error::ResponseExists { name })
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
