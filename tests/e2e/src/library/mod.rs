//! Articles for every audience and in every state, each of words that stand nowhere else, and what
//! each reader must see of them: told by tables of their own, not by the service's code.
//!
//! A text is judged by [`Library::wrong_in`]: it may hold no word, and no name, of what is hidden from
//! its reader, and must hold what it is meant to show. Any text will do: an answer as JSON, a line of
//! an export, a page.

mod reader;

use serde_json::{Value, json};

use crate::{
    Desk,
    desk::{name, new_id},
};

pub use reader::{For, READS, Reader, Sight};

/// Where an article stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It is published; two more revisions of it are not.
    Live,
    /// It is only written.
    Draft,
    /// It is published from a later day on.
    Scheduled,
    /// It is published and becomes valid on a later day.
    NotYetValid,
    /// It was valid some years ago.
    Expired,
    /// It was published and archived.
    Archived,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Live,
        Self::Draft,
        Self::Scheduled,
        Self::NotYetValid,
        Self::Expired,
        Self::Archived,
    ];
}

/// How much of an article a text is meant to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Its name.
    Name,
    /// Its name and title.
    Title,
    /// Its name, title and body.
    Page,
    /// The article without its words: tags, and for staff what it is called elsewhere.
    Listed,
    /// One revision: its words; for who writes, the note too.
    Revision,
    /// The article with its words.
    Whole,
    /// What another system would read: all words, and what it is called elsewhere, but no name.
    Row,
}

/// What a text is meant to show.
#[derive(Clone, Debug)]
pub struct Meant<'a> {
    /// So much of each book.
    pub depth: Depth,
    /// The books.
    pub books: Vec<&'a Book>,
    /// Whether it is to show no other.
    pub only: bool,
}

/// An article of the library.
#[derive(Clone, Debug)]
pub struct Book {
    /// Whom it is for.
    pub audience: For,
    /// Where it stands.
    pub state: State,
    /// `articles/{id}`.
    pub name: String,
    /// A word of its title.
    pub title: String,
    /// A word of its body.
    pub body: String,
    /// A word of its similar question.
    pub question: String,
    /// Its tag.
    pub tag: String,
    /// What another system calls it.
    pub external_id: String,
    /// A word of its revision's note.
    pub note: String,
    /// Of a live one: a word of the title of its draft, and of what is to come.
    pub later: Vec<String>,
}

impl Book {
    /// A revision of it, `articles/{article}/revisions/{number}`.
    pub fn revision(&self, number: usize) -> String {
        format!("{}/revisions/{number}", self.name)
    }

    fn id(&self) -> &str {
        self.name.trim_start_matches("articles/")
    }

    /// Whether a text tells of it.
    pub fn is_in(&self, text: &str) -> bool {
        text.contains(self.id())
    }

    /// What nobody with this sight of it may ever see.
    fn secrets(&self, sight: Sight) -> Vec<String> {
        let words = [self.id(), &self.title, &self.body, &self.question, &self.tag];
        let mut secrets = Vec::new();
        if sight < Sight::Words {
            secrets.extend(words.map(str::to_owned));
        }
        if sight < Sight::Staff {
            secrets.push(self.external_id.clone());
        }
        if sight < Sight::All {
            secrets.push(self.note.clone());
            secrets.extend(self.later.iter().cloned());
            secrets.extend((2..).zip(&self.later).map(|(number, _)| self.revision(number)));
        }
        secrets
    }

    /// What a text of this depth must hold for who sees so much.
    fn shown(&self, depth: Depth, sight: Sight) -> Vec<&str> {
        let (id, staff) = (self.id(), sight >= Sight::Staff);
        let mut shown = match depth {
            Depth::Name => vec![id],
            Depth::Title => vec![id, &self.title],
            Depth::Page => vec![id, &self.title, &self.body],
            Depth::Listed => vec![id, &self.tag],
            Depth::Revision => vec![id, &self.title, &self.body, &self.question],
            Depth::Whole => vec![id, &self.title, &self.body, &self.question, &self.tag],
            Depth::Row => vec![&self.title[..], &self.body, &self.question, &self.tag],
        };
        if staff && matches!(depth, Depth::Listed | Depth::Whole | Depth::Row) {
            shown.push(&self.external_id);
        }
        if sight == Sight::All && matches!(depth, Depth::Revision | Depth::Whole) {
            shown.push(&self.note);
        }
        shown
    }
}

