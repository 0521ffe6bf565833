//! What a caller may reach and give: nobody gives, or takes over, more than they have.

use kernel::{CallerKind, Role, RowScope, TenantId};
use rpc::Call;

use crate::{App, Error, domain::member::Member, error::Kind};

/// Whether the caller reaches this tenant: whoever runs the platform reaches all of them, others
/// their own.
pub(crate) fn reaches(call: &Call, tenant: TenantId) -> bool {
    runs_platform(call) || reaches_staff(call) && call.tenant() == tenant
}

/// Whether the caller runs the platform.
pub(crate) fn runs_platform(call: &Call) -> bool {
    call.caller.kind == CallerKind::Operator && reaches_staff(call)
}

/// Whether the caller reaches the staff, the keys and the audit of its tenant. They belong to the
/// tenant as a whole: a permission that reaches less reaches none of them.
pub(crate) fn reaches_staff(call: &Call) -> bool {
    match call.scope {
        RowScope::Tenant => true,
        RowScope::None | RowScope::Own(_) | RowScope::Teams(_) => false,
    }
}

/// Refuses to record something for a caller who reaches none of its kind.
pub(crate) fn check_records(call: &Call) -> Result<(), Error> {
    if reaches_staff(call) {
        return Ok(());
    }
    Err(Error::missing(Kind::Tenant, &call.tenant().name()))
}

/// Refuses to give a role that the caller does not cover. Whoever runs the tenant covers all.
pub(crate) fn check_roles(app: &App, call: &Call, roles: &[Role]) -> Result<(), Error> {
    let caller = &call.caller;
    if caller.kind == CallerKind::Member && caller.has(Role::Admin) && caller.scopes.is_none() {
        return Ok(());
    }
    match roles.iter().find(|role| !app.grants.covers(caller, **role)) {
        None => Ok(()),
        Some(role) => Err(Error::BeyondAuthority { what: role.as_str().to_owned() }),
    }
}

/// Refuses to give a scope that the role `integration` or the caller does not have.
pub(crate) fn check_scopes(app: &App, call: &Call, scopes: &[String]) -> Result<(), Error> {
    let held = |scope: &str| {
        app.grants.gives(Role::Integration, scope) && app.grants.holds(&call.caller, scope)
    };
    match scopes.iter().find(|scope| !held(scope)) {
        None => Ok(()),
        Some(scope) => Err(Error::BeyondAuthority { what: scope.clone() }),
    }
}

/// Whether the caller is this person.
pub(crate) fn is_own(call: &Call, member: &Member) -> bool {
    call.caller.kind == CallerKind::Member && call.caller.subject == member.id
}
