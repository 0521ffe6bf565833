//! Who may call what: the permission of each method, read from the contracts, and the permissions
//! of each role, read from the configuration.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use http::Uri;
use kernel::{Caller, Role, RowScope};
use prost_reflect::{DescriptorPool, MethodDescriptor, Value};

/// What the contract says of one method.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Method {
    /// Its path, `/package.Service/Method`.
    pub path: String,
    /// The same, ready for a request.
    pub uri: Uri,
    /// The part of the suite that serves it: `tickets` for the package `aftercare.tickets.v1`.
    pub service: String,
    /// The permission that a caller needs.
    pub permission: String,
    /// Whether only processes of the suite and the admin port may call it.
    pub internal: bool,
    /// Whether it answers with a stream.
    pub streams: bool,
    /// What calling it twice does.
    pub idempotency: Idempotency,
}

/// What calling a method twice does, as its contract declares it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Idempotency {
    /// Nothing is said: perhaps twice as much.
    Unknown,
    /// It changes nothing, so anybody may call it again.
    NoSideEffects,
    /// The second call does no more than the first, where it carries the same `request_id`.
    Idempotent,
}

/// The methods of the contracts, by path.
#[derive(Clone, Debug)]
pub struct Methods(HashMap<String, Arc<Method>>);

impl Methods {
    /// Reads every method of the suite's packages. A method without a permission is left out, and so
    /// can never be called.
    pub fn read(pool: &DescriptorPool) -> Self {
        let mut methods = HashMap::new();
        for service in pool.services() {
            for method in service.methods() {
                if let Some(rule) = rule(pool, &method) {
                    methods.insert(rule.path.clone(), Arc::new(rule));
                }
            }
        }
        Self(methods)
    }

    /// The method of this path.
    pub fn get(&self, path: &str) -> Option<&Arc<Method>> {
        self.0.get(path)
    }

    /// All of them, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Method> {
        self.0.values().map(Arc::as_ref)
    }
}

fn rule(pool: &DescriptorPool, method: &MethodDescriptor) -> Option<Method> {
    let extension = pool.get_extension_by_name("aftercare.type.v1.access")?;
    let options = method.options();
    let access = options.get_extension(&extension);
    let access = access.as_message()?;
    let permission = access.get_field_by_name("permission")?.as_str()?.to_owned();
    let internal = access.get_field_by_name("internal").as_deref().and_then(Value::as_bool)?;
    let level = options.get_field_by_name("idempotency_level");
    let idempotency = match level.as_deref().and_then(Value::as_enum_number) {
        Some(1) => Idempotency::NoSideEffects,
        Some(2) => Idempotency::Idempotent,
        _ => Idempotency::Unknown,
    };
    let package = method.parent_service().package_name().to_owned();
    let service = package.strip_prefix("aftercare.")?.split('.').next()?.to_owned();
    let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
    let uri = Uri::try_from(path.as_str()).ok()?;
    (!permission.is_empty()).then_some(Method {
        path,
        uri,
        service,
        permission,
        internal,
        streams: method.is_server_streaming(),
        idempotency,
    })
}

/// How far a permission reaches, before it is known who holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// The caller's own rows.
    Own,
    /// The rows of the caller's teams.
    Teams,
    /// The whole tenant.
    Tenant,
}

/// What each role may do, and on whose rows.
#[derive(Clone, Debug)]
pub struct Grants(BTreeMap<Role, Vec<(String, Reach)>>);

/// One grant of the configuration is not of the form `permission`, `prefix.*` or `*`, with
/// `@own`, `@teams` or `@tenant` behind it where it is not the whole tenant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a grant: write `permission`, `prefix.*` or `*`, then `@own` or `@teams` if it is less than the tenant"
)]
pub struct BadGrant(pub String);

const AGENT: &[&str] = &[
    "tickets.create",
    "tickets.read",
    "tickets.update",
    "tickets.triage",
    "tickets.claim",
    "tickets.resolve",
    "tickets.confirm",
    "tickets.reopen",
    "tickets.close",
    "tickets.history",
    "tickets.watch",
    "entries.add",
    "entries.read",
    "customers.create",
    "customers.read",
    "customers.resolve",
    "customers.list",
    "customers.update",
    "products.read",
    "purchases.read",
    "timeline.read",
    "consents.record",
    "consents.read",
    "contacts.read",
    "members.read",
    "workspace.read",
    "articles.read",
    "articles.search",
    "articles.vote",
    "tickets.link",
    "backlog.read",
    "surveys.read",
    "invitations.read",
    "interviews.record",
];

