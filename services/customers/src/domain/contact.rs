//! Whether a customer may be contacted, and what became of it.

use std::time::Duration;

use calendar::{CalendarError, Hours};
use contracts::customers::v1::{
    ConsentState, ContactOutcome, ContactPurpose, ContactRule, ContactState,
};
use kernel::{CustomerId, Time};
use uuid::Uuid;

use super::{
    consent::{Subject, objection},
    quiet::Quiet,
};

/// How long the caller's key is at most.
pub const MAX_KEY: usize = 128;
/// How far ahead a contact may be reserved.
pub const AHEAD: Duration = Duration::from_hours(30 * 24);

const COLLECTION: &str = "/contacts/";

/// What an operator sets for all tenants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// How many contacts of one purpose a customer gets within `period` at most; not none.
    pub cap: usize,
    /// See `cap`.
    pub period: Duration,
    /// When nobody is contacted, by the customer's clock; `None` for never.
    pub quiet_hours: Option<Hours>,
    /// How long a grant is good for.
    pub grant: Duration,
}

/// A contact that was asked for, with what was decided and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// Its id.
    pub id: Uuid,
    /// Who is contacted.
    pub customer: CustomerId,
    /// What for and how.
    pub subject: Subject,
    /// What the caller knows it by.
    pub key: String,
    /// How often its key was decided before, and differently.
    pub attempt: i64,
    /// Where it stands.
    pub state: ContactState,
    /// What was decided.
    pub verdict: Verdict,
    /// The instant that was decided for.
    pub at: Time,
    /// What kind of principal asked.
    pub actor_kind: String,
    /// Who asked.
    pub actor: String,
    /// When it was decided.
    pub created_at: Time,
    /// When its outcome was told.
    pub completed_at: Option<Time>,
}

/// What was decided of a contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may be sent before `until`.
    Granted {
        /// See there.
        until: Time,
    },
    /// It may not be sent.
    Denied {
        /// Every rule that stands in the way.
        blocks: Vec<Block>,
        /// When none of them will, so far as that is known.
        retry_at: Option<Time>,
    },
}

/// One rule that stands in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// The rule.
    pub rule: ContactRule,
    /// When it alone would let the contact go by; `None` where only the customer can change it.
    pub ends: Option<Time>,
}

/// What a contact is decided by, besides the policy.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances<'a> {
    /// What the customer said of this purpose and channel.
    pub consent: ConsentState,
    /// The instants of the contacts of this purpose that count, in any order.
    pub counted: &'a [Time],
    /// The quiet hours where the customer is; `None` where there are none.
    pub quiet: Option<&'a Quiet>,
}

/// Why what is told of a contact cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settled;

/// Whether contacts of this purpose are counted and held back by quiet hours. What is about an open
/// matter of the customer's is not.
pub fn is_held_back(purpose: ContactPurpose) -> bool {
    match purpose {
        ContactPurpose::Unspecified | ContactPurpose::Service => false,
        ContactPurpose::Survey | ContactPurpose::Care | ContactPurpose::Promotion => true,
    }
}

/// Whether a contact in this state takes a place.
pub fn counts(state: ContactState) -> bool {
    match state {
        ContactState::Reserved | ContactState::Sent | ContactState::Unknown => true,
        ContactState::Unspecified | ContactState::Denied | ContactState::Failed => false,
    }
}

/// Decides whether a contact may be sent at `at`. An error where `at` is beyond what calendars know.
pub fn decide(
    purpose: ContactPurpose,
    at: Time,
    now: &Circumstances<'_>,
    policy: &Policy,
) -> Result<Verdict, CalendarError> {
    let held_back = is_held_back(purpose);
    let counted = if held_back { now.counted } else { &[] };
    let quiet = now.quiet.filter(|_| held_back);
    let mut blocks: Vec<Block> = Vec::new();
    let objection = objection(purpose, now.consent);
    blocks.extend(objection.map(|rule| Block { rule, ends: None }));
    let free = next_free(at, counted, policy);
    if free > at {
        blocks.push(Block { rule: ContactRule::Cap, ends: Some(free) });
    }
    let loud = quiet.map_or(Ok(at), |quiet| quiet.end(at))?;
    if loud > at {
        blocks.push(Block { rule: ContactRule::QuietHours, ends: Some(loud) });
    }
    if blocks.is_empty() {
        let longest = at + policy.grant;
        let until = quiet.map_or(Ok(longest), |quiet| quiet.start(at))?.min(longest);
        return Ok(Verdict::Granted { until });
    }
    let retry_at = match objection {
        Some(_) => None,
        None => Some(next_try(at, counted, quiet, policy)?),
    };
    Ok(Verdict::Denied { blocks, retry_at })
}

