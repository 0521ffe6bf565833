//! `ImportArticles`: articles out of a file, each row for itself.

use std::pin::Pin;

use contracts::knowledge::v1::{
    ArticleRevised, ArticleUpdated, AudienceLevel, ImportArticlesRequest, ImportArticlesResponse,
    ImportVerdict, TransferFormat, knowledge_event::Change,
};
use futures::{Stream, StreamExt as _};
use kernel::{ArticleId, Violations};
use rpc::{Call, wire};
use store::{Tx, events::monotone, transact};
use tonic::Status;

use crate::{
    App, Error, command, convert,
    domain::{article::Article, publication::NEVER, revision::Revision},
    reading::reaches,
    rpc::create_article,
    store::{articles, labels, publications, revisions},
    transfer::{self, Defaults, Row},
};

/// The longest content, in bytes.
const MAX_CONTENT: usize = 768 * 1_024;

/// The verdicts of an import.
pub(crate) type Verdicts =
    Pin<Box<dyn Stream<Item = Result<ImportArticlesResponse, Status>> + Send>>;

pub(crate) fn handle(
    app: &App,
    call: &Call,
    request: &ImportArticlesRequest,
) -> Result<Verdicts, Error> {
    let mut violations = Violations::new();
    let format = TransferFormat::try_from(request.format).unwrap_or_default();
    let known = format != TransferFormat::Unspecified;
    violations.check(known, "format", "must be one that there is");
    let fits = (1..=MAX_CONTENT).contains(&request.content.len());
    violations.check(fits, "content", "must be 1 byte to 768 KiB");
    let locale = convert::locale(&request.locale, call, &mut violations);
    let audience = AudienceLevel::try_from(request.audience);
    violations.check(audience.is_ok(), "audience", "is none that there is");
    violations.finish(())?;

    let audience = audience.ok().filter(|level| *level != AudienceLevel::Unspecified);
    let audience = audience.unwrap_or(AudienceLevel::Agent);
    let defaults = Defaults { locale, audience, publish: request.publish };
    let rows = if reaches(call) { transfer::rows(format, &request.content) } else { Vec::new() };
    let total = i32::try_from(rows.len()).unwrap_or(i32::MAX);
    let (app, call, only_look) = (app.clone(), call.clone(), request.validate_only);
    let verdicts = futures::stream::iter((1..).zip(rows)).then(move |(number, row)| {
        let (app, call) = (app.clone(), call.clone());
        let row = row.and_then(|written| written.read(&defaults));
        async move {
            let verdict = match row {
                Ok(row) => run(&app, &call, row, only_look).await?,
                Err(faults) => ImportArticlesResponse {
                    verdict: ImportVerdict::Refused.into(),
                    faults: faults.into_iter().map(Into::into).collect(),
                    ..ImportArticlesResponse::default()
                },
            };
            Ok(ImportArticlesResponse { row: number, total_rows: total, ..verdict })
        }
    });
    Ok(Box::pin(verdicts))
}

/// Carries out a row, to its end even if the caller goes away.
async fn run(
    app: &App,
    call: &Call,
    row: Row,
    only_look: bool,
) -> Result<ImportArticlesResponse, Status> {
    let (tasks, locale) = (app.tasks.clone(), call.locale());
    let (app, call) = (app.clone(), call.clone());
    let work = async move {
        let done: Result<_, Error> = transact!(app.db, "article.import", |tx| {
            put(&app, &call, tx, &row, only_look).await
        });
        done
    };
    let done = tasks.spawn(work).await;
    let done = done.unwrap_or(Err(Error::IndexNotReady));
    let (verdict, article) = done.map_err(|error| rpc::status::of(&error, locale))?;
    Ok(ImportArticlesResponse {
        verdict: verdict.into(),
        article: article.map(ArticleId::name).unwrap_or_default(),
        ..ImportArticlesResponse::default()
    })
}