const SHIPPED: &[(Role, &[&str])] = &[
    (Role::Anonymous, &["articles.read", "articles.search", "articles.vote"]),
    (Role::LinkHolder, &["results.read", "results.answer", "answers.submit"]),
    (
        Role::Customer,
        &[
            "tickets.create@own",
            "tickets.read@own",
            "tickets.confirm@own",
            "tickets.reopen@own",
            "entries.add@own",
            "entries.read@own",
            "customers.read@own",
            "customers.update@own",
            "purchases.read@own",
            "timeline.read@own",
            "products.read",
            "articles.read",
            "articles.search",
            "articles.vote",
        ],
    ),
    (Role::Agent, AGENT),
    (Role::SeniorAgent, &["tickets.assign", "pii.read"]),
    (
        Role::Supervisor,
        &[
            "tickets.assign",
            "tickets.over_assign",
            "figures.read",
            "searches.read",
            "feedback.read",
            "surveys.read",
            "invitations.*",
            "responses.read",
            "responses.exclude",
            "scores.read",
            "loops.read",
            "pii.read",
        ],
    ),
    (
        Role::Integration,
        &[
            "tickets.*",
            "backlog.read",
            "figures.read",
            "entries.*",
            "customers.*",
            "products.*",
            "purchases.*",
            "timeline.*",
            "consents.*",
            "contacts.*",
            "members.read",
            "workspace.read",
            "articles.*",
            "searches.read",
            "feedback.read",
            "surveys.*",
            "invitations.*",
            "interviews.record",
            "responses.*",
            "scores.read",
            "loops.read",
            "pii.read",
        ],
    ),
    (
        Role::PrivacyOfficer,
        &[
            "customers.read",
            "customers.list",
            "timeline.read",
            "consents.record",
            "consents.read",
            "contacts.read",
            "members.read",
            "access.read",
            "pii.read",
        ],
    ),
    (
        Role::Auditor,
        &[
            "tickets.read",
            "tickets.history",
            "tickets.watch",
            "backlog.read",
            "figures.read",
            "entries.read",
            "customers.read",
            "customers.list",
            "products.read",
            "purchases.read",
            "timeline.read",
            "consents.read",
            "contacts.read",
            "tenants.read",
            "members.read",
            "keys.read",
            "access.read",
            "workspace.read",
            "articles.read",
            "articles.search",
            "searches.read",
            "feedback.read",
            "surveys.read",
            "invitations.read",
            "responses.read",
            "scores.read",
            "loops.read",
        ],
    ),
    (
        Role::Editor,
        &[
            "tickets.read",
            "entries.read",
            "products.read",
            "articles.*",
            "searches.read",
            "feedback.read",
            "surveys.*",
            "responses.read",
            "scores.read",
        ],
    ),
    (
        Role::Admin,
        &[
            "tickets.*",
            "backlog.read",
            "figures.read",
            "entries.*",
            "customers.*",
            "products.*",
            "purchases.*",
            "timeline.*",
            "consents.*",
            "contacts.*",
            "tenants.read",
            "members.*",
            "keys.*",
            "access.read",
            "workspace.read",
            "articles.*",
            "searches.read",
            "feedback.read",
            "surveys.*",
            "invitations.*",
            "interviews.record",
            "responses.*",
            "scores.read",
            "loops.read",
            "pii.read",
        ],
    ),
    (
        Role::Operator,
        &[
            "tenants.read",
            "tenants.write",
            "tenants.suspend",
            "feed.admin",
            "indexes.rebuild",
            "clock.read",
            "clock.advance",
        ],
    ),
    (Role::Service, &["*"]),
];

