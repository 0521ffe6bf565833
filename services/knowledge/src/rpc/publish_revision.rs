//! `PublishRevision`: makes a revision the one that readers see in its language.

use contracts::knowledge::v1::{Article as Answer, PublishRevisionRequest};
use kernel::{Violations, etag::Demand};
use rpc::{Call, wire};
use store::transact;

use crate::{
    App, Error,
    command::{self, Command, Held},
    convert,
    domain::publication::ALWAYS,
    rpc::get_article,
    store::{publications, revisions},
};

const METHOD: &str = "aftercare.knowledge.v1.ArticleService/PublishRevision";

pub(crate) async fn handle(
    app: App,
    call: Call,
    mut request: PublishRevisionRequest,
) -> Result<Answer, Error> {
    let request_id = std::mem::take(&mut request.request_id);
    let mut violations = Violations::new();
    wire::check_request_id(&request_id, &mut violations);
    let (id, number) = convert::revision_key(&request.name, "name", &mut violations);
    let asked = request.publish_time.as_ref();
    let asked = convert::time(asked, ALWAYS, "publish_time", &mut violations);
    violations.finish(())?;

    let once = app.once(&call, METHOD, &request_id, &request);
    let command = Command { id, etag: Demand::parse(&request.etag), once };
    transact!(app.db, "revision.publish", |tx| {
        let tenant = call.tenant();
        let missing = || Error::no_revision(&request.name);
        let held = command::hold(&app, &call, tx, &command, |article| article.id.name()).await;
        let held = held.map_err(|error| match error {
            // What was named is the revision.
            Error::ArticleNotFound { .. } => missing(),
            other => other,
        })?;
        let Held::New(before, at) = held else { return Ok(()) };
        let revision = revisions::get_in(tx, tenant, id, number).await?;
        let revision = revision.ok_or_else(missing)?;
        let now = app.clock.now();
        let (locale, from) = (revision.locale, asked.max(now));
        let last = publications::last(tx, tenant, id, &locale).await?;
        if let Some(last) = last.filter(|last| last.revision == number) {
            if last.from <= now || last.from == from {
                return Ok(());
            }
            publications::withdraw(tx, tenant, id, &locale, last.from).await?;
        }
        command::publish(&app, &call, tx, &before.next(at), (&locale, number), from).await
    })?;
    get_article::by_id(&app, &call, id).await
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use contracts::knowledge::v1::{ArticleState, AudienceLevel};

    use super::*;
    use crate::rpc::{
        create_revision,
        fixture::{Fixture, agent, anonymous, customer, editor, stranger, words},
    };

    fn later(fixture: &Fixture, seconds: u64) -> prost_types::Timestamp {
        let micros = i64::try_from(seconds).unwrap() * 1_000_000;
        wire::timestamp(fixture.app.clock.now().plus_micros(micros))
    }

    #[tokio::test]
    async fn what_is_published_is_seen_by_its_audience() {
        let fixture = Fixture::new().await;
        let article = fixture.published("如何退货", AudienceLevel::Customer).await;
        assert_eq!(article.state(), ArticleState::Published);
        let read = fixture.read(customer(), &article.name).await.unwrap();
        assert_eq!(read.revision.as_ref().unwrap().title, "如何退货");
        // What is the company's own business stays there.
        assert_eq!((read.audience.as_ref(), read.revision.unwrap().author), (None, None));
        assert_eq!(read.translations[0].latest_revision, "");
        assert!(fixture.read(agent(&[]), &article.name).await.is_some());
        assert_eq!(fixture.read(anonymous(), &article.name).await, None);
        assert_eq!(fixture.read(stranger(), &article.name).await, None);
        // Once more is nothing new.
        let revision = read.translations[0].live_revision.clone();
        assert_eq!(fixture.publish(&revision).await.etag, article.etag);
    }

    #[tokio::test]
    async fn the_old_revision_is_live_until_the_new_one_is() {
        let fixture = Fixture::new().await;
        let article = fixture.published("旧", AudienceLevel::Public).await;
        let mut next = words("zh", "新");
        next.base_revision = format!("{}/revisions/1", article.name);
        let asked = contracts::knowledge::v1::CreateRevisionRequest {
            parent: article.name.clone(),
            revision: Some(next),
            request_id: String::new(),
        };
        let next = create_revision::handle(fixture.app.clone(), editor(), asked).await.unwrap();
        let asked = PublishRevisionRequest {
            name: next.name.clone(),
            publish_time: Some(later(&fixture, 60)),
            ..Default::default()
        };
        let planned = handle(fixture.app.clone(), editor(), asked).await.unwrap();
        assert_eq!(planned.translations[0].upcoming[0].revision, next.name);
        let seen = async || {
            let read = fixture.read(anonymous(), &article.name).await.unwrap();
            read.revision.unwrap().title
        };
        assert_eq!(seen().await, "旧");
        fixture.app.clock.advance(Duration::from_secs(59));
        assert_eq!(seen().await, "旧");
        fixture.app.clock.advance(Duration::from_secs(1));
        assert_eq!(seen().await, "新");
        // Back to the first, which is published again.
        fixture.publish(&format!("{}/revisions/1", article.name)).await;
        assert_eq!(seen().await, "旧");
    }

    #[tokio::test]
    async fn what_is_planned_may_be_put_off_and_brought_forward() {
        let fixture = Fixture::new().await;
        let article = fixture.draft("如何退货", AudienceLevel::Public).await;
        let revision = format!("{}/revisions/1", article.name);
        for seconds in [60, 120, 120, 30] {
            let time = later(&fixture, seconds);
            let asked = PublishRevisionRequest {
                name: revision.clone(),
                publish_time: Some(time),
                ..Default::default()
            };
            let before = fixture.read(editor(), &article.name).await.unwrap();
            let planned = handle(fixture.app.clone(), editor(), asked).await.unwrap();
            let upcoming = &planned.translations[0].upcoming;
            assert_eq!(upcoming.len(), 1);
            assert_eq!(upcoming[0].publish_time, Some(time), "{seconds}");
            let same = before.translations[0].upcoming == *upcoming;
            assert_eq!(before.etag == planned.etag, same, "the same again is no change");
        }
        fixture.app.clock.advance(Duration::from_secs(30));
        let live = fixture.read(editor(), &article.name).await.unwrap();
        // What is live already is not taken away to be published later.
        let asked = PublishRevisionRequest {
            name: revision.clone(),
            publish_time: Some(later(&fixture, 60)),
            ..Default::default()
        };
        let same = handle(fixture.app.clone(), editor(), asked).await.unwrap();
        assert_eq!(same.etag, live.etag);
        assert!(fixture.read(anonymous(), &article.name).await.is_some());
    }

    #[tokio::test]
    async fn what_is_missing_is_not_found() {
        let fixture = Fixture::new().await;
        let article = fixture.draft("如何退货", AudienceLevel::Public).await;
        for (call, number) in [(editor(), 2), (stranger(), 1)] {
            let name = format!("{}/revisions/{number}", article.name);
            let asked = PublishRevisionRequest { name, ..Default::default() };
            let error = handle(fixture.app.clone(), call, asked).await.unwrap_err();
            assert!(matches!(error, Error::RevisionNotFound { .. }), "{error:?}");
        }
    }
}
