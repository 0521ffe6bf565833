//! The seed: tenants with their teams, queues and staff, from one TOML file, until the gateway owns
//! them. The shipped one has four tenants to try the suite with.
//!
//! Names of kinds and channels are those of the contract's enums, in lower case and without the
//! prefix (`complaint`, `phone`); tickets, which knows them, refuses others.

use std::{collections::BTreeSet, time::Duration};

use kernel::{Locale, Role, TenantId, Violations, id::is_slug};
use serde::Deserialize;

use crate::{Error, duration};

/// More tickets than this at once are not worked on by anybody.
pub const MOST_CAPACITY: u32 = 1_000;

/// Every tenant that there is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seed {
    /// In the file's order; the first one is the one that a newcomer is greeted with.
    #[serde(default)]
    pub tenants: Vec<Tenant>,
}

/// One company that uses the suite.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tenant {
    /// Its id; never changed once there is data.
    pub id: TenantId,
    /// Its name in commands, for instance `harbor`.
    pub slug: String,
    /// Its name to people.
    pub title: String,
    /// The language that its customers speak where nothing else is known.
    pub locale: Locale,
    /// The region that phone numbers without a country code belong to, as ISO 3166 (`US`).
    pub phone_region: String,
    /// Where its working day is, as an IANA name (`America/New_York`).
    pub time_zone: String,
    /// Its teams.
    #[serde(default)]
    pub teams: Vec<Team>,
    /// Its queues; a new ticket goes to the first that takes it, else to the default one.
    #[serde(default)]
    pub queues: Vec<Queue>,
    /// Its staff.
    #[serde(default)]
    pub members: Vec<Member>,
}

/// A part of the staff.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Team {
    /// Its slug.
    pub id: String,
    /// Its name to people.
    pub title: String,
}

/// Where tickets wait for an agent.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Queue {
    /// Its slug.
    pub id: String,
    /// Its name to people.
    pub title: String,
    /// The team that works on it.
    pub team: String,
    /// The kinds of tickets that it takes, such as `complaint`; empty for all.
    #[serde(default)]
    pub kinds: Vec<String>,
    /// The channels that it takes, such as `phone`; empty for all.
    #[serde(default)]
    pub channels: Vec<String>,
    /// The languages that it takes, such as `zh`; empty for all.
    #[serde(default)]
    pub languages: Vec<String>,
    /// Whether it takes what no other queue does. Each tenant has exactly one.
    #[serde(default)]
    pub default: bool,
    /// After this a ticket goes before every later one.
    #[serde(with = "duration")]
    pub max_wait: Duration,
}

/// A person of the staff.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Member {
    /// The slug that tokens, tickets and history name them by.
    pub id: String,
    /// Their name to people.
    pub title: String,
    /// What they may do.
    pub roles: Vec<Role>,
    /// The teams that they belong to.
    #[serde(default)]
    pub teams: Vec<String>,
    /// The language of messages to them.
    #[serde(default)]
    pub locale: Locale,
    /// Which tickets they get. Where left out, those whose role is to answer customers get what is in
    /// the queues of their teams, and others none.
    pub routing: Option<Routing>,
}

/// Which tickets a member gets, and how many at once.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Routing {
    /// The queues that they work on.
    pub queues: Vec<String>,
    /// What they can do that not everybody can, such as `refunds`.
    #[serde(default)]
    pub skills: Vec<String>,
    /// The languages that they speak, as BCP 47 tags.
    #[serde(default)]
    pub languages: Vec<String>,
    /// How many tickets they have at once: 0 to [`MOST_CAPACITY`].
    pub capacity: u32,
}

impl Seed {
    /// The text of the shipped seed.
    pub const SHIPPED: &str = include_str!("../seed.toml");

    /// The shipped seed.
    #[expect(clippy::expect_used, reason = "the shipped seed is valid, which a test holds")]
    pub fn shipped() -> Self {
        Self::parse(Self::SHIPPED).expect("the shipped seed is valid")
    }

    /// Reads a seed, with all that is wrong with it at once.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let seed: Self = toml::from_str(text).map_err(Error::Seed)?;
        let mut violations = Violations::new();
        seed.check(&mut violations);
        violations.finish(seed).map_err(Error::Invalid)
    }

    /// The tenant of this slug.
    pub fn tenant(&self, slug: &str) -> Option<&Tenant> {
        self.tenants.iter().find(|tenant| tenant.slug == slug)
    }

    fn check(&self, violations: &mut Violations) {
        violations.check(!self.tenants.is_empty(), "tenants", "must have at least one");
        let slugs = self.tenants.iter().map(|tenant| tenant.slug.as_str());
        unique(violations, "tenants", "slug", slugs);
        let ids: BTreeSet<_> = self.tenants.iter().map(|tenant| tenant.id).collect();
        violations.check(ids.len() == self.tenants.len(), "tenants", "have one id twice");
        for (index, tenant) in self.tenants.iter().enumerate() {
            tenant.check(&format!("tenants[{index}]"), violations);
        }
    }
}

