//! What an error must be able to say before anyone turns it into a status. No transport here.

use std::time::Duration;

/// The closed set of ways in which a call can fail. Each stands for one gRPC code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// The request is wrong in itself.
    InvalidArgument,
    /// The request is right, but the thing is not in a state for it; blockers say why.
    FailedPrecondition,
    /// No credential, or one that does not hold.
    Unauthenticated,
    /// This caller may not call this method.
    PermissionDenied,
    /// Missing, or outside the caller's tenant or rows; the two are never told apart.
    NotFound,
    /// A lost race or a stale etag: read again and decide again.
    Aborted,
    /// A duplicate, or a request id used before with another body.
    AlreadyExists,
    /// A position that is no longer kept.
    OutOfRange,
    /// A quota is used up.
    ResourceExhausted,
    /// The time allowed for the call has passed.
    DeadlineExceeded,
    /// Overload, or something needed is away; trying later may help.
    Unavailable,
    /// Our own fault.
    Internal,
}

/// One thing wrong with one field of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The field's path as the caller wrote it, for instance `ticket.facts.occur_time`.
    pub field: String,
    /// What is wrong with it, as one clause without a full stop.
    pub description: String,
}

/// All that is wrong with a request, collected before it is refused once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Violations(Vec<Violation>);

impl Violations {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes that `field` is wrong.
    pub fn add(&mut self, field: impl Into<String>, description: impl Into<String>) {
        self.0.push(Violation { field: field.into(), description: description.into() });
    }

    /// Notes that `field` is wrong unless `holds`.
    pub fn check(&mut self, holds: bool, field: &str, description: &str) {
        if !holds {
            self.add(field, description);
        }
    }

    /// Notes a violation unless `text` has `min` to `max` characters and no control characters
    /// other than line breaks and tabs.
    pub fn text(&mut self, field: &str, text: &str, min: usize, max: usize) {
        let length = text.chars().count();
        if length < min || text.trim().is_empty() && min > 0 {
            self.add(
                field,
                if min <= 1 {
                    "must not be empty".to_owned()
                } else {
                    format!("must have at least {min} characters")
                },
            );
        } else if length > max {
            self.add(field, format!("must have at most {max} characters, has {length}"));
        }
        if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
            self.add(field, "must not contain control characters");
        }
    }

    /// `value` where nothing was noted, else all that was.
    pub fn finish<T>(self, value: T) -> Result<T, Self> {
        if self.0.is_empty() { Ok(value) } else { Err(self) }
    }

    /// Whether nothing was noted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What was noted, in order.
    pub fn as_slice(&self) -> &[Violation] {
        &self.0
    }

    /// Takes over what another check noted.
    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }
}

/// One reason why a transition is refused, for programs as well as people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocker {
    /// Its kind in `UPPER_SNAKE`, for instance `STATE` or `MISSING_FIELD`.
    pub kind: &'static str,
    /// What it is about: a field, a resource name, a permission.
    pub subject: String,
    /// What would have to change, as one clause.
    pub description: String,
}

/// An error with its causes, for one line of a log.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(here) = cause {
        text.push_str(": ");
        text.push_str(&here.to_string());
        cause = here.source();
    }
    text
}

/// What an error says of itself. Each service has one enum that implements it, matched
/// exhaustively; `rpc::status` alone turns it into a status.
pub trait Fault: std::error::Error + Send + Sync + 'static {
    /// How the call failed.
    fn code(&self) -> Code;

    /// Whose reason it is, for instance `tickets.aftercare`.
    fn domain(&self) -> &'static str;

    /// Why, in `UPPER_SNAKE`, from the service's `ErrorReason`; stable for ever.
    fn reason(&self) -> &'static str;

    /// Every word of the message that is not fixed, by name.
    fn metadata(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// What is wrong with the request, field by field.
    fn violations(&self) -> &[Violation] {
        &[]
    }

    /// What stands in the way of a transition.
    fn blockers(&self) -> &[Blocker] {
        &[]
    }

    /// The resource that is missing or taken: its type and its name as the caller wrote it.
    fn resource(&self) -> Option<(&'static str, String)> {
        None
    }

    /// The quota that is used up: whose it is, and what it allows.
    fn quota(&self) -> Option<(String, String)> {
        None
    }

    /// When trying again may help.
    fn retry_after(&self) -> Option<Duration> {
        None
    }

    /// The message in Chinese, for callers who ask for it; `None` falls back to `Display`.
    fn message_zh(&self) -> Option<String> {
        None
    }
}
