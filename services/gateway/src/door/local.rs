//! Tokens of the local issuer.

use kernel::{Caller, CallerKind};
use rpc::{edge::Known, issuer::LocalIssuer};

use super::callers::{Directory, Why, active, quota, served};
use crate::directory::MemberFacts;

/// Whom a token of the local issuer stands for.
pub(super) async fn known(
    token: &str,
    issuer: &LocalIssuer,
    directory: &dyn Directory,
) -> Result<Known, Why> {
    let claims = issuer.check(token).map_err(|_| Why::Unproved("no local token that holds"))?;
    let caller = claims.caller().ok_or(Why::Nobody("a local token for nobody from outside"))?;
    let (caller, quota) = match caller.kind {
        CallerKind::Operator => (caller, None),
        CallerKind::Member => {
            let member = active(directory.member(caller.tenant, &caller.subject).await?)?;
            let tenant = served(directory.tenant(caller.tenant).await?)?;
            let MemberFacts { roles, teams, locale, .. } = member;
            let locale = locale.unwrap_or(tenant.locale);
            (Caller { roles, teams, locale, ..caller }, quota(&tenant))
        }
        CallerKind::Customer | CallerKind::Integration => {
            let tenant = served(directory.tenant(caller.tenant).await?)?;
            (Caller { locale: tenant.locale, ..caller }, quota(&tenant))
        }
        CallerKind::Anonymous | CallerKind::Service => {
            return Err(Why::Nobody("a local token for nobody from outside"));
        }
    };
    Ok(Known { caller, credential: "local", expires: Some(claims.expires()), quota })
}
