//! A subscriber for one test among others that run at the same time.

use std::sync::LazyLock;

use tracing::{
    dispatcher::{DefaultGuard, Dispatch, set_default},
    subscriber::NoSubscriber,
};

/// Makes `dispatch` this thread's subscriber until the guard is dropped.
///
/// While a process knows of one subscriber only, a call site asks the thread that meets it first,
/// and what a thread without a subscriber answers, "never", would hold for this thread, too. With a
/// second one that lives for ever all are asked.
pub fn watch(dispatch: &Dispatch) -> DefaultGuard {
    static SECOND: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(NoSubscriber::new()));
    LazyLock::force(&SECOND);
    set_default(dispatch)
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use tracing::{Event, Metadata, Subscriber, span};

    use super::*;

    struct Counter(Arc<AtomicUsize>);

    impl Subscriber for Counter {
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            true
        }
        fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
            span::Id::from_u64(1)
        }
        fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
        fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
        fn event(&self, _: &Event<'_>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
        fn enter(&self, _: &span::Id) {}
        fn exit(&self, _: &span::Id) {}
    }

    #[test]
    fn a_thread_that_nobody_watches_silences_no_other() {
        let seen = Arc::default();
        let _guard = watch(&Dispatch::new(Counter(Arc::clone(&seen))));
        let say = || tracing::info!("said");
        std::thread::spawn(say).join().expect("nothing fails there");
        say();
        assert_eq!(seen.load(Ordering::Relaxed), 1);
    }
}
