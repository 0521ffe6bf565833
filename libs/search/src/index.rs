//! An index: opened, changed, rebuilt.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use serde::{Deserialize, Serialize};
use tantivy::indexer::{IndexWriterOptions, LogMergePolicy, UserOperation};
use tantivy::{IndexWriter, Searcher, TantivyDocument, Term};
use uuid::Uuid;

use crate::analysis::Analyzer;
use crate::entry::Change;
use crate::error::{Damage, OpenError, SearchError};
use crate::generation::{Generation, Pointer, next_number, sweep, sync};
use crate::schema::{Fields, article_term};

/// How much memory writing may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Bytes that a writer collects before it writes a segment, at least 15 000 000.
    pub writing: usize,
    /// The same while rebuilding.
    pub rebuilding: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { writing: 16_000_000, rebuilding: 50_000_000 }
    }
}

/// How large an index is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// Documents in it: entries and their similar questions.
    pub documents: u64,
    /// Pieces that each question looks into.
    pub segments: usize,
    /// Bytes on disk.
    pub bytes: u64,
}

/// The search index of one tenant, in a folder of its own that no other process writes.
///
/// All methods block on the disk. Questions and changes may come from several threads; changes
/// wait for each other.
pub struct Index {
    dir: PathBuf,
    analyzer: Analyzer,
    settings: Settings,
    serving: RwLock<Arc<Generation>>,
    writer: Mutex<Option<IndexWriter>>,
}

impl std::fmt::Debug for Index {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Index").field("dir", &self.dir).finish_non_exhaustive()
    }
}

/// What a commit says beside its documents.
#[derive(Serialize, Deserialize)]
struct Payload {
    cursor: String,
}

impl Index {
    /// Opens the index of a folder, and removes what rebuilds that died have left there.
    pub fn open(dir: &Path, analyzer: Analyzer, settings: Settings) -> Result<Self, OpenError> {
        let pointer = Pointer::read(dir)?;
        sweep(dir, Some(pointer)).map_err(OpenError::Io)?;
        let generation = Generation::open(dir, pointer, &analyzer)?;
        let index = Self::of(dir, analyzer, settings, generation);
        index.cursor().map_err(|_| OpenError::Damaged(Damage::Payload))?;
        Ok(index)
    }

    /// Makes an empty index without a cursor; what was in the folder's index is gone.
    pub fn create(dir: &Path, analyzer: Analyzer, settings: Settings) -> Result<Self, SearchError> {
        fs::create_dir_all(dir)?;
        let number = next_number(dir)?;
        let generation = Generation::create(dir, number, &analyzer)?;
        sync(dir)?;
        generation.pointer.write(dir)?;
        sweep(dir, Some(generation.pointer))?;
        Ok(Self::of(dir, analyzer, settings, generation))
    }

    fn of(dir: &Path, analyzer: Analyzer, settings: Settings, generation: Generation) -> Self {
        Self {
            dir: dir.to_owned(),
            analyzer,
            settings,
            serving: RwLock::new(Arc::new(generation)),
            writer: Mutex::new(None),
        }
    }

    pub(crate) fn analyzer(&self) -> &Analyzer {
        &self.analyzer
    }

    /// What questions are answered from until the next commit.
    pub(crate) fn snapshot(&self) -> (Searcher, Fields) {
        let serving = self.serving();
        (serving.reader.searcher(), serving.fields)
    }

