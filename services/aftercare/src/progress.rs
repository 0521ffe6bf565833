//! How far the demo is: a bar on a terminal, a line now and then elsewhere.

use std::{
    io::IsTerminal,
    sync::atomic::{AtomicU64, Ordering},
};

use indicatif::{ProgressBar, ProgressStyle};

const TEMPLATE: &str = "{msg} {bar:32} {pos}/{len}  {eta} left";
/// How many lines are printed where there is no terminal.
const LINES: u64 = 10;
/// Less work than this is not worth a line.
const WORTH: u64 = 100;

/// The progress of one kind of work.
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    what: &'static str,
    all: u64,
    done: AtomicU64,
}

impl Progress {
    /// Nothing of `all` is done yet.
    pub(crate) fn start(what: &'static str, all: usize) -> Self {
        let all = all as u64;
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template(TEMPLATE);
            let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
            ProgressBar::new(all).with_style(style).with_message(what)
        });
        Self { bar, what, all, done: AtomicU64::new(0) }
    }

    /// One more is done.
    pub(crate) fn step(&self) {
        self.add(1);
    }

    /// So many more are done.
    pub(crate) fn add(&self, more: u64) {
        let before = self.done.fetch_add(more, Ordering::Relaxed);
        let done = before + more;
        if let Some(bar) = &self.bar {
            bar.inc(more);
        } else if self.all >= WORTH && tells(before, done, self.all) {
            eprintln!("{} {done}/{}", self.what, self.all);
        }
    }

    /// No more will be done.
    pub(crate) fn end(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Whether a line is due on the way to `done`: after each tenth, and at the end.
fn tells(before: u64, done: u64, all: u64) -> bool {
    before < done && (done == all || done * LINES / all.max(1) > before * LINES / all.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_lines_tell_of_any_amount_of_work() {
        for all in [1, 9, 10, 389, 3_000] {
            let lines = (1..=all).filter(|done| tells(done - 1, *done, all)).count() as u64;
            assert_eq!(lines, all.min(LINES), "{all}");
            assert!(tells(0, all, all));
            assert!(!tells(all, all, all), "nothing more is nothing to tell");
        }
    }
}
