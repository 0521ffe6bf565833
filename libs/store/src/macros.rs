//! What every service does with the store in the same words. The transaction is a macro: a plain loop around a plain block. A function that takes an async
//! closure over `&mut Tx` does not compile where a `Send` future is needed.

/// Runs a block in one transaction: commits where it returns `Ok`, rolls back where it returns
/// `Err`, and runs it again, a few times and after a short wait, where it lost a race.
///
/// `transact!(db, "ticket.create", |tx| { …; Ok(ticket) })` gives `Result<T, E>` with
/// `E: From<store::Error> + store::Retry`; `tx` is a `&mut Tx`. The block may run more than once, so
/// it borrows what it needs; `?` and `return` leave the block, not the function around it. A block
/// whose error type cannot be inferred ends in `Ok::<_, Fault>(…)`.
///
/// The whole runs in the span `db.<name>`, with all its attempts.
#[macro_export]
macro_rules! transact {
    ($db:expr, $name:literal, |$tx:ident| $body:expr) => {{
        let db: &$crate::Db = &$db;
        $crate::private::Instrument::instrument(
            async {
                let mut attempt = 0_u32;
                loop {
                    let mut tx = match db.begin().await {
                        Ok(tx) => tx,
                        Err(error) => break Err(error.into()),
                    };
                    let outcome = {
                        let $tx = &mut tx;
                        async { $body }.await
                    };
                    if let Some(settled) = db.settle(tx, outcome, &mut attempt).await {
                        break settled;
                    }
                }
            },
            $crate::private::debug_span!(
                concat!("db.", $name),
                db.system.name = db.engine().name()
            ),
        )
        .await
    }};
}

/// How a service's error takes what the store says, and whether it lost a race. The error has the
/// variants `LostRace`, `Unavailable(store::Error)`, `Database(store::Error)` and
/// `RequestIdReused { request_id, resource }`.
#[macro_export]
macro_rules! error_from_store {
    ($error:ty) => {
        impl From<$crate::Error> for $error {
            fn from(cause: $crate::Error) -> Self {
                if $crate::Retry::lost_race(&cause) {
                    Self::LostRace
                } else if cause.is_transient() {
                    Self::Unavailable(cause)
                } else {
                    Self::Database(cause)
                }
            }
        }

        impl From<$crate::idempotency::NotClaimed> for $error {
            fn from(cause: $crate::idempotency::NotClaimed) -> Self {
                match cause {
                    $crate::idempotency::NotClaimed::Reused { request_id, resource } => {
                        Self::RequestIdReused { request_id, resource }
                    }
                    $crate::idempotency::NotClaimed::Store(cause) => cause.into(),
                }
            }
        }

        impl $crate::Retry for $error {
            fn lost_race(&self) -> bool {
                matches!(self, Self::LostRace)
            }
        }
    };
}

/// What the macros name from the caller's crate.
pub mod private {
    pub use tracing::{Instrument, debug_span};
}