/// The earliest instant from `at` on at which cap and quiet hours both let a contact go by. Each turn
/// passes quiet hours or a counted contact, so that there are few.
fn next_try(
    at: Time,
    counted: &[Time],
    quiet: Option<&Quiet>,
    policy: &Policy,
) -> Result<Time, CalendarError> {
    let mut candidate = at;
    loop {
        let free = next_free(candidate, counted, policy);
        let loud = quiet.map_or(Ok(free), |quiet| quiet.end(free))?;
        if loud == candidate {
            return Ok(candidate);
        }
        candidate = loud;
    }
}

/// The earliest instant from `at` on at which one more contact keeps the cap.
fn next_free(at: Time, counted: &[Time], policy: &Policy) -> Time {
    let ends = counted.iter().map(|counted| *counted + policy.period).filter(|end| *end > at);
    let mut candidates: Vec<Time> = ends.collect();
    candidates.push(at);
    candidates.sort_unstable();
    let last = candidates.last().copied().unwrap_or(at);
    candidates.into_iter().find(|candidate| fits(*candidate, counted, policy)).unwrap_or(last)
}

/// Whether no period has more contacts than the cap allows with one more at `at`.
fn fits(at: Time, counted: &[Time], policy: &Policy) -> bool {
    let period = i64::try_from(policy.period.as_micros()).unwrap_or(i64::MAX);
    let near = counted.iter().copied().filter(|counted| counted.since(at).abs() < period);
    let mut near: Vec<Time> = near.chain([at]).collect();
    near.sort_unstable();
    // More than the cap in a row, all within less than a period.
    !near.windows(policy.cap + 1).any(|row| row[policy.cap].since(row[0]) < period)
}

/// The state of a contact after what is told of it; `None` where it stays.
pub fn complete(
    state: ContactState,
    outcome: ContactOutcome,
) -> Result<Option<ContactState>, Settled> {
    let told = match outcome {
        ContactOutcome::Sent => ContactState::Sent,
        ContactOutcome::Failed => ContactState::Failed,
        ContactOutcome::Unspecified | ContactOutcome::Unknown => ContactState::Unknown,
    };
    match state {
        same if same == told => Ok(None),
        ContactState::Reserved | ContactState::Unknown => Ok(Some(told)),
        ContactState::Unspecified
        | ContactState::Denied
        | ContactState::Sent
        | ContactState::Failed => Err(Settled),
    }
}

/// The resource name of a contact.
pub fn name(customer: CustomerId, id: Uuid) -> String {
    format!("{}{COLLECTION}{id}", customer.name())
}

