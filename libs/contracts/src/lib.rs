//! The protobuf contracts as Rust types, clients and servers, and the descriptor set that
//! everything dynamic reads: permissions, JSON, reflection, tests.
//!
//! No logic. What the elements mean is said once, in the proto files.
#![expect(
    clippy::pedantic,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    clippy::disallowed_methods,
    reason = "generated from the proto files, where everything is documented"
)]

use std::sync::LazyLock;

pub use prost_reflect::DescriptorPool;

/// What several services share.
pub mod r#type {
    /// Version 1.
    pub mod v1 {
        tonic::include_proto!("aftercare.r#type.v1");
    }
}

/// The gateway's own services.
pub mod gateway {
    /// Version 1.
    pub mod v1 {
        tonic::include_proto!("aftercare.gateway.v1");
    }
}

/// Tickets.
pub mod tickets {
    /// Version 1.
    pub mod v1 {
        tonic::include_proto!("aftercare.tickets.v1");
    }
}

/// Customers.
pub mod customers {
    /// Version 1.
    pub mod v1 {
        tonic::include_proto!("aftercare.customers.v1");
    }
}

/// Knowledge.
pub mod knowledge {
    /// Version 1.
    pub mod v1 {
        tonic::include_proto!("aftercare.knowledge.v1");
    }
}

/// Surveys.
pub mod surveys {
    /// Version 1.
    pub mod v1 {
        tonic::include_proto!("aftercare.surveys.v1");
    }
}

/// Every file of the contracts and what they import, with custom options and comments.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.binpb"));

/// The same, ready to be asked.
pub static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| {
    DescriptorPool::decode(DESCRIPTORS)
        .unwrap_or_else(|error| unreachable!("the compiler made these descriptors: {error}"))
});
