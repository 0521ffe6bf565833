//! What can go wrong.

use tantivy::TantivyError;
use tantivy::directory::error::OpenReadError;

/// Why an index cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is none in this folder: create it and fill it.
    #[error("there is no index here")]
    Missing,
    /// It was written by another version: create it and fill it.
    #[error("the index has version {found}, and this program reads {wanted}")]
    Version {
        /// Of the index.
        found: u32,
        /// Of this program.
        wanted: u32,
    },
    /// Its files are not whole: create it and fill it.
    #[error("the index is damaged")]
    Damaged(#[source] Damage),
    /// The folder cannot be read or written; another try may succeed.
    #[error("the index's folder cannot be used")]
    Io(#[source] std::io::Error),
}

impl OpenError {
    /// Whether making the index anew is the remedy.
    pub fn needs_rebuild(&self) -> bool {
        match self {
            Self::Missing | Self::Version { .. } | Self::Damaged(_) => true,
            Self::Io(_) => false,
        }
    }
}

/// What is not whole.
#[derive(Debug, thiserror::Error)]
pub enum Damage {
    /// The file that names the generation.
    #[error("the pointer file cannot be understood")]
    Pointer,
    /// The cursor of the last commit.
    #[error("the commit's payload cannot be understood")]
    Payload,
    /// Files whose contents are not what was written.
    #[error("{0} files have the wrong checksum")]
    Checksums(usize),
    /// What the engine says of it.
    #[error("the engine cannot open it")]
    Engine(#[source] TantivyError),
}

/// Why a question or a change failed.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// The engine failed: the disk is full, a file is gone or damaged.
    #[error("the search engine failed")]
    Engine(#[from] TantivyError),
    /// What is stored is not what was written.
    #[error("a stored entry cannot be understood")]
    Stored(#[source] serde_json::Error),
    /// The folder cannot be written.
    #[error("the index's folder cannot be used")]
    Io(#[from] std::io::Error),
}

impl From<OpenReadError> for SearchError {
    fn from(error: OpenReadError) -> Self {
        Self::Engine(error.into())
    }
}
