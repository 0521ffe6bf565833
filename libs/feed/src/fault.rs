//! What a peer or an operator who asks for feeds can be told.

use kernel::{Code, Fault, Violation, Violations};

/// A refused call of the feed's services.
#[derive(Debug, thiserror::Error)]
pub enum FeedFault {
    /// The request is wrong in itself.
    #[error("the request has invalid fields")]
    Invalid(Violations),
    /// This process does not run the service whose feed is asked for.
    #[error("the feed of `{source_name}` is not served here")]
    UnknownSource {
        /// The name asked for.
        source_name: String,
    },
    /// This process has no such consumer.
    #[error("there is no consumer `{consumer}` here")]
    UnknownConsumer {
        /// The name asked for.
        consumer: String,
    },
    /// A stored dead letter cannot be read back.
    #[error("a stored event cannot be read")]
    Stored(#[source] prost::DecodeError),
    /// The database failed.
    #[error("the database failed")]
    Store(#[from] store::Error),
}

impl Fault for FeedFault {
    fn code(&self) -> Code {
        match self {
            Self::Invalid(_) => Code::InvalidArgument,
            Self::UnknownSource { .. } | Self::UnknownConsumer { .. } => Code::NotFound,
            Self::Store(cause) if cause.is_transient() => Code::Unavailable,
            Self::Store(_) | Self::Stored(_) => Code::Internal,
        }
    }

    fn domain(&self) -> &'static str {
        "feed.aftercare"
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "INVALID_REQUEST",
            Self::UnknownSource { .. } => "UNKNOWN_SOURCE",
            Self::UnknownConsumer { .. } => "UNKNOWN_CONSUMER",
            Self::Store(cause) if cause.is_transient() => "DATABASE_AWAY",
            Self::Store(_) | Self::Stored(_) => "INTERNAL",
        }
    }

    fn metadata(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::UnknownSource { source_name } => vec![("source", source_name.clone())],
            Self::UnknownConsumer { consumer } => vec![("consumer", consumer.clone())],
            Self::Invalid(_) | Self::Stored(_) | Self::Store(_) => Vec::new(),
        }
    }

    fn violations(&self) -> &[Violation] {
        match self {
            Self::Invalid(violations) => violations.as_slice(),
            Self::UnknownSource { .. }
            | Self::UnknownConsumer { .. }
            | Self::Stored(_)
            | Self::Store(_) => &[],
        }
    }
}
