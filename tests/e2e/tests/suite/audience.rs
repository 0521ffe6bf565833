//! Every RPC that shows anything of an article, against every audience: nothing hidden leaks, nothing
//! that is not hidden is missing.
//!
//! A library holds an article for each audience in each state. Every reader asks every such RPC for
//! them ([`looks`]), and each answer is held against what that reader must see. Which RPCs these are
//! follows from the contracts, so that a new one fails the test until it is looked at.

mod looks;
mod visitor;

use std::collections::BTreeSet;

use aftercare_e2e::{
    Client, Desk, Outcome, Suite, Tenant,
    client::{json_of, json_of_refusal, method, reason},
    contract::{access, all_methods, data::reachable},
    each_backend, isolation,
    json::{Call, JsonClient},
    library::{For, Library, Meant, READS, Reader, State},
    scenario::internal::peer,
    until,
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use contracts::POOL;
use futures::{StreamExt as _, stream};
use prost_reflect::{DynamicMessage, MethodDescriptor};
use serde_json::{Value, json};
use tonic::{Code, Status};

use looks::{Ask, Expect, Look};

/// What knowledge's messages are in.
const KNOWLEDGE: &str = "aftercare.knowledge.v1";
/// How many readers look at once.
const SIDE_BY_SIDE: usize = 4;

/// A reader in front of the library.
pub(crate) struct Eye<'a> {
    reader: Reader,
    client: Client,
    shelf: &'a Library,
    /// A search of theirs; empty where they may not search.
    search: String,
    /// A ticket for each audience, with the words of all its articles.
    tickets: &'a [(For, String)],
}

/// The public RPCs that show something of an article: those of knowledge, and those whose answers hold
/// a message of it.
fn shows_articles(method: &MethodDescriptor) -> bool {
    let of_knowledge = method.parent_service().package_name() == KNOWLEDGE;
    let output = method.output();
    let shows = || {
        let parts = reachable(&POOL, [output.full_name()]);
        parts.iter().any(|part| part.package_name() == KNOWLEDGE)
    };
    access(method).is_some_and(|(_, internal)| !internal) && (of_knowledge || shows())
}

/// They are those that are looked at, each once.
#[test]
fn every_rpc_that_shows_articles_is_looked_at() {
    let shows = all_methods(&POOL).into_iter().filter(shows_articles);
    let shows: BTreeSet<String> = shows.map(|method| method.full_name().to_owned()).collect();
    let looked: BTreeSet<String> = looks::ALL.iter().map(|look| look.method.to_owned()).collect();
    let missing: Vec<_> = shows.difference(&looked).collect();
    assert!(
        missing.is_empty(),
        "{missing:#?} show articles, and nothing holds them against each audience: add an entry to \
         `ALL` in audience/looks.rs that says what to ask them and what each reader must see"
    );
    let gone: Vec<_> = looked.difference(&shows).collect();
    assert!(gone.is_empty(), "no such RPC shows articles: {gone:#?}");
    assert_eq!(looked.len(), looks::ALL.len(), "an RPC is looked at once");
    for known in ["SearchService.Suggest", "WorkspaceService.GetTicketWorkspace"] {
        assert!(shows.iter().any(|method| method.ends_with(known)), "{known} is not derived");
    }
}

#[tokio::test]
async fn every_reader_sees_what_is_for_them_and_nothing_else() {
    each_backend(async |suite| {
        let desk = Desk::new(suite, Tenant::North);
        let shelf = Library::stock(&desk).await;
        let tickets = Box::pin(prepare(&desk, &shelf)).await;
        let mut eyes = Vec::new();
        for reader in Reader::all() {
            eyes.push(Eye::open(suite, &desk, reader, &shelf, &tickets).await);
        }
        let tokens = tokens(desk.system(), &shelf).await;
        let found = stream::iter(&eyes).map(|eye| eye.everything(suite, &tokens));
        let mut found: Vec<_> = found.buffer_unordered(SIDE_BY_SIDE).concat().await;
        found.extend(visitor::everything(suite, &shelf).await);
        let more = found.len().saturating_sub(40);
        let first: Vec<_> = found.iter().take(40).map(String::as_str).collect();
        assert!(found.is_empty(), "\n{}\nand {more} more\n", first.join("\n"));
        feed_holds_no_words(suite, &shelf).await;
        feed_is_not_for(suite, &eyes).await;
    })
    .await;
}

