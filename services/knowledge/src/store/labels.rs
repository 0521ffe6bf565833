//! What articles are filed under.

use kernel::{ArticleId, TenantId};
use store::{List, Sql, Tx, args};

use crate::{Error, domain::article::Profile};

const CLEAR: Sql = Sql::both("DELETE FROM labels WHERE tenant = $1 AND article = $2");

/// Every fixed statement of this module.
pub(crate) const STATEMENTS: &[Sql] = &[CLEAR];

/// Files an article under what its profile says, and nothing else.
pub(crate) async fn put(
    tx: &mut Tx,
    tenant: TenantId,
    article: ArticleId,
    profile: &Profile,
) -> Result<(), Error> {
    tx.execute(CLEAR, args![tenant, article]).await?;
    let of = |kind: &'static str, values: &[String]| {
        values.iter().map(|value| args![tenant, kind, value, article]).collect::<Vec<_>>()
    };
    let rows = [
        of("team", &profile.audience.teams),
        of("product", &profile.products),
        of("tag", &profile.tags),
    ]
    .concat();
    if rows.is_empty() {
        return Ok(());
    }
    let mut list = List::new("INSERT INTO labels (tenant, kind, value, article) VALUES ");
    list.rows(rows);
    let (text, values) = list.finish();
    tx.execute(text, values).await?;
    Ok(())
}
