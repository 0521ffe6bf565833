//! What an index holds of articles, read from the database.

use std::collections::{HashMap, HashSet};

use kernel::{ArticleId, TenantId, Time};
use search::{Audience, Change, Entry, Validity};
use store::Db;

use crate::{
    Error,
    domain::{article::Article, markdown, publication::Publication, revision::Revision},
    store::{articles, publications, revisions},
};

/// How many articles are read at once.
const AT_ONCE: usize = 100;

/// What becomes of these articles in the index, as they are at an instant: one entry for each
/// publication that is live then or later.
pub(crate) async fn of(
    db: &Db,
    tenant: TenantId,
    ids: &[ArticleId],
    at: Time,
) -> Result<Vec<Change>, Error> {
    let mut changes = Vec::with_capacity(ids.len());
    for some in ids.chunks(AT_ONCE) {
        let found = articles::get_many(db, tenant, some).await?;
        let known: HashSet<_> = found.iter().map(|article| article.id).collect();
        let gone = some.iter().filter(|id| !known.contains(id));
        changes.extend(gone.map(|id| Change::Remove { article: id.uuid() }));
        changes.extend(entries(db, tenant, &found, at).await?);
    }
    Ok(changes)
}

/// The same for articles that were read already.
pub(crate) async fn entries(
    db: &Db,
    tenant: TenantId,
    found: &[Article],
    at: Time,
) -> Result<Vec<Change>, Error> {
    let ids: Vec<_> = found.iter().map(|article| article.id).collect();
    let published = publications::from(db, tenant, &ids, at).await?;
    let of = |id| published.get(&id).map(Vec::as_slice).unwrap_or_default();
    let shown = |article: &Article| {
        let seen = of(article.id).iter().map(|one| one.publication.clone());
        let (article, at) = (article.clone(), at);
        seen.filter(move |one| {
            let (from, until) = article.window(one);
            from < until && at < until
        })
        .collect::<Vec<_>>()
    };
    let shown: Vec<_> = found.iter().map(|article| (article, shown(article))).collect();
    let keys = shown.iter().flat_map(|(article, all)| {
        all.iter().map(|one| (article.id, one.revision)).collect::<HashSet<_>>()
    });
    let words = revisions::get_many(db, tenant, &keys.collect::<Vec<_>>()).await?;
    let words: HashMap<_, _> = words.iter().map(|one| ((one.article, one.number), one)).collect();
    let change = |(article, all): &(&Article, Vec<Publication>)| {
        let entry = |one: &Publication| {
            words.get(&(article.id, one.revision)).map(|revision| entry(article, one, revision))
        };
        let entries = all.iter().filter_map(entry).collect();
        Change::Replace { article: article.id.uuid(), entries }
    };
    Ok(shown.iter().map(change).collect())
}

fn entry(article: &Article, publication: &Publication, revision: &Revision) -> Entry {
    let profile = &article.profile;
    let (from, until) = article.window(publication);
    Entry {
        locale: revision.locale.clone(),
        revision: revision.number,
        kind: profile.kind.as_str_name().to_owned(),
        audience: Audience {
            level: profile.audience.level as u8,
            groups: profile.audience.teams.clone(),
        },
        products: profile.products.clone(),
        tags: profile.tags.clone(),
        validity: Validity { from: from.micros(), until: until.micros() },
        title: revision.words.title.clone(),
        questions: revision.words.questions.clone(),
        body: markdown::plain(&revision.words.body),
    }
}
