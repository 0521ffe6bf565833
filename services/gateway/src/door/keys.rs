//! API keys: `ak_<id>_<secret>`. Only a hash of the secret is kept, so that whoever reads the
//! database cannot call; the secret is long and random, so that a fast hash is enough.

use kernel::{Caller, CallerKind, Role, Time};
use rpc::edge::Known;

use super::callers::{Directory, Why, quota, served};
use crate::directory::read_credential;

/// What every key starts with.
pub(super) const PREFIX: &str = "ak_";

/// Whom a key stands for.
pub(super) async fn known(token: &str, directory: &dyn Directory, now: Time) -> Result<Known, Why> {
    let (id, secret) = read_credential(token).ok_or(Why::Malformed("not of the form of a key"))?;
    let key = directory.api_key(id).await?.ok_or(Why::Nobody("no such key"))?;
    if !key.admits(secret, now) {
        return Err(Why::Unproved("the key does not hold, or not with this secret"));
    }
    let tenant = served(directory.tenant(key.tenant).await?)?;
    let quota = quota(&tenant);
    let caller = Caller {
        tenant: key.tenant,
        kind: CallerKind::Integration,
        subject: key.id.to_string(),
        roles: vec![Role::Integration],
        teams: Vec::new(),
        scopes: Some(key.scopes),
        customer: None,
        link: None,
        locale: tenant.locale,
    };
    Ok(Known { caller, credential: "key", expires: key.expires_at, quota })
}
