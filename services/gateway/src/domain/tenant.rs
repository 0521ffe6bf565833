//! Tenants: what is known of one, and its two states.

use contracts::gateway::v1::TenantState;
use kernel::{Locale, TenantId, Time, Violations, mask::Mask};

use super::{
    Refusal,
    address::{check_host, check_origin},
};

/// The most hosts, and the most origins.
const MOST_ADDRESSES: usize = 20;
const MAX_TITLE: usize = 200;
/// The most calls a second, and at once.
pub const MOST_CALLS: i32 = 100_000;

/// The fields that an update may write.
pub const WRITABLE: &[&str] =
    &["title", "locale", "phone_region", "time_zone", "hosts", "origins", "quota"];

/// One company that uses the suite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenant {
    /// Its id.
    pub id: TenantId,
    /// The etag's number.
    pub version: i64,
    /// The sequence of its last event.
    pub sequence: i64,
    /// When that was.
    pub last_at: Time,
    /// Its short name, for good.
    pub slug: String,
    /// What an update may write.
    pub profile: Profile,
    /// Where it stands.
    pub state: TenantState,
    /// When it was recorded.
    pub created_at: Time,
    /// When it was last changed.
    pub updated_at: Time,
}

/// What an update of a tenant may write.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// Its name to people.
    pub title: String,
    /// The language of its customers, `en` or `zh`.
    pub locale: String,
    /// The region of its telephone numbers, as ISO 3166.
    pub phone_region: String,
    /// Its time zone, as an IANA name.
    pub time_zone: String,
    /// The host names of its public pages.
    pub hosts: Vec<String>,
    /// The origins whose pages may call.
    pub origins: Vec<String>,
    /// How much it may call; `None` for what the configuration says.
    pub quota: Option<Quota>,
}

/// How much a tenant may call: each 1 to [`MOST_CALLS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Calls a second, kept up for any time.
    pub calls_per_second: i32,
    /// Calls at once on top of that.
    pub burst: i32,
}

impl Tenant {
    /// A new tenant, served from now on.
    pub fn new(id: TenantId, slug: String, profile: Profile, now: Time) -> Self {
        Self {
            id,
            version: 1,
            sequence: 1,
            last_at: now,
            slug,
            profile: profile.completed(),
            state: TenantState::Active,
            created_at: now,
            updated_at: now,
        }
    }

    /// Refuses everybody of it.
    pub fn suspend(self, at: Time) -> Result<Self, Refusal> {
        self.turn(TenantState::Suspended, "the tenant is suspended already", at)
    }

    /// Serves it again.
    pub fn resume(self, at: Time) -> Result<Self, Refusal> {
        self.turn(TenantState::Active, "the tenant is not suspended", at)
    }

    fn turn(self, state: TenantState, already: &str, at: Time) -> Result<Self, Refusal> {
        if self.state == state {
            return Err(Refusal::one("STATE", &self.id.name(), already));
        }
        Ok(Self { state, ..self.changed(at) })
    }

    /// With these fields; `None` where they are the same.
    pub fn update(self, given: &Profile, mask: &Mask, at: Time) -> Option<Self> {
        let profile = self.profile.updated(given, mask).completed();
        (profile != self.profile).then(|| Self { profile, ..self.changed(at) })
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
                "title" => profile.title.clone_from(&given.title),
                "locale" => profile.locale.clone_from(&given.locale),
                "phone_region" => profile.phone_region.clone_from(&given.phone_region),
                "time_zone" => profile.time_zone.clone_from(&given.time_zone),
                "hosts" => profile.hosts.clone_from(&given.hosts),
                "origins" => profile.origins.clone_from(&given.origins),
                "quota" => profile.quota = given.quota,
                _ => {}
            }
        }
        profile
    }

    /// Whether this field says something.
    pub fn says(&self, path: &str) -> bool {
        match path {
            "title" => !self.title.is_empty(),
            "locale" => !self.locale.is_empty(),
            "phone_region" => !self.phone_region.is_empty(),
            "time_zone" => !self.time_zone.is_empty(),
            "hosts" => !self.hosts.is_empty(),
            "origins" => !self.origins.is_empty(),
            "quota" => self.quota.is_some(),
            _ => false,
        }
    }

    /// Whoever does not say speaks English.
    #[must_use]
    pub fn completed(mut self) -> Self {
        if self.locale.is_empty() {
            Locale::En.tag().clone_into(&mut self.locale);
        }
        self
    }

    /// Notes what is wrong with the fields that are `wanted`.
    pub fn check(&self, wanted: impl Fn(&str) -> bool, violations: &mut Violations) {
        if wanted("title") {
            violations.text("tenant.title", &self.title, 1, MAX_TITLE);
        }
        if wanted("locale") {
            let known = self.locale.is_empty() || Locale::parse(&self.locale).is_some();
            violations.check(known, "tenant.locale", "must be `en` or `zh`");
        }
        if wanted("phone_region") {
            let region = self.phone_region.as_bytes();
            let right = region.len() == 2 && region.iter().all(u8::is_ascii_uppercase);
            let form = "must be two capital letters, such as `US`";
            violations.check(right, "tenant.phone_region", form);
        }
        if wanted("time_zone") {
            let form = "must be an IANA time zone, such as `Asia/Shanghai`";
            violations.check(calendar::is_zone(&self.time_zone), "tenant.time_zone", form);
        }
        if wanted("hosts") {
            check_addresses("tenant.hosts", &self.hosts, check_host, violations);
        }
        if wanted("origins") {
            check_addresses("tenant.origins", &self.origins, check_origin, violations);
        }
        if let Some(quota) = self.quota.filter(|_| wanted("quota")) {
            let most = "must be 1 to 100 000";
            let right = |calls: i32| (1..=MOST_CALLS).contains(&calls);
            let calls = quota.calls_per_second;
            violations.check(right(calls), "tenant.quota.calls_per_second", most);
            violations.check(right(quota.burst), "tenant.quota.burst", most);
        }
    }
}

