//! The staff: members and the teams that they belong to.

use kernel::{Locale, Role, Time, Violations, id::is_slug, mask::Mask};
use uuid::Uuid;

use super::Refusal;

const MAX_NAME: usize = 200;
const MAX_ISSUER: usize = 500;
const MAX_SUBJECT: usize = 255;
const MOST_ROLES: usize = 10;
const MOST_TEAMS: usize = 50;

/// The fields of a member that an update may write.
pub const WRITABLE: &[&str] = &["display_name", "login", "roles", "teams", "locale"];

/// The roles that people of the staff hold. The others belong to customers, systems and the suite.
pub const STAFF: &[Role] = &[
    Role::Agent,
    Role::SeniorAgent,
    Role::Supervisor,
    Role::Editor,
    Role::Approver,
    Role::Supplier,
    Role::Technician,
    Role::PrivacyOfficer,
    Role::Auditor,
    Role::Admin,
];

/// The role of the staff of this name.
pub fn staff_role(name: &str) -> Option<Role> {
    Role::parse(name).filter(|role| STAFF.contains(role))
}

/// One person of the staff.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The company's own id.
    pub id: String,
    /// What the person's events go by.
    pub aggregate: Uuid,
    /// The etag's number.
    pub version: i64,
    /// The sequence of the last event.
    pub sequence: i64,
    /// When that was.
    pub last_at: Time,
    /// What an update may write.
    pub profile: Profile,
    /// Whether the person may sign in.
    pub active: bool,
    /// When the person was recorded.
    pub created_at: Time,
    /// When the record was last changed.
    pub updated_at: Time,
}

/// What an update of a member may write.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// What the person is called.
    pub display_name: String,
    /// Who the person is to the company's sign-in.
    pub login: Option<Login>,
    /// What the person may do.
    pub roles: Vec<Role>,
    /// The teams that the person belongs to, by id.
    pub teams: Vec<String>,
    /// The language of messages to the person; empty for the tenant's.
    pub locale: String,
}

/// Who a person is to an issuer of tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// The `iss` of its tokens.
    pub issuer: String,
    /// The `sub` of the person's tokens.
    pub subject: String,
}

/// A part of the staff.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Team {
    /// The company's own id.
    pub id: String,
    /// What the team's events go by.
    pub aggregate: Uuid,
    /// The etag's number.
    pub version: i64,
    /// The sequence of the last event.
    pub sequence: i64,
    /// When that was.
    pub last_at: Time,
    /// What it is called.
    pub title: String,
    /// When it was recorded.
    pub created_at: Time,
}

impl Login {
    /// What a login is found by again; an issuer holds no line break.
    pub fn key(&self) -> String {
        format!("{}\n{}", self.issuer, self.subject)
    }
}

impl Member {
    /// A new person of the staff, who may sign in from now on.
    pub fn new(id: String, aggregate: Uuid, profile: Profile, now: Time) -> Self {
        Self {
            id,
            aggregate,
            version: 1,
            sequence: 1,
            last_at: now,
            profile,
            active: true,
            created_at: now,
            updated_at: now,
        }
    }

    /// The resource name.
    pub fn name(&self) -> String {
        name(&self.id)
    }

    /// Whether this is one of those who run the tenant, of whom one must be left.
    pub fn runs_tenant(&self) -> bool {
        self.active && self.profile.roles.contains(&Role::Admin)
    }

    /// With these fields, written by the person (`own`) or by somebody else; `None` where they are
    /// the same. Nobody takes the role `admin` from themselves.
    pub fn update(
        self,
        given: &Profile,
        mask: &Mask,
        own: bool,
        at: Time,
    ) -> Result<Option<Self>, Refusal> {
        let profile = self.profile.updated(given, mask);
        let loses =
            self.profile.roles.contains(&Role::Admin) && !profile.roles.contains(&Role::Admin);
        if own && loses {
            let why = "nobody takes the role admin from themselves";
            return Err(Refusal::one("SELF", &self.name(), why));
        }
        Ok((profile != self.profile).then(|| Self { profile, ..self.changed(at) }))
    }

    /// Lets the person sign in no more; nobody does that to themselves.
    pub fn deactivate(self, own: bool, at: Time) -> Result<Self, Refusal> {
        if !self.active {
            return Err(Refusal::one("STATE", &self.name(), "the person is deactivated already"));
        }
        if own {
            return Err(Refusal::one("SELF", &self.name(), "nobody deactivates themselves"));
        }
        Ok(Self { active: false, ..self.changed(at) })
    }

