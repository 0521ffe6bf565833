//! Between the contract's messages and the domain: what comes in is parsed with all its faults at
//! once, what goes out is cut to what its reader may see.

use contracts::knowledge::v1 as pb;
use kernel::{
    ArticleId, CallerKind, SearchId, Time, Violations, etag,
    id::{is_language_tag, is_product_id, slug_in},
    language,
};
use rpc::{Call, wire};
use uuid::Uuid;

use crate::{
    domain::{
        article::{Article, MAX_EXTERNAL_ID, Profile},
        audience::{Audience, Reader},
        publication::{ALWAYS, NEVER},
        revision::{self, MAX_NOTE, Revision, Words},
    },
    store::{publications::Titled, revisions::Latest},
};

/// Who has it sees drafts, and every article.
pub(crate) const WRITES: &str = "articles.write";

/// The reader that a caller is.
pub(crate) fn reader(call: &Call) -> Reader {
    Reader::of(&call.caller, call.may(WRITES))
}

/// An article with what there is of it, at an instant, as its reader may see it.
pub(crate) struct Whole<'a> {
    pub(crate) article: &'a Article,
    /// What is live at the instant or later.
    pub(crate) publications: &'a [Titled],
    /// Its languages; none where the reader may not write articles.
    pub(crate) languages: &'a [Latest],
    /// Its words.
    pub(crate) revision: Option<&'a Revision>,
    pub(crate) at: Time,
}

/// An article on the wire.
pub(crate) fn article(whole: &Whole<'_>, call: &Call) -> pb::Article {
    let Whole { article, publications, revision, at, .. } = whole;
    let profile = &article.profile;
    let known: Vec<_> = publications.iter().map(|one| one.publication.clone()).collect();
    let (staff, writes) = (is_staff(call), call.may(WRITES));
    // What a reader does not see must not show by these two either.
    let etag = if writes { etag::of(article.version) } else { String::new() };
    let updated = if writes { Some(article.updated_at) } else { went_live(whole) };
    pb::Article {
        name: article.id.name(),
        etag,
        kind: profile.kind.into(),
        audience: staff.then(|| pb::Audience {
            level: profile.audience.level.into(),
            teams: profile.audience.teams.iter().map(|team| format!("teams/{team}")).collect(),
        }),
        products: profile.products.iter().map(|id| format!("products/{id}")).collect(),
        tags: profile.tags.clone(),
        external_id: article.external_id.clone().filter(|_| staff).unwrap_or_default(),
        valid_from_time: instant(profile.valid_from),
        valid_until_time: instant(profile.valid_until),
        archive_time: instant(article.archived_at).filter(|_| staff),
        state: article.state(&known, *at).into(),
        translations: translations(whole),
        revision: revision.map(|revision| self::revision(revision, call)),
        create_time: Some(wire::timestamp(article.created_at)),
        update_time: updated.map(wire::timestamp),
    }
}

/// When the last of an article's live revisions went live.
fn went_live(whole: &Whole<'_>) -> Option<Time> {
    let published = whole.publications.iter().map(|one| &one.publication);
    let live = published.filter(|one| one.is_live(whole.at));
    live.map(|one| whole.article.window(one).0).max()
}

/// The languages of an article: those in which something is live, and for who may write articles all.
fn translations(whole: &Whole<'_>) -> Vec<pb::Translation> {
    let Whole { article, publications, languages, at, .. } = whole;
    let name = |number| revision::name(article.id, number);
    let live = |locale: &str| {
        let of = publications.iter().filter(|one| one.publication.locale == locale);
        of.clone().find(|one| one.publication.is_live(*at))
    };
    if languages.is_empty() {
        let seen = publications.iter().filter(|one| one.publication.is_live(*at));
        return seen
            .map(|one| pb::Translation {
                locale: one.publication.locale.clone(),
                title: one.title.clone(),
                live_revision: name(one.publication.revision),
                ..pb::Translation::default()
            })
            .collect();
    }
    let translation = |latest: &Latest| {
        let live = live(&latest.locale);
        let upcoming = publications.iter().map(|one| &one.publication);
        let upcoming = upcoming.filter(|one| one.locale == latest.locale && one.from > *at);
        pb::Translation {
            locale: latest.locale.clone(),
            title: live.map_or(&latest.title, |live| &live.title).clone(),
            live_revision: live.map(|live| name(live.publication.revision)).unwrap_or_default(),
            latest_revision: name(latest.number),
            upcoming: upcoming
                .map(|one| pb::Publication {
                    revision: name(one.revision),
                    publish_time: Some(wire::timestamp(one.from)),
                })
                .collect(),
        }
    };
    languages.iter().map(translation).collect()
}

/// A revision on the wire.
pub(crate) fn revision(revision: &Revision, call: &Call) -> pb::Revision {
    let writes = call.may(WRITES);
    let base =
        (revision.base > 0 && writes).then(|| revision::name(revision.article, revision.base));
    pb::Revision {
        name: revision.name(),
        locale: revision.locale.clone(),
        title: revision.words.title.clone(),
        body: revision.words.body.clone(),
        similar_questions: revision.words.questions.clone(),
        base_revision: base.unwrap_or_default(),
        note: if writes { revision.note.clone() } else { String::new() },
        author: is_staff(call).then(|| wire::actor(&revision.actor_kind, &revision.actor)),
        create_time: Some(wire::timestamp(revision.created_at)),
    }
}

/// Whether a caller is of the company: staff or one of its systems.
pub(crate) fn is_staff(call: &Call) -> bool {
    match call.caller.kind {
        CallerKind::Member | CallerKind::Integration | CallerKind::Service => true,
        CallerKind::Anonymous | CallerKind::Customer | CallerKind::Operator => false,
    }
}

