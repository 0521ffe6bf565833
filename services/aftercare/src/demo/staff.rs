//! Who plays: the staff of the tenant as the seed names them, and who gets which complaint.
//!
//! An agent works on at most [`AT_ONCE`] complaints at a time and keeps only a few for good, so that
//! nobody's capacity is ever used up by the demo; which complaint is whose depends on its row alone.

use anyhow::{Context, Result};
use config::seed::{Member, Queue, Routing, Tenant};
use kernel::Role;

use super::{
    rule::{Course, Ending, course, dice},
    texts::{Text, Texts},
};

/// How many complaints an agent works on at a time, where the capacity has room for so many.
const AT_ONCE: u32 = 2;
/// The most that one ticket takes of a capacity by the shipped policy.
const HEAVIEST: u32 = 5;

/// An agent who plays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Agent {
    /// The member's slug.
    pub(crate) member: String,
    /// How many complaints at a time.
    pub(crate) at_once: u32,
    /// How many unfinished ones stay with the agent; the others go back to the queue.
    keeps: u32,
}

/// The staff of a tenant as far as it plays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Staff {
    /// Who judges.
    pub(crate) supervisor: String,
    /// Who works.
    pub(crate) agents: Vec<Agent>,
}

/// A complaint with its course and its agent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case<'a> {
    pub(crate) text: &'a Text,
    pub(crate) course: Course,
    /// Which of the agents.
    pub(crate) agent: usize,
    /// Whether the agent keeps it where it stays unfinished.
    pub(crate) kept: bool,
}

impl Staff {
    /// Those of a tenant's members who work on complaints in this language, and a supervisor.
    pub(crate) fn of(tenant: &Tenant, language: &str) -> Result<Self> {
        let slug = &tenant.slug;
        let supervisor =
            tenant.members.iter().find(|member| member.roles.contains(&Role::Supervisor));
        let supervisor =
            supervisor.with_context(|| format!("nobody of `{slug}` is a supervisor"))?.id.clone();
        let queue = tenant.queues.iter().find(|queue| takes_complaints(queue, language));
        let queue = queue.or(tenant.default_queue()).context("the tenant has no queue")?;
        let agents: Vec<_> =
            tenant.members.iter().filter_map(|member| agent(member, &queue.id, language)).collect();
        let nobody = || {
            let queue = &queue.id;
            format!(
                "no agent of `{slug}` works on `{queue}` in `{language}` with a capacity of {HEAVIEST}"
            )
        };
        (!agents.is_empty()).then_some(Self { supervisor, agents }).with_context(nobody)
    }

    /// Every complaint with its agent, in the file's order: a part of a file is played as it would be
    /// with the rest.
    pub(crate) fn cases<'a>(&self, texts: &'a Texts) -> Vec<Case<'a>> {
        let mut room: Vec<u32> = self.agents.iter().map(|agent| agent.keeps).collect();
        let case = |text: &'a Text| {
            let course = course(texts.form, text);
            let agents = self.agents.len() as u64;
            let agent =
                usize::try_from(dice(texts.form.name(), &text.id, "agent", agents)).unwrap_or(0);
            let stays = matches!(course.ending, Ending::Unfinished | Ending::Unanswered);
            let kept = stays && room[agent] > 0;
            room[agent] -= u32::from(kept);
            Case { text, course, agent, kept }
        };
        texts.rows.iter().map(case).collect()
    }
}

fn takes_complaints(queue: &Queue, language: &str) -> bool {
    let complaints = queue.kinds.iter().any(|kind| kind == "complaint");
    let language = queue.languages.is_empty() || queue.languages.iter().any(|own| own == language);
    complaints && language && queue.channels.is_empty()
}

fn agent(member: &Member, queue: &str, language: &str) -> Option<Agent> {
    let works = member.roles.iter().any(|role| matches!(role, Role::Agent | Role::SeniorAgent));
    let Routing { queues, languages, capacity, .. } = member.routing.as_ref()?;
    let speaks = languages.is_empty() || languages.iter().any(|own| own == language);
    let at_once = AT_ONCE.min(capacity / HEAVIEST);
    let keeps = (capacity - at_once * HEAVIEST) / (2 * HEAVIEST);
    let fits = works && speaks && at_once > 0 && queues.iter().any(|own| own == queue);
    fits.then(|| Agent { member: member.id.clone(), at_once, keeps })
}

#[cfg(test)]
mod tests {
    use config::Seed;

    use super::*;
    use crate::demo::texts;

    #[test]
    fn the_shipped_tenants_have_somebody_for_their_complaints() {
        let seed = Seed::shipped();
        for (slug, language, agents) in [
            ("meridian", "en", ["amy", "ben", "cleo", "erin"]),
            ("qingfeng", "zh", ["lin", "wang", "zhao", "liu"]),
        ] {
            let staff = Staff::of(seed.tenant(slug).unwrap(), language).unwrap();
            let members: Vec<_> = staff.agents.iter().map(|agent| agent.member.as_str()).collect();
            assert_eq!(members, agents);
            assert!(staff.agents.iter().all(|agent| agent.at_once == 2 && agent.keeps == 3));
        }
        let error = Staff::of(seed.tenant("harbor").unwrap(), "zh").unwrap_err().to_string();
        assert!(error.contains("no agent of `harbor`"), "{error}");
    }

    #[test]
    fn nobody_keeps_more_than_there_is_room_for_and_a_part_is_played_like_the_whole() {
        let texts = texts::shipped().unwrap();
        let staff = Staff::of(&Seed::shipped().tenants[0], "en").unwrap();
        let cases = staff.cases(&texts);
        for (at, agent) in staff.agents.iter().enumerate() {
            let kept = cases.iter().filter(|case| case.agent == at && case.kept).count();
            assert!(kept <= agent.keeps as usize);
            assert!(cases.iter().filter(|case| case.agent == at).count() > 50);
        }
        let part = Texts { rows: texts.rows[..100].to_vec(), ..texts.clone() };
        for (one, other) in staff.cases(&part).iter().zip(&cases) {
            assert_eq!((one.agent, one.kept), (other.agent, other.kept));
        }
    }
}