impl Grants {
    /// The grants that the suite ships: staff on the whole tenant, customers on their own rows.
    #[expect(
        clippy::expect_used,
        reason = "the shipped grants are well-formed, which a test holds"
    )]
    pub fn shipped() -> Self {
        let mut all = BTreeMap::new();
        for (role, grants) in SHIPPED {
            let mut list: Vec<_> = grants.iter().map(|grant| (*grant).to_owned()).collect();
            if matches!(role, Role::SeniorAgent | Role::Supervisor) {
                list.extend(AGENT.iter().map(|grant| (*grant).to_owned()));
            }
            all.insert(*role, list);
        }
        Self::parse(&all).expect("shipped grants are well-formed")
    }

    /// Reads grants written as `permission`, `prefix.*` or `*`, each with an optional `@own`,
    /// `@teams` or `@tenant`.
    pub fn parse(grants: &BTreeMap<Role, Vec<String>>) -> Result<Self, BadGrant> {
        let mut parsed = BTreeMap::new();
        for (role, list) in grants {
            let list = list.iter().map(|text| parse_grant(text)).collect::<Result<_, _>>()?;
            parsed.insert(*role, list);
        }
        Ok(Self(parsed))
    }

    /// These grants, with the roles of `other` in place of the same roles here.
    #[must_use]
    pub fn overridden_by(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// How far `permission` reaches for this caller; the widest of the caller's roles counts. A
    /// credential that is narrowed to scopes reaches nothing beyond them.
    pub fn scope(&self, caller: &Caller, permission: &str) -> RowScope {
        match self.held(caller, permission) {
            None => RowScope::None,
            Some(Reach::Own) => caller.customer.map_or(RowScope::None, RowScope::Own),
            Some(Reach::Teams) => RowScope::Teams(caller.teams.clone()),
            Some(Reach::Tenant) => RowScope::Tenant,
        }
    }

    /// Whether `role` gives all that `scope` stands for, `tickets.read` or `tickets.*`, on the whole
    /// tenant.
    pub fn gives(&self, role: Role, scope: &str) -> bool {
        self.reach(&[role], scope) == Some(Reach::Tenant)
    }

    /// Whether the caller holds all that `scope` stands for, on the whole tenant.
    pub fn holds(&self, caller: &Caller, scope: &str) -> bool {
        self.held(caller, scope) == Some(Reach::Tenant)
    }

    /// Whether the caller holds all that `role` gives, and as far as it reaches.
    pub fn covers(&self, caller: &Caller, role: Role) -> bool {
        let mut given = self.0.get(&role).into_iter().flatten();
        given.all(|(pattern, reach)| self.held(caller, pattern) >= Some(*reach))
    }

    /// How far the caller reaches with all that `pattern` stands for, its credential's scopes
    /// counted.
    fn held(&self, caller: &Caller, pattern: &str) -> Option<Reach> {
        let admits = |scopes: &Vec<String>| scopes.iter().any(|scope| covers(scope, pattern));
        if caller.scopes.as_ref().is_none_or(admits) {
            self.reach(&caller.roles, pattern)
        } else {
            None
        }
    }

    /// How far the widest of these roles reaches with all that `pattern` stands for.
    fn reach(&self, roles: &[Role], pattern: &str) -> Option<Reach> {
        let given = roles.iter().filter_map(|role| self.0.get(role)).flatten();
        given.filter(|(held, _)| covers(held, pattern)).map(|(_, reach)| *reach).max()
    }
}

/// Whether this is a permission, `tickets.read`, or all of a kind, `tickets.*`: what a credential may
/// be narrowed to.
pub fn is_scope(text: &str) -> bool {
    let plain =
        |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    match text.strip_suffix(".*") {
        Some(stem) => stem.split('.').all(plain),
        None => text.contains('.') && text.split('.').all(plain),
    }
}

fn parse_grant(text: &str) -> Result<(String, Reach), BadGrant> {
    let bad = || BadGrant(text.to_owned());
    let (pattern, reach) = match text.split_once('@') {
        None => (text, Reach::Tenant),
        Some((pattern, "own")) => (pattern, Reach::Own),
        Some((pattern, "teams")) => (pattern, Reach::Teams),
        Some((pattern, "tenant")) => (pattern, Reach::Tenant),
        Some(_) => return Err(bad()),
    };
    let stem = pattern.strip_suffix(".*").unwrap_or(pattern);
    let plain = |c: char| c.is_ascii_lowercase() || matches!(c, '.' | '_');
    if pattern == "*" || !stem.is_empty() && stem.chars().all(plain) {
        Ok((pattern.to_owned(), reach))
    } else {
        Err(bad())
    }
}

fn covers(pattern: &str, permission: &str) -> bool {
    if pattern == "*" {
        return true;
    }
    match pattern.strip_suffix('*') {
        Some(prefix) => permission.starts_with(prefix),
        None => pattern == permission,
    }
}

#[cfg(test)]
mod tests {
    use kernel::{CallerKind, CustomerId, Locale, TenantId};

    use super::*;

    fn caller(roles: &[Role]) -> Caller {
        Caller {
            tenant: TenantId::from(uuid::Uuid::from_u128(1)),
            kind: CallerKind::Member,
            subject: "lin".to_owned(),
            roles: roles.to_vec(),
            teams: vec!["first-line".to_owned()],
            scopes: None,
            customer: None,
            link: None,
            locale: Locale::En,
        }
    }

    #[test]
    fn every_method_of_the_contracts_has_a_permission() {
        let methods = Methods::read(&contracts::POOL);
        assert_eq!(
            methods.get("/aftercare.tickets.v1.TicketService/WatchTickets").map(Arc::as_ref),
            Some(&Method {
                path: "/aftercare.tickets.v1.TicketService/WatchTickets".to_owned(),
                uri: Uri::from_static("/aftercare.tickets.v1.TicketService/WatchTickets"),
                service: "tickets".to_owned(),
                permission: "tickets.watch".to_owned(),
                internal: false,
                streams: true,
                idempotency: Idempotency::NoSideEffects,
            })
        );
        let all = contracts::POOL.services().map(|service| service.methods().len()).sum::<usize>();
        assert_eq!(methods.iter().count(), all);
        let create = methods.get("/aftercare.tickets.v1.TicketService/CreateTicket").unwrap();
        assert_eq!(create.idempotency, Idempotency::Idempotent);
        assert!(methods.iter().all(|method| method.idempotency != Idempotency::Unknown));
    }