impl Tenant {
    /// The member of this slug.
    pub fn member(&self, id: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.id == id)
    }

    /// The queue that takes what no other does.
    pub fn default_queue(&self) -> Option<&Queue> {
        self.queues.iter().find(|queue| queue.default)
    }

    fn check(&self, path: &str, violations: &mut Violations) {
        slug(violations, &format!("{path}.slug"), &self.slug);
        violations.text(&format!("{path}.title"), &self.title, 1, 200);
        let region = self.phone_region.len() == 2
            && self.phone_region.bytes().all(|b| b.is_ascii_uppercase());
        let field = format!("{path}.phone_region");
        violations.check(region, &field, "must be two capital letters, such as `US`");
        let field = format!("{path}.time_zone");
        let zone = calendar::is_zone(&self.time_zone);
        violations.check(zone, &field, "must be an IANA time zone, such as `Asia/Shanghai`");

        let teams: Vec<_> = self.teams.iter().map(|team| team.id.as_str()).collect();
        let queues: Vec<_> = self.queues.iter().map(|queue| queue.id.as_str()).collect();
        let members = self.members.iter().map(|member| member.id.as_str());
        unique(violations, &format!("{path}.teams"), "id", teams.iter().copied());
        unique(violations, &format!("{path}.queues"), "id", queues.iter().copied());
        unique(violations, &format!("{path}.members"), "id", members);
        let defaults = self.queues.iter().filter(|queue| queue.default).count();
        let field = format!("{path}.queues");
        violations.check(defaults == 1, &field, "must have exactly one with `default = true`");
        for (index, team) in self.teams.iter().enumerate() {
            let path = format!("{path}.teams[{index}]");
            slug(violations, &format!("{path}.id"), &team.id);
            violations.text(&format!("{path}.title"), &team.title, 1, 200);
        }
        for (index, queue) in self.queues.iter().enumerate() {
            queue.check(&format!("{path}.queues[{index}]"), &teams, violations);
        }
        for (index, member) in self.members.iter().enumerate() {
            member.check(&format!("{path}.members[{index}]"), &teams, &queues, violations);
        }
    }
}

impl Queue {
    fn check(&self, path: &str, teams: &[&str], violations: &mut Violations) {
        slug(violations, &format!("{path}.id"), &self.id);
        violations.text(&format!("{path}.title"), &self.title, 1, 200);
        known(violations, &format!("{path}.team"), "team", &self.team, teams);
        names(violations, &format!("{path}.kinds"), &self.kinds);
        names(violations, &format!("{path}.channels"), &self.channels);
        languages(violations, &format!("{path}.languages"), &self.languages);
        let field = format!("{path}.max_wait");
        violations.check(!self.max_wait.is_zero(), &field, "must be more than nothing");
    }
}

impl Member {
    fn check(&self, path: &str, teams: &[&str], queues: &[&str], violations: &mut Violations) {
        slug(violations, &format!("{path}.id"), &self.id);
        violations.text(&format!("{path}.title"), &self.title, 1, 200);
        let staff = |role: &Role| {
            !matches!(
                role,
                Role::Anonymous
                    | Role::LinkHolder
                    | Role::Customer
                    | Role::Operator
                    | Role::Service
            )
        };
        let field = format!("{path}.roles");
        violations.check(!self.roles.is_empty(), &field, "must have at least one");
        violations.check(self.roles.iter().all(staff), &field, "must be roles of staff");
        for (index, team) in self.teams.iter().enumerate() {
            known(violations, &format!("{path}.teams[{index}]"), "team", team, teams);
        }
        let Some(routing) = &self.routing else { return };
        for (index, queue) in routing.queues.iter().enumerate() {
            known(violations, &format!("{path}.routing.queues[{index}]"), "queue", queue, queues);
        }
        for (index, skill) in routing.skills.iter().enumerate() {
            slug(violations, &format!("{path}.routing.skills[{index}]"), skill);
        }
        languages(violations, &format!("{path}.routing.languages"), &routing.languages);
        if routing.capacity > MOST_CAPACITY {
            let most = format!("must be 0 to {MOST_CAPACITY}, is {}", routing.capacity);
            violations.add(format!("{path}.routing.capacity"), most);
        }
    }
}

fn slug(violations: &mut Violations, path: &str, text: &str) {
    let form = "must be 1 to 63 of a-z, 0-9 and `-`, starting with a letter";
    violations.check(is_slug(text), path, form);
}

fn unique<'a>(
    violations: &mut Violations,
    path: &str,
    key: &str,
    values: impl Iterator<Item = &'a str>,
) {
    let mut seen = BTreeSet::new();
    for value in values {
        if !seen.insert(value) {
            violations.add(path, format!("have the {key} `{value}` twice"));
        }
    }
}

fn known(violations: &mut Violations, path: &str, what: &str, name: &str, all: &[&str]) {
    if !all.contains(&name) {
        violations.add(path, format!("`{name}` is no {what} of this tenant"));
    }
}

