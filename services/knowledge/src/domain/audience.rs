//! Who may read an article.

use contracts::knowledge::v1::AudienceLevel;
use kernel::{Caller, CallerKind, Role, Violations};

/// The most teams that an article is for.
pub const MAX_TEAMS: usize = 20;

/// Who may read an article.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audience {
    /// The least level of its readers.
    pub level: AudienceLevel,
    /// The teams that it is for, by slug; all where there is none.
    pub teams: Vec<String>,
}

impl Default for Audience {
    fn default() -> Self {
        Self { level: AudienceLevel::Agent, teams: Vec::new() }
    }
}

impl Audience {
    /// Notes what is wrong with it; `field` is its path.
    pub fn check(&self, field: &str, violations: &mut Violations) {
        let fits = self.teams.is_empty() || self.level >= AudienceLevel::Agent;
        let why = "are staff: the level must be that of agents or above";
        violations.check(fits, &format!("{field}.teams"), why);
    }
}

/// A reader, as far as it matters what they may read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reader {
    /// How far they reach.
    pub level: AudienceLevel,
    /// The teams that they are in; `None` for who reads the articles of all.
    pub teams: Option<Vec<String>>,
}

impl Reader {
    /// The reader that a caller is. Who may write articles (`writes`) reads all of them.
    pub fn of(caller: &Caller, writes: bool) -> Self {
        if writes {
            return Self { level: AudienceLevel::Supervisor, teams: None };
        }
        let level = match caller.kind {
            CallerKind::Anonymous => AudienceLevel::Public,
            CallerKind::Customer => AudienceLevel::Customer,
            CallerKind::Member
            | CallerKind::Integration
            | CallerKind::Service
            | CallerKind::Operator => {
                caller.roles.iter().copied().map(level).max().unwrap_or(AudienceLevel::Public)
            }
        };
        Self { level, teams: Some(caller.teams.clone()) }
    }

    /// The same reader, seeing no more than readers of this level do.
    #[must_use]
    pub fn no_further_than(self, level: AudienceLevel) -> Self {
        if level == AudienceLevel::Unspecified || level >= self.level {
            return self;
        }
        // Customers are in no team.
        let teams = if level < AudienceLevel::Agent { Some(Vec::new()) } else { self.teams };
        Self { level, teams }
    }

    /// Whether they may read what is for this audience.
    pub fn may_read(&self, audience: &Audience) -> bool {
        let in_one = |teams: &Vec<String>| audience.teams.iter().any(|team| teams.contains(team));
        self.level >= audience.level
            && (audience.teams.is_empty() || self.teams.as_ref().is_none_or(in_one))
    }
}

/// How far a role reaches.
fn level(role: Role) -> AudienceLevel {
    match role {
        Role::Anonymous | Role::LinkHolder | Role::Supplier | Role::Operator => {
            AudienceLevel::Public
        }
        Role::Customer => AudienceLevel::Customer,
        Role::Agent | Role::Technician | Role::Integration | Role::PrivacyOfficer => {
            AudienceLevel::Agent
        }
        Role::SeniorAgent => AudienceLevel::SeniorAgent,
        Role::Supervisor
        | Role::Editor
        | Role::Approver
        | Role::Auditor
        | Role::Admin
        | Role::Service => AudienceLevel::Supervisor,
    }
}

#[cfg(test)]
mod tests {
    use kernel::{Locale, TenantId};
    use uuid::Uuid;

    use super::*;

    fn caller(kind: CallerKind, roles: &[Role], teams: &[&str]) -> Caller {
        Caller {
            tenant: TenantId::from(Uuid::nil()),
            kind,
            subject: "lin".to_owned(),
            roles: roles.to_vec(),
            teams: teams.iter().map(|team| (*team).to_owned()).collect(),
            scopes: None,
            customer: None,
            link: None,
            locale: Locale::En,
        }
    }

    fn audience(level: AudienceLevel, teams: &[&str]) -> Audience {
        Audience { level, teams: teams.iter().map(|team| (*team).to_owned()).collect() }
    }

    #[test]
    fn each_level_reads_what_those_before_it_read() {
        use AudienceLevel::{Agent, Customer, Public, SeniorAgent, Supervisor};
        let readers = [
            (CallerKind::Anonymous, Role::Anonymous, Public),
            (CallerKind::Customer, Role::Customer, Customer),
            (CallerKind::Member, Role::Agent, Agent),
            (CallerKind::Integration, Role::Integration, Agent),
            (CallerKind::Member, Role::SeniorAgent, SeniorAgent),
            (CallerKind::Member, Role::Auditor, Supervisor),
        ];
        for (kind, role, reaches) in readers {
            let reader = Reader::of(&caller(kind, &[role], &[]), false);
            for level in [Public, Customer, Agent, SeniorAgent, Supervisor] {
                let reads = reader.may_read(&audience(level, &[]));
                assert_eq!(reads, level <= reaches, "{role:?} {level:?}");
            }
        }
    }

    #[test]
    fn a_customer_with_the_role_of_an_agent_is_still_a_customer() {
        let reader = Reader::of(&caller(CallerKind::Customer, &[Role::Admin], &["a"]), false);
        assert_eq!(reader.level, AudienceLevel::Customer);
    }

    #[test]
    fn what_is_for_teams_is_read_by_their_members_and_by_writers() {
        let agent = |teams| Reader::of(&caller(CallerKind::Member, &[Role::Agent], teams), false);
        let narrow = audience(AudienceLevel::Agent, &["a", "b"]);
        assert!(agent(&["b", "c"]).may_read(&narrow));
        assert!(!agent(&["c"]).may_read(&narrow));
        assert!(!agent(&[]).may_read(&narrow));
        let writer = Reader::of(&caller(CallerKind::Integration, &[Role::Integration], &[]), true);
        assert!(writer.may_read(&narrow));
        assert!(!writer.no_further_than(AudienceLevel::Customer).may_read(&narrow));
    }

    #[test]
    fn nobody_reaches_further_by_asking() {
        let customer = Reader::of(&caller(CallerKind::Customer, &[Role::Customer], &[]), false);
        let asked = customer.clone().no_further_than(AudienceLevel::Supervisor);
        assert_eq!(asked, customer);
        let public = customer.no_further_than(AudienceLevel::Public);
        assert!(!public.may_read(&audience(AudienceLevel::Customer, &[])));
    }
}
