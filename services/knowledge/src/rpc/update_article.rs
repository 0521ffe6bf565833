//! `UpdateArticle`: writes what kind of article it is, who reads it, what it is about, when it is valid.

use contracts::knowledge::v1::{
    Article as Answer, ArticleUpdated, UpdateArticleRequest, knowledge_event::Change,
};
use kernel::{Violations, etag::Demand, mask::Mask};
use rpc::{Call, wire};
use store::transact;

use crate::{
    App, Error,
    command::{self, Command, Held},
    convert,
    domain::article::{Profile, WRITABLE},
    rpc::get_article,
    store::labels,
};

const METHOD: &str = "aftercare.knowledge.v1.ArticleService/UpdateArticle";

/// What is to be written.
#[derive(Debug)]
struct Update {
    id: kernel::ArticleId,
    etag: Demand,
    mask: Mask,
    profile: Profile,
}

pub(crate) async fn handle(
    app: App,
    call: Call,
    mut request: UpdateArticleRequest,
) -> Result<Answer, Error> {
    let request_id = std::mem::take(&mut request.request_id);
    let Update { id, etag, mask, profile } = parse(&request, &request_id)?;
    let once = app.once(&call, METHOD, &request_id, &request);
    let command = Command { id, etag, once };
    transact!(app.db, "article.update", |tx| {
        let held = command::hold(&app, &call, tx, &command, |article| article.id.name()).await?;
        let Held::New(before, at) = held else { return Ok(()) };
        let written = before.profile.updated(&profile, &mask);
        let mut violations = Violations::new();
        written.check(|field| format!("article.{field}"), &mut violations);
        violations.finish(())?;
        let paths = before.profile.differences(&written);
        if paths.is_empty() {
            return Ok(());
        }
        let mut after = before.next(at);
        after.profile = written;
        labels::put(tx, call.tenant(), id, &after.profile).await?;
        let paths = paths.into_iter().map(str::to_owned).collect();
        let change = Change::Updated(ArticleUpdated { paths });
        command::save(&app, &call, tx, &after, change).await
    })?;
    get_article::by_id(&app, &call, id).await
}

fn parse(request: &UpdateArticleRequest, request_id: &str) -> Result<Update, Violations> {
    let mut violations = Violations::new();
    wire::check_request_id(request_id, &mut violations);
    let given = request.article.clone().unwrap_or_default();
    let id = convert::article_id(&given.name, "article.name", &mut violations);
    let profile = convert::profile(&given, &mut violations);
    let populated = |path: &str| match path {
        "kind" => given.kind != 0,
        "audience" => given.audience.is_some(),
        "products" => !given.products.is_empty(),
        "tags" => !given.tags.is_empty(),
        "valid_from_time" => given.valid_from_time.is_some(),
        "valid_until_time" => given.valid_until_time.is_some(),
        _ => false,
    };
    let paths = request.update_mask.as_ref().map(|mask| mask.paths.as_slice());
    let mask = Mask::parse(paths, WRITABLE, populated, &mut violations);
    violations.check(!mask.is_empty() || !violations.is_empty(), "update_mask", "names no field");
    let etag = Demand::parse(&given.etag);
    violations.finish(Update { id, etag, mask, profile })
}

#[cfg(test)]
mod tests {
    use contracts::knowledge::v1::{Article, AudienceLevel};
    use prost_types::FieldMask;

    use super::*;
    use crate::rpc::fixture::{Fixture, agent, anonymous, audience, customer, editor, fields};

    fn request(name: &str, paths: Option<&[&str]>, article: Article) -> UpdateArticleRequest {
        let update_mask = paths.map(|paths| FieldMask {
            paths: paths.iter().map(|path| (*path).to_owned()).collect(),
        });
        let article = Some(Article { name: name.to_owned(), ..article });
        UpdateArticleRequest { article, update_mask, request_id: String::new() }
    }

    #[tokio::test]
    async fn who_may_read_it_changes_at_once() {
        let fixture = Fixture::new().await;
        let made = fixture.published("如何退货", AudienceLevel::Public).await;
        let narrow = Article {
            audience: Some(audience(AudienceLevel::Agent, &["sales"])),
            ..Article::default()
        };
        let asked = request(&made.name, None, narrow);
        let updated = handle(fixture.app.clone(), editor(), asked.clone()).await.unwrap();
        assert_eq!(updated.audience, Some(audience(AudienceLevel::Agent, &["sales"])));
        for (call, reads) in [
            (anonymous(), false),
            (customer(), false),
            (agent(&["other"]), false),
            (agent(&["sales"]), true),
            (editor(), true),
        ] {
            assert_eq!(fixture.read(call.clone(), &made.name).await.is_some(), reads, "{call:?}");
        }
        // The same again is no change.
        let again = handle(fixture.app.clone(), editor(), asked).await.unwrap();
        assert_eq!(again.etag, updated.etag);
    }

    #[tokio::test]
    async fn its_validity_ends_by_itself() {
        let fixture = Fixture::new().await;
        let made = fixture.published("双十一活动", AudienceLevel::Public).await;
        let end = wire::timestamp(fixture.app.clock.now().plus_micros(2_000_000));
        let asked = request(
            &made.name,
            Some(&["valid_until_time"]),
            Article { valid_until_time: Some(end), ..Article::default() },
        );
        handle(fixture.app.clone(), editor(), asked).await.unwrap();
        fixture.later();
        assert!(fixture.read(anonymous(), &made.name).await.is_some());
        fixture.later();
        assert!(fixture.read(anonymous(), &made.name).await.is_none());
        let asked = request(&made.name, Some(&["valid_until_time"]), Article::default());
        handle(fixture.app.clone(), editor(), asked).await.unwrap();
        assert!(fixture.read(anonymous(), &made.name).await.is_some());
    }

    #[tokio::test]
    async fn what_would_be_wrong_as_a_whole_is_refused() {
        let fixture = Fixture::new().await;
        let made = fixture.published("如何退货", AudienceLevel::Public).await;
        let teams = Article {
            audience: Some(audience(AudienceLevel::Unspecified, &["a"])),
            ..Article::default()
        };
        let asked = request(&made.name, Some(&["audience.teams"]), teams);
        let error = handle(fixture.app.clone(), editor(), asked).await.unwrap_err();
        assert_eq!(fields(&error), ["article.audience.teams"]);
        for paths in [Some(["revision"].as_slice()), Some(&["state"]), Some(&[]), None] {
            let asked = request(&made.name, paths, Article::default());
            let error = handle(fixture.app.clone(), editor(), asked).await.unwrap_err();
            assert_eq!(fields(&error), ["update_mask"], "{paths:?}");
        }
    }
}