/// Lets the library be found, voted on and searched for, and records the tickets.
async fn prepare(desk: &Desk<'_>, shelf: &Library) -> Vec<(For, String)> {
    let system = desk.system();
    let search = json!({ "query": shelf.word, "pageSize": 50 });
    until("all that is live is found", async || {
        let found = system.call("Search", search.clone()).await;
        (found["totalSize"] == For::ALL.len()).then_some(())
    })
    .await;
    for book in &shelf.books {
        if matches!(book.state, State::Live | State::Archived) {
            let vote = json!({ "name": book.revision(1), "helpful": true, "comment": "good" });
            system.call("Vote", vote).await;
        }
    }
    until("the search is logged", async || {
        let listed = system.call("ListSearches", json!({ "pageSize": 1000 })).await;
        let is_ours = |search: &&Value| search["query"] == shelf.word.as_str();
        let mut ours = listed["searches"].as_array()?.iter().filter(is_ours);
        ours.any(|search| search["totalSize"] == For::ALL.len()).then_some(())
    })
    .await;
    let mut tickets = Vec::new();
    for audience in For::ALL {
        let of = shelf.books.iter().filter(|book| book.audience == audience);
        // What has two of a text's words may answer it.
        let what: Vec<_> = of.flat_map(|book| [book.title.as_str(), &book.body]).collect();
        let ticket = json!({ "ticket": {
            "kind": "KIND_INQUIRY", "channel": "CHANNEL_EMAIL", "title": what[0],
            "facts": { "what": what.join(" ") },
        }});
        let made = desk.agent().call("CreateTicket", ticket).await;
        tickets.push((audience, aftercare_e2e::desk::name(&made)));
    }
    tickets
}

/// Where the second page starts of what a reader of everything is shown.
async fn tokens(system: &Client, shelf: &Library) -> Vec<(&'static str, Value)> {
    let mut tokens = Vec::new();
    for (method, mut request) in [
        ("ListArticles", json!({ "tag": shelf.tag, "pageSize": 2 })),
        ("Search", json!({ "query": shelf.word, "pageSize": 2 })),
    ] {
        let page = system.call(method, request.clone()).await;
        assert!(page["nextPageToken"].is_string(), "{method} has another page: {page:#}");
        request["pageToken"] = page["nextPageToken"].clone();
        tokens.push((method, request));
    }
    tokens
}

impl<'a> Eye<'a> {
    async fn open(
        suite: &Suite,
        desk: &Desk<'_>,
        reader: Reader,
        shelf: &'a Library,
        tickets: &'a [(For, String)],
    ) -> Self {
        let client = match reader.scopes {
            None => desk.caller(reader.role).await,
            Some(scopes) => {
                let request = json!({ "apiKey": { "title": "Reads", "scopes": scopes } });
                let key = suite.member(Tenant::North, "grace").call("CreateApiKey", request).await;
                let secret = key["secret"].as_str().expect("a key has a secret");
                suite.anonymous().with("authorization", format!("Bearer {secret}"))
            }
        };
        let mut eye = Self { reader, client, shelf, search: String::new(), tickets };
        if eye.may("Search") {
            let found = eye.client.call("Search", json!({ "query": shelf.word })).await;
            found["search"].as_str().unwrap().clone_into(&mut eye.search);
        }
        eye
    }

    /// Whether they may call a method at all.
    fn may(&self, name: &str) -> bool {
        let (permission, _) = access(method(name)).expect("a method has a permission");
        let scoped = self.reader.scopes.is_none_or(|scopes| scopes.contains(&permission.as_str()));
        scoped && isolation::roles_with(name).contains(&self.reader.role)
    }

    /// Looks everywhere, and tells what is wrong there.
    async fn everything(&self, suite: &Suite, tokens: &[(&str, Value)]) -> Vec<String> {
        let mut found = Vec::new();
        for look in looks::ALL {
            self.look(look, &mut found).await;
        }
        for (name, request) in tokens {
            if self.may(name) {
                let answer = fetch(&self.client, name, request).await;
                let (text, _) = told(name, answer.as_deref().unwrap_or_default());
                self.note(name, &request.to_string(), &text, None, &mut found);
                if let Err(status) = answer {
                    found.push(format!(
                        "{}: {name} goes on for nobody: {status:?}",
                        self.reader.who
                    ));
                }
            }
        }
        let http = self.client.headers().fold(
            JsonClient::new(format!("http://{}", suite.at("knowledge").public)),
            |http, (name, value)| http.with(name, value),
        );
        let fetch = async |path: &str| {
            let call = Call { verb: "GET".to_owned(), target: path.to_owned(), body: None };
            http.exchange(&call, "application/json").await.body.to_string()
        };
        self.pages(looks::PAGES, fetch, &mut found).await;
        found
    }

