//! `ImportArticles`: articles out of a file, each row for itself.

use std::{
    collections::{HashMap, hash_map::Entry},
    pin::Pin,
};

use contracts::knowledge::v1::{
    ArticleRevised, ArticleUpdated, AudienceLevel, ImportArticlesRequest, ImportArticlesResponse,
    ImportVerdict, TransferFormat, knowledge_event::Change,
};
use futures::{Stream, StreamExt as _};
use kernel::{ArticleId, Code, Fault as _, Violations};
use rpc::{Call, wire};
use store::{Tx, events::monotone, transact};
use tonic::Status;

use crate::{
    App, Error, command, convert,
    domain::{article::Article, publication::NEVER, revision::Revision},
    reading::reaches,
    rpc::create_article,
    store::{articles, labels, publications, revisions},
    transfer::{self, Defaults, Fault, Known, Plan, Row},
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
    let defaults = Defaults { locale, audience, publish: request.publish };
    let rows = if reaches(call) { transfer::rows(format, &request.content) } else { Vec::new() };
    let total = i32::try_from(rows.len()).unwrap_or(i32::MAX);
    let (app, call, only_look) = (app.clone(), call.clone(), request.validate_only);
    let mut earlier = HashMap::new();
    let verdicts = futures::stream::iter((1..).zip(rows)).then(move |(number, row)| {
        let (app, call) = (app.clone(), call.clone());
        let row = row.and_then(|written| written.read(&defaults));
        let row = row.and_then(|row| once(row, number, &mut earlier));
        async move {
            let done = match row {
                Ok(row) => run(&app, &call, row, only_look).await?,
                Err(faults) => Done::refused(None, faults),
            };
            Ok(ImportArticlesResponse {
                row: number,
                verdict: done.verdict.into(),
                article: done.article.map(ArticleId::name).unwrap_or_default(),
                faults: done.faults.into_iter().map(Into::into).collect(),
                total_rows: total,
            })
        }
    });
    Ok(Box::pin(verdicts))
}

/// A row, unless an earlier one is of the same article in the same language: one of them would be lost.
/// `earlier` has the number of the first row of each.
fn once(
    row: Row,
    number: i32,
    earlier: &mut HashMap<(String, String), i32>,
) -> Result<Row, Vec<Fault>> {
    match earlier.entry((row.external_id.clone(), row.locale.clone())) {
        Entry::Occupied(first) => Err(vec![Fault::same_as(*first.get())]),
        Entry::Vacant(place) => {
            place.insert(number);
            Ok(row)
        }
    }
}

/// What became of a row.
#[derive(Debug)]
struct Done {
    verdict: ImportVerdict,
    article: Option<ArticleId>,
    faults: Vec<Fault>,
}

impl Done {
    fn new(verdict: ImportVerdict, article: Option<ArticleId>) -> Self {
        Self { verdict, article, faults: Vec::new() }
    }

    fn refused(article: Option<ArticleId>, faults: Vec<Fault>) -> Self {
        Self { verdict: ImportVerdict::Refused, article, faults }
    }
}

/// Carries out a row, to its end even if the caller goes away. What cannot be done about this row is its
/// verdict; that nothing can be done for now ends the import.
async fn run(app: &App, call: &Call, row: Row, only_look: bool) -> Result<Done, Status> {
    let (tasks, locale) = (app.tasks.clone(), call.locale());
    let (app, call) = (app.clone(), call.clone());
    let work = async move {
        let done: Result<_, Error> = transact!(app.db, "article.import", |tx| {
            put(&app, &call, tx, &row, only_look).await
        });
        done
    };
    let done = tasks.spawn(work).await.unwrap_or(Err(Error::IndexNotReady));
    done.or_else(|error| {
        let status = rpc::status::of(&error, locale);
        match error.code() {
            Code::Unavailable => Err(status),
            _ => Ok(Done::refused(None, vec![Fault::of("", status.message())])),
        }
    })
}

/// Records what is new of a row.
async fn put(
    app: &App,
    call: &Call,
    tx: &mut Tx,
    row: &Row,
    only_look: bool,
) -> Result<Done, Error> {
    let Some(known) = known(app, call, tx, row).await? else {
        let made = if only_look { None } else { Some(create(app, call, tx, row).await?) };
        return Ok(Done::new(ImportVerdict::Created, made));
    };
    let id = known.article.id;
    let row = &row.clone().of(&known.article.profile);
    match known.plan(row, app.clock.now()) {
        Err(fault) => Ok(Done::refused(Some(id), vec![fault])),
        Ok(plan) if plan.is_empty() => Ok(Done::new(ImportVerdict::Unchanged, Some(id))),
        Ok(plan) => {
            if !only_look {
                update(app, call, tx, row, known, plan).await?;
            }
            Ok(Done::new(ImportVerdict::Updated, Some(id)))
        }
    }
}

