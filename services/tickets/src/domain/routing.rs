//! Who may take what, and what comes next.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use contracts::tickets::v1::{AssignmentReason, Channel, Kind};
use kernel::{TenantId, TicketId, Time};

/// What tickets need of an agent, as one key: tickets of one lane can be taken by the same agents,
/// with the same room left. Skills are sorted; nothing in a lane contains the separators.
pub fn lane(queue: &str, language: &str, skills: &[String], weight: i32) -> String {
    format!("{queue}|{language}|{}|{weight}", skills.join(","))
}

/// What a ticket of this lane takes of an agent's capacity.
pub fn weight(lane: &str) -> i64 {
    lane.rsplit('|').next().and_then(|weight| weight.parse().ok()).unwrap_or(1)
}

/// A queue of a tenant.
#[derive(Clone, Debug)]
pub struct Queue {
    /// Its id.
    pub id: String,
    /// The team that it belongs to.
    pub team: String,
    /// The kinds that intake puts into it; empty for none in particular.
    pub kinds: Vec<Kind>,
    /// The channels that intake puts into it; empty for all.
    pub channels: Vec<Channel>,
    /// The languages that intake puts into it; empty for all.
    pub languages: Vec<String>,
    /// After this a ticket goes before every later one, in microseconds.
    pub max_wait: i64,
}

/// What an agent can take.
#[derive(Clone, Debug, Default)]
pub struct Profile {
    /// From which queues.
    pub queues: Vec<String>,
    /// With which skills.
    pub skills: Vec<String>,
    /// In which languages; empty for all.
    pub languages: Vec<String>,
    /// How much at once.
    pub capacity: i32,
}

impl Profile {
    /// Whether an agent with this profile may take tickets of a lane.
    pub fn admits(&self, lane: &str) -> bool {
        let mut parts = lane.split('|');
        let (queue, language, skills) = (
            parts.next().unwrap_or_default(),
            parts.next().unwrap_or_default(),
            parts.next().unwrap_or_default(),
        );
        let has = |list: &[String], item: &str| list.iter().any(|one| one == item);
        has(&self.queues, queue)
            && (language.is_empty() || self.languages.is_empty() || has(&self.languages, language))
            && skills
                .split(',')
                .filter(|skill| !skill.is_empty())
                .all(|skill| has(&self.skills, skill))
    }
}

/// How one tenant routes.
#[derive(Clone, Debug, Default)]
pub struct Routing {
    /// Its queues, in the order in which intake tries them; the last one takes what is left.
    pub queues: Vec<Queue>,
    /// Its agents by slug. Members without a profile take nothing by themselves.
    pub agents: BTreeMap<String, Profile>,
    /// All its members' slugs with their teams.
    pub members: BTreeMap<String, Vec<String>>,
}

/// How each tenant routes.
pub type Routings = HashMap<TenantId, Routing>;

impl Routing {
    /// The queue for a matter: the first that is made for its kind, channel and language, else the
    /// last.
    pub fn queue_for(&self, kind: Kind, channel: Channel, language: &str) -> Option<&Queue> {
        let fits = |queue: &&Queue| {
            queue.kinds.contains(&kind)
                && (queue.channels.is_empty() || queue.channels.contains(&channel))
                && (queue.languages.is_empty() || queue.languages.iter().any(|l| l == language))
        };
        self.queues.iter().find(fits).or_else(|| self.queues.last())
    }

    /// Which of `skills` a member lacks.
    pub fn lacks<'a>(&self, member: &str, skills: &'a [String]) -> Vec<&'a str> {
        let has = |skill: &String| {
            self.agents.get(member).is_some_and(|profile| profile.skills.contains(skill))
        };
        skills.iter().filter(|skill| !has(skill)).map(String::as_str).collect()
    }

    /// Every skill that some agent has, once each.
    pub fn skills(&self) -> BTreeSet<&str> {
        let profiles = self.agents.values();
        profiles.flat_map(|profile| &profile.skills).map(String::as_str).collect()
    }

    /// The queues of these teams.
    pub fn queues_of(&self, teams: &[String]) -> Vec<&str> {
        let mine = self.queues.iter().filter(|queue| teams.contains(&queue.team));
        mine.map(|queue| queue.id.as_str()).collect()
    }

    /// The queue of this id.
    pub fn queue(&self, id: &str) -> Option<&Queue> {
        self.queues.iter().find(|queue| queue.id == id)
    }
}