/// The articles, of one tenant.
#[derive(Debug)]
pub struct Library {
    /// A word of each of their titles, bodies and similar questions.
    pub word: String,
    /// A tag that each of them has.
    pub tag: String,
    /// The product that each of them is about, `products/{id}`.
    pub product: String,
    /// One for each audience and state.
    pub books: Vec<Book>,
}

impl Library {
    /// Writes them.
    pub async fn stock(desk: &Desk<'_>) -> Self {
        let product = format!("products/{}", word());
        let mut library = Self { word: word(), tag: word(), product, books: Vec::new() };
        for audience in For::ALL {
            for state in State::ALL {
                let book = library.write(desk, audience, state).await;
                library.books.push(book);
            }
        }
        library
    }

    /// The books that this reader sees.
    pub fn seen_by(&self, reader: &Reader) -> Vec<&Book> {
        self.books.iter().filter(|book| reader.sees(book)).collect()
    }

    /// Those of them that a search finds.
    pub fn found_by(&self, reader: &Reader) -> Vec<&Book> {
        let found = |book: &&Book| book.state == State::Live && reader.is_meant_by(book.audience);
        self.books.iter().filter(found).collect()
    }

    /// What a reader sees in a text who asked for `asked`, and may not; and what of these books they do
    /// not see in it, and must.
    pub fn wrong_in(
        &self,
        reader: &Reader,
        asked: &str,
        text: &str,
        meant: Option<&Meant<'_>>,
    ) -> Vec<String> {
        let mut wrong = Vec::new();
        for book in &self.books {
            let sight = reader.sight(book);
            let mut tell = |what: String| {
                wrong.push(format!("{what}, of {:?} for {:?}", book.state, book.audience));
            };
            for secret in book.secrets(sight) {
                if text.contains(&secret) && !asked.contains(&secret) {
                    tell(format!("holds `{secret}`"));
                }
            }
            let Some(meant) = meant else { continue };
            if meant.books.iter().any(|one| one.name == book.name) {
                for part in book.shown(meant.depth, sight) {
                    if !text.contains(part) {
                        tell(format!("lacks `{part}`"));
                    }
                }
            } else if meant.only && (book.is_in(text) || text.contains(&book.title)) {
                tell("shows what it is not meant to".to_owned());
            }
        }
        wrong.extend(fields_of_others(reader, text));
        wrong
    }

    async fn write(&self, desk: &Desk<'_>, audience: For, state: State) -> Book {
        let mut book = Book {
            audience,
            state,
            name: String::new(),
            title: word(),
            body: word(),
            question: word(),
            tag: word(),
            external_id: word(),
            note: word(),
            later: Vec::new(),
        };
        let article = json!({ "article": self.article(&book) });
        let written = desk.system().call("CreateArticle", article).await;
        book.name = name(&written);
        if state == State::Draft {
            return book;
        }
        let mut publish = json!({ "name": book.revision(1) });
        if state == State::Scheduled {
            publish["publishTime"] = json!(LATER);
        }
        desk.system().call("PublishRevision", publish).await;
        match state {
            State::Archived => {
                desk.system().call("ArchiveArticle", json!({ "name": book.name })).await;
            }
            State::Live => self.go_on(desk, &mut book).await,
            State::Draft | State::Scheduled | State::NotYetValid | State::Expired => {}
        }
        book
    }

    /// An article as it is recorded.
    fn article(&self, book: &Book) -> Value {
        let mut article = json!({
            "kind": book.audience.kind(),
            "audience": { "level": book.audience.level(), "teams": book.audience.teams() },
            "products": [self.product],
            "tags": [self.tag, book.tag],
            "externalId": book.external_id,
            "revision": self.revision("en", [&book.title, &book.body, &book.question, &book.note]),
        });
        match book.state {
            State::NotYetValid => article["validFromTime"] = json!(LATER),
            State::Expired => {
                article["validFromTime"] = json!("2020-01-01T00:00:00Z");
                article["validUntilTime"] = json!("2021-01-01T00:00:00Z");
            }
            State::Live | State::Draft | State::Scheduled | State::Archived => {}
        }
        article
    }

    fn revision(&self, locale: &str, [title, body, question, note]: [&String; 4]) -> Value {
        json!({
            "locale": locale,
            "title": format!("{} {title}", self.word),
            "body": format!("{} {body}", self.word),
            "similarQuestions": [format!("{} {question}", self.word)],
            "note": note,
        })
    }