    fn serving(&self) -> Arc<Generation> {
        Arc::clone(&self.serving.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The cursor of the last commit; none where nothing was ever committed.
    pub fn cursor(&self) -> Result<Option<String>, SearchError> {
        let metas = self.serving().index.load_metas()?;
        let Some(payload) = metas.payload else { return Ok(None) };
        let payload: Payload = serde_json::from_str(&payload).map_err(SearchError::Stored)?;
        Ok(Some(payload.cursor))
    }

    /// Applies changes in their order and moves the cursor, at once or not at all; what comes
    /// after sees them.
    pub fn apply(
        &self,
        changes: impl IntoIterator<Item = Change>,
        cursor: &str,
    ) -> Result<(), SearchError> {
        let mut slot = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let serving = self.serving();
        let mut writer = match slot.take() {
            Some(writer) => writer,
            None => writer(&serving.index, self.settings.writing)?,
        };
        // A writer that failed is dropped with what it had not committed.
        for change in changes {
            write(&writer, &serving.fields, &change)?;
        }
        commit(&mut writer, cursor)?;
        serving.reader.reload()?;
        *slot = Some(writer);
        Ok(())
    }

    /// Closes the writer and gives its memory back; the next change opens it again.
    pub fn rest(&self) -> Result<(), SearchError> {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(writer) = writer {
            writer.wait_merging_threads()?;
            self.serving().reader.reload()?;
        }
        Ok(())
    }

    /// Begins a generation beside the one that serves and goes on being changed.
    pub fn begin_rebuild(&self) -> Result<Rebuild, SearchError> {
        let generation = Generation::create(&self.dir, next_number(&self.dir)?, &self.analyzer)?;
        let writer = writer(&generation.index, self.settings.rebuilding)?;
        let generation = Some(generation);
        Ok(Rebuild { writer: Some(writer), generation, dir: self.dir.clone() })
    }

    /// Puts a rebuilt generation in place of the one that serves; the index is then as of its
    /// cursor, from where the caller goes on.
    pub fn finish_rebuild(&self, mut rebuild: Rebuild, cursor: &str) -> Result<(), SearchError> {
        let (Some(mut new), Some(generation)) = (rebuild.writer.take(), &rebuild.generation) else {
            return Ok(());
        };
        commit(&mut new, cursor)?;
        new.wait_merging_threads()?;
        generation.reader.reload()?;
        // From here on nothing is written to the old one.
        let mut slot = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        drop(slot.take());
        sync(&self.dir)?;
        let pointer = generation.pointer;
        pointer.write(&self.dir)?;
        if let Some(generation) = rebuild.generation.take() {
            *self.serving.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(generation);
        }
        // Those who still read the old files hold them open.
        sweep(&self.dir, Some(pointer))?;
        Ok(())
    }

    /// Reads every file and compares checksums; an error means that it must be rebuilt.
    pub fn verify(&self) -> Result<(), OpenError> {
        let engine = |error| OpenError::Damaged(Damage::Engine(error));
        let damaged = self.serving().index.validate_checksum().map_err(engine)?;
        if damaged.is_empty() {
            return Ok(());
        }
        Err(OpenError::Damaged(Damage::Checksums(damaged.len())))
    }

    /// How large it is.
    pub fn size(&self) -> Result<Size, SearchError> {
        let (searcher, _) = self.snapshot();
        let space = searcher.space_usage()?;
        Ok(Size {
            documents: searcher.num_docs(),
            segments: searcher.segment_readers().len(),
            bytes: space.total().get_bytes(),
        })
    }
}

/// A generation that is being filled; dropped, it leaves nothing.
pub struct Rebuild {
    writer: Option<IndexWriter>,
    generation: Option<Generation>,
    dir: PathBuf,
}

impl std::fmt::Debug for Rebuild {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rebuild").field("dir", &self.dir).finish_non_exhaustive()
    }
}

impl Rebuild {
    /// Takes one more article in; an article that comes twice is as it came last.
    pub fn add(&self, change: &Change) -> Result<(), SearchError> {
        match (&self.writer, &self.generation) {
            (Some(writer), Some(generation)) => write(writer, &generation.fields, change),
            _ => Ok(()),
        }
    }
}

impl Drop for Rebuild {
    fn drop(&mut self) {
        self.writer = None;
        if let Some(generation) = self.generation.take() {
            // What cannot be removed now is removed when the index is opened.
            let _ = fs::remove_dir_all(generation.pointer.folder(&self.dir));
        }
    }
}

fn writer(index: &tantivy::Index, memory: usize) -> Result<IndexWriter, SearchError> {
    let options = IndexWriterOptions::builder()
        .num_worker_threads(1)
        .num_merge_threads(1)
        .memory_budget_per_thread(memory)
        .build();
    let writer: IndexWriter = index.writer_with_options(options)?;
    // Small commits make small segments; they are merged before there are many, and so is what is
    // mostly deleted.
    let mut policy = LogMergePolicy::default();
    policy.set_min_num_segments(6);
    policy.set_min_layer_size(5_000);
    policy.set_del_docs_ratio_before_merge(0.3);
    writer.set_merge_policy(Box::new(policy));
    Ok(writer)
}

/// Hands an article's documents to the writer, in place of those that it has.
fn write(writer: &IndexWriter, fields: &Fields, change: &Change) -> Result<(), SearchError> {
    let none = Vec::new();
    let (article, entries) = match change {
        Change::Replace { article, entries } => (*article, entries),
        Change::Remove { article } => (*article, &none),
    };
    writer.delete_term(article_of(fields, article));
    let mut documents: Vec<UserOperation<TantivyDocument>> = Vec::new();
    for entry in entries {
        documents.extend(fields.documents(article, entry)?.into_iter().map(UserOperation::Add));
    }
    // One group, so that a head stays before its questions, and the entries of an article together.
    writer.run(documents)?;
    Ok(())
}

pub(crate) fn article_of(fields: &Fields, article: Uuid) -> Term {
    Term::from_field_text(fields.article, &article_term(article))
}

fn commit(writer: &mut IndexWriter, cursor: &str) -> Result<(), SearchError> {
    let payload = Payload { cursor: cursor.to_owned() };
    let payload = serde_json::to_string(&payload).map_err(SearchError::Stored)?;
    let mut prepared = writer.prepare_commit()?;
    prepared.set_payload(&payload);
    prepared.commit()?;
    Ok(())
}
