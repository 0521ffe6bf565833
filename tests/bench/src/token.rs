//! Call tokens, as the gateway mints them: for whoever comes to the services past it.

use std::path::Path;

use anyhow::{Context, Result};
use kernel::{Caller, CallerKind, Clock, Locale, Role, TenantId, keys::RootKeys};
use rpc::token::Minter;
use uuid::Uuid;

use crate::load::Voice;

/// The tenant of the seed.
pub(crate) const TENANT: Uuid = Uuid::from_u128(0x019a_b000_0000_7000_8000_0000_000b_e2c4);

/// Tokens of the tenant's admin for the tickets' service.
#[derive(Clone, Debug)]
pub(crate) struct CallTokens {
    minter: Minter,
    caller: Caller,
}

impl CallTokens {
    /// Signed with the key that this root key gives.
    pub(crate) fn new(key: &Path) -> Result<Self> {
        let root = std::fs::read_to_string(key)?;
        let keys = RootKeys::parse(root.trim(), &[]).context("no root key")?;
        let caller = Caller {
            tenant: TenantId::from(TENANT),
            kind: CallerKind::Member,
            subject: "grace".to_owned(),
            roles: vec![Role::Admin],
            teams: Vec::new(),
            scopes: None,
            customer: None,
            link: None,
            locale: Locale::En,
        };
        Ok(Self { minter: Minter::new("edge", &keys, Clock::system()), caller })
    }

    /// The header of a token that holds for another half minute.
    pub(crate) fn voice(&self) -> Result<Voice> {
        let token = self.minter.mint(&self.caller, "tickets");
        format!("Call {token}").parse().context("a token is no header")
    }
}
