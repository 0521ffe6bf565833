//! What customers are decided by: pure functions over values, without clock, database or network.

pub mod consent;
pub mod contact;
pub mod customer;
pub mod email;
pub mod identifier;
pub mod mask;
pub mod name;
pub mod phone;
pub mod purchase;
pub mod quiet;
pub mod timeline;

mod width;
