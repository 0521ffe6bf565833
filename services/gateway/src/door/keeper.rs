//! What the door counts and writes down of the calls of callers who are known: quotas, overload, the
//! access audit.

use std::{collections::HashSet, sync::Arc};

use contracts::gateway::v1::AccessKind;
use http::HeaderMap;
use kernel::{ApiKeyId, CallerKind, RowScope};
use prost_reflect::{DescriptorPool, Kind, MessageDescriptor, Value};
use rpc::{
    Grants,
    access::Method,
    edge::{Admission, Admitted, Known},
};
use telemetry::Metrics;
use tonic::{Code, Status, metadata::MetadataMap};
use uuid::Uuid;

use crate::{
    App,
    limits::{Class, Overload, Quotas, Rate, Shed},
};

/// `DATA_CLASS_IDENTIFIER`.
const IDENTIFIER: i32 = 1;
/// Who has it sees names and numbers of people unmasked.
const UNMASKS: &str = "pii.read";
/// What the permissions to make sealed links end with.
const LINKS: &str = ".link";

/// Lets calls in as far as quotas and the process admit them, and records what is of note.
pub struct Keeper {
    quotas: Quotas,
    /// Those of visitors, so that a crowd at the help centre takes nothing from the staff.
    visitors: Quotas,
    overload: Overload,
    app: App,
    grants: Arc<Grants>,
    /// The methods whose answers may hold names and numbers of people.
    telling: HashSet<String>,
    metrics: Metrics,
}

impl std::fmt::Debug for Keeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keeper").finish_non_exhaustive()
    }
}

impl Keeper {
    /// A keeper of the methods of `pool`.
    pub fn new(
        quotas: Quotas,
        visitors: Quotas,
        overload: Overload,
        app: App,
        grants: Arc<Grants>,
        pool: &DescriptorPool,
        metrics: Metrics,
    ) -> Self {
        Self { quotas, visitors, overload, app, grants, telling: telling(pool), metrics }
    }

    fn record(&self, kind: AccessKind, known: &Known, method: &str) {
        let caller = &known.caller;
        self.app.access_log().record(caller.tenant, kind, caller, method, known.credential);
    }

    /// A refusal, counted.
    fn shed(&self, shed: Shed) -> Status {
        self.metrics.sheds.with_label_values(&["overload"]).inc();
        shed.status()
    }

    /// Whether an answer of `method` may have told this caller what is masked for others.
    fn unmasks(&self, known: &Known, method: &Method) -> bool {
        self.telling.contains(&method.path)
            && self.grants.scope(&known.caller, UNMASKS) != RowScope::None
    }
}

impl Admission for Keeper {
    fn room(&self, method: &Method) -> Result<(), Status> {
        self.overload.room(Class::of(method)).map_err(|shed| self.shed(shed))
    }

    fn admit(&self, known: &Known, method: &Method) -> Result<Admitted, Status> {
        let caller = &known.caller;
        let rate = known.quota.map(|quota| Rate::new(quota.calls_per_second, quota.burst));
        let mut headers = HeaderMap::new();
        let quotas = match caller.kind {
            CallerKind::Anonymous => &self.visitors,
            CallerKind::Customer
            | CallerKind::Member
            | CallerKind::Integration
            | CallerKind::Service
            | CallerKind::Operator => &self.quotas,
        };
        match quotas.take(caller.tenant, &caller.principal(), rate) {
            Ok(left) => left.write(&mut headers),
            Err(exceeded) => {
                self.metrics.quota_refusals.with_label_values(&[exceeded.scope.as_str()]).inc();
                exceeded.write(&mut headers);
                let mut status = rpc::status::of(&exceeded, caller.locale);
                // Beside what the status itself carries.
                let mut metadata = std::mem::take(status.metadata_mut()).into_headers();
                metadata.extend(headers);
                *status.metadata_mut() = MetadataMap::from_headers(metadata);
                return Err(status);
            }
        }
        let permit = self.overload.enter(caller.tenant, Class::of(method));
        let permit = permit.map_err(|shed| self.shed(shed))?;
        if caller.kind == CallerKind::Integration
            && let Ok(key) = Uuid::try_parse(&caller.subject)
        {
            self.app.note_use(caller.tenant, ApiKeyId::from(key));
        }
        Ok(Admitted { headers, permit: Some(Box::new(permit)) })
    }

    fn signed_in(&self, known: &Known) {
        // Who opens a link signs in nowhere, and reading a page leaves no trace of them.
        if known.caller.kind != CallerKind::Anonymous {
            self.record(AccessKind::SignIn, known, "");
        }
    }

    fn ended(&self, known: &Known, method: &Method, code: Code) {
        if code == Code::PermissionDenied {
            self.record(AccessKind::Denied, known, &method.path);
        } else if code == Code::Ok && self.unmasks(known, method) {
            self.record(AccessKind::Unmasked, known, &method.path);
        } else if code == Code::Ok && method.permission.ends_with(LINKS) {
            self.record(AccessKind::Linked, known, &method.path);
        }
    }
}

/// The methods whose answers have a field of the data class IDENTIFIER somewhere.
fn telling(pool: &DescriptorPool) -> HashSet<String> {
    let methods = pool.services().flat_map(|service| service.methods().collect::<Vec<_>>());
    let tells = |message: &MessageDescriptor| holds(message, pool, &mut HashSet::new());
    methods
        .filter(|method| tells(&method.output()))
        .map(|method| format!("/{}/{}", method.parent_service().full_name(), method.name()))
        .collect()
}

fn holds(message: &MessageDescriptor, pool: &DescriptorPool, seen: &mut HashSet<String>) -> bool {
    if !seen.insert(message.full_name().to_owned()) {
        return false;
    }
    let Some(class) = pool.get_extension_by_name("aftercare.type.v1.data_class") else {
        return false;
    };
    message.fields().any(|field| {
        let options = field.options();
        let class = Value::as_enum_number(&options.get_extension(&class));
        class == Some(IDENTIFIER)
            || matches!(field.kind(), Kind::Message(inner) if holds(&inner, pool, seen))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tells_of_people_is_read_off_the_contracts() {
        let telling = telling(&contracts::POOL);
        for tells in [
            "/aftercare.customers.v1.CustomerService/GetCustomer",
            "/aftercare.customers.v1.CustomerService/ListCustomers",
            "/aftercare.gateway.v1.WorkspaceService/GetTicketWorkspace",
        ] {
            assert!(telling.contains(tells), "{tells}");
        }
        assert!(!telling.contains("/aftercare.customers.v1.ProductService/GetProduct"));
    }
}
