//! Writers of articles, each with articles of its own, and what must be there of them: what was
//! acknowledged, and of a write without an answer all or nothing.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use contracts::knowledge::v1::{
    self as pb, ArticleState, article_service_client::ArticleServiceClient,
    search_service_client::SearchServiceClient,
};
use tokio::task::JoinSet;
use tonic::Status;

use crate::{
    dice::Dice,
    door::{Door, SYSTEM},
    record::Failure,
};

/// How many writers there are.
const WRITERS: usize = 3;
/// How many articles each writes at most.
const ARTICLES: usize = 8;

/// What is known of an article.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// What its writer calls it: it is found by this where the answer to its recording was lost.
    pub external_id: String,
    /// Its name; empty while it is not recorded.
    pub name: String,
    /// A word of each revision, that stands nowhere else.
    pub words: Vec<String>,
    /// The number of the revision that is published; 0 where none is.
    pub live: usize,
    /// Whether it is archived.
    pub archived: bool,
    /// Its tag.
    pub tag: String,
}

impl Known {
    /// One that is not there yet.
    fn new(external_id: String) -> Self {
        Self {
            external_id,
            name: String::new(),
            words: Vec::new(),
            live: 0,
            archived: false,
            tag: String::new(),
        }
    }

    /// What a search for a word of it finds: its name, the revision and the title.
    pub fn found_by(&self, word: &str) -> Option<Hit> {
        let live = self.live.checked_sub(1).map(|index| &self.words[index])?;
        (live == word && !self.archived).then(|| Hit {
            article: self.name.clone(),
            revision: self.revision(self.live),
            title: title(word),
        })
    }

    /// How many documents an index holds of it: its revision and the similar question.
    pub fn documents(&self) -> usize {
        if self.live > 0 && !self.archived { 2 } else { 0 }
    }

    fn revision(&self, number: usize) -> String {
        format!("{}/revisions/{number}", self.name)
    }
}

/// What a search finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// The article.
    pub article: String,
    /// Its revision.
    pub revision: String,
    /// The title.
    pub title: String,
}

/// A write, as it is sent and sent again.
#[derive(Clone, Debug)]
enum Ask {
    Create(Box<pb::CreateArticleRequest>),
    Revise(Box<pb::CreateRevisionRequest>),
    Publish(pb::PublishRevisionRequest),
    Archive(pb::ArchiveArticleRequest),
    Restore(pb::RestoreArticleRequest),
    Update(Box<pb::UpdateArticleRequest>),
}

/// An article in a writer's hands.
#[derive(Clone, Debug)]
pub struct Piece {
    /// As it was when its last write was answered.
    pub known: Known,
    /// A write that was not answered, and what it makes of the article.
    pending: Option<(Ask, Known)>,
}

impl Piece {
    /// Whether a write of it was not answered.
    pub fn is_open(&self) -> bool {
        self.pending.is_some()
    }

    /// All words of it that there may be.
    pub fn words(&self) -> Vec<String> {
        self.pending.as_ref().map_or(&self.known, |(_, after)| after).words.clone()
    }

    /// What is wrong with what was found of it, none where it is as it must be: as it was, or as its
    /// last write makes it. Names are given when something is recorded.
    pub fn wrong(&self, found: &Known) -> Option<String> {
        let is = |known: &Known| {
            let named = Known { name: found.name.clone(), ..known.clone() };
            named == *found && (known.name.is_empty() || known.name == found.name)
        };
        let after = self.pending.as_ref().map(|(_, after)| after);
        let right = is(&self.known) || after.is_some_and(is);
        (!right).then(|| format!("{found:#?} is neither {:#?} nor {after:#?}", self.known))
    }

    /// Sends the write that was not answered, perhaps once more: then it is done, and done once.
    pub async fn ask(&mut self, door: &Door) -> Result<(), Failure> {
        let Some((ask, after)) = self.pending.clone() else { return Ok(()) };
        self.known = ask.send(door, after).await?;
        self.pending = None;
        Ok(())
    }
}

