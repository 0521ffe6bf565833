//! What each RPC is asked, and what each reader must be shown: one entry for each RPC that shows
//! anything of an article.

use aftercare_e2e::library::{Book, Depth, For, Library, Meant, State};
use serde_json::{Value, json};

use super::Eye;

/// An RPC, and what it is asked.
pub(crate) struct Look {
    /// Its full name.
    pub(crate) method: &'static str,
    pub(crate) asks: for<'a> fn(&'a Eye<'_>) -> Vec<Ask<'a>>,
}

/// A request, and what its answer must be.
pub(crate) struct Ask<'a> {
    pub(crate) request: Value,
    pub(crate) expect: Expect<'a>,
    /// What else is wrong with the answer, all of its parts.
    pub(crate) check: Option<Check>,
}

/// What is wrong with all parts of an answer.
pub(crate) type Check = fn(&Eye<'_>, &[Value]) -> Vec<String>;

/// What an answer must be.
#[derive(Debug)]
pub(crate) enum Expect<'a> {
    /// It shows these.
    Shows(Meant<'a>),
    /// What is named so is missing, and cannot be told from what nobody has.
    Missing(String),
    /// It is refused for this reason.
    Refused(&'static str),
    /// It is answered, and need not show anything.
    Answered,
    /// A field of it is this.
    Says(&'static str, Value),
}

/// Something with a path that shows articles and is asked for without a descriptor.
pub(crate) struct Page {
    pub(crate) path: fn(&Library) -> String,
    /// The RPC that the same readers may call.
    pub(crate) like: &'static str,
    /// The books that it shows, and no others.
    pub(crate) shows: for<'a> fn(&Eye<'a>) -> Vec<&'a Book>,
    /// So much of each.
    pub(crate) depth: Depth,
}

/// Pages of every reader.
pub(crate) const PAGES: &[Page] = &[
    Page {
        path: |shelf| format!("/v1/articles:search?query={}&pageSize=50", shelf.word),
        like: "Search",
        shows: |eye| eye.shelf.found_by(&eye.reader),
        depth: Depth::Title,
    },
    Page {
        path: |shelf| format!("/v1/articles:suggest?prefix={}&pageSize=20", shelf.word),
        like: "Suggest",
        shows: |eye| eye.shelf.found_by(&eye.reader),
        // Of each article its title or a similar question.
        depth: Depth::Name,
    },
];

macro_rules! look {
    ($method:literal, $asks:expr) => {
        Look { method: concat!("aftercare.knowledge.v1.", $method), asks: $asks }
    };
}

/// All of them.
pub(crate) const ALL: &[Look] = &[
    look!("ArticleService.CreateArticle", create),
    look!("ArticleService.GetArticle", get),
    look!("ArticleService.BatchGetArticles", batch_get),
    look!("ArticleService.ListArticles", list),
    look!("ArticleService.UpdateArticle", update),
    look!("ArticleService.CreateRevision", revise),
    look!("ArticleService.GetRevision", get_revision),
    look!("ArticleService.ListRevisions", list_revisions),
    look!("ArticleService.PublishRevision", |eye| command(eye, |book| book.revision(1))),
    look!("ArticleService.ArchiveArticle", |eye| command(eye, |book| book.name.clone())),
    look!("ArticleService.RestoreArticle", |eye| command(eye, |book| book.name.clone())),
    look!("SearchService.Search", search),
    look!("SearchService.Suggest", suggest),
    look!("SearchService.SuggestForText", suggest_for_text),
    look!("SearchService.Explain", explain),
    look!("SearchService.ChooseResult", choose),
    look!("SearchService.ListSearches", list_searches),
    look!("FeedbackService.Vote", vote),
    look!("FeedbackService.ListVotes", |eye| votes(eye, "parent")),
    look!("FeedbackService.GetHelpfulness", |eye| votes(eye, "name")),
    look!("TransferService.ImportArticles", import),
    look!("TransferService.ExportArticles", export),
    Look { method: "aftercare.gateway.v1.WorkspaceService.GetTicketWorkspace", asks: workspace },
];

impl<'a> Ask<'a> {
    fn new(request: Value, expect: Expect<'a>) -> Self {
        Self { request, expect, check: None }
    }

    /// It shows these books and no others.
    fn shows(request: Value, depth: Depth, books: Vec<&'a Book>) -> Self {
        Self::new(request, Expect::Shows(Meant { depth, books, only: true }))
    }
}

/// An ask for each book, which is missing where its reader does not see it.
fn each<'a>(
    eye: &'a Eye<'_>,
    depth: Depth,
    request: impl Fn(&Book) -> Value,
    name: impl Fn(&Book) -> String,
) -> Vec<Ask<'a>> {
    let ask = |book: &'a Book| {
        let request = request(book);
        if eye.reader.sees(book) {
            Ask::shows(request, depth, vec![book])
        } else {
            Ask::new(request, Expect::Missing(name(book)))
        }
    };
    eye.shelf.books.iter().map(ask).collect()
}

