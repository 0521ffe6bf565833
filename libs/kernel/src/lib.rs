//! What every service shares and nothing else: time, ids, who is calling, what an error must be
//! able to say, pages, masks, etags, conditions that people write, and the keys that all derive from
//! one root key.
//!
//! The crate is pure: no tokio, no sqlx, no tonic. Time, ids and randomness come in as values, so
//! that whatever is decided here can be tested without a clock.
//!
//! Deliberately absent: anything of the trade (tickets, customers), any I/O.

pub mod caller;
pub mod clock;
pub mod etag;
pub mod expr;
pub mod fault;
pub mod hide;
pub mod id;
pub mod keys;
pub mod language;
pub mod link;
pub mod mask;
pub mod page;
pub mod time;

pub use caller::{Caller, CallerKind, Locale, Role, RowScope};
pub use clock::{Clock, Ids};
pub use fault::{Blocker, Code, Fault, Violation, Violations};
pub use id::{
    ApiKeyId, ArticleId, CustomerId, EntryId, InvitationId, LoopId, PurchaseId, ResponseId,
    SearchId, SurveyId, TenantId, TicketId,
};
pub use time::Time;
