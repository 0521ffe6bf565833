//! What every RPC declares.

use std::collections::{BTreeMap, BTreeSet};

use kernel::{Caller, CallerKind, CustomerId, Locale, Role, RowScope, TenantId};
use prost_reflect::{MethodDescriptor, prost_types::method_options::IdempotencyLevel};
use rpc::Grants;
use uuid::Uuid;

use super::{EXTENSIONS, access};

/// Methods without a permission, an idempotency level, the HTTP rule that a public one has and an
/// internal one has not, or a scenario.
pub fn undeclared(methods: &[MethodDescriptor], scenarios: &BTreeSet<String>) -> Vec<String> {
    let mut found = Vec::new();
    for method in methods {
        let name = method.full_name();
        let mut tell = |what: &str| found.push(format!("{name}: {what}"));
        let proto = method.method_descriptor_proto();
        let level = proto.options.clone().unwrap_or_default().idempotency_level();
        if level == IdempotencyLevel::IdempotencyUnknown {
            tell("no idempotency level");
        }
        let has_rule = method.options().has_extension(&EXTENSIONS.http);
        match access(method) {
            None => tell("no permission"),
            Some((_, true)) if has_rule => tell("internal, and yet with an HTTP rule"),
            Some((_, false)) if !has_rule => tell("no HTTP rule"),
            Some(_) => {}
        }
        if !scenarios.contains(name) {
            tell("no scenario");
        }
    }
    found
}

/// Permissions of public methods that no role has but the suite's own, and permissions of internal
/// ones that not even that has.
pub fn ungranted(methods: &[MethodDescriptor], grants: &Grants) -> Vec<String> {
    let mut wanted: BTreeMap<String, bool> = BTreeMap::new();
    for (permission, internal) in methods.iter().filter_map(access) {
        let all_internal = wanted.entry(permission).or_insert(true);
        *all_internal &= internal;
    }
    let missing = wanted.into_iter().filter(|(permission, internal)| {
        !Role::ALL
            .iter()
            .any(|role| (*internal || *role != Role::Service) && holds(*role, permission, grants))
    });
    missing.map(|(permission, _)| format!("{permission}: no role has it")).collect()
}

/// Whether a role has a permission on any row.
pub fn holds(role: Role, permission: &str, grants: &Grants) -> bool {
    let caller = Caller {
        tenant: TenantId::from(Uuid::from_u128(1)),
        kind: CallerKind::Member,
        subject: "somebody".to_owned(),
        roles: vec![role],
        teams: Vec::new(),
        scopes: None,
        customer: Some(CustomerId::from(Uuid::from_u128(2))),
        link: None,
        locale: Locale::En,
    };
    grants.scope(&caller, permission) != RowScope::None
}