    /// Lets the person sign in again.
    pub fn reactivate(self, at: Time) -> Result<Self, Refusal> {
        if self.active {
            return Err(Refusal::one("STATE", &self.name(), "the person is active"));
        }
        Ok(Self { active: true, ..self.changed(at) })
    }

    /// The same with a new version and one event more.
    fn changed(self, at: Time) -> Self {
        Self {
            version: self.version + 1,
            sequence: self.sequence + 1,
            last_at: at,
            updated_at: at,
            ..self
        }
    }
}

impl Profile {
    /// With the fields of the mask taken from `given`.
    #[must_use]
    pub fn updated(&self, given: &Self, mask: &Mask) -> Self {
        let mut profile = self.clone();
        for path in mask.paths() {
            match *path {
                "display_name" => profile.display_name.clone_from(&given.display_name),
                "login" => profile.login.clone_from(&given.login),
                "roles" => profile.roles.clone_from(&given.roles),
                "teams" => profile.teams.clone_from(&given.teams),
                "locale" => profile.locale.clone_from(&given.locale),
                _ => {}
            }
        }
        profile
    }

    /// Notes what is wrong with the fields that are `wanted`; roles and teams were read before.
    pub fn check(&self, wanted: impl Fn(&str) -> bool, violations: &mut Violations) {
        if wanted("display_name") {
            violations.text("member.display_name", &self.display_name, 1, MAX_NAME);
        }
        if let Some(login) = self.login.as_ref().filter(|_| wanted("login")) {
            line("member.login.issuer", &login.issuer, MAX_ISSUER, violations);
            line("member.login.subject", &login.subject, MAX_SUBJECT, violations);
        }
        if wanted("roles") {
            let right = (1..=MOST_ROLES).contains(&self.roles.len());
            violations.check(right, "member.roles", "must be 1 to 10");
            distinct("member.roles", &self.roles, violations);
        }
        if wanted("teams") {
            let right = self.teams.len() <= MOST_TEAMS;
            violations.check(right, "member.teams", "must be at most 50");
            distinct("member.teams", &self.teams, violations);
        }
        if wanted("locale") {
            let known = self.locale.is_empty() || Locale::parse(&self.locale).is_some();
            violations.check(known, "member.locale", "must be `en` or `zh`");
        }
    }
}

impl Team {
    /// A new team.
    pub fn new(id: String, aggregate: Uuid, title: String, now: Time) -> Self {
        Self { id, aggregate, version: 1, sequence: 1, last_at: now, title, created_at: now }
    }

    /// The resource name.
    pub fn name(&self) -> String {
        team_name(&self.id)
    }

    /// With this title; `None` where it is the same.
    pub fn rename(self, title: &str, at: Time) -> Option<Self> {
        (title != self.title).then(|| Self {
            title: title.to_owned(),
            version: self.version + 1,
            sequence: self.sequence + 1,
            last_at: at,
            ..self
        })
    }

    /// Notes what is wrong with a title.
    pub fn check_title(title: &str, violations: &mut Violations) {
        violations.text("team.title", title, 1, MAX_NAME);
    }
}

/// The resource name of the person with this id.
pub fn name(id: &str) -> String {
    format!("members/{id}")
}

/// The resource name of the team with this id.
pub fn team_name(id: &str) -> String {
    format!("teams/{id}")
}

/// Notes a violation unless this is an id that a company may give.
pub fn check_id(field: &str, id: &str, violations: &mut Violations) {
    let form =
        "must be a letter, then letters, digits and `-`, in lower case, at most 63 characters";
    violations.check(is_slug(id), field, form);
}

fn line(field: &str, text: &str, most: usize, violations: &mut Violations) {
    violations.text(field, text, 1, most);
    violations.check(!text.contains(['\n', '\r', '\t']), field, "must be one line");
}

