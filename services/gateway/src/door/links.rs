//! Sealed links: nobody in particular, who holds what opens one thing. The tenant is inside.

use kernel::{Caller, CallerKind, Role, Time, keys::RootKeys, link::Link};
use rpc::edge::Known;

use super::callers::{Directory, Why, quota, served};

/// Whom a link stands for.
pub(super) async fn known(
    token: &str,
    keys: &RootKeys,
    directory: &dyn Directory,
    now: Time,
) -> Result<Known, Why> {
    let link = Link::open(token, keys).ok_or(Why::Unproved("no link that we sealed"))?;
    if link.expires <= now {
        return Err(Why::Time("the link has expired"));
    }
    let tenant = served(directory.tenant(link.tenant).await?)?;
    let quota = quota(&tenant);
    let caller = Caller {
        tenant: link.tenant,
        kind: CallerKind::Anonymous,
        subject: link.opens.name(),
        roles: vec![Role::LinkHolder],
        teams: Vec::new(),
        scopes: None,
        customer: None,
        link: Some(link.opens),
        locale: tenant.locale,
    };
    Ok(Known { caller, credential: "link", expires: Some(link.expires), quota })
}