    /// Asks all that a look asks.
    async fn look(&self, look: &Look, found: &mut Vec<String>) {
        let asks = (look.asks)(self);
        if !self.may(look.method) {
            // Before anything is looked up: one request tells as much as all.
            let Some(ask) = asks.first() else { return };
            let outcome = self.client.send(look.method, &ask.request).await;
            let code = outcome.refusal().map(Status::code);
            if code != Some(Code::PermissionDenied) {
                found.push(format!("{}: {} says {code:?}", self.reader.who, look.method));
            }
            let text = outcome.json().unwrap_or_else(|refusal| refusal).to_string();
            return self.note(look.method, &ask.request.to_string(), &text, None, found);
        }
        for ask in &asks {
            self.ask(look.method, ask, found).await;
        }
    }

    async fn ask(&self, name: &str, ask: &Ask<'_>, found: &mut Vec<String>) {
        let asked = ask.request.to_string();
        let answer = fetch(&self.client, name, &ask.request).await;
        let (text, first) = match &answer {
            Ok(parts) => told(name, parts),
            Err(status) => (json_of_refusal(status).to_string(), Value::Null),
        };
        let meant = match &ask.expect {
            Expect::Shows(meant) => Some(meant),
            Expect::Missing(_) | Expect::Refused(_) | Expect::Answered | Expect::Says(..) => None,
        };
        self.note(name, &asked, &text, meant, found);
        let mut wrong: Vec<_> = self.unlike(name, ask, &answer, &first).await.into_iter().collect();
        if let (Some(check), Ok(parts)) = (ask.check, &answer) {
            wrong.extend(check(self, parts));
        }
        let who = &self.reader.who;
        found.extend(wrong.into_iter().map(|what| format!("{who}: {name} {what}: asked {asked}")));
    }

    /// In what an answer is not the one that is expected.
    async fn unlike(
        &self,
        name: &str,
        ask: &Ask<'_>,
        answer: &Result<Vec<Value>, Status>,
        first: &Value,
    ) -> Option<String> {
        match (&ask.expect, answer) {
            (Expect::Shows(_) | Expect::Answered, Ok(_)) => None,
            (Expect::Says(field, wanted), Ok(_)) => (first[*field] != *wanted)
                .then(|| format!("says {} of `{field}`, not {wanted}", first[*field])),
            (Expect::Refused(why), Err(status)) if reason(status).1 == *why => None,
            (Expect::Missing(hidden), Err(status)) if status.code() == Code::NotFound => {
                let same = self.is_like_missing(name, ask, hidden, status).await;
                (!same).then(|| "can be told from what is missing".to_owned())
            }
            (expect, answer) => Some(format!("was told {answer:?}, not {expect:?}")),
        }
    }

    /// Whether a refusal is, byte by byte, the one for a name that nobody has, the name apart.
    async fn is_like_missing(
        &self,
        name: &str,
        ask: &Ask<'_>,
        hidden: &str,
        status: &Status,
    ) -> bool {
        let hidden = [hidden.to_owned()];
        let nobodys = [isolation::nobodys(&hidden[0])];
        let gone = self.client.send(name, &isolation::instead(&ask.request, &hidden)).await;
        let there = Outcome::Refused(Box::new(status.clone())).bytes();
        isolation::blank(there, &hidden) == isolation::blank(gone.bytes(), &nobodys)
    }

    /// Judges a text that this reader was shown.
    fn note(
        &self,
        what: &str,
        asked: &str,
        text: &str,
        meant: Option<&Meant<'_>>,
        found: &mut Vec<String>,
    ) {
        let wrong = self.shelf.wrong_in(&self.reader, asked, text, meant);
        let who = &self.reader.who;
        found
            .extend(wrong.into_iter().map(|wrong| format!("{who}: {what} {wrong}: asked {asked}")));
    }

    /// Judges pages, fetched as this reader: whatever text has a path and shows articles. Pages that
    /// are no RPC belong here, with a way to fetch them.
    async fn pages(
        &self,
        pages: &[looks::Page],
        fetch: impl AsyncFn(&str) -> String,
        found: &mut Vec<String>,
    ) {
        for page in pages {
            let path = (page.path)(self.shelf);
            let text = fetch(&path).await;
            let books = if self.may(page.like) { (page.shows)(self) } else { Vec::new() };
            let meant = Meant { depth: page.depth, books, only: true };
            self.note(&path, &path, &text, Some(&meant), found);
        }
    }
}

