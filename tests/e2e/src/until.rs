//! Awaiting a condition: the one place where an end-to-end test lets time pass.

use std::time::{Duration, Instant};

/// How long a condition may take on a slow and busy machine.
const PATIENCE: Duration = Duration::from_mins(1);
const LOOK: Duration = Duration::from_millis(20);

/// Looks again and again until `look` finds something; `what` is said where it never does.
///
/// # Panics
/// After a minute.
pub async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(start.elapsed() < PATIENCE, "waited in vain until {what}");
        tokio::time::sleep(LOOK).await;
    }
}
