//! What the descriptors must hold. Each check returns what is wrong, with the element's name.
//!
//! - [`methods`]: permission, idempotency level and HTTP rule of every RPC;
//! - [`http`]: HTTP rules parse, name fields that exist, and do not overlap;
//! - [`data`]: data classes of what is stored, and what events may not carry.

pub mod data;
pub mod http;
pub mod methods;

use std::sync::LazyLock;

use prost_reflect::{DescriptorPool, DynamicMessage, ExtensionDescriptor, MethodDescriptor, Value};

/// The extensions that contracts are annotated with.
pub(crate) struct Extensions {
    access: ExtensionDescriptor,
    http: ExtensionDescriptor,
    data_class: ExtensionDescriptor,
    field_behavior: ExtensionDescriptor,
}

pub(crate) static EXTENSIONS: LazyLock<Extensions> = LazyLock::new(|| {
    let of = |name: &str| {
        let found = contracts::POOL.get_extension_by_name(name);
        found.unwrap_or_else(|| panic!("the contracts import no `{name}`"))
    };
    Extensions {
        access: of("aftercare.type.v1.access"),
        http: of("google.api.http"),
        data_class: of("aftercare.type.v1.data_class"),
        field_behavior: of("google.api.field_behavior"),
    }
});

/// Every method of the suite's services.
pub fn all_methods(pool: &DescriptorPool) -> Vec<MethodDescriptor> {
    let ours = pool.services().filter(|service| service.package_name().starts_with("aftercare."));
    ours.flat_map(|service| service.methods().collect::<Vec<_>>()).collect()
}

/// The permission of a method, where it declares one, and whether it is internal.
pub fn access(method: &MethodDescriptor) -> Option<(String, bool)> {
    let options = method.options();
    let access = options.get_extension(&EXTENSIONS.access);
    let access = access.as_message()?;
    let permission = text(access, "permission");
    let internal = access.get_field_by_name("internal").as_deref().and_then(Value::as_bool)?;
    (!permission.is_empty()).then_some((permission, internal))
}

/// A text field of a message of options; empty where it is not set.
pub(crate) fn text(message: &DynamicMessage, field: &str) -> String {
    let value = message.get_field_by_name(field);
    value.as_deref().and_then(Value::as_str).unwrap_or_default().to_owned()
}