/// Records what is new of a row.
async fn put(
    app: &App,
    call: &Call,
    tx: &mut Tx,
    row: &Row,
    only_look: bool,
) -> Result<(ImportVerdict, Option<ArticleId>), Error> {
    let tenant = call.tenant();
    let known = articles::by_external_id(tx, tenant, &row.external_id).await?;
    let Some(id) = known else {
        if only_look {
            return Ok((ImportVerdict::Created, None));
        }
        let id = create(app, call, tx, row).await?;
        return Ok((ImportVerdict::Created, Some(id)));
    };
    let before = articles::lock(tx, tenant, id).await?.ok_or(Error::LostRace)?;
    let latest = revisions::latest(tx, tenant, id, &row.locale).await?;
    let written = revisions::get_in(tx, tenant, id, latest).await?;
    let paths = before.profile.differences(&row.profile);
    let rewritten = written.as_ref().is_none_or(|written| written.words != row.words);
    let live = publications::last(tx, tenant, id, &row.locale).await?;
    let published = live.is_some_and(|live| live.revision == latest) && !rewritten;
    let publish = row.publish && !published;
    if paths.is_empty() && !rewritten && !publish {
        return Ok((ImportVerdict::Unchanged, Some(id)));
    }
    if only_look {
        return Ok((ImportVerdict::Updated, Some(id)));
    }
    let mut article = before;
    if !paths.is_empty() {
        article = next(app, &article);
        article.profile = row.profile.clone();
        labels::put(tx, tenant, id, &article.profile).await?;
        let paths = paths.into_iter().map(str::to_owned).collect();
        let change = Change::Updated(ArticleUpdated { paths });
        command::save(app, call, tx, &article, change).await?;
    }
    let mut number = latest;
    if rewritten {
        article = next(app, &article);
        article.revisions += 1;
        number = article.revisions;
        let revision = revision(call, &article, row, latest);
        revisions::insert(tx, tenant, &revision).await?;
        let (name, locale) = (revision.name(), revision.locale);
        let change = Change::Revised(ArticleRevised { revision: name, locale });
        command::save(app, call, tx, &article, change).await?;
    }
    if publish {
        let (seen, now) = ((row.locale.as_str(), number), app.clock.now());
        command::publish(app, call, tx, &next(app, &article), seen, now).await?;
    }
    Ok((ImportVerdict::Updated, Some(id)))
}

async fn create(app: &App, call: &Call, tx: &mut Tx, row: &Row) -> Result<ArticleId, Error> {
    let at = app.clock.now();
    let article = Article {
        id: ArticleId::from(app.ids.next()),
        version: 1,
        sequence: 1,
        last_at: at,
        profile: row.profile.clone(),
        external_id: Some(row.external_id.clone()),
        archived_at: NEVER,
        revisions: 1,
        created_at: at,
        updated_at: at,
    };
    let revision = revision(call, &article, row, 0);
    let inserted = create_article::insert(app, call, tx, &article, &revision).await;
    inserted.map_err(|error| match error {
        // Another import of the same was quicker: on the next attempt the article is known.
        Error::ExternalIdTaken { .. } => Error::LostRace,
        other => other,
    })?;
    if row.publish {
        command::publish(app, call, tx, &next(app, &article), (&row.locale, 1), at).await?;
    }
    Ok(article.id)
}

/// The article with its next event.
fn next(app: &App, article: &Article) -> Article {
    article.next(monotone(app.clock.now(), article.last_at))
}

/// What a row says, as the article's last revision.
fn revision(call: &Call, article: &Article, row: &Row, base: i64) -> Revision {
    let (actor_kind, actor) = wire::actor_parts(&call.caller);
    Revision {
        article: article.id,
        number: article.revisions,
        locale: row.locale.clone(),
        words: row.words.clone(),
        base,
        note: String::new(),
        actor_kind: actor_kind.to_owned(),
        actor,
        created_at: article.last_at,
    }
}