impl Ask {
    /// Sends it once; the article as it is then, with its name.
    async fn send(&self, door: &Door, after: Known) -> Result<Known, Failure> {
        let mut articles = ArticleServiceClient::new(door.tickets.clone());
        let name = match self.clone() {
            Self::Create(ask) => articles.create_article(door.request(SYSTEM, *ask)).await?,
            Self::Publish(ask) => articles.publish_revision(door.request(SYSTEM, ask)).await?,
            Self::Archive(ask) => articles.archive_article(door.request(SYSTEM, ask)).await?,
            Self::Restore(ask) => articles.restore_article(door.request(SYSTEM, ask)).await?,
            Self::Update(ask) => articles.update_article(door.request(SYSTEM, *ask)).await?,
            Self::Revise(ask) => {
                articles.create_revision(door.request(SYSTEM, *ask)).await?;
                return Ok(after);
            }
        };
        Ok(Known { name: name.into_inner().name, ..after })
    }
}

/// Writers at work.
#[derive(Debug)]
pub struct Writers {
    tasks: JoinSet<Vec<Piece>>,
    over: Arc<AtomicBool>,
    /// How many writes were answered.
    pub answered: Arc<AtomicUsize>,
}

impl Writers {
    /// Sets them to work on these articles and new ones, until something is not answered.
    pub fn start(door: &Door, pieces: Vec<Piece>, dice: &mut Dice) -> Self {
        let (over, answered) = (Arc::default(), Arc::default());
        let mut hands = vec![Vec::new(); WRITERS];
        for (index, piece) in pieces.into_iter().enumerate() {
            hands[index % WRITERS].push(piece);
        }
        let mut tasks = JoinSet::new();
        for pieces in hands {
            let (over, answered) = (Arc::clone(&over), Arc::clone(&answered));
            let (door, dice) = (door.clone(), dice.fork());
            tasks.spawn(Writer { door, dice, pieces, over, answered }.work());
        }
        Self { tasks, over, answered }
    }

    /// Lets them end, and returns what they know.
    ///
    /// # Panics
    /// Where something was refused.
    pub async fn finish(mut self) -> Vec<Piece> {
        self.over.store(true, Ordering::Relaxed);
        let mut all = Vec::new();
        while let Some(pieces) = self.tasks.join_next().await {
            all.extend(pieces.expect("a writer has come to its end"));
        }
        all
    }
}

struct Writer {
    door: Door,
    dice: Dice,
    pieces: Vec<Piece>,
    over: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
}

impl Writer {
    async fn work(mut self) -> Vec<Piece> {
        while !self.over.load(Ordering::Relaxed) {
            if self.pieces.len() < ARTICLES && (self.pieces.is_empty() || self.dice.one_in(4)) {
                let known = Known::new(word(&mut self.dice));
                self.pieces.push(Piece { known, pending: None });
            }
            // The one that came last has not been recorded yet.
            let last = self.pieces.len() - 1;
            let fresh = self.pieces[last].known.name.is_empty();
            let index = if fresh { last } else { self.dice.index(self.pieces.len()) };
            let piece = &mut self.pieces[index];
            piece.pending = Some(next(&mut self.dice, &piece.known));
            match piece.ask(&self.door).await {
                Ok(()) => _ = self.answered.fetch_add(1, Ordering::Relaxed),
                Err(Failure::Unknown(_)) => break,
                Err(Failure::Refused(why)) => panic!("{why}: {:?}", piece.pending),
            }
        }
        self.pieces
    }
}

