//! What tenants are found by: one namespace for all of them, so that no two have the same.

use kernel::TenantId;
use store::{List, Tx};

use crate::Error;

/// What a name is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NameKind {
    /// The short name in commands and addresses.
    Slug,
    /// A host name of public pages.
    Host,
}

impl NameKind {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Slug => "slug",
            Self::Host => "host",
        }
    }
}

/// Gives names to a tenant; one that another tenant has is an error that says which, and the
/// transaction is to be given up.
pub(crate) async fn take(
    tx: &mut Tx,
    tenant: TenantId,
    kind: NameKind,
    names: &[String],
) -> Result<(), Error> {
    if names.is_empty() {
        return Ok(());
    }
    // In one order for all, so that two transactions with the same names do not wait for each other
    // in a circle.
    let mut names: Vec<&str> = names.iter().map(String::as_str).collect();
    names.sort_unstable();
    let mut list = List::new("INSERT INTO names (kind, name, tenant) VALUES ");
    list.rows(names.iter().map(|name| store::args![kind.as_str(), *name, tenant]));
    list.push(" ON CONFLICT (kind, name) DO NOTHING");
    let (text, values) = list.finish();
    let taken = tx.execute(text, values).await?;
    if usize::try_from(taken).is_ok_and(|taken| taken == names.len()) {
        return Ok(());
    }
    let owners = owners(tx, kind, &names).await?;
    let foreign = owners.into_iter().find(|(_, owner)| *owner != tenant.uuid());
    // Nobody has it any more: whoever had, gave it up between the two statements.
    let (value, _) = foreign.ok_or(Error::LostRace)?;
    Err(Error::NameTaken { what: kind.as_str(), value })
}

/// Takes names from a tenant.
pub(crate) async fn give_up(
    tx: &mut Tx,
    tenant: TenantId,
    kind: NameKind,
    names: &[String],
) -> Result<(), Error> {
    if names.is_empty() {
        return Ok(());
    }
    let mut list = List::new("DELETE FROM names WHERE tenant = ");
    list.bind(tenant).push(" AND kind = ").bind(kind.as_str());
    list.push(" AND name IN (").binds(names.iter()).push(")");
    let (text, values) = list.finish();
    tx.execute(text, values).await?;
    Ok(())
}

async fn owners(
    tx: &mut Tx,
    kind: NameKind,
    names: &[&str],
) -> Result<Vec<(String, uuid::Uuid)>, Error> {
    let mut list = List::new("SELECT name, tenant FROM names WHERE kind = ");
    list.bind(kind.as_str()).push(" AND name IN (").binds(names.iter().copied());
    list.push(") ORDER BY name");
    let (text, values) = list.finish();
    Ok(tx.all(text, values).await?)
}