/// All that a method answers: every message of a stream, every page of a list.
async fn fetch(client: &Client, name: &str, request: &Value) -> Result<Vec<Value>, Status> {
    let mut parts = Vec::new();
    if method(name).is_server_streaming() {
        let mut stream = client.open(name, request).await?;
        while let Some(message) = stream.message().await? {
            parts.push(json_of(&message));
        }
        return Ok(parts);
    }
    let mut request = request.clone();
    loop {
        let page = match client.send(name, &request).await {
            Outcome::Answer(answer) => json_of(&answer),
            Outcome::Refused(status) => return Err(*status),
        };
        let next = page["nextPageToken"].clone();
        parts.push(page);
        if !next.is_string() {
            return Ok(parts);
        }
        request["pageToken"] = next;
    }
}

/// What an answer tells, without what only repeats somebody's own words: the queries of a log, and the
/// ticket of a workspace. The text, and the first message.
fn told(name: &str, parts: &[Value]) -> (String, Value) {
    let mut parts = parts.to_vec();
    for part in &mut parts {
        if name.ends_with("GetTicketWorkspace") {
            *part = json!({ "suggestedArticles": part["suggestedArticles"] });
        }
        if let Some(searches) = part.get_mut("searches").and_then(Value::as_array_mut) {
            for search in searches {
                search["query"] = Value::Null;
            }
        }
    }
    let text: Vec<_> = parts.iter().map(Value::to_string).collect();
    (text.join("\n"), parts.into_iter().next().unwrap_or_default())
}

/// The events of these articles are there, and hold none of their words.
async fn feed_holds_no_words(suite: &Suite, shelf: &Library) {
    let peer = peer(suite);
    let heads = peer.call("Heads", json!({ "source": "knowledge" })).await;
    let mut seen = BTreeSet::new();
    for partition in 0..heads["heads"].as_array().map_or(0, Vec::len) {
        let mut after = json!("0");
        loop {
            let request = json!({ "source": "knowledge", "partition": partition, "after": after });
            let page = peer.call("Read", request).await;
            let Some(events) = page["events"].as_array() else { break };
            for event in events {
                seen.extend(event["aggregate"].as_str().map(str::to_owned));
                holds_no_words(event, shelf);
            }
            after.clone_from(&events[events.len() - 1]["position"]);
        }
    }
    for book in &shelf.books {
        assert!(
            seen.contains(book.name.trim_start_matches("articles/")),
            "{} has events",
            book.name
        );
    }
}

fn holds_no_words(event: &Value, shelf: &Library) {
    let payload = event["payload"].as_str().map(|text| BASE64_STANDARD.decode(text));
    let payload = payload.transpose().expect("bytes are base64").unwrap_or_default();
    let message = POOL.get_message_by_name("aftercare.knowledge.v1.KnowledgeEvent");
    let change = DynamicMessage::decode(message.expect("knowledge has events"), payload.as_slice());
    let change = json_of(&change.expect("the payload is one")).to_string();
    let all = [event.to_string(), String::from_utf8_lossy(&payload).into_owned(), change];
    for book in &shelf.books {
        let words = [&book.title, &book.body, &book.question, &book.tag, &book.external_id];
        for word in words.into_iter().chain([&book.note]).chain(&book.later) {
            assert!(all.iter().all(|text| !text.contains(word)), "{word} is in {event:#}");
        }
    }
}

/// Nobody outside reads the feed.
async fn feed_is_not_for(suite: &Suite, eyes: &[Eye<'_>]) {
    let request = json!({ "source": "knowledge", "limit": 1 });
    let peer = peer(suite);
    peer.call("Read", request.clone()).await;
    for eye in eyes {
        let status = eye.client.refused("Read", request.clone()).await;
        assert_eq!(status.code(), Code::Unimplemented, "{}", eye.reader.who);
        // On the port of the other processes their credentials are none.
        let inside = Client::to(&aftercare_e2e::suite::channel(suite.at("knowledge").peer));
        let inside =
            eye.client.headers().fold(inside, |client, (name, value)| client.with(name, value));
        let status = inside.refused("Read", request.clone()).await;
        assert_eq!(status.code(), Code::Unauthenticated, "{}", eye.reader.who);
    }
    assert!(eyes.iter().any(|eye| eye.reader.scopes == Some(&READS)));
}
