//! What a crash may cost: nothing that was acknowledged, and nothing twice.
//!
//! Clients put a running suite under load and write down every answer ([`load`], [`record`]). The
//! suite, its database or a client is killed at a moment that chance decides ([`dice`]). Afterwards
//! everything is read back through the public API, and the tables of events and feeds from the
//! database ([`found`]), and a pure function compares the two ([`check`]).
//!
//! - [`door`]: where clients call, and in whose name.
//! - [`crash`]: a suite that is killed and started again.
//! - [`articles`]: writers of articles, and what must be there of them and of their index.
//! - [`trace`]: each time that an event took effect, in order.
//! - [`cluster`]: a PostgreSQL of a test's own, which is killed as well.
//! - [`wire`]: a network between client and suite, which is cut.
//!
//! `AFTERCARE_CRASH_ROUNDS` says how often each test kills (4 times, where it says nothing, and 10
//! times where articles are written), and
//! `AFTERCARE_CRASH_SEED` repeats the chance of a run that printed it.
//!
//! Invariants: a write whose answer was lost is sent again with its `request_id` until it is
//! answered, or is written down as abandoned. Nobody but the recording clients writes to the tenant.
//!
//! Deliberately absent: power cuts and failing disks. What the kernel was given, it keeps.

pub use aftercare_e2e::dice;

pub mod articles;
pub mod check;
pub mod cluster;
pub mod crash;
pub mod door;
pub mod found;
pub mod load;
pub mod record;
pub mod trace;
pub mod wire;
