//! 100 000 hostile requests, made from the descriptors: each has its status and none is a fault of
//! ours, memory stays bounded, and a good client is served all the while.
//!
//! `AFTERCARE_TEST_HOSTILE` says how many there are, and `AFTERCARE_TEST_HOSTILE_SEED` makes those of
//! a run that printed it again.

use std::{
    collections::{BTreeMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use aftercare_e2e::{
    Backend, Desk, Process, Suite, Tenant,
    desk::name,
    dice::{Dice, number},
    hostile::{Answer, Forge, Line},
};
use serde_json::json;
use tokio::{sync::watch, task::JoinSet};
use tonic::Code;

const HOW_MANY: &str = "AFTERCARE_TEST_HOSTILE";
const SEED: &str = "AFTERCARE_TEST_HOSTILE_SEED";
const MANY: u64 = 100_000;
/// How many are under way at once: fewer than the process takes on however slow it is, and than one
/// tenant may hold of that, so that hardly any is refused for being one too many.
const AT_ONCE: usize = 12;
const CONNECTIONS: usize = 3;
/// How much more memory than before the process may hold. Twelve messages of 4 MiB at once, as they
/// came and decoded, would be about 100 MiB, and a page of answers each as much again; what grows
/// with the number of requests would be far more.
const MOST_MEMORY_KIB: u64 = 256 * 1_024;
/// How often the good client calls.
const PACE: Duration = Duration::from_millis(100);

/// What came of all requests.
#[derive(Debug, Default)]
struct Tally {
    all: u64,
    answers: BTreeMap<String, u64>,
    /// Methods that were answered, and methods that refused what is no request of theirs.
    answered: HashSet<String>,
    refused: HashSet<String>,
    faults: Vec<String>,
}

impl Tally {
    fn note(&mut self, method: &str, answer: &Answer) {
        self.all += 1;
        *self.answers.entry(answer.to_string()).or_default() += 1;
        match answer.code {
            Some(Code::Ok) => self.answered.insert(method.to_owned()),
            Some(Code::InvalidArgument) => self.refused.insert(method.to_owned()),
            _ => false,
        };
    }

    fn add(&mut self, other: Self) {
        self.all += other.all;
        for (answer, count) in other.answers {
            *self.answers.entry(answer).or_default() += count;
        }
        self.answered.extend(other.answered);
        self.refused.extend(other.refused);
        self.faults.extend(other.faults);
    }

    /// How many of a hundred requests came to an answer that ends so.
    fn percent(&self, end: &str) -> u64 {
        let all = self.answers.iter().filter(|(answer, _)| answer.ends_with(end));
        all.map(|(_, count)| count).sum::<u64>() * 100 / self.all.max(1)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_requests_are_refused_and_nobody_notices() {
    let (many, seed) = (number(HOW_MANY).unwrap_or(MANY), Dice::seed(SEED));
    println!("{many} hostile requests: {SEED}={seed}");
    let mut tally = Tally::default();
    for (backend, numbers) in [(Backend::Sqlite, 0..many / 2), (Backend::Postgres, many / 2..many)]
    {
        let began = std::time::Instant::now();
        let (part, grown, served) = attack(backend, seed, numbers).await;
        println!(
            "{backend:?}: {} requests in {:?}, {grown} KiB more memory at most, {served} good calls",
            part.all,
            began.elapsed()
        );
        assert!(part.faults.is_empty(), "{SEED}={seed}\n{}", told(&part.faults));
        assert!(grown < MOST_MEMORY_KIB, "{grown} KiB more than before");
        tally.add(part);
    }
    println!("{:#?}", tally.answers);
    must_be_of_use(&tally);
}

/// Most requests were read and decided on, and every method both answered and refused.
fn must_be_of_use(tally: &Tally) {
    let ends = [("Ok", 5), ("INVALID_REQUEST", 30), ("_NOT_FOUND", 3)];
    for (end, least) in ends {
        let percent = tally.percent(end);
        assert!(percent >= least, "only {percent} % were {end}: {:#?}", tally.answers);
    }
    let decided: u64 = ends.iter().map(|(end, _)| tally.percent(end)).sum();
    assert!(decided >= 50, "only {decided} % were decided on: {:#?}", tally.answers);
    if tally.all >= MANY {
        let all: HashSet<_> =
            aftercare_e2e::scenario::all().iter().map(|one| one.method.to_owned()).collect();
        for (what, seen) in [("answered", &tally.answered), ("refused as invalid", &tally.refused)]
        {
            let never: Vec<_> = all.difference(seen).collect();
            assert!(never.is_empty(), "never {what}: {never:?}");
        }
    }
}

/// Sends the requests of these numbers, and tells what came of them, how much memory they took, and
/// how often the good client was served.
async fn attack(backend: Backend, seed: u64, numbers: std::ops::Range<u64>) -> (Tally, u64, u64) {
    let suite = Suite::new(backend).await;
    // Millions of requests take longer than connections live otherwise.
    suite.limit("connection_age = \"30d\"\n");
    let mut process = suite.serve(&[]).await;
    let forge = Arc::new(Forge::prepare(&suite, seed).await);
    let (before, _) = process.memory();
    let next = Arc::new(AtomicU64::new(numbers.start));
    let (calm, under_attack) = watch::channel(false);
    let mut workers = JoinSet::new();
    let mut lines = Vec::new();
    for _ in 0..CONNECTIONS {
        lines.push(Line::open(suite.at("gateway").public).await);
    }
    for worker in 0..AT_ONCE {
        let line = lines[worker % CONNECTIONS].clone();
        workers.spawn(work(forge.clone(), line, next.clone(), numbers.end));
    }
    let attack = async {
        let mut tally = Tally::default();
        while let Some(part) = workers.join_next().await {
            tally.add(part.expect("a worker works"));
        }
        calm.send_replace(true);
        tally
    };
    let (mut tally, served) = futures::join!(attack, be_good(&suite, under_attack));
    let (_, most) = process.memory();
    look_back(&mut process, &mut tally);
    (tally, most.saturating_sub(before), served)
}

async fn work(forge: Arc<Forge>, line: Line, next: Arc<AtomicU64>, end: u64) -> Tally {
    let mut tally = Tally::default();
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= end || tally.faults.len() > 20 {
            return tally;
        }
        let request = forge.request(number);
        let fault = match line.send(&request).await {
            Ok(answer) => {
                tally.note(&request.method, &answer);
                answer.fault(request.form)
            }
            Err(error) => Some(error),
        };
        tally.faults.extend(fault.map(|fault| format!("{fault}: {request}")));
    }
}

/// Calls as anybody would, until it is calm; each call must be answered.
async fn be_good(suite: &Suite, mut calm: watch::Receiver<bool>) -> u64 {
    let desk = Desk::new(suite, Tenant::North);
    let good = desk.member("erin");
    let ticket = desk.ticket().await;
    let asked = json!({ "name": name(&ticket) });
    let mut served = 0;
    let mut pace = tokio::time::interval(PACE);
    while !*calm.borrow_and_update() {
        pace.tick().await;
        let found = good.call("GetTicket", asked.clone()).await;
        assert_eq!(found["name"], ticket["name"]);
        if served % 8 == 0 {
            let customer = ticket["customer"].as_str().unwrap_or_default();
            good.call("CreateTicket", json!({ "ticket": Desk::complaint(customer) })).await;
            good.call("ListTickets", json!({ "pageSize": 5 })).await;
        }
        served += 1;
    }
    served
}

/// The process still runs, goes down in order, and logged no fault.
fn look_back(process: &mut Process, tally: &mut Tally) {
    assert_eq!(process.ended(), None, "{}", process.log());
    let code = process.terminate();
    let log = process.log();
    let is_bad =
        |line: &&str| line.contains("panicked") || line.split_whitespace().nth(1) == Some("ERROR");
    tally.faults.extend(log.lines().filter(is_bad).map(|line| format!("logged: {line}")));
    assert_eq!(code, 0, "{log}");
}

fn told(faults: &[String]) -> String {
    let first: Vec<String> =
        faults.iter().take(10).map(|fault| fault.chars().take(20_000).collect()).collect();
    format!("{} faults\n{}", faults.len(), first.join("\n\n"))
}