fn get<'a>(eye: &'a Eye<'_>) -> Vec<Ask<'a>> {
    let mut asks = Vec::new();
    // What is nearest to a language that there is only a draft of, too.
    for locale in ["en", "zh", ""] {
        let request = |book: &Book| json!({ "name": book.name, "locale": locale });
        asks.extend(each(eye, Depth::Whole, request, |book| book.name.clone()));
    }
    asks
}

fn batch_get<'a>(eye: &'a Eye<'_>) -> Vec<Ask<'a>> {
    let one = |book: &Book| json!({ "names": [book.name] });
    let mut asks = each(eye, Depth::Whole, one, |book| book.name.clone());
    // One that is hidden hides those beside it, which anybody sees.
    let open = &eye.shelf.books[0];
    for book in &eye.shelf.books[1..] {
        let request = json!({ "names": [open.name, book.name] });
        asks.push(if eye.reader.sees(book) {
            Ask::shows(request, Depth::Whole, vec![open, book])
        } else {
            Ask::new(request, Expect::Missing(book.name.clone()))
        });
    }
    asks
}

fn list<'a>(eye: &'a Eye<'_>) -> Vec<Ask<'a>> {
    let (shelf, shown) = (eye.shelf, eye.shelf.seen_by(&eye.reader));
    let all = |request| Ask::shows(request, Depth::Listed, shown.clone());
    let mut asks = vec![
        all(json!({ "pageSize": 1000 })),
        all(json!({ "tag": shelf.tag, "pageSize": 3 })),
        all(json!({ "product": shelf.product })),
    ];
    for audience in For::ALL {
        let request = json!({ "kind": audience.kind(), "pageSize": 1000 });
        let books = shown.iter().copied().filter(|book| book.audience == audience).collect();
        asks.push(Ask::shows(request, Depth::Listed, books));
    }
    for book in &shelf.books {
        let one = |show: bool| if show { vec![book] } else { Vec::new() };
        let (sees, staff) = (eye.reader.sees(book), eye.reader.is_staff());
        asks.push(Ask::shows(json!({ "tag": book.tag }), Depth::Listed, one(sees)));
        let request = json!({ "externalId": book.external_id });
        asks.push(Ask::shows(request, Depth::Listed, one(sees && staff)));
    }
    asks
}

/// Writes that would change nothing: for who may write, each article is there.
fn of_writers<'a>(
    eye: &'a Eye<'_>,
    request: impl Fn(&Book) -> Value,
    reason: &'static str,
) -> Vec<Ask<'a>> {
    let books = eye.shelf.books.iter();
    books.map(|book| Ask::new(request(book), Expect::Refused(reason))).collect()
}

fn create<'a>(eye: &'a Eye<'_>) -> Vec<Ask<'a>> {
    let revision = json!({ "locale": "en", "title": "Another", "body": "Another" });
    let article =
        |book: &Book| json!({ "externalId": book.external_id, "revision": revision.clone() });
    of_writers(eye, |book| json!({ "article": article(book) }), "EXTERNAL_ID_TAKEN")
}

fn update<'a>(eye: &'a Eye<'_>) -> Vec<Ask<'a>> {
    let article = |book: &Book| json!({ "name": book.name, "etag": "none" });
    let request = |book: &Book| json!({ "article": article(book), "updateMask": "tags" });
    of_writers(eye, request, "STALE_ETAG")
}

