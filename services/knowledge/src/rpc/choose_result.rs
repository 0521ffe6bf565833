//! `ChooseResult`: what somebody chose of what a search found.

use contracts::knowledge::v1::{ChooseResultRequest, ChooseResultResponse};
use kernel::{SearchId, Violations};
use rpc::Call;
use store::transact;

use crate::{App, Error, convert, reading::reaches, rpc::get_revision, store::searches};

pub(crate) async fn handle(
    app: App,
    call: Call,
    request: ChooseResultRequest,
) -> Result<ChooseResultResponse, Error> {
    let mut violations = Violations::new();
    let search = convert::search_id(&request.name, "name", &mut violations);
    let key = convert::revision_key(&request.revision, "revision", &mut violations);
    violations.finish(())?;

    let missing = || Error::SearchNotFound { name: request.name.clone() };
    let search = search.filter(|_| reaches(&call)).ok_or_else(missing)?;
    if !made_lately(&app, search) {
        return Err(missing());
    }
    // Only what is live for the caller can have been found: no draft, whoever asks.
    if !get_revision::is_live(&app, &call, key.0, key.1).await? {
        return Err(Error::no_revision(&request.revision));
    }
    app.searches.chosen(&call);
    let at = app.clock.now();
    transact!(app.db, "search.choose", |tx| {
        searches::choose(tx, call.tenant(), search, key, at).await
    })?;
    Ok(ChooseResultResponse {})
}

/// Whether a search may be one of ours: its id tells when it was made. The log itself is written a
/// little later than somebody may choose.
fn made_lately(app: &App, search: SearchId) -> bool {
    const DAY: i64 = 24 * 60 * 60 * 1_000_000;
    let made = search.uuid().get_timestamp().map(|made| {
        let (seconds, nanos) = made.to_unix();
        i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1_000_000)
            + i64::from(nanos / 1_000)
    });
    made.is_some_and(|made| app.clock.now().micros().saturating_sub(made).abs() <= DAY)
}

#[cfg(test)]
mod tests {
    use contracts::knowledge::v1::{
        AudienceLevel, ListSearchesRequest, SearchRecord, SearchRequest,
    };

    use super::*;
    use crate::{
        rpc::{
            create_article,
            fixture::{Fixture, agent, audience, create, customer, editor, supervisor},
            list_searches, search,
        },
        write_searches,
    };

    async fn written(fixture: &Fixture) -> Vec<SearchRecord> {
        let stop = tokio_util::sync::CancellationToken::new();
        stop.cancel();
        write_searches(fixture.app.clone(), stop).await;
        let asked = ListSearchesRequest::default();
        let listed = list_searches::handle(fixture.app.clone(), supervisor(), asked).await;
        listed.unwrap().searches
    }

    #[tokio::test]
    async fn what_was_shown_and_chosen_is_logged() {
        let fixture = Fixture::new().await;
        let article = fixture.published("如何退货", AudienceLevel::Public).await;
        let staff = fixture.published("内部", AudienceLevel::Agent).await;
        fixture.indexed().await;
        let find = async |call, query: &str| {
            let asked = SearchRequest { query: query.to_owned(), ..Default::default() };
            search::handle(fixture.app.clone(), call, asked).await.unwrap()
        };
        let found = find(customer(), "退货").await;
        fixture.later();
        find(agent(&[]), "xyzzy").await;
        let revision = format!("{}/revisions/1", article.name);
        let choose = async |revision: &str| {
            let (name, revision) = (found.search.clone(), revision.to_owned());
            handle(fixture.app.clone(), customer(), ChooseResultRequest { name, revision }).await
        };
        choose(&revision).await.unwrap();
        choose(&revision).await.unwrap();
        let error = choose(&format!("{}/revisions/1", staff.name)).await.unwrap_err();
        assert!(matches!(error, Error::RevisionNotFound { .. }), "{error:?}");
        let searches = written(&fixture).await;
        let told: Vec<_> =
            searches.iter().map(|one| (one.query.as_str(), one.total_size)).collect();
        assert_eq!(told, [("xyzzy", 0), ("退货", 1)]);
        let one = &searches[1];
        assert_eq!(
            (one.shown.as_slice(), one.chosen.as_slice()),
            ([revision.clone()].as_slice(), [revision].as_slice())
        );
        assert_eq!(one.audience(), AudienceLevel::Customer);
        let asked = ListSearchesRequest { only_empty: true, ..Default::default() };
        let empty = list_searches::handle(fixture.app.clone(), supervisor(), asked).await.unwrap();
        assert_eq!(empty.searches.len(), 1);
    }

    #[tokio::test]
    async fn the_log_shows_nobody_what_they_may_not_read() {
        let fixture = Fixture::new().await;
        let open = fixture.published("如何退货", AudienceLevel::Public).await;
        let mut asked = create("退货内部流程");
        asked.article.as_mut().unwrap().audience = Some(audience(AudienceLevel::Agent, &["a"]));
        let narrow = create_article::handle(fixture.app.clone(), editor(), asked).await.unwrap();
        fixture.publish(&format!("{}/revisions/1", narrow.name)).await;
        let draft = fixture.draft("退货草稿", AudienceLevel::Public).await.revision.unwrap().name;
        fixture.indexed().await;
        for query in ["退货", "内部流程"] {
            let asked = SearchRequest { query: query.to_owned(), ..Default::default() };
            let found = search::handle(fixture.app.clone(), agent(&["a"]), asked).await.unwrap();
            let (name, revision) = (found.search, format!("{}/revisions/1", narrow.name));
            let asked = ChooseResultRequest { name: name.clone(), revision };
            handle(fixture.app.clone(), agent(&["a"]), asked).await.unwrap();
            let asked = ChooseResultRequest { name, revision: draft.clone() };
            let error = handle(fixture.app.clone(), editor(), asked).await.unwrap_err();
            assert!(matches!(error, Error::RevisionNotFound { .. }), "{error:?}");
            fixture.later();
        }
        // What found nothing else is not even told of.
        let [both] = written(&fixture).await.try_into().unwrap();
        assert_eq!(both.shown, [format!("{}/revisions/1", open.name)]);
        assert_eq!((both.total_size, both.chosen.len()), (1, 0));
        let asked = ListSearchesRequest::default();
        let all = list_searches::handle(fixture.app.clone(), editor(), asked).await.unwrap();
        let told = |one: &SearchRecord| (one.total_size, one.shown.len(), one.chosen.len());
        assert_eq!(all.searches.iter().map(told).collect::<Vec<_>>(), [(1, 1, 1), (2, 2, 1)]);
    }
}