fn names(violations: &mut Violations, path: &str, names: &[String]) {
    let plain = |c: u8| c.is_ascii_lowercase() || c == b'_';
    for (index, name) in names.iter().enumerate() {
        let holds = !name.is_empty() && name.bytes().all(plain);
        violations.check(holds, &format!("{path}[{index}]"), "must be of a-z and `_`");
    }
}

fn languages(violations: &mut Violations, path: &str, tags: &[String]) {
    let plain = |part: &str| {
        (2..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric())
    };
    for (index, tag) in tags.iter().enumerate() {
        let holds = !tag.is_empty() && tag.split('-').all(plain);
        violations.check(holds, &format!("{path}[{index}]"), "must be a language, such as `zh`");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = r#"
        [[tenants]]
        id = "019a0000-0000-7000-8000-000000000001"
        slug = "harbor"
        title = "Harbor"
        locale = "en"
        phone_region = "US"
        time_zone = "America/New_York"
        teams = [{ id = "care", title = "Care" }]
        queues = [{ id = "all", title = "All", team = "care", default = true, max_wait = "4h" }]

        [[tenants.members]]
        id = "ann"
        title = "Ann"
        roles = ["agent"]
        teams = ["care"]
        routing = { queues = ["all"], capacity = 3 }
    "#;

    fn problems(text: &str) -> Vec<String> {
        match Seed::parse(text) {
            Err(Error::Invalid(violations)) => violations
                .as_slice()
                .iter()
                .map(|found| format!("{} {}", found.field, found.description))
                .collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_shipped_seed_has_staff_of_every_kind_for_each_tenant() {
        let seed = Seed::shipped();
        let slugs: Vec<_> = seed.tenants.iter().map(|tenant| tenant.slug.as_str()).collect();
        assert_eq!(slugs, ["harbor", "qingfeng", "jiahe", "meridian"]);
        for tenant in &seed.tenants {
            assert!(tenant.teams.len() >= 2 && tenant.queues.len() >= 3);
            assert!(tenant.default_queue().is_some());
            let with = |role| tenant.members.iter().filter(|m| m.roles.contains(&role)).count();
            assert!(with(Role::Agent) >= 4);
            for role in [Role::SeniorAgent, Role::Supervisor, Role::Admin, Role::Auditor] {
                assert!(with(role) >= 1, "{role:?}");
            }
        }
    }

    #[test]
    fn a_small_seed_is_read_whole() {
        let seed = Seed::parse(SMALL).unwrap();
        let tenant = seed.tenant("harbor").unwrap();
        assert_eq!(tenant.default_queue().unwrap().max_wait, Duration::from_hours(4));
        let routing = tenant.member("ann").unwrap().routing.as_ref().unwrap();
        assert_eq!(routing.capacity, 3);
        assert_eq!(seed.tenant("other"), None);
    }

    #[test]
    fn all_problems_are_told_at_once() {
        let bad = SMALL
            .replace("slug = \"harbor\"", "slug = \"Harbor\"")
            .replace("\"US\"", "\"usa\"")
            .replace("New_York", "Gotham")
            .replace("team = \"care\"", "team = \"nobody\"")
            .replace("default = true", "kinds = [\"Complaint\"]")
            .replace("[\"agent\"]", "[\"operator\"]")
            .replace("queues = [\"all\"]", "queues = [\"other\"]")
            .replace("capacity = 3", "capacity = 1001");
        assert_eq!(
            problems(&bad),
            [
                "tenants[0].slug must be 1 to 63 of a-z, 0-9 and `-`, starting with a letter",
                "tenants[0].phone_region must be two capital letters, such as `US`",
                "tenants[0].time_zone must be an IANA time zone, such as `Asia/Shanghai`",
                "tenants[0].queues must have exactly one with `default = true`",
                "tenants[0].queues[0].team `nobody` is no team of this tenant",
                "tenants[0].queues[0].kinds[0] must be of a-z and `_`",
                "tenants[0].members[0].roles must be roles of staff",
                "tenants[0].members[0].routing.queues[0] `other` is no queue of this tenant",
                "tenants[0].members[0].routing.capacity must be 0 to 1000, is 1001",
            ]
        );
    }

    #[test]
    fn duplicates_are_named() {
        let twice = format!("{SMALL}\n{SMALL}");
        assert_eq!(
            problems(&twice),
            ["tenants have the slug `harbor` twice", "tenants have one id twice"]
        );
        assert_eq!(problems(""), ["tenants must have at least one"]);
    }

    #[test]
    fn a_key_that_nobody_knows_is_refused() {
        let bad = SMALL.replace("title = \"Ann\"", "title = \"Ann\"\nfoo = 1");
        let error = Seed::parse(&bad).unwrap_err();
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(cause.contains("unknown field `foo`"), "{cause}");
        // What nothing goes by yet is not taken and then ignored.
        for (title, more) in
            [("title = \"Harbor\"", "policy = \"strict\""), ("capacity = 3", "tier = \"junior\"")]
        {
            let separator = if more.starts_with("tier") { ", " } else { "\n" };
            let bad = SMALL.replace(title, &format!("{title}{separator}{more}"));
            assert!(matches!(Seed::parse(&bad), Err(Error::Seed(_))), "{more}");
        }
    }
}