fn revise<'a>(eye: &'a Eye<'_>) -> Vec<Ask<'a>> {
    let revision = json!({ "locale": "en", "title": "Another", "body": "Another" });
    let request = |book: &Book| json!({ "parent": book.name, "revision": revision.clone() });
    of_writers(eye, request, "REVISION_CONFLICT")
}

fn command<'a>(eye: &'a Eye<'_>, name: fn(&Book) -> String) -> Vec<Ask<'a>> {
    of_writers(eye, |book| json!({ "name": name(book), "etag": "none" }), "STALE_ETAG")
}

fn get_revision<'a>(eye: &'a Eye<'_>) -> Vec<Ask<'a>> {
    let first = |book: &Book| json!({ "name": book.revision(1) });
    let mut asks = each(eye, Depth::Revision, first, |book| book.revision(1));
    for book in &eye.shelf.books {
        for (number, _) in (2..).zip(&book.later) {
            let name = book.revision(number);
            let request = json!({ "name": name });
            asks.push(if eye.reader.writes() {
                Ask::new(request, Expect::Says("note", json!(book.later[number - 2])))
            } else {
                Ask::new(request, Expect::Missing(name))
            });
        }
    }
    asks
}

fn list_revisions<'a>(eye: &'a Eye<'_>) -> Vec<Ask<'a>> {
    let request = |book: &Book| json!({ "parent": book.name, "pageSize": 2 });
    each(eye, Depth::Revision, request, |book| book.name.clone())
}

fn search<'a>(eye: &'a Eye<'_>) -> Vec<Ask<'a>> {
    let Library { word, tag, product, .. } = eye.shelf;
    let mut asks = vec![
        found(eye, json!({ "query": word, "pageSize": 2 }), |_| true),
        found(eye, json!({ "query": word, "tags": [tag], "products": [product] }), |_| true),
    ];
    for level in For::LEVELS {
        let request = json!({ "query": word, "audience": level.level(), "pageSize": 50 });
        asks.push(found(eye, request, |book| book.audience.is_within(level)));
    }
    for audience in For::ALL {
        let request = json!({ "query": word, "kinds": [audience.kind()] });
        asks.push(found(eye, request, |book| book.audience == audience));
    }
    for book in &eye.shelf.books {
        for query in [&book.title, &book.body, &book.question, &book.tag] {
            asks.push(found(eye, json!({ "query": query }), |one| one.name == book.name));
        }
        for query in [&book.external_id, &book.note].into_iter().chain(&book.later) {
            asks.push(found(eye, json!({ "query": query }), |_| false));
        }
    }
    for ask in &mut asks {
        ask.check = Some(counts);
    }
    asks
}

/// A request that finds those of the books that this reader finds which are such.
fn found<'a>(eye: &'a Eye<'_>, request: Value, is: impl Fn(&Book) -> bool) -> Ask<'a> {
    let found = eye.shelf.found_by(&eye.reader).into_iter();
    Ask::shows(request, Depth::Title, found.filter(|book| is(book)).collect())
}

/// A search counts what it shows, on all pages, in all and by kind.
fn counts(eye: &Eye<'_>, pages: &[Value]) -> Vec<String> {
    let text: Vec<_> = pages.iter().map(|page| page["results"].to_string()).collect();
    let text = text.join("\n");
    let shown: Vec<_> = eye.shelf.books.iter().filter(|book| book.is_in(&text)).collect();
    let mut kinds: Vec<_> = shown.iter().map(|book| book.audience.kind()).collect();
    kinds.sort_unstable();
    let mut wrong = Vec::new();
    for page in pages {
        if page["totalSize"].as_u64().unwrap_or(0) != shown.len() as u64 {
            wrong.push(format!("counts {} and shows {}", page["totalSize"], shown.len()));
        }
        let counted = page["kinds"].as_array().map(Vec::as_slice).unwrap_or_default();
        let ones = counted.iter().all(|kind| kind["count"] == 1);
        let mut counted: Vec<_> = counted.iter().filter_map(|kind| kind["kind"].as_str()).collect();
        counted.sort_unstable();
        if counted != kinds || !ones {
            wrong.push(format!("counts the kinds {} and shows {kinds:?}", page["kinds"]));
        }
    }
    wrong
}