/// The customer and the id in the resource name of a contact.
pub fn parse_name(name: &str) -> Option<(CustomerId, Uuid)> {
    let (customer, id) = name.split_once(COLLECTION)?;
    Some((CustomerId::parse_name(customer)?, kernel::id::canonical(id)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DAY: Duration = Duration::from_hours(24);
    /// Noon in UTC.
    const NOON: Time = Time::from_micros(1_763_812_800_000_000);

    fn policy(cap: usize) -> Policy {
        let quiet_hours = Some(Hours::new("21:00", "08:00"));
        Policy { cap, period: 7 * DAY, quiet_hours, grant: Duration::from_hours(1) }
    }

    fn quiet() -> Quiet {
        Quiet::parse(&Hours::new("21:00", "08:00"), "UTC").unwrap()
    }

    fn of(
        purpose: ContactPurpose,
        at: Time,
        consent: ConsentState,
        counted: &[Time],
        quiet: Option<&Quiet>,
    ) -> Verdict {
        decide(purpose, at, &Circumstances { consent, counted, quiet }, &policy(1)).unwrap()
    }

    const HOUR: Duration = Duration::from_hours(1);

    #[test]
    fn a_grant_ends_after_its_time_or_where_quiet_hours_begin() {
        let quiet = quiet();
        let survey = |at| of(ContactPurpose::Survey, at, ConsentState::Unknown, &[], Some(&quiet));
        assert_eq!(survey(NOON), Verdict::Granted { until: NOON + HOUR });
        let late = NOON + 8 * HOUR + HOUR / 2;
        assert_eq!(survey(late), Verdict::Granted { until: NOON + 9 * HOUR });
    }

    #[test]
    fn every_rule_that_stands_in_the_way_is_named() {
        let (quiet, night) = (quiet(), NOON + 10 * HOUR);
        let before = [night - DAY];
        let denied =
            of(ContactPurpose::Promotion, night, ConsentState::Unknown, &before, Some(&quiet));
        let block = |rule, ends| Block { rule, ends };
        assert_eq!(
            denied,
            Verdict::Denied {
                blocks: vec![
                    block(ContactRule::ConsentMissing, None),
                    block(ContactRule::Cap, Some(night + 6 * DAY)),
                    block(ContactRule::QuietHours, Some(NOON + 20 * HOUR)),
                ],
                // Nobody knows when the customer agrees.
                retry_at: None,
            }
        );
        // The place is free at night, so that it is tried in the morning after it.
        let Verdict::Denied { blocks, retry_at } =
            of(ContactPurpose::Survey, NOON, ConsentState::Granted, &before, Some(&quiet))
        else {
            panic!("it is denied")
        };
        assert_eq!(blocks, [block(ContactRule::Cap, Some(night + 6 * DAY))]);
        assert_eq!(retry_at, Some(NOON + 6 * DAY + 20 * HOUR));
    }

    #[test]
    fn an_open_matter_waits_for_no_cap_and_no_morning() {
        let (quiet, night) = (quiet(), NOON + 10 * HOUR);
        let service = |said| of(ContactPurpose::Service, night, said, &[night], Some(&quiet));
        assert_eq!(service(ConsentState::Unknown), Verdict::Granted { until: night + HOUR });
        assert!(matches!(service(ConsentState::Withdrawn), Verdict::Denied { .. }));
    }

    #[test]
    fn what_became_of_a_contact_is_told_once() {
        use ContactOutcome as Told;
        use ContactState::{Denied, Failed, Reserved, Sent, Unknown};
        assert_eq!(complete(Reserved, Told::Sent), Ok(Some(Sent)));
        assert_eq!(complete(Reserved, Told::Failed), Ok(Some(Failed)));
        assert_eq!(complete(Reserved, Told::Unknown), Ok(Some(Unknown)));
        assert_eq!(complete(Unknown, Told::Failed), Ok(Some(Failed)));
        for (state, same) in [(Sent, Told::Sent), (Failed, Told::Failed), (Unknown, Told::Unknown)]
        {
            assert_eq!(complete(state, same), Ok(None));
        }
        for (state, other) in [(Sent, Told::Failed), (Failed, Told::Unknown), (Denied, Told::Sent)]
        {
            assert_eq!(complete(state, other), Err(Settled));
        }
    }

    #[test]
    fn names_round_trip() {
        let (customer, id) = (CustomerId::from(Uuid::from_u128(1)), Uuid::from_u128(2));
        assert_eq!(parse_name(&name(customer, id)), Some((customer, id)));
        assert_eq!(parse_name(&format!("{}/contacts/2", customer.name())), None);
        assert_eq!(parse_name(&customer.name()), None);
    }

    /// The most contacts in any period that begins with one of them.
    fn busiest(contacts: &[Time], period: Duration) -> usize {
        let within =
            |from: Time| contacts.iter().filter(|at| **at >= from && **at < from + period).count();
        contacts.iter().map(|at| within(*at)).max().unwrap_or(0)
    }

    proptest! {
        #[test]
        fn whatever_is_asked_for_the_cap_is_kept_and_the_next_try_is_the_first_that_goes_by(
            cap in 1..4_usize,
            asked in prop::collection::vec(0..60_i64, 1..40),
        ) {
            let (policy, quiet, mut granted) = (policy(cap), quiet(), Vec::new());
            for halves in asked {
                let at = NOON.plus_micros(halves * 43_200_000_000);
                let ask = |at: Time, counted: &[Time]| {
                    let consent = ConsentState::Unknown;
                    let now = Circumstances { consent, counted, quiet: Some(&quiet) };
                    decide(ContactPurpose::Care, at, &now, &policy).unwrap()
                };
                match ask(at, &granted) {
                    Verdict::Granted { until } => {
                        prop_assert!(until > at);
                        granted.push(at);
                    }
                    Verdict::Denied { retry_at, .. } => {
                        let retry = retry_at.unwrap();
                        prop_assert!(retry > at);
                        let granted_then = matches!(ask(retry, &granted), Verdict::Granted { .. });
                        prop_assert!(granted_then);
                        let before = ask(retry.plus_micros(-1), &granted);
                        let denied_before = matches!(before, Verdict::Denied { .. });
                        prop_assert!(denied_before);
                    }
                }
                prop_assert!(busiest(&granted, policy.period) <= cap);
            }
        }
    }
}
