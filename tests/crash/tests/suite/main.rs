//! Crashes, one after the other: each has the machine to itself.
#![expect(clippy::print_stdout, reason = "a run tells its seed and how much it has seen")]

mod client_gone;
mod consumer_killed;
mod database_killed;
mod killed;
mod knowledge_killed;
mod planted;

use aftercare_crash::{
    check::{Finding, check},
    dice::Dice,
    found::House,
    record::Record,
};
use tokio::sync::{Mutex, MutexGuard};

/// Set to repeat a run: the seed that it printed.
const SEED: &str = "AFTERCARE_CRASH_SEED";

/// The right to load the machine, and chance whose seed is printed.
async fn begin(what: &str) -> (MutexGuard<'static, ()>, Dice) {
    static MACHINE: Mutex<()> = Mutex::const_new(());
    let guard = MACHINE.lock().await;
    let seed = Dice::seed(SEED);
    println!("{what}: {SEED}={seed}");
    (guard, Dice::new(seed))
}

/// Nothing is wrong with what clients were told and what is there.
fn must_be_right(record: &Record, house: &House) {
    let [acknowledged, refused, again] = record.counts();
    println!(
        "{acknowledged} writes acknowledged, {refused} refused, {again} asked again; {} tickets, {} events",
        house.tickets.len(),
        house.events.len()
    );
    assert!(acknowledged > refused, "most of the load must do something: {:?}", refusals(record));
    assert!(record.faults.is_empty(), "{:#?}", record.faults);
    let findings = check(record, house);
    assert!(findings.is_empty(), "{} findings\n{}", findings.len(), told(&findings));
}

fn told(findings: &[Finding]) -> String {
    let first: Vec<String> = findings.iter().take(30).map(ToString::to_string).collect();
    first.join("\n")
}

fn refusals(record: &Record) -> std::collections::BTreeMap<&str, usize> {
    let mut reasons = std::collections::BTreeMap::new();
    for write in &record.writes {
        if let aftercare_crash::record::Outcome::Refused(reason) = &write.outcome {
            *reasons.entry(reason.as_str()).or_default() += 1;
        }
    }
    reasons
}
