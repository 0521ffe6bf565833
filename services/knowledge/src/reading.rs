//! Articles as a caller reads them: what there is of each, and nothing that is not for them.

use std::collections::{HashMap, HashSet};

use contracts::knowledge::v1 as pb;
use kernel::{ArticleId, RowScope, Time, language};
use rpc::Call;

use crate::{
    App, Error,
    convert::{self, WRITES, Whole},
    domain::{article::Article, publication::Publication, revision::Revision},
    store::{
        articles,
        publications::{self, Titled},
        revisions::{self, Latest},
    },
};

/// How many articles are looked up at once.
const AT_ONCE: usize = 100;

/// Whether a caller reaches the articles of its tenant at all. They belong to the tenant as a whole: a
/// permission that reaches less reaches none of them.
pub(crate) fn reaches(call: &Call) -> bool {
    match call.scope {
        RowScope::Tenant => true,
        RowScope::None | RowScope::Own(_) | RowScope::Teams(_) => false,
    }
}

/// Refuses to go on about an article that the caller would not find under its name.
pub(crate) async fn must_see(app: &App, call: &Call, id: ArticleId) -> Result<(), Error> {
    let found = if reaches(call) { articles::get(&app.db, call.tenant(), id).await? } else { None };
    let seen = read(app, call, found.into_iter().collect(), None).await?;
    if seen.is_empty() { Err(Error::no_article(&id.name())) } else { Ok(()) }
}

/// Those of these articles whose audience the caller belongs to, whatever their state.
pub(crate) async fn meant_for(
    app: &App,
    call: &Call,
    ids: HashSet<ArticleId>,
) -> Result<HashSet<ArticleId>, Error> {
    let (reader, ids) = (convert::reader(call), ids.into_iter().collect::<Vec<_>>());
    let mut meant = HashSet::with_capacity(ids.len());
    for some in ids.chunks(AT_ONCE) {
        let found = articles::get_many(&app.db, call.tenant(), some).await?;
        let readable = found.iter().filter(|found| reader.may_read(&found.profile.audience));
        meant.extend(readable.map(|found| found.id));
    }
    Ok(meant)
}

/// Those of these articles that the caller may read now, in their order; with their words in the
/// language nearest to `wanted`, where it is given.
pub(crate) async fn read(
    app: &App,
    call: &Call,
    mut articles: Vec<Article>,
    wanted: Option<&str>,
) -> Result<Vec<pb::Article>, Error> {
    let (tenant, at) = (call.tenant(), app.clock.now());
    let (reader, writes) = (convert::reader(call), call.may(WRITES));
    articles.retain(|article| {
        writes || reader.may_read(&article.profile.audience) && article.is_open(at)
    });
    let ids: Vec<_> = articles.iter().map(|article| article.id).collect();
    let published = publications::from(&app.db, tenant, &ids, at).await?;
    let languages =
        if writes { revisions::languages(&app.db, tenant, &ids).await? } else { HashMap::new() };
    let of = |id: &ArticleId| published.get(id).map(Vec::as_slice).unwrap_or_default();
    articles
        .retain(|article| writes || of(&article.id).iter().any(|one| one.publication.is_live(at)));
    let words = match wanted {
        Some(wanted) => {
            let chosen = articles.iter().filter_map(|article| {
                let latest = languages.get(&article.id).map(Vec::as_slice).unwrap_or_default();
                Some((article.id, choose(wanted, of(&article.id), latest, at)?))
            });
            words(app, call, &chosen.collect::<Vec<_>>()).await?
        }
        None => HashMap::new(),
    };
    let whole = |article: &Article| {
        let whole = Whole {
            article,
            publications: of(&article.id),
            languages: languages.get(&article.id).map(Vec::as_slice).unwrap_or_default(),
            revision: words.get(&article.id),
            at,
        };
        convert::article(&whole, call)
    };
    Ok(articles.iter().map(whole).collect())
}

/// The revision to show to who wants a language: what is live in the nearest one, else the latest.
fn choose(wanted: &str, published: &[Titled], latest: &[Latest], at: Time) -> Option<i64> {
    let live: Vec<&Publication> =
        published.iter().map(|one| &one.publication).filter(|one| one.is_live(at)).collect();
    if let Some(best) = language::nearest(wanted, live.iter().map(|one| one.locale.as_str())) {
        return live.iter().find(|one| one.locale == best).map(|one| one.revision);
    }
    let best = language::nearest(wanted, latest.iter().map(|one| one.locale.as_str()))?;
    latest.iter().find(|one| one.locale == best).map(|one| one.number)
}

async fn words(
    app: &App,
    call: &Call,
    chosen: &[(ArticleId, i64)],
) -> Result<HashMap<ArticleId, Revision>, Error> {
    let found = revisions::get_many(&app.db, call.tenant(), chosen).await?;
    Ok(found.into_iter().map(|revision| (revision.article, revision)).collect())
}