fn check_addresses(
    field: &str,
    given: &[String],
    check: impl Fn(&str) -> Result<(), &'static str>,
    violations: &mut Violations,
) {
    violations.check(given.len() <= MOST_ADDRESSES, field, "must be at most 20");
    for (index, one) in given.iter().take(MOST_ADDRESSES).enumerate() {
        let path = format!("{field}[{index}]");
        if let Err(wrong) = check(one) {
            violations.add(path, wrong);
        } else if given[..index].contains(one) {
            violations.add(path, "is given twice");
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn profile() -> Profile {
        Profile {
            title: "Harbor".to_owned(),
            locale: String::new(),
            phone_region: "US".to_owned(),
            time_zone: "America/New_York".to_owned(),
            hosts: vec!["help.example.com".to_owned()],
            origins: vec!["https://desk.example.com".to_owned()],
            quota: Some(Quota { calls_per_second: 10, burst: MOST_CALLS }),
        }
    }

    fn tenant() -> Tenant {
        let id = TenantId::from(Uuid::from_u128(1));
        Tenant::new(id, "harbor".to_owned(), profile(), Time::EPOCH)
    }

    fn fields(profile: &Profile) -> Vec<String> {
        let mut violations = Violations::new();
        profile.check(|_| true, &mut violations);
        violations.as_slice().iter().map(|one| one.field.clone()).collect()
    }

    #[test]
    fn a_new_tenant_is_active_and_speaks_english() {
        let tenant = tenant();
        assert_eq!((tenant.state, tenant.profile.locale.as_str()), (TenantState::Active, "en"));
        assert!(fields(&tenant.profile).is_empty());
    }

    #[test]
    fn every_fault_is_found() {
        let wrong = Profile {
            title: String::new(),
            locale: "fr".to_owned(),
            phone_region: "us".to_owned(),
            time_zone: "america/new_york".to_owned(),
            hosts: vec!["a.b".to_owned(), "a.b".to_owned(), "A".to_owned()],
            origins: vec!["http://a.b".to_owned()],
            quota: Some(Quota { calls_per_second: 0, burst: MOST_CALLS + 1 }),
        };
        assert_eq!(
            fields(&wrong),
            [
                "tenant.title",
                "tenant.locale",
                "tenant.phone_region",
                "tenant.time_zone",
                "tenant.hosts[1]",
                "tenant.hosts[2]",
                "tenant.origins[0]",
                "tenant.quota.calls_per_second",
                "tenant.quota.burst",
            ]
        );
        let many = Profile { hosts: (0..21).map(|n| format!("h{n}")).collect(), ..profile() };
        assert_eq!(fields(&many), ["tenant.hosts"]);
    }

    #[test]
    fn what_is_so_already_is_refused_with_its_blocker() {
        let suspended = tenant().suspend(Time::from_micros(5)).unwrap();
        assert_eq!((suspended.version, suspended.sequence), (2, 2));
        let Refusal(blockers) = suspended.suspend(Time::from_micros(6)).unwrap_err();
        assert_eq!((blockers[0].kind, blockers.len()), ("STATE", 1));
        assert!(tenant().resume(Time::from_micros(5)).is_err());
    }

    proptest! {
        #[test]
        fn the_state_is_that_of_the_last_turn_that_was_granted(turns in prop::collection::vec(any::<bool>(), 0..20)) {
            let mut now = tenant();
            for (index, suspends) in turns.into_iter().enumerate() {
                let at = Time::from_micros(i64::try_from(index).unwrap() + 1);
                let wanted = if suspends { TenantState::Suspended } else { TenantState::Active };
                let turned = if suspends { now.clone().suspend(at) } else { now.clone().resume(at) };
                prop_assert_eq!(turned.is_ok(), now.state != wanted);
                if let Ok(turned) = turned {
                    prop_assert_eq!(turned.state, wanted);
                    prop_assert_eq!((turned.version, turned.last_at), (now.version + 1, at));
                    now = turned;
                }
            }
        }

        #[test]
        fn an_update_writes_what_the_mask_names_and_nothing_else(chosen in prop::sample::subsequence(WRITABLE, 0..=WRITABLE.len())) {
            let given = Profile { title: "Other".to_owned(), locale: "zh".to_owned(), ..Profile::default() };
            let paths: Vec<String> = chosen.iter().map(|path| (*path).to_owned()).collect();
            let mut violations = Violations::new();
            let mask = Mask::parse(Some(&paths), WRITABLE, |_| false, &mut violations);
            let before = tenant();
            let after = before.clone().update(&given, &mask, Time::from_micros(9));
            prop_assert_eq!(after.is_some(), !chosen.is_empty());
            let profile = after.unwrap_or_else(|| before.clone()).profile;
            let title = if chosen.contains(&"title") { "Other" } else { "Harbor" };
            prop_assert_eq!(profile.title, title);
            prop_assert_eq!(profile.quota.is_none(), chosen.contains(&"quota"));
            prop_assert_eq!(profile.hosts.is_empty(), chosen.contains(&"hosts"));
        }
    }
}
