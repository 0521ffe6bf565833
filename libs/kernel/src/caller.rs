//! Who is calling. Made once at the edge from a credential, signed, and verified behind it.

use serde::{Deserialize, Serialize};

use crate::{CustomerId, TenantId, link::Opens};

/// What kind of principal is calling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallerKind {
    /// Nobody in particular.
    Anonymous,
    /// A customer of the tenant.
    Customer,
    /// A person of the tenant's staff.
    Member,
    /// A system of the tenant or of its partners.
    Integration,
    /// A process of the suite.
    Service,
    /// Whoever runs the platform.
    Operator,
}

impl CallerKind {
    /// Its name in tokens, events and history.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Anonymous => "anonymous",
            Self::Customer => "customer",
            Self::Member => "member",
            Self::Integration => "integration",
            Self::Service => "service",
            Self::Operator => "operator",
        }
    }

    /// The kind of that name.
    pub fn parse(name: &str) -> Option<Self> {
        [
            Self::Anonymous,
            Self::Customer,
            Self::Member,
            Self::Integration,
            Self::Service,
            Self::Operator,
        ]
        .into_iter()
        .find(|kind| kind.as_str() == name)
    }
}

macro_rules! roles {
    ($($(#[$doc:meta])* $variant:ident => $name:literal,)*) => {
        /// A role; the configuration says what each may do, and on whose rows.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Role { $($(#[$doc])* $variant,)* }

        impl Role {
            /// Every role there is.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Its name in configuration and tokens.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

roles! {
    /// Nobody in particular.
    Anonymous => "anonymous",
    /// Whoever holds a sealed link: the one thing that it opens.
    LinkHolder => "link_holder",
    /// A customer: their own rows, and only the projection.
    Customer => "customer",
    /// Front-line staff.
    Agent => "agent",
    /// Staff with a wider hand.
    SeniorAgent => "senior_agent",
    /// Leads a team.
    Supervisor => "supervisor",
    /// Writes the knowledge.
    Editor => "editor",
    /// Approves what goes beyond an agent's authority.
    Approver => "approver",
    /// A supplier: their work orders.
    Supplier => "supplier",
    /// A field technician: their work orders.
    Technician => "technician",
    /// A system of the tenant.
    Integration => "integration",
    /// Answers for personal data.
    PrivacyOfficer => "privacy_officer",
    /// Reads everything, changes nothing.
    Auditor => "auditor",
    /// Runs the tenant.
    Admin => "admin",
    /// Runs the platform; never sees a tenant's content.
    Operator => "operator",
    /// A process of the suite.
    Service => "service",
}

impl Role {
    /// The role of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|role| role.as_str() == name)
    }
}

/// Which rows of the tenant a caller reaches with a permission; from narrow to wide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowScope {
    /// None.
    None,
    /// Those of this customer.
    Own(CustomerId),
    /// Those of these teams.
    Teams(Vec<String>),
    /// All of the tenant.
    Tenant,
}

/// The language that messages to this caller are written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Locale {
    /// English.
    #[default]
    En,
    /// Simplified Chinese.
    Zh,
}

impl Locale {
    /// The first of an `accept-language` value that we speak; English where there is none.
    pub fn accept(languages: &str) -> Self {
        Self::accepted(languages).unwrap_or_default()
    }

    /// The same; `None` where there is none.
    pub fn accepted(languages: &str) -> Option<Self> {
        languages.split(',').find_map(|language| {
            let tag = language.split(';').next().unwrap_or_default().trim();
            let is = |locale: &Self| {
                tag.get(..2).is_some_and(|tag| tag.eq_ignore_ascii_case(locale.tag()))
            };
            [Self::En, Self::Zh].into_iter().find(is)
        })
    }

    /// The locale of exactly this tag, `en` or `zh`.
    pub fn parse(tag: &str) -> Option<Self> {
        [Self::En, Self::Zh].into_iter().find(|locale| locale.tag() == tag)
    }

    /// Its BCP 47 tag.
    pub const fn tag(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Zh => "zh",
        }
    }
}

/// Who is calling, for which tenant, and what they hold.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Caller {
    /// The tenant that everything this call touches belongs to.
    pub tenant: TenantId,
    /// What kind of principal it is.
    pub kind: CallerKind,
    /// Who it is: a member's slug, a customer's id, a key's id, a service's name.
    pub subject: String,
    /// The roles it holds.
    pub roles: Vec<Role>,
    /// The teams it belongs to.
    pub teams: Vec<String>,
    /// The permissions that its credential is narrowed to, such as `tickets.read` or `tickets.*`;
    /// `None` for all that its roles give.
    pub scopes: Option<Vec<String>>,
    /// The customer that it is, where it is one.
    pub customer: Option<CustomerId>,
    /// What the link opens that it came by, where it came by one.
    pub link: Option<Opens>,
    /// The language of messages to it.
    pub locale: Locale,
}

impl Caller {
    /// Whether it holds this role.
    pub fn has(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }

    /// The principal that idempotency and history go by, for instance `member/lin`.
    pub fn principal(&self) -> String {
        format!("{}/{}", self.kind.as_str(), self.subject)
    }

    /// A process of the suite, acting for itself in a tenant.
    pub fn service(name: &str, tenant: TenantId) -> Self {
        Self {
            tenant,
            kind: CallerKind::Service,
            subject: name.to_owned(),
            roles: vec![Role::Service],
            teams: Vec::new(),
            scopes: None,
            customer: None,
            link: None,
            locale: Locale::En,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_roles_are_one_to_one() {
        for role in Role::ALL {
            assert_eq!(Role::parse(role.as_str()), Some(*role));
        }
    }

    #[test]
    fn the_first_language_that_we_speak_wins() {
        assert_eq!(Locale::accept("fr, zh-CN;q=0.9, en;q=0.8"), Locale::Zh);
        assert_eq!(Locale::accept("en-GB,zh"), Locale::En);
        assert_eq!(Locale::accept(""), Locale::En);
        assert_eq!(Locale::accept("中文"), Locale::En);
        assert_eq!(Locale::accepted("fr, de"), None);
    }
}
