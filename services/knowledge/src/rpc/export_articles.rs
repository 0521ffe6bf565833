//! `ExportArticles`: articles as files or lines that an import reads.

use std::{collections::HashMap, pin::Pin};

use contracts::knowledge::v1::{
    ArticleKind, ExportArticlesRequest, ExportArticlesResponse, TransferFormat,
};
use futures::{Stream, StreamExt as _, TryStreamExt as _};
use kernel::{TenantId, Time, Violations};
use rpc::Call;
use tonic::Status;
use uuid::Uuid;

use crate::{
    App, Error,
    convert::{self, WRITES},
    domain::{
        article::Article,
        audience::Reader,
        publication::{ALWAYS, NEVER},
        revision::Revision,
    },
    reading::reaches,
    store::{articles, publications, revisions},
    transfer::{self, Written},
};

/// How many articles are read at once.
const PAGE: i64 = 50;

/// What is written down, piece by piece.
pub(crate) type Pieces = Pin<Box<dyn Stream<Item = Result<ExportArticlesResponse, Status>> + Send>>;

/// Which articles are written down, and how.
#[derive(Clone, Debug)]
struct Wanted {
    tenant: TenantId,
    format: TransferFormat,
    kind: Option<ArticleKind>,
    locale: Option<String>,
    /// For whom; `None` for who may write articles.
    reader: Option<Reader>,
    /// Whether for somebody of the company.
    staff: bool,
}

pub(crate) fn handle(
    app: &App,
    call: &Call,
    request: &ExportArticlesRequest,
) -> Result<Pieces, Error> {
    let mut violations = Violations::new();
    let format = TransferFormat::try_from(request.format).unwrap_or_default();
    let known = format != TransferFormat::Unspecified;
    violations.check(known, "format", "must be one that there is");
    let kind = ArticleKind::try_from(request.kind);
    violations.check(kind.is_ok(), "kind", "is none that there is");
    let locale = (!request.locale.is_empty())
        .then(|| convert::tag(&request.locale, "locale", &mut violations));
    violations.finish(())?;

    let kind = kind.ok().filter(|kind| *kind != ArticleKind::Unspecified);
    let reader = (!call.may(WRITES)).then(|| convert::reader(call));
    let (tenant, staff) = (call.tenant(), convert::is_staff(call));
    let wanted = Wanted { tenant, format, kind, locale, reader, staff };
    let header = transfer::header(format);
    let header = header.map(|content| ExportArticlesResponse { path: String::new(), content });
    let start = reaches(call).then_some(Uuid::nil());
    let app = app.clone();
    let pages = futures::stream::try_unfold(start, move |start| {
        let (app, wanted) = (app.clone(), wanted.clone());
        async move {
            let Some(start) = start else { return Ok(None) };
            let found = articles::after(&app.db, wanted.tenant, start, PAGE).await?;
            let Some(last) = found.last().map(|last| last.id.uuid()) else { return Ok(None) };
            let pieces = page(&app, &wanted, &found).await?;
            Ok::<_, Error>(Some((futures::stream::iter(pieces).map(Ok), Some(last))))
        }
    });
    let locale = call.locale();
    let pieces = futures::stream::iter(header.map(Ok)).chain(pages.try_flatten());
    Ok(Box::pin(pieces.map_err(move |error: Error| rpc::status::of(&error, locale))))
}