    #[test]
    fn the_widest_role_counts() {
        let grants = Grants::shipped();
        assert_eq!(grants.scope(&caller(&[Role::Agent]), "tickets.read"), RowScope::Tenant);
        assert_eq!(grants.scope(&caller(&[Role::Agent]), "tickets.assign"), RowScope::None);
        assert_eq!(
            grants.scope(&caller(&[Role::Agent, Role::SeniorAgent]), "tickets.assign"),
            RowScope::Tenant
        );
        assert_eq!(grants.scope(&caller(&[]), "tickets.read"), RowScope::None);
    }

    #[test]
    fn scopes_narrow_what_roles_give_and_never_widen_it() {
        let mut caller = caller(&[Role::Integration]);
        caller.scopes = Some(vec!["tickets.*".to_owned(), "feed.admin".to_owned()]);
        let grants = Grants::shipped();
        assert_eq!(grants.scope(&caller, "tickets.read"), RowScope::Tenant);
        assert_eq!(grants.scope(&caller, "customers.read"), RowScope::None);
        assert_eq!(grants.scope(&caller, "feed.admin"), RowScope::None);
        caller.scopes = Some(Vec::new());
        assert_eq!(grants.scope(&caller, "tickets.read"), RowScope::None);
    }

    #[test]
    fn nobody_covers_what_they_do_not_hold() {
        let grants = Grants::shipped();
        let supervisor = caller(&[Role::Supervisor]);
        assert!(grants.covers(&supervisor, Role::Agent));
        assert!(grants.covers(&supervisor, Role::Supplier), "it has no permissions");
        assert!(!grants.covers(&supervisor, Role::Admin));
        assert!(grants.covers(&caller(&[Role::Service]), Role::Admin));
        assert!(grants.holds(&supervisor, "tickets.assign"));
        assert!(!grants.holds(&supervisor, "tickets.*"), "only some of them");
        assert!(grants.holds(&caller(&[Role::Admin]), "tickets.*"));
        let narrowed = Caller { scopes: Some(vec!["tickets.read".to_owned()]), ..supervisor };
        assert!(!grants.covers(&narrowed, Role::Agent));
        // One's own rows are less than the tenant's.
        let mut customer = caller(&[Role::Customer]);
        customer.customer = Some(CustomerId::from(uuid::Uuid::from_u128(7)));
        assert!(!grants.holds(&customer, "tickets.read"));
        assert!(!grants.covers(&customer, Role::Agent));
    }

    #[test]
    fn keys_get_what_the_role_integration_gives() {
        let grants = Grants::shipped();
        assert!(grants.gives(Role::Integration, "tickets.*"));
        assert!(grants.gives(Role::Integration, "customers.read"));
        assert!(!grants.gives(Role::Integration, "keys.write"));
        assert!(!grants.gives(Role::Customer, "tickets.read"), "only their own");
        for right in ["tickets.read", "tickets.*", "over_due.a_b"] {
            assert!(is_scope(right), "{right}");
        }
        for wrong in
            ["", "*", ".*", "tickets", "tickets.", "tickets.*.x", "tickets.read@own", "T.r"]
        {
            assert!(!is_scope(wrong), "{wrong}");
        }
    }

    #[test]
    fn a_customer_reaches_only_what_is_theirs() {
        let mut caller = caller(&[Role::Customer]);
        assert_eq!(Grants::shipped().scope(&caller, "tickets.read"), RowScope::None);
        let id = CustomerId::from(uuid::Uuid::from_u128(7));
        caller.customer = Some(id);
        assert_eq!(Grants::shipped().scope(&caller, "tickets.read"), RowScope::Own(id));
        assert_eq!(Grants::shipped().scope(&caller, "tickets.history"), RowScope::None);
    }

    #[test]
    fn configured_roles_replace_shipped_ones() {
        let mine = BTreeMap::from([(Role::Agent, vec!["tickets.*@teams".to_owned()])]);
        let grants = Grants::shipped().overridden_by(Grants::parse(&mine).unwrap());
        let scope = grants.scope(&caller(&[Role::Agent]), "tickets.read");
        assert_eq!(scope, RowScope::Teams(vec!["first-line".to_owned()]));
        assert_eq!(grants.scope(&caller(&[Role::Agent]), "customers.read"), RowScope::None);
        for bad in ["", "Tickets.read", "tickets.read@all", ".*"] {
            let bad = BTreeMap::from([(Role::Agent, vec![bad.to_owned()])]);
            assert!(Grants::parse(&bad).is_err());
        }
    }
}
