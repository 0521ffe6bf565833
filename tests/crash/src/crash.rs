//! A suite that is killed and started again; how a test prepares one.

use std::{
    process::{Child, Command, Stdio},
    time::Duration,
};

use aftercare_e2e::{Process, Suite, suite::binary};
use contracts::customers::v1::{
    CreateCustomerRequest, Customer, customer_service_client::CustomerServiceClient,
};

use crate::{
    dice::Dice,
    door::{Door, SYSTEM},
    found::Tables,
    record::{Answer, Outcome, Record, Write},
    trace,
};

/// How often a process is killed where nobody says otherwise.
const ROUNDS: u64 = 4;

/// How often a process is killed: `AFTERCARE_CRASH_ROUNDS`, or a few times.
pub fn rounds() -> u64 {
    rounds_or(ROUNDS)
}

/// The same for a test that kills so often where nobody says otherwise.
pub fn rounds_or(usual: u64) -> u64 {
    crate::dice::number("AFTERCARE_CRASH_ROUNDS").unwrap_or(usual).max(1)
}

/// The databases of a suite that has served, from now on with the trace.
pub async fn tables(suite: &Suite) -> Tables {
    let customers = suite.db("customers").await;
    trace::install(&customers).await;
    Tables { tickets: suite.db("tickets").await, customers }
}

/// Gives agents so little room that they run out of it.
///
/// # Panics
/// Where the seed cannot be written.
pub fn make_scarce(suite: &Suite) {
    let seed = suite.home().join("seed.toml");
    let text = std::fs::read_to_string(&seed).expect("the seed is there");
    let text = text.replace("capacity = 1000", "capacity = 15");
    std::fs::write(&seed, text).expect("the seed can be written");
}

/// Records a few customers.
///
/// # Panics
/// Where they are refused.
pub async fn customers(door: &Door, dice: &mut Dice) -> Vec<String> {
    let mut client = CustomerServiceClient::new(door.customers.clone());
    let mut names = Vec::new();
    for number in 0..6 {
        let customer =
            Customer { display_name: format!("customer {number}"), ..Customer::default() };
        let request =
            CreateCustomerRequest { customer: Some(customer), request_id: dice.uuid().to_string() };
        let made = client.create_customer(door.request(SYSTEM, request)).await;
        names.push(made.expect("a customer is recorded").into_inner().name);
    }
    names
}

/// Sends some of what was acknowledged once more: the answer names the same thing as before, and
/// nothing takes effect again.
///
/// # Panics
/// Where an answer is another one.
pub async fn ask_again(door: &Door, record: &Record, dice: &mut Dice) {
    for Write { voice, ask, outcome, .. } in &record.writes {
        let Outcome::Acknowledged(first) = outcome else { continue };
        if !dice.one_in(5) || *first == Answer::Nothing {
            continue;
        }
        let again = ask.send(door, voice).await.map(|answer| answer.name().to_owned());
        let same = again.as_ref().is_ok_and(|again| again == first.name());
        assert!(
            same,
            "{ask:?} was answered with {first:?} once, and with {again:?} when sent again"
        );
    }
}

/// Starts a process and kills it before it is ready, or not long after.
///
/// # Panics
/// Where it cannot be started.
pub fn stillbirth(suite: &Suite, services: &[&str], dice: &mut Dice) {
    let mut command = Command::new(binary());
    command.arg("--config").arg(suite.config()).arg("serve").args(services);
    command.current_dir(suite.home()).stdin(Stdio::null()).stdout(Stdio::null());
    let mut child = command.stderr(Stdio::null()).spawn().expect("the process starts");
    std::thread::sleep(Duration::from_millis(dice.below(150)));
    kill(&mut child);
}

/// SIGKILL.
pub(crate) fn kill(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}

/// Starts a process again on the data that a killed one left, now and then after attempts that are
/// killed as well.
pub async fn revive(suite: &Suite, services: &[&str], dice: &mut Dice) -> Process {
    while dice.one_in(3) {
        stillbirth(suite, services, dice);
    }
    suite.serve(services).await
}