/// What these articles say, in each language: what is live, else, for who may write, the latest.
async fn page(
    app: &App,
    wanted: &Wanted,
    found: &[Article],
) -> Result<Vec<ExportArticlesResponse>, Error> {
    let (db, tenant, at) = (&app.db, wanted.tenant, app.clock.now());
    let kept = |article: &&Article| {
        let reads = |reader: &Reader| reader.may_read(&article.profile.audience);
        wanted.kind.is_none_or(|kind| article.profile.kind == kind)
            && wanted.reader.as_ref().is_none_or(|reader| reads(reader) && article.is_open(at))
    };
    let found: Vec<_> = found.iter().filter(kept).collect();
    let ids: Vec<_> = found.iter().map(|article| article.id).collect();
    let published = publications::from(db, tenant, &ids, at).await?;
    let languages = revisions::languages(db, tenant, &ids).await?;
    let mut chosen = Vec::new();
    for article in &found {
        let live = published.get(&article.id).map(Vec::as_slice).unwrap_or_default();
        for latest in languages.get(&article.id).map(Vec::as_slice).unwrap_or_default() {
            if wanted.locale.as_ref().is_some_and(|locale| *locale != latest.locale) {
                continue;
            }
            let mut of = live.iter().map(|one| &one.publication);
            let live = of.find(|one| one.locale == latest.locale && one.is_live(at));
            if live.is_none() && wanted.reader.is_some() {
                continue;
            }
            let number = live.map_or(latest.number, |live| live.revision);
            chosen.push((*article, number, live.is_some()));
        }
    }
    let keys: Vec<_> = chosen.iter().map(|(article, number, _)| (article.id, *number)).collect();
    let words = revisions::get_many(db, tenant, &keys).await?;
    let words: HashMap<_, _> =
        words.into_iter().map(|one| ((one.article, one.number), one)).collect();
    let piece = |(article, number, live): &(&Article, i64, bool)| {
        let revision = words.get(&(article.id, *number))?;
        let mut written = written(article, revision, *live && !article.is_archived(at));
        if !wanted.staff {
            written.external_id = article.id.to_string();
        }
        let path = match wanted.format {
            TransferFormat::Markdown => format!("{}.{}.md", article.id, revision.locale),
            TransferFormat::Csv | TransferFormat::JsonLines | TransferFormat::Unspecified => {
                String::new()
            }
        };
        Some(ExportArticlesResponse { path, content: transfer::write(wanted.format, &written) })
    };
    Ok(chosen.iter().filter_map(piece).collect())
}

fn written(article: &Article, revision: &Revision, live: bool) -> Written {
    let profile = &article.profile;
    let token = |name: &str, prefix: &str| {
        name.strip_prefix(prefix).unwrap_or_default().to_ascii_lowercase()
    };
    // An article without an id of its own is found again by the one that it has here.
    let external_id = article.external_id.clone().unwrap_or_else(|| article.id.to_string());
    Written {
        title: revision.words.title.clone(),
        locale: revision.locale.clone(),
        kind: token(profile.kind.as_str_name(), "ARTICLE_KIND_"),
        audience: token(profile.audience.level.as_str_name(), "AUDIENCE_LEVEL_"),
        teams: profile.audience.teams.clone(),
        products: profile.products.clone(),
        tags: profile.tags.clone(),
        similar_questions: revision.words.questions.clone(),
        external_id,
        valid_from: instant(profile.valid_from),
        valid_until: instant(profile.valid_until),
        publish: Some(live),
        body: revision.words.body.clone(),
    }
}

/// An instant that somebody gave, in RFC 3339.
fn instant(time: Time) -> String {
    let given = time != ALWAYS && time != NEVER;
    if given { time.timestamp().to_string() } else { String::new() }
}

#[cfg(test)]
mod tests {
    use contracts::knowledge::v1::{
        ArchiveArticleRequest, ArticleState, AudienceLevel, CreateRevisionRequest,
        ImportArticlesResponse,
        ImportVerdict::{self, Created, Refused, Unchanged, Updated},
    };

    use super::*;
    use crate::rpc::{
        archive_article, create_revision,
        fixture::{Fixture, agent, customer, editor, stranger, supervisor, words},
    };

    fn told(verdicts: &[ImportArticlesResponse]) -> Vec<ImportVerdict> {
        verdicts.iter().map(ImportArticlesResponse::verdict).collect()
    }

    const TABLE: &str = "question,answer,locale,audience,similar_questions,publish,external_id\n\
        如何退货,七天内可退,zh,public,怎么退|能退吗,true,\n\
        How to return,Within seven days,en,public,,true,kb-1\n\
        怎样退货,七天内,zh,public,,true,kb-1\n\
        ,没有问题,zh,public,,,\n";