fn suggest<'a>(eye: &'a Eye<'_>) -> Vec<Ask<'a>> {
    let word = &eye.shelf.word;
    let asked = |prefix: &str| json!({ "prefix": prefix, "pageSize": 20 });
    let mut asks =
        vec![found(eye, asked(word), |_| true), found(eye, asked(&word[..20]), |_| true)];
    for level in For::LEVELS {
        let mut request = asked(word);
        request["audience"] = json!(level.level());
        asks.push(found(eye, request, |book| book.audience.is_within(level)));
    }
    for book in &eye.shelf.books {
        for word in [&book.title, &book.question] {
            asks.push(found(eye, asked(word), |one| one.name == book.name));
        }
        asks.extend(book.later.iter().map(|word| found(eye, asked(word), |_| false)));
    }
    for ask in &mut asks {
        // A suggestion is a title or a similar question.
        if let Expect::Shows(meant) = &mut ask.expect {
            meant.depth = Depth::Name;
        }
    }
    asks
}

fn suggest_for_text<'a>(eye: &'a Eye<'_>) -> Vec<Ask<'a>> {
    let Library { word, product, .. } = eye.shelf;
    let mut asks = Vec::new();
    // No word of it stands in articles of other tests: they would be suggested, too.
    for level in For::LEVELS {
        let request = json!({ "text": word, "audience": level.level(), "pageSize": 20 });
        asks.push(found(eye, request, |book| book.audience.is_within(level)));
    }
    let request = json!({ "text": word, "products": [product], "pageSize": 20 });
    asks.push(found(eye, request, |_| true));
    for book in &eye.shelf.books {
        let request = json!({ "text": format!("{} {}", book.title, book.body) });
        asks.push(found(eye, request, |one| one.name == book.name));
    }
    asks
}

/// Only for who may write: to them it says what hides an article from others.
fn explain<'a>(eye: &'a Eye<'_>) -> Vec<Ask<'a>> {
    let mut asks = Vec::new();
    for book in &eye.shelf.books {
        for level in For::LEVELS {
            let request =
                json!({ "name": book.name, "query": eye.shelf.word, "audience": level.level() });
            let beyond = !book.audience.is_within(level);
            let audience = beyond.then_some("HIDDEN_REASON_AUDIENCE");
            let state = match book.state {
                // In one language; what there is in the other is to come.
                State::Live => beyond.then_some("HIDDEN_REASON_NOT_YET"),
                State::Draft => Some("HIDDEN_REASON_NOT_PUBLISHED"),
                State::Scheduled | State::NotYetValid => Some("HIDDEN_REASON_NOT_YET"),
                State::Expired => Some("HIDDEN_REASON_EXPIRED"),
                State::Archived => Some("HIDDEN_REASON_ARCHIVED"),
            };
            // What has no entry in the index has no audience there either.
            let indexed = matches!(book.state, State::Live | State::Scheduled | State::NotYetValid);
            let hidden: Vec<_> = state.into_iter().chain(audience.filter(|_| indexed)).collect();
            let hidden = if hidden.is_empty() { Value::Null } else { json!(hidden) };
            asks.push(Ask::new(request, Expect::Says("hidden", hidden)));
        }
    }
    asks
}

/// What no search shows cannot be chosen, whoever may read it.
fn choose<'a>(eye: &'a Eye<'_>) -> Vec<Ask<'a>> {
    let mut asks = Vec::new();
    for book in &eye.shelf.books {
        for number in 1..=book.later.len() + 1 {
            let revision = book.revision(number);
            let request = json!({ "name": eye.search, "revision": revision });
            let found = eye.shelf.found_by(&eye.reader);
            let is_found = number == 1 && found.iter().any(|one| one.name == book.name);
            let expect = if is_found { Expect::Answered } else { Expect::Missing(revision) };
            asks.push(Ask::new(request, expect));
        }
    }
    asks
}