    /// Writes the draft of a live book, and what is to come in another language.
    async fn go_on(&self, desk: &Desk<'_>, book: &mut Book) {
        for locale in ["en", "zh"] {
            let later = word();
            let mut revision = self.revision(locale, [&later, &later, &later, &later]);
            if locale == "en" {
                revision["baseRevision"] = json!(book.revision(1));
            }
            let request = json!({ "parent": book.name, "revision": revision });
            let made = desk.system().call("CreateRevision", request).await;
            if locale == "zh" {
                let publish = json!({ "name": made["name"], "publishTime": LATER });
                desk.system().call("PublishRevision", publish).await;
            }
            book.later.push(later);
        }
    }
}

/// A day that no test comes to.
const LATER: &str = "2199-01-01T00:00:00Z";

/// Fields of the contracts that are not for this reader, wherever they stand.
fn fields_of_others(reader: &Reader, text: &str) -> Vec<String> {
    const STAFFS: [&str; 3] = ["audience\":{", "externalId\":", "author\":"];
    const WRITERS: [&str; 4] = ["note\":", "baseRevision\":", "latestRevision\":", "upcoming\":"];
    let staffs = STAFFS.iter().filter(|_| !reader.is_staff());
    let all = staffs.chain(WRITERS.iter().filter(|_| !reader.writes()));
    all.filter(|field| text.contains(&format!("\"{field}")))
        .map(|field| format!("holds the field `{}`", field.split('"').next().unwrap_or(field)))
        .collect()
}

/// A word that stands nowhere else: of letters alone, so that it is one word to a search as well.
fn word() -> String {
    let digits = new_id().simple().to_string();
    let letter = |digit: char| {
        let number = u8::try_from(digit.to_digit(16).unwrap_or_default()).unwrap_or_default();
        char::from(b'a' + number)
    };
    format!("zz{}", digits.chars().map(letter).collect::<String>())
}

#[cfg(test)]
mod tests {
    use kernel::Role;

    use super::*;

    fn library() -> Library {
        let book = |audience, state, n: char| {
            let of = |part: &str| format!("{part}{n}");
            Book {
                audience,
                state,
                name: format!("articles/id{n}"),
                title: of("title"),
                body: of("body"),
                question: of("question"),
                tag: of("tag"),
                external_id: of("external"),
                note: of("note"),
                later: vec![of("draft")],
            }
        };
        let books = vec![
            book(For::Public, State::Live, '1'),
            book(For::Agents, State::Live, '2'),
            book(For::Public, State::Draft, '3'),
        ];
        Library { word: String::new(), tag: String::new(), product: String::new(), books }
    }

    #[test]
    fn what_is_hidden_is_found_in_a_text_unless_it_was_asked_for() {
        let library = library();
        let wrong = |role, asked: &str, text: &str| {
            library.wrong_in(&Reader::of(role), asked, text, None).len()
        };
        let customer = Role::Customer;
        assert_eq!(wrong(customer, "", "id1 title1 body1 question1 tag1"), 0);
        for text in ["external1", "draft1", "note1", "title2", "tag2", "id3", "body3"] {
            assert_eq!(wrong(customer, "", text), 1, "{text}");
            assert_eq!(wrong(customer, text, text), 0, "{text}");
        }
        assert_eq!(wrong(customer, "articles/id1/revisions/1", "articles/id1/revisions/2"), 1);
        assert_eq!(wrong(customer, "", r#"{"externalId":"elsewhere"}"#), 1);
        assert_eq!(wrong(Role::Agent, "", "external1 title2 external2"), 0);
        assert_eq!(wrong(Role::Agent, "", r#"{"latestRevision":"elsewhere"}"#), 1);
        assert_eq!(wrong(Role::Editor, "", "note1 draft1 title2 title3 note3"), 0);
    }

    #[test]
    fn what_is_missing_or_too_much_is_found() {
        let library = library();
        let wrong = |only, text: &str| {
            let books = vec![&library.books[0]];
            let meant = Meant { depth: Depth::Title, books, only };
            library.wrong_in(&Reader::of(Role::Agent), "", text, Some(&meant))
        };
        assert_eq!(wrong(true, "id1 title1"), [""; 0]);
        assert_eq!(wrong(true, "id1"), ["lacks `title1`, of Live for Public"]);
        assert_eq!(wrong(true, "id1 title1 id2").len(), 1);
        assert_eq!(wrong(false, "id1 title1 id2").len(), 0);
    }
}