/// What is done next to an article, and what that makes of it.
fn next(dice: &mut Dice, known: &Known) -> (Ask, Known) {
    let (mut after, request_id) = (known.clone(), dice.uuid().to_string());
    let (name, etag) = (known.name.clone(), String::new());
    if name.is_empty() {
        let word = word(dice);
        let article = pb::Article {
            external_id: known.external_id.clone(),
            audience: Some(pb::Audience {
                level: pb::AudienceLevel::Public.into(),
                teams: Vec::new(),
            }),
            revision: Some(revision(&word, String::new())),
            ..pb::Article::default()
        };
        after.words.push(word);
        let create = pb::CreateArticleRequest { article: Some(article), request_id };
        return (Ask::Create(Box::new(create)), after);
    }
    let latest = known.words.len();
    let ask = match dice.below(10) {
        _ if known.live < latest && !dice.one_in(4) => {
            after.live = latest;
            let name = known.revision(latest);
            let publish_time = None;
            Ask::Publish(pb::PublishRevisionRequest { name, publish_time, etag, request_id })
        }
        0..2 if !known.archived => {
            after.archived = true;
            let archive_time = None;
            Ask::Archive(pb::ArchiveArticleRequest { name, archive_time, etag, request_id })
        }
        _ if known.archived && dice.one_in(2) => {
            after.archived = false;
            Ask::Restore(pb::RestoreArticleRequest { name, etag, request_id })
        }
        2..5 => {
            after.tag = word(dice);
            let tags = vec![after.tag.clone()];
            let article = Some(pb::Article { name, tags, ..pb::Article::default() });
            let update_mask = Some(prost_types::FieldMask { paths: vec!["tags".to_owned()] });
            Ask::Update(Box::new(pb::UpdateArticleRequest { article, update_mask, request_id }))
        }
        _ => {
            let word = word(dice);
            let revision = Some(revision(&word, known.revision(latest)));
            after.words.push(word);
            let revise = pb::CreateRevisionRequest { parent: name, revision, request_id };
            Ask::Revise(Box::new(revise))
        }
    };
    (ask, after)
}

fn title(word: &str) -> String {
    format!("What about {word}")
}

fn revision(word: &str, base_revision: String) -> pb::Revision {
    pb::Revision {
        locale: "en".to_owned(),
        title: title(word),
        body: format!("This is {word}."),
        similar_questions: vec![format!("And {word}?")],
        base_revision,
        ..pb::Revision::default()
    }
}

/// A word that stands nowhere else, of letters alone.
fn word(dice: &mut Dice) -> String {
    let letter = |_| char::from(b'a' + u8::try_from(dice.below(26)).unwrap_or_default());
    format!("zz{}", (0..20).map(letter).collect::<String>())
}

/// Reads an article as it is, by what its writer calls it; as it was never recorded where it is not
/// there.
///
/// # Panics
/// Where a revision of it has other words than it was given.
pub async fn read(door: &Door, external_id: &str) -> Result<Known, Status> {
    let mut articles = ArticleServiceClient::new(door.tickets.clone());
    let external_id = external_id.to_owned();
    let request = pb::ListArticlesRequest { external_id, ..pb::ListArticlesRequest::default() };
    let external_id = request.external_id.clone();
    let listed = articles.list_articles(door.request(SYSTEM, request)).await?.into_inner();
    let mut known = Known::new(external_id);
    let Some(listed) = listed.articles.into_iter().next() else { return Ok(known) };
    let request = pb::GetArticleRequest { name: listed.name.clone(), locale: String::new() };
    let article = articles.get_article(door.request(SYSTEM, request)).await?.into_inner();
    assert_eq!(listed.etag, article.etag, "{}", listed.name);
    let request =
        pb::ListRevisionsRequest { parent: listed.name, ..pb::ListRevisionsRequest::default() };
    let revisions = articles.list_revisions(door.request(SYSTEM, request)).await?.into_inner();
    for found in revisions.revisions.iter().rev() {
        let word = found.title.rsplit(' ').next().unwrap_or_default().to_owned();
        let given = revision(&word, found.base_revision.clone());
        let words = |one: &pb::Revision| {
            (one.title.clone(), one.body.clone(), one.similar_questions.clone())
        };
        assert_eq!(words(found), words(&given), "{}", found.name);
        known.words.push(word);
    }
    let live = article.translations.first().map(|one| one.live_revision.as_str());
    let number = live.and_then(|name| name.rsplit('/').next()?.parse().ok());
    known.live = number.unwrap_or(0);
    known.archived = article.state() == ArticleState::Archived;
    known.tag = article.tags.first().cloned().unwrap_or_default();
    known.name = article.name;
    Ok(known)
}

/// What a search for a word finds, whoever asks.
pub async fn search(door: &Door, word: &str) -> Result<Vec<Hit>, Status> {
    let mut search = SearchServiceClient::new(door.tickets.clone());
    let query = word.to_owned();
    let request = pb::SearchRequest { query, ..pb::SearchRequest::default() };
    let found = search.search(door.request(SYSTEM, request)).await?.into_inner();
    let hit = |one: pb::SearchResult| Hit {
        article: one.article,
        revision: one.revision,
        title: one.title,
    };
    Ok(found.results.into_iter().map(hit).collect())
}