fn list_searches<'a>(eye: &'a Eye<'_>) -> Vec<Ask<'a>> {
    let books = eye.shelf.found_by(&eye.reader);
    let meant = Meant { depth: Depth::Name, books, only: false };
    let ask = Ask::new(json!({ "pageSize": 500 }), Expect::Shows(meant));
    vec![Ask { check: Some(logged_counts), ..ask }]
}

/// What was searched for here found no more than is shown of it.
fn logged_counts(eye: &Eye<'_>, pages: &[Value]) -> Vec<String> {
    let searches = pages.iter().filter_map(|page| page["searches"].as_array()).flatten();
    let ours = searches.filter(|search| search["query"] == eye.shelf.word.as_str());
    let mut wrong: Vec<_> = ours
        .clone()
        // Who writes is told what was found beyond the ten that are shown.
        .filter(|_| !eye.reader.writes())
        .filter(|search| {
            let shown = search["shown"].as_array().map_or(0, Vec::len) as u64;
            search["totalSize"].as_u64().unwrap_or(0) != shown
        })
        .map(|search| format!("counts what it does not show: {search}"))
        .collect();
    if ours.count() == 0 {
        wrong.push("lacks the search for all of them".to_owned());
    }
    wrong
}

/// One may vote on what one reads or has read within a day.
fn vote<'a>(eye: &'a Eye<'_>) -> Vec<Ask<'a>> {
    let mut asks = Vec::new();
    for book in &eye.shelf.books {
        let open = matches!(book.state, State::Live | State::Archived);
        for number in 1..=book.later.len() + 1 {
            let revision = book.revision(number);
            let request = json!({ "name": revision, "helpful": true });
            let may = open && number == 1 && eye.reader.is_meant_by(book.audience);
            let expect = if may { Expect::Answered } else { Expect::Missing(revision) };
            asks.push(Ask::new(request, expect));
        }
    }
    asks
}

fn votes<'a>(eye: &'a Eye<'_>, field: &str) -> Vec<Ask<'a>> {
    let ask = |book: &'a Book| {
        let request = json!({ field: book.name });
        match book.state {
            _ if !eye.reader.sees(book) => Ask::new(request, Expect::Missing(book.name.clone())),
            State::Live | State::Archived => Ask::shows(request, Depth::Name, vec![book]),
            // Nobody has voted on it.
            State::Draft | State::Scheduled | State::NotYetValid | State::Expired => {
                Ask::shows(request, Depth::Name, Vec::new())
            }
        }
    };
    eye.shelf.books.iter().map(ask).collect()
}

fn import<'a>(eye: &'a Eye<'_>) -> Vec<Ask<'a>> {
    let ask = |book: &'a Book| {
        let row = json!({ "title": "Another", "body": "Another", "external_id": book.external_id });
        let format = "TRANSFER_FORMAT_JSON_LINES";
        let request = json!({ "format": format, "content": row.to_string(), "validateOnly": true });
        Ask::shows(request, Depth::Name, vec![book])
    };
    eye.shelf.books.iter().map(ask).collect()
}

fn export<'a>(eye: &'a Eye<'_>) -> Vec<Ask<'a>> {
    let seen = eye.shelf.seen_by(&eye.reader);
    let mut asks = Vec::new();
    for format in ["MARKDOWN", "CSV", "JSON_LINES"] {
        let request = json!({ "format": format!("TRANSFER_FORMAT_{format}") });
        asks.push(Ask::shows(request, Depth::Row, seen.clone()));
    }
    for audience in For::ALL {
        let request = json!({ "format": "TRANSFER_FORMAT_JSON_LINES", "kind": audience.kind() });
        let books = seen.iter().copied().filter(|book| book.audience == audience).collect();
        asks.push(Ask::shows(request, Depth::Row, books));
    }
    asks
}

fn workspace<'a>(eye: &'a Eye<'_>) -> Vec<Ask<'a>> {
    let ask = |(audience, ticket): &(For, String)| {
        found(eye, json!({ "name": ticket }), |book| book.audience == *audience)
    };
    eye.tickets.iter().map(ask).collect()
}