/// The article that a row is of, its row held: the one that another system calls so or, where there is
/// none, that has this id here.
async fn known(app: &App, call: &Call, tx: &mut Tx, row: &Row) -> Result<Option<Known>, Error> {
    let (tenant, external_id) = (call.tenant(), &row.external_id);
    let named = articles::by_external_id(tx, tenant, external_id).await?;
    let own = || ArticleId::parse_name(&format!("articles/{external_id}"));
    let Some(id) = named.or_else(own) else { return Ok(None) };
    let Some(article) = articles::lock(tx, tenant, id).await? else { return Ok(None) };
    let (locale, now) = (row.locale.as_str(), app.clock.now());
    let number = revisions::latest(tx, tenant, id, locale).await?;
    let latest = revisions::get_in(tx, tenant, id, number).await?;
    let live = match publications::live(tx, tenant, id, locale, now).await? {
        Some(live) => revisions::get_in(tx, tenant, id, live).await?,
        None => None,
    };
    let seen = publications::was_seen(tx, tenant, id, number, now).await?;
    Ok(Some(Known { article, latest, live, seen }))
}

/// Writes what changes of an article by a row.
async fn update(
    app: &App,
    call: &Call,
    tx: &mut Tx,
    row: &Row,
    known: Known,
    plan: Plan,
) -> Result<(), Error> {
    let (tenant, latest) = (call.tenant(), known.latest.map_or(0, |latest| latest.number));
    let (mut article, mut number) = (known.article, latest);
    if !plan.paths.is_empty() {
        article = next(app, &article);
        article.profile = row.profile.clone();
        labels::put(tx, tenant, article.id, &article.profile).await?;
        let paths = plan.paths.into_iter().map(str::to_owned).collect();
        let change = Change::Updated(ArticleUpdated { paths });
        command::save(app, call, tx, &article, change).await?;
    }
    if plan.write {
        article = next(app, &article);
        article.revisions += 1;
        number = article.revisions;
        let revision = revision(call, &article, row, latest);
        revisions::insert(tx, tenant, &revision).await?;
        let (name, locale) = (revision.name(), revision.locale.clone());
        let change = Change::Revised(ArticleRevised { revision: name, locale });
        command::save(app, call, tx, &article, change).await?;
    }
    if plan.publish {
        let (seen, now) = ((row.locale.as_str(), number), app.clock.now());
        command::publish(app, call, tx, &next(app, &article), seen, now).await?;
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use contracts::knowledge::v1::{
        ArchiveArticleRequest, Article as Shown, ArticleState, CreateRevisionRequest,
        ImportVerdict::{Created, Refused, Unchanged, Updated},
        PublishRevisionRequest, Revision as Words,
    };
    use store::{Sql, args};

    use super::*;
    use crate::rpc::{
        archive_article, create_revision,
        fixture::{Fixture, anonymous, editor, stranger, words},
        publish_revision,
    };

    /// Imports lines of JSON: what becomes of each row, to look and in earnest, which is the same.
    async fn import(fixture: &Fixture, lines: &str) -> Vec<ImportArticlesResponse> {
        let format = TransferFormat::JsonLines;
        let looked = fixture.imported(editor(), format, lines, true).await;
        let done = fixture.imported(editor(), format, lines, false).await;
        assert_eq!(told(&looked), told(&done), "{done:?}");
        done
    }

    fn told(verdicts: &[ImportArticlesResponse]) -> Vec<ImportVerdict> {
        verdicts.iter().map(ImportArticlesResponse::verdict).collect()
    }

    /// The next revision of an article, written and not published.
    async fn revise(fixture: &Fixture, article: &Shown, title: &str) -> String {
        let latest = article.translations[0].latest_revision.clone();
        let revision = Words { base_revision: latest, ..words("zh", title) };
        let asked = CreateRevisionRequest {
            parent: article.name.clone(),
            revision: Some(revision),
            request_id: String::new(),
        };
        create_revision::handle(fixture.app.clone(), editor(), asked).await.unwrap().name
    }

    /// An article's external id, words and state, as a line that asks for its publication or not.
    fn line(id: &str, title: &str, publish: bool) -> String {
        let body = format!("{title}: 见说明书");
        let row = serde_json::json!({
            "external_id": id, "title": title, "body": body, "audience": "public",
            "publish": publish,
        });
        format!("{row}\n")
    }

    #[tokio::test]
    async fn who_could_read_an_article_still_may_where_nobody_says_otherwise() {
        let fixture = Fixture::new().await;
        let row = |rest: &str| format!(r#"{{"title":"如何退货","body":"七天内"{rest}}}"#);
        let read = async |name: &str| fixture.read(anonymous(), name).await.is_some();
        let public = r#","audience":"public","publish":true"#;
        let made = import(&fixture, &row(public)).await;
        assert!(read(&made[0].article).await);
        assert_eq!(told(&import(&fixture, &row("")).await), [Unchanged]);
        assert!(read(&made[0].article).await);
        assert_eq!(told(&import(&fixture, &row(r#","audience":"agent""#)).await), [Updated]);
        assert!(!read(&made[0].article).await);
    }

    #[tokio::test]
    async fn a_row_that_is_of_the_same_as_an_earlier_one_is_refused() {
        let fixture = Fixture::new().await;
        let rows = r#"{"title":"如何退货","body":"七天内"}
            {"title":"How to return","body":"Within a week","locale":"en","external_id":"kb-1"}
            {"title":"如何退货","body":"十五天内"}
            {"title":"怎样退货","body":"七天内","external_id":"kb-1"}
            {"title":"Returns","body":"Within a fortnight","locale":"EN","external_id":"kb-1"}"#;
        for verdict in [Created, Unchanged] {
            let format = TransferFormat::JsonLines;
            let looked = fixture.imported(editor(), format, rows, true).await;
            let done = fixture.imported(editor(), format, rows, false).await;
            // The other language of an article that is new is recorded with it.
            let other = if verdict == Created { Updated } else { Unchanged };
            assert_eq!(told(&done), [verdict, verdict, Refused, other, Refused]);
            for verdicts in [&looked, &done] {
                let earlier = |index: usize| verdicts[index].faults[0].earlier_row;
                assert_eq!((earlier(2), earlier(4)), (1, 2));
            }
        }
        let first = fixture.exported(editor(), TransferFormat::JsonLines).await;
        assert!(first[0].contains("七天内") && first.len() == 3, "{first:?}");
    }

    fn id(article: &Shown) -> &str {
        article.name.strip_prefix("articles/").unwrap()
    }

    async fn publish_later(fixture: &Fixture, revision: &str) {
        let later = fixture.app.clock.now().plus_micros(60_000_000);
        let asked = PublishRevisionRequest {
            name: revision.to_owned(),
            publish_time: Some(wire::timestamp(later)),
            ..Default::default()
        };
        publish_revision::handle(fixture.app.clone(), editor(), asked).await.unwrap();
    }

    #[tokio::test]
    async fn what_is_named_twice_in_a_list_is_there_once() {
        let fixture = Fixture::new().await;
        let row = r#"{"title":"a","body":"b","tags":["t","t"],"teams":["x","x"],"products":["P","P"],"similar_questions":["q","q"]}"#;
        let done = import(&fixture, row).await;
        assert_eq!(told(&done), [Created]);
        let article = fixture.read(editor(), &done[0].article).await.unwrap();
        assert_eq!((article.tags.len(), article.products.len()), (1, 1));
        assert_eq!(article.audience.unwrap().teams, ["teams/x"]);
        assert_eq!(article.revision.unwrap().similar_questions, ["q"]);
        assert_eq!(told(&import(&fixture, row).await), [Unchanged]);
    }

    #[tokio::test]
    async fn a_row_that_cannot_be_written_keeps_no_other_back() {
        const BROKEN: Sql = Sql::both(
            "CREATE TRIGGER broken BEFORE INSERT ON revisions WHEN NEW.title = 'broken' \
             BEGIN SELECT RAISE(ABORT, 'no'); END",
        );
        let fixture = Fixture::new().await;
        let broken: Result<_, store::Error> =
            transact!(fixture.app.db, "test", |tx| tx.execute(BROKEN, args![]).await);
        broken.unwrap();
        let rows = [line("1", "a", true), line("2", "broken", true), line("3", "c", true)].concat();
        let format = TransferFormat::JsonLines;
        let done = fixture.imported(editor(), format, &rows, false).await;
        assert_eq!(told(&done), [Created, Refused, Created]);
        assert_eq!((done[1].row, done[1].faults.len()), (2, 1));
        let told = &done[1].faults[0].description;
        assert!(!told.is_empty() && !told.contains("no"), "what failed is for the log: {told}");
    }

    #[tokio::test]
    async fn an_article_without_an_id_of_another_system_is_found_by_its_own() {
        let fixture = Fixture::new().await;
        fixture.published("如何退货", AudienceLevel::Public).await;
        fixture.draft("草稿", AudienceLevel::Agent).await;
        for format in [TransferFormat::Csv, TransferFormat::JsonLines, TransferFormat::Markdown] {
            let pieces = fixture.exported(editor(), format).await;
            let files = match format {
                TransferFormat::Markdown => pieces.clone(),
                _ => vec![pieces.concat()],
            };
            let mut verdicts = Vec::new();
            for file in &files {
                verdicts.extend(fixture.imported(editor(), format, file, false).await);
            }
            assert_eq!(told(&verdicts), [Unchanged, Unchanged]);
            assert_eq!(fixture.exported(editor(), format).await, pieces);
        }
        // The id of another tenant's article is one that another system gave.
        let lines = fixture.exported(editor(), TransferFormat::JsonLines).await.concat();
        let format = TransferFormat::JsonLines;
        let done = fixture.imported(stranger(), format, &lines, false).await;
        assert_eq!(told(&done), [Created, Created]);
        assert_eq!(fixture.exported(editor(), format).await.concat(), lines);
    }

    #[tokio::test]
    async fn what_is_only_planned_is_published_where_a_row_asks_for_it() {
        let fixture = Fixture::new().await;
        let article = fixture.draft("如何退货", AudienceLevel::Public).await;
        publish_later(&fixture, &article.translations[0].latest_revision).await;
        let not_yet = import(&fixture, &line(id(&article), "如何退货", false)).await;
        assert_eq!(told(&not_yet), [Unchanged]);
        let done = import(&fixture, &line(id(&article), "如何退货", true)).await;
        assert_eq!(told(&done), [Updated]);
        let read = fixture.read(editor(), &article.name).await.unwrap();
        assert_eq!(read.state(), ArticleState::Published);
        assert_eq!(read.translations[0].upcoming, []);
        assert!(fixture.read(anonymous(), &article.name).await.is_some());
    }

    #[tokio::test]
    async fn an_archived_article_is_not_published_by_an_import() {
        let fixture = Fixture::new().await;
        let article = fixture.published("如何退货", AudienceLevel::Public).await;
        let asked = ArchiveArticleRequest { name: article.name.clone(), ..Default::default() };
        archive_article::handle(fixture.app.clone(), editor(), asked).await.unwrap();
        for title in ["如何退货", "怎样退货"] {
            let done = import(&fixture, &line(id(&article), title, true)).await;
            assert_eq!(told(&done), [Refused]);
            assert_eq!(done[0].faults[0].field, "publish");
            assert_eq!(done[0].article, article.name);
        }
        let done = import(&fixture, &line(id(&article), "怎样退货", false)).await;
        assert_eq!(told(&done), [Updated]);
        let read = fixture.read(editor(), &article.name).await.unwrap();
        assert_eq!(read.state(), ArticleState::Archived);
    }

    #[tokio::test]
    async fn an_import_writes_over_no_draft_that_its_author_has_not_seen() {
        let fixture = Fixture::new().await;
        let article = fixture.published("如何退货", AudienceLevel::Public).await;
        let draft = revise(&fixture, &article, "怎样退货").await;
        // What is live is what the file was made of.
        let done = import(&fixture, &line(id(&article), "如何退货", true)).await;
        assert_eq!(told(&done), [Unchanged]);
        let mut before = fixture.read(editor(), &article.name).await.unwrap();
        assert_eq!(before.translations[0].latest_revision, draft);
        for planned in [false, true] {
            if planned {
                publish_later(&fixture, &draft).await;
                before = fixture.read(editor(), &article.name).await.unwrap();
            }
            let done = import(&fixture, &line(id(&article), "退货", true)).await;
            assert_eq!(told(&done), [Refused]);
            assert!(done[0].faults[0].description.contains(&draft), "{done:?}");
            assert_eq!(fixture.read(editor(), &article.name).await.unwrap(), before);
        }
        // Who has seen the draft may publish it.
        let done = import(&fixture, &line(id(&article), "怎样退货", true)).await;
        assert_eq!(told(&done), [Updated]);
        let read = fixture.read(anonymous(), &article.name).await.unwrap();
        assert_eq!(read.revision.unwrap().name, draft);
        // A revision that readers have seen is no draft, whatever is live now.
        fixture.later();
        fixture.publish(&format!("{}/revisions/1", article.name)).await;
        let done = import(&fixture, &line(id(&article), "退货", true)).await;
        assert_eq!(told(&done), [Updated]);
    }
}
