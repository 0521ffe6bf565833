//! One call, as its handler sees it: who is calling, and what they reach.

use std::sync::Arc;

use kernel::{Caller, Locale, RowScope, TenantId};
use telemetry::Trace;
use tokio::time::Instant;

use crate::Grants;

/// Who is calling, what they reach with this method, and until when.
#[derive(Clone, Debug)]
pub struct Call {
    /// Who is calling.
    pub caller: Arc<Caller>,
    /// The rows that the method's permission reaches for this caller.
    pub scope: RowScope,
    /// The method's name, for instance `CreateTicket`.
    pub method: Arc<str>,
    /// When the caller stops waiting.
    pub deadline: Instant,
    /// The W3C trace context that the call came with; empty where it came with none.
    pub traceparent: Arc<str>,
    /// What each role may do.
    pub grants: Arc<Grants>,
}

impl Call {
    /// A call of the suite itself in a tenant: a timer, a consumer. It goes on with the trace of the
    /// span that is current, if any.
    pub fn of_service(name: &str, tenant: TenantId, patience: std::time::Duration) -> Self {
        Self {
            caller: Arc::new(Caller::service(name, tenant)),
            scope: RowScope::Tenant,
            method: "".into(),
            deadline: Instant::now() + patience,
            traceparent: Trace::current().map_or_else(String::new, |at| at.to_string()).into(),
            grants: Arc::new(Grants::shipped()),
        }
    }

    /// The tenant that everything this call touches belongs to.
    pub fn tenant(&self) -> TenantId {
        self.caller.tenant
    }

    /// The language of messages to the caller.
    pub fn locale(&self) -> Locale {
        self.caller.locale
    }

    /// The principal that idempotency and history go by.
    pub fn principal(&self) -> String {
        self.caller.principal()
    }

    /// Whether the caller holds this permission on any row.
    pub fn may(&self, permission: &str) -> bool {
        self.scope_of(permission) != RowScope::None
    }

    /// The rows that this permission reaches for the caller.
    pub fn scope_of(&self, permission: &str) -> RowScope {
        self.grants.scope(&self.caller, permission)
    }
}