fn distinct<T: PartialEq>(field: &str, all: &[T], violations: &mut Violations) {
    for (index, one) in all.iter().enumerate() {
        let path = format!("{field}[{index}]");
        violations.check(!all[..index].contains(one), &path, "is given twice");
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Time = Time::EPOCH;

    fn profile(roles: &[Role]) -> Profile {
        Profile {
            display_name: "Lin".to_owned(),
            login: Some(Login { issuer: "https://id.example".to_owned(), subject: "7".to_owned() }),
            roles: roles.to_vec(),
            teams: vec!["first-line".to_owned()],
            locale: String::new(),
        }
    }

    fn member(roles: &[Role]) -> Member {
        Member::new("lin".to_owned(), Uuid::from_u128(1), profile(roles), NOW)
    }

    fn all() -> Mask {
        Mask::parse(Some(&["*".to_owned()]), WRITABLE, |_| true, &mut Violations::new())
    }

    fn kind(refused: Result<impl std::fmt::Debug, Refusal>) -> &'static str {
        refused.unwrap_err().0[0].kind
    }

    #[test]
    fn only_roles_of_the_staff_are_given() {
        assert_eq!(staff_role("admin"), Some(Role::Admin));
        for other in ["customer", "integration", "operator", "service", "anonymous", "Admin", ""] {
            assert_eq!(staff_role(other), None, "{other}");
        }
    }

    #[test]
    fn nobody_locks_themselves_out() {
        let boss = member(&[Role::Admin]);
        assert_eq!(kind(boss.clone().deactivate(true, NOW)), "SELF");
        let without = profile(&[Role::Agent]);
        assert_eq!(kind(boss.clone().update(&without, &all(), true, NOW)), "SELF");
        let demoted = boss.clone().update(&without, &all(), false, NOW).unwrap().unwrap();
        assert!(boss.runs_tenant() && !demoted.runs_tenant());
        // Who has other things to change about themselves may.
        let renamed = Profile { display_name: "Lin Wei".to_owned(), ..profile(&[Role::Admin]) };
        assert!(boss.update(&renamed, &all(), true, NOW).unwrap().is_some());
    }

    #[test]
    fn what_is_so_already_is_refused() {
        let gone = member(&[Role::Agent]).deactivate(false, NOW).unwrap();
        assert!(!gone.active);
        assert_eq!(kind(gone.clone().deactivate(true, NOW)), "STATE");
        assert!(gone.reactivate(NOW).unwrap().active);
        assert_eq!(kind(member(&[Role::Agent]).reactivate(NOW)), "STATE");
    }

    #[test]
    fn every_fault_is_found() {
        let wrong = Profile {
            display_name: " ".to_owned(),
            login: Some(Login { issuer: String::new(), subject: "a\nb".to_owned() }),
            roles: vec![Role::Agent, Role::Agent],
            teams: vec!["a".to_owned(); 51],
            locale: "fr".to_owned(),
        };
        let mut violations = Violations::new();
        wrong.check(|path| path != "teams", &mut violations);
        let fields: Vec<_> = violations.as_slice().iter().map(|one| one.field.as_str()).collect();
        assert_eq!(
            fields,
            [
                "member.display_name",
                "member.login.issuer",
                "member.login.subject",
                "member.roles[1]",
                "member.locale",
            ]
        );
        let mut violations = Violations::new();
        wrong.check(|path| path == "teams", &mut violations);
        assert_eq!(violations.as_slice().len(), 1 + 50);
        let mut violations = Violations::new();
        profile(&[]).check(|_| true, &mut violations);
        assert_eq!(violations.as_slice()[0].field, "member.roles");
    }

    #[test]
    fn logins_are_told_apart_by_both_parts() {
        let login = |issuer: &str, subject: &str| {
            Login { issuer: issuer.to_owned(), subject: subject.to_owned() }.key()
        };
        assert_ne!(login("a", "b"), login("b", "a"));
        assert_ne!(login("a", "bc"), login("ab", "c"));
    }

    #[derive(Clone, Debug)]
    enum Step {
        Roles(Vec<Role>),
        Deactivate,
        Reactivate,
    }

    fn step() -> impl Strategy<Value = (Step, bool)> {
        let roles = prop::sample::subsequence(STAFF, 1..=STAFF.len());
        let step = prop_oneof![
            roles.prop_map(Step::Roles),
            Just(Step::Deactivate),
            Just(Step::Reactivate)
        ];
        (step, any::<bool>())
    }

    proptest! {
        #[test]
        fn by_their_own_hand_nobody_stops_running_the_tenant(steps in prop::collection::vec(step(), 0..30)) {
            let mut now = member(&[Role::Admin]);
            for (step, own) in steps {
                let before = now.clone();
                let at = before.last_at.plus_micros(1);
                let stepped = match step {
                    Step::Roles(roles) => {
                        let given = Profile { roles, ..before.profile.clone() };
                        now.update(&given, &all(), own, at).map(|after| after.unwrap_or(before.clone()))
                    }
                    Step::Deactivate => now.deactivate(own, at),
                    Step::Reactivate => now.reactivate(at),
                };
                now = stepped.unwrap_or(before.clone());
                if own {
                    prop_assert!(!before.runs_tenant() || now.runs_tenant());
                }
                // A change is one version and one event; what changes nothing is neither.
                let changed = i64::from(now != before);
                prop_assert_eq!((now.version, now.sequence), (before.version + changed, before.sequence + changed));
            }
        }
    }
}
