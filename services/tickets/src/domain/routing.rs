//! Who may take what, and what comes next.

use std::collections::{BTreeMap, BTreeSet};

use contracts::tickets::v1::{AssignmentReason, Channel, Kind};
use kernel::{Role, TicketId, Time};

/// How much at once those agents take whose profile nobody wrote.
const USUAL_CAPACITY: i32 = 20;
/// How long a ticket of a tenant whose queues nobody wrote waits before it goes before every later
/// one: four hours, in microseconds.
const USUAL_MAX_WAIT: i64 = 4 * 3_600_000_000;

/// What tickets need of an agent, as one key: tickets of one lane can be taken by the same agents,
/// with the same room left. Skills are sorted; nothing in a lane contains the separators.
pub fn lane(queue: &str, language: &str, skills: &[String], weight: i32) -> String {
    format!("{queue}|{language}|{}|{weight}", skills.join(","))
}

/// What a ticket of this lane takes of an agent's capacity.
pub fn weight(lane: &str) -> i64 {
    lane.rsplit('|').next().and_then(|weight| weight.parse().ok()).unwrap_or(1)
}

/// The queue of this lane.
pub fn queue(lane: &str) -> &str {
    lane.split('|').next().unwrap_or_default()
}

/// A queue of a tenant.
#[derive(Clone, Debug)]
pub struct Queue {
    /// Its id.
    pub id: String,
    /// What it is called.
    pub title: String,
    /// The team that it belongs to; empty where it is everybody's.
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

/// A person of the staff, as the gateway has told of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Staff {
    /// Who, by slug.
    pub member: String,
    /// What they may do.
    pub roles: Vec<Role>,
    /// The teams that they belong to, by slug.
    pub teams: Vec<String>,
    /// Whether they may sign in.
    pub active: bool,
}

/// How one tenant routes.
#[derive(Clone, Debug)]
pub struct Routing {
    /// Its queues, in the order in which intake tries them; the last one takes what is left.
    pub queues: Vec<Queue>,
    /// Its agents by slug. Members without a profile take nothing by themselves.
    pub agents: BTreeMap<String, Profile>,
}

/// One queue that takes everything and is everybody's, and no agents yet.
impl Default for Routing {
    fn default() -> Self {
        let general = Queue {
            id: "general".to_owned(),
            title: String::new(),
            team: String::new(),
            kinds: Vec::new(),
            channels: Vec::new(),
            languages: Vec::new(),
            max_wait: USUAL_MAX_WAIT,
        };
        Self { queues: vec![general], agents: BTreeMap::new() }
    }
}

impl Routing {
    /// The profile of somebody whose own nobody wrote: whoever's role is to answer customers takes
    /// from the queues of their teams, in any language.
    pub fn usual(&self, roles: &[Role], teams: &[String]) -> Option<Profile> {
        let answers =
            |role: &Role| matches!(role, Role::Agent | Role::SeniorAgent | Role::Supervisor);
        roles.iter().any(answers).then(|| Profile {
            queues: self.queues_of(teams).into_iter().map(str::to_owned).collect(),
            skills: Vec::new(),
            languages: Vec::new(),
            capacity: USUAL_CAPACITY,
        })
    }

    /// What this person takes: by the profile that is written for them, else the usual; nothing once
    /// they have left.
    pub fn profile_of(&self, staff: &Staff) -> Option<Profile> {
        let written = self.agents.get(&staff.member).cloned();
        written.or_else(|| self.usual(&staff.roles, &staff.teams)).filter(|_| staff.active)
    }

    /// The same with the staff as it is now.
    #[must_use]
    pub fn with(mut self, staff: &[Staff]) -> Self {
        for one in staff {
            match self.profile_of(one) {
                Some(profile) => self.agents.insert(one.member.clone(), profile),
                None => self.agents.remove(&one.member),
            };
        }
        self
    }

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

    /// The queues of these teams, and those that are everybody's.
    pub fn queues_of(&self, teams: &[String]) -> Vec<&str> {
        let is_mine = |queue: &&Queue| queue.team.is_empty() || teams.contains(&queue.team);
        let mine = self.queues.iter().filter(is_mine);
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

    #[test]
    fn who_comes_takes_from_their_teams_queues_and_who_leaves_takes_nothing() {
        let staff = |member: &str, role, teams: &[&str], active| Staff {
            member: member.to_owned(),
            roles: vec![role],
            teams: teams.iter().map(|team| (*team).to_owned()).collect(),
            active,
        };
        let mut routing = Routing::default();
        routing.queues.insert(
            0,
            Queue {
                id: "complaints".to_owned(),
                team: "resolution".to_owned(),
                ..routing.queues[0].clone()
            },
        );
        routing.agents.insert("lin".to_owned(), profile());
        let now = routing.clone().with(&[
            staff("mei", Role::Agent, &["resolution"], true),
            staff("wu", Role::Supervisor, &[], true),
            staff("grace", Role::Admin, &["resolution"], true),
            staff("lin", Role::Agent, &[], true),
        ]);
        assert_eq!(now.agents["mei"].queues, ["complaints", "general"]);
        assert_eq!(now.agents["wu"].queues, ["general"]);
        assert!(!now.agents.contains_key("grace"), "who runs the tenant answers nobody");
        assert_eq!(now.agents["lin"].skills, ["refunds"], "what is written for somebody holds");
        let later = routing.with(&[staff("lin", Role::Agent, &[], false)]);
        assert!(!later.agents.contains_key("lin"));
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