    #[tokio::test]
    async fn a_table_is_recorded_row_by_row_and_once() {
        let fixture = Fixture::new().await;
        let format = TransferFormat::Csv;
        let looked = fixture.imported(editor(), format, TABLE, true).await;
        assert_eq!(looked[0].verdict(), Created);
        assert_eq!(fixture.exported(editor(), format).await.len(), 1, "nothing but a header");
        let first = fixture.imported(editor(), format, TABLE, false).await;
        assert_eq!(told(&first), [Created, Created, Updated, Refused]);
        assert_eq!(first[3].faults[0].field, "title");
        assert_eq!((first[3].row, first[3].total_rows), (4, 4));
        assert_eq!(first[1].article, first[2].article, "two languages of one article");
        let article = fixture.read(editor(), &first[0].article).await.unwrap();
        assert_eq!(article.state(), ArticleState::Published);
        let read = fixture.read(customer(), &first[1].article).await.unwrap();
        assert_eq!((read.external_id.as_str(), article.external_id.is_empty()), ("", false));
        let again = fixture.imported(editor(), format, TABLE, false).await;
        assert_eq!(told(&again), [Unchanged, Unchanged, Unchanged, Refused]);
        let changed = TABLE.replace("七天内可退", "十五天内可退");
        let third = fixture.imported(editor(), format, &changed, false).await;
        assert_eq!(told(&third), [Updated, Unchanged, Unchanged, Refused]);
        let article = fixture.read(editor(), &first[0].article).await.unwrap();
        assert_eq!(article.revision.unwrap().body, "十五天内可退");
        assert_eq!(fixture.exported(stranger(), format).await.len(), 1);
    }

    #[tokio::test]
    async fn who_writes_nothing_exports_what_they_may_read() {
        let fixture = Fixture::new().await;
        let open = fixture.published("公开", AudienceLevel::Public).await;
        for (title, level) in [("主管", AudienceLevel::Supervisor), ("坐席", AudienceLevel::Agent)]
        {
            fixture.published(title, level).await;
        }
        fixture.draft("草稿", AudienceLevel::Public).await;
        let gone = fixture.published("旧的", AudienceLevel::Public).await;
        let asked = ArchiveArticleRequest { name: gone.name, ..Default::default() };
        archive_article::handle(fixture.app.clone(), editor(), asked).await.unwrap();
        let mut next = words("zh", "公开的草稿");
        next.base_revision = open.revision.unwrap().name;
        let asked =
            CreateRevisionRequest { parent: open.name, revision: Some(next), ..Default::default() };
        create_revision::handle(fixture.app.clone(), editor(), asked).await.unwrap();
        for (call, seen) in [
            (editor(), ["公开", "主管", "坐席", "草稿", "旧的"].as_slice()),
            (supervisor(), &["公开", "主管", "坐席"]),
            (agent(&[]), &["公开", "坐席"]),
            (customer(), &["公开"]),
        ] {
            let lines = fixture.exported(call, TransferFormat::JsonLines).await;
            let title = |line: &String| {
                let row: serde_json::Value = serde_json::from_str(line).unwrap();
                row["title"].as_str().unwrap().to_owned()
            };
            assert_eq!(lines.iter().map(title).collect::<Vec<_>>(), seen);
        }
    }

    #[tokio::test]
    async fn what_is_exported_is_imported_as_it_was() {
        for format in [TransferFormat::Csv, TransferFormat::JsonLines, TransferFormat::Markdown] {
            let fixture = Fixture::new().await;
            fixture.imported(editor(), TransferFormat::Csv, TABLE, false).await;
            let written = fixture.exported(editor(), format).await;
            let files = match format {
                TransferFormat::Markdown => written.clone(),
                _ => vec![written.concat()],
            };
            let mut verdicts = Vec::new();
            for file in &files {
                verdicts.extend(fixture.imported(stranger(), format, file, false).await);
            }
            assert_eq!(verdicts.len(), 3);
            assert!(verdicts.iter().all(|one| one.faults.is_empty()), "{verdicts:?}");
            assert_eq!(fixture.exported(stranger(), format).await, written);
        }
    }
}