/// An instant that somebody gave.
fn instant(time: Time) -> Option<prost_types::Timestamp> {
    (time != ALWAYS && time != NEVER).then(|| wire::timestamp(time))
}

/// The id in an article's name; another form is a violation of `field`, and the nil id.
pub(crate) fn article_id(name: &str, field: &str, violations: &mut Violations) -> ArticleId {
    let id = ArticleId::parse_name(name);
    violations.check(id.is_some(), field, "must be of the form `articles/{id}`");
    id.unwrap_or_else(|| ArticleId::from(Uuid::nil()))
}

/// The article and the number in a revision's name; another form is a violation of `field`.
pub(crate) fn revision_key(
    name: &str,
    field: &str,
    violations: &mut Violations,
) -> (ArticleId, i64) {
    let key = revision::parse_name(name);
    violations.check(
        key.is_some(),
        field,
        "must be of the form `articles/{article}/revisions/{n}`",
    );
    key.unwrap_or_else(|| (ArticleId::from(Uuid::nil()), 0))
}

/// The id in a search's name; another form is a violation of `field`.
pub(crate) fn search_id(name: &str, field: &str, violations: &mut Violations) -> Option<SearchId> {
    let id = SearchId::parse_name(name);
    violations.check(id.is_some(), field, "must be of the form `searches/{id}`");
    id
}

/// The id in a product's name; another form is a violation of `field`, and an id that is none.
pub(crate) fn product_id(name: &str, field: &str, violations: &mut Violations) -> String {
    let id = name.strip_prefix("products/").filter(|id| is_product_id(id));
    violations.check(id.is_some(), field, "must be of the form `products/{id}`");
    id.unwrap_or_default().to_owned()
}

/// The fields of an article that may be written, as given; those left out are as a new article has
/// them.
pub(crate) fn profile(given: &pb::Article, violations: &mut Violations) -> Profile {
    let fresh = Profile::default();
    let kind = pb::ArticleKind::try_from(given.kind);
    violations.check(kind.is_ok(), "article.kind", "is none that there is");
    let kind = kind.ok().filter(|kind| *kind != pb::ArticleKind::Unspecified);
    let audience = given.audience.as_ref();
    let level = audience.map_or(Ok(fresh.audience.level), |one| one.level.try_into());
    violations.check(level.is_ok(), "article.audience.level", "is none that there is");
    let level = level.ok().filter(|level| *level != pb::AudienceLevel::Unspecified);
    let teams = audience.map(|one| one.teams.as_slice()).unwrap_or_default();
    let mut named = Vec::new();
    for (index, name) in teams.iter().enumerate() {
        let slug = slug_in(name, "teams");
        let field = format!("article.audience.teams[{index}]");
        violations.check(slug.is_some(), &field, "must be of the form `teams/{id}`");
        named.extend(slug.map(str::to_owned));
    }
    let products =
        given.products.iter().enumerate().map(|(index, name)| {
            product_id(name, &format!("article.products[{index}]"), violations)
        });
    let products = distinct(products.collect());
    let from = time(given.valid_from_time.as_ref(), ALWAYS, "article.valid_from_time", violations);
    let until =
        time(given.valid_until_time.as_ref(), NEVER, "article.valid_until_time", violations);
    Profile {
        kind: kind.unwrap_or(fresh.kind),
        audience: Audience { level: level.unwrap_or(fresh.audience.level), teams: distinct(named) },
        products,
        tags: distinct(given.tags.clone()),
        valid_from: from,
        valid_until: until,
    }
}

/// A time as given, or `absent`; one that cannot be told is a violation of `field`.
pub(crate) fn time(
    given: Option<&prost_types::Timestamp>,
    absent: Time,
    field: &str,
    violations: &mut Violations,
) -> Time {
    let Some(given) = given else { return absent };
    let time = wire::time(given);
    violations.check(time.is_some(), field, "is no time that can be told");
    time.unwrap_or(absent)
}

/// The same, each once, in the order given.
pub(crate) fn distinct(mut items: Vec<String>) -> Vec<String> {
    let mut seen = std::collections::HashSet::new();
    items.retain(|item| seen.insert(item.clone()));
    items
}

/// The words of a revision as given, checked; `field` is the path of the revision.
pub(crate) fn words(given: &pb::Revision, field: &str, violations: &mut Violations) -> Words {
    let words = Words {
        title: given.title.clone(),
        body: given.body.clone(),
        questions: distinct(given.similar_questions.clone()),
    };
    words.check(|part| format!("{field}.{part}"), violations);
    violations.text(&format!("{field}.note"), &given.note, 0, MAX_NOTE);
    words
}

/// What another system calls an article, if anything.
pub(crate) fn external_id(given: &str, violations: &mut Violations) -> Option<String> {
    violations.text("article.external_id", given, 0, MAX_EXTERNAL_ID);
    (!given.is_empty()).then(|| given.to_owned())
}

/// The language that is asked for, or the caller's; one that is none is a violation of `locale`.
pub(crate) fn locale(given: &str, call: &Call, violations: &mut Violations) -> String {
    if given.is_empty() {
        return call.locale().tag().to_owned();
    }
    tag(given, "locale", violations)
}

/// A language in its usual spelling; one that is none is a violation of `field`.
pub(crate) fn tag(given: &str, field: &str, violations: &mut Violations) -> String {
    let is_one = is_language_tag(given);
    let why = "must be a BCP 47 tag such as `zh` or `en`, of at most 35 characters";
    violations.check(is_one, field, why);
    if is_one { language::canonical(given) } else { String::new() }
}
