//! `GetHelpfulness`: the votes on an article, counted by revision.

use contracts::knowledge::v1::{GetHelpfulnessRequest, Helpfulness, RevisionHelpfulness};
use kernel::Violations;
use rpc::Call;

use crate::{
    App, Error, convert,
    domain::{helpfulness, revision},
    reading,
    store::feedback,
};

pub(crate) async fn handle(
    app: App,
    call: Call,
    request: GetHelpfulnessRequest,
) -> Result<Helpfulness, Error> {
    let mut violations = Violations::new();
    let article = convert::article_id(&request.name, "name", &mut violations);
    violations.finish(())?;

    reading::must_see(&app, &call, article).await?;
    let counts = feedback::count(&app.db, call.tenant(), article).await?;
    let told = |count: &feedback::Count| RevisionHelpfulness {
        revision: revision::name(article, count.revision),
        locale: count.locale.clone(),
        helpful: number(count.helpful),
        unhelpful: number(count.all - count.helpful),
        lower_bound: helpfulness::lower_bound(count.helpful, count.all),
    };
    Ok(Helpfulness { revisions: counts.iter().map(told).collect() })
}

fn number(count: i64) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}