/// A ticket that waits, with what its turn goes by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The ticket.
    pub id: TicketId,
    /// Its queue.
    pub queue: String,
    /// Since when it waits.
    pub queued_at: Time,
    /// When its first clock is due; the end of time where none runs.
    pub due: Time,
}

/// In what order to try candidates, and why each: those that have waited longer than their queue
/// allows, oldest first, before all others; the others by due time, then by age.
pub fn in_turn(
    mut candidates: Vec<Candidate>,
    max_wait: impl Fn(&str) -> i64,
    now: Time,
) -> Vec<(Candidate, AssignmentReason)> {
    let overdue = |one: &Candidate| now.since(one.queued_at) >= max_wait(&one.queue);
    candidates.sort_by_key(|one| {
        if overdue(one) {
            (0, one.queued_at, one.queued_at, one.id)
        } else {
            (1, one.due, one.queued_at, one.id)
        }
    });
    candidates.dedup_by_key(|one| one.id);
    candidates
        .into_iter()
        .map(|one| {
            let reason = if overdue(&one) {
                AssignmentReason::WaitedTooLong
            } else {
                AssignmentReason::EarliestDue
            };
            (one, reason)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn profile() -> Profile {
        Profile {
            queues: vec!["complaints".to_owned()],
            skills: vec!["refunds".to_owned()],
            languages: vec!["zh".to_owned()],
            capacity: 3,
        }
    }

    #[test]
    fn a_lane_asks_for_queue_language_and_every_skill() {
        let skill = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
        let admits = |queue, language, skills: &[&str]| {
            profile().admits(&lane(queue, language, &skill(skills), 1))
        };
        assert!(admits("complaints", "zh", &["refunds"]));
        assert!(admits("complaints", "", &[]));
        assert!(!admits("complaints", "en", &[]));
        assert!(!admits("inquiries", "zh", &[]));
        assert!(!admits("complaints", "zh", &["refunds", "batteries"]));
    }

    fn candidate(n: u128, queued: i64, due: i64) -> Candidate {
        Candidate {
            id: TicketId::from(Uuid::from_u128(n)),
            queue: "q".to_owned(),
            queued_at: Time::from_micros(queued),
            due: Time::from_micros(due),
        }
    }

    #[test]
    fn the_earliest_due_comes_first_until_somebody_has_waited_too_long() {
        let waiting = vec![candidate(1, 10, 900), candidate(2, 20, 100), candidate(3, 5, 999)];
        let order = |now| {
            in_turn(waiting.clone(), |_| 50, Time::from_micros(now))
                .into_iter()
                .map(|(one, _)| one.id.uuid().as_u128())
                .collect::<Vec<_>>()
        };
        assert_eq!(order(30), [2, 1, 3]);
        assert_eq!(order(55), [3, 2, 1]);
        assert_eq!(order(70), [3, 1, 2]);
    }

    proptest! {
        /// Whatever keeps arriving with whatever due times, a ticket is served after at most as many
        /// others as were there, or came, before its wait was over.
        #[test]
        fn nobody_starves(
            arrivals in proptest::collection::vec((0_i64..40, 0_i64..1_000), 1..60),
            max_wait in 1_i64..200,
        ) {
            let mut waiting = Vec::new();
            let mut clock = 0;
            let mut arrivals = arrivals.into_iter().enumerate();
            let mut served = Vec::new();
            loop {
                if let Some((n, (gap, due))) = arrivals.next() {
                    clock += gap;
                    waiting.push(candidate(n as u128, clock, clock + due));
                } else if waiting.is_empty() {
                    break;
                } else {
                    clock += 1;
                }
                let turn = in_turn(waiting.clone(), |_| max_wait, Time::from_micros(clock));
                let (next, _) = turn[0].clone();
                waiting.retain(|one| one.id != next.id);
                for other in &waiting {
                    // Nobody who came later goes before one whose wait is over.
                    let over = clock - other.queued_at.micros() >= max_wait;
                    prop_assert!(!over || next.queued_at <= other.queued_at);
                }
                served.push(next.id);
            }
        }
    }
}
