//! `Vote`: whether a revision helped.

use contracts::knowledge::v1::{FeedbackGiven, VoteRequest, VoteResponse, knowledge_event::Change};
use kernel::{ArticleId, CallerKind, SearchId, Time, Violations};
use rpc::{Call, wire};
use store::{Tx, events::monotone, transact};
use uuid::Uuid;

use crate::{
    App, Error,
    convert::{self, WRITES},
    events::{self, Place},
    reading::reaches,
    store::{articles, feedback, publications},
};

const MAX_COMMENT: usize = 2_000;
/// For how long a revision may be voted on that is live no longer: who reads it now may have opened it
/// before.
const GRACE: i64 = 24 * 60 * 60 * 1_000_000;

/// A vote as it is given.
#[derive(Debug)]
struct Given {
    key: (ArticleId, i64),
    voter: String,
    search: Option<SearchId>,
}

pub(crate) async fn handle(
    app: App,
    call: Call,
    request: VoteRequest,
) -> Result<VoteResponse, Error> {
    let given = parse(&call, &request)?;
    if !may_vote(&app, &call, given.key).await? {
        return Err(Error::no_revision(&request.name));
    }
    transact!(app.db, "article.vote", |tx| write(&app, &call, tx, &given, &request).await)?;
    Ok(VoteResponse {})
}

/// Whether the caller could read the revision now, or a moment ago.
async fn may_vote(
    app: &App,
    call: &Call,
    (article, number): (ArticleId, i64),
) -> Result<bool, Error> {
    let tenant = call.tenant();
    let Some(found) = articles::get(&app.db, tenant, article).await?.filter(|_| reaches(call))
    else {
        return Ok(false);
    };
    let (now, audience) = (app.clock.now(), &found.profile.audience);
    let since = Time::from_micros(now.micros().saturating_sub(GRACE));
    let readable = call.may(WRITES) || convert::reader(call).may_read(audience);
    let open = found.profile.valid_from <= now
        && found.profile.valid_until > since
        && found.archived_at > since;
    Ok(readable
        && open
        && publications::was_live(&app.db, tenant, article, number, since, now).await?)
}

async fn write(
    app: &App,
    call: &Call,
    tx: &mut Tx,
    given: &Given,
    request: &VoteRequest,
) -> Result<(), Error> {
    let (tenant, (id, revision)) = (call.tenant(), given.key);
    let missing = || Error::no_revision(&request.name);
    let mut article = articles::lock(tx, tenant, id).await?.ok_or_else(missing)?;
    let at = monotone(app.clock.now(), article.last_at);
    let (actor_kind, actor) = wire::actor_parts(&call.caller);
    let vote = feedback::Vote {
        article: id,
        revision,
        voter: given.voter.clone(),
        helpful: request.helpful,
        comment: request.comment.trim().to_owned(),
        search: given.search,
        actor_kind: actor_kind.to_owned(),
        actor,
        at,
    };
    if !feedback::put(tx, tenant, &vote).await? {
        return Ok(());
    }
    // The article itself is as it was: its version stays.
    article.sequence += 1;
    article.last_at = at;
    articles::update(tx, tenant, &article).await?;
    let told = FeedbackGiven {
        revision: request.name.clone(),
        helpful: vote.helpful,
        commented: !vote.comment.is_empty(),
    };
    events::append(app, call, tx, Place::of(&article), Change::FeedbackGiven(told)).await
}

fn parse(call: &Call, request: &VoteRequest) -> Result<Given, Violations> {
    let mut violations = Violations::new();
    let key = convert::revision_key(&request.name, "name", &mut violations);
    violations.text("comment", request.comment.trim(), 0, MAX_COMMENT);
    let search = if request.search.is_empty() {
        None
    } else {
        convert::search_id(&request.search, "search", &mut violations)
    };
    let voter = if call.caller.kind == CallerKind::Anonymous {
        let id = Uuid::try_parse(&request.vote_id);
        violations.check(id.is_ok(), "vote_id", "must be a UUID, since nobody has signed in");
        format!("vote/{}", id.unwrap_or_default())
    } else {
        call.principal()
    };
    violations.finish(Given { key, voter, search })
}

#[cfg(test)]
mod tests {
    use contracts::knowledge::v1::{
        AudienceLevel, GetHelpfulnessRequest, ListVotesRequest, UpdateArticleRequest,
    };
    use contracts::r#type::v1::ActorKind;
    use store::{Sql, args};

    use super::*;
    use crate::rpc::{
        fixture::{Fixture, agent, anonymous, audience, customer, editor, fields, request_id},
        get_helpfulness, list_votes, update_article,
    };

    fn request(name: &str, helpful: bool) -> VoteRequest {
        VoteRequest { name: name.to_owned(), helpful, ..Default::default() }
    }

    #[tokio::test]
    async fn a_voter_has_one_vote_and_the_last_counts() {
        let fixture = Fixture::new().await;
        let article = fixture.published("如何退货", AudienceLevel::Public).await;
        let revision = format!("{}/revisions/1", article.name);
        for helpful in [true, false, false] {
            handle(fixture.app.clone(), customer(), request(&revision, helpful)).await.unwrap();
        }
        for n in [1, 2, 2] {
            let mut asked = request(&revision, true);
            asked.vote_id = request_id(n);
            asked.comment = " 很清楚 ".to_owned();
            handle(fixture.app.clone(), anonymous(), asked).await.unwrap();
        }
        let asked = GetHelpfulnessRequest { name: article.name.clone() };
        let counted = get_helpfulness::handle(fixture.app.clone(), editor(), asked).await.unwrap();
        let one = &counted.revisions[0];
        assert_eq!((one.helpful, one.unhelpful, one.locale.as_str()), (2, 1, "zh"));
        let asked = ListVotesRequest { parent: article.name.clone(), ..Default::default() };
        let votes = list_votes::handle(fixture.app.clone(), editor(), asked).await.unwrap().votes;
        assert_eq!(votes.len(), 3);
        assert_eq!(votes[0].comment, "很清楚");
        // Each change of mind is told, and the article is as it was.
        let kinds: Vec<_> =
            fixture.events(&article.name).await.into_iter().map(|(kind, _)| kind).collect();
        assert_eq!(kinds.iter().filter(|kind| *kind == "feedback.given").count(), 4);
        assert_eq!(fixture.read(editor(), &article.name).await.unwrap().etag, article.etag);
    }

    #[tokio::test]
    async fn nothing_is_kept_of_who_a_visitor_is() {
        const ACTORS: Sql = Sql::both(
            "SELECT actor_kind, actor FROM events WHERE tenant = $1 AND kind = 'feedback.given' \
             UNION ALL SELECT actor_kind, actor FROM votes WHERE tenant = $1",
        );
        let fixture = Fixture::new().await;
        let article = fixture.published("如何退货", AudienceLevel::Public).await;
        let mut asked = request(&format!("{}/revisions/1", article.name), true);
        asked.vote_id = request_id(1);
        handle(fixture.app.clone(), anonymous(), asked).await.unwrap();
        let kept: Vec<(String, String)> =
            fixture.app.db.all(ACTORS, args![anonymous().tenant()]).await.unwrap();
        let nobody = ("anonymous".to_owned(), String::new());
        assert_eq!(kept, [nobody.clone(), nobody]);
        let asked = ListVotesRequest { parent: article.name, ..Default::default() };
        let votes = list_votes::handle(fixture.app.clone(), editor(), asked).await.unwrap().votes;
        let author = votes[0].author.as_ref().unwrap();
        assert_eq!((author.kind(), author.subject.as_str()), (ActorKind::Anonymous, ""));
    }

    #[tokio::test]
    async fn nobody_votes_on_what_they_may_not_read() {
        let fixture = Fixture::new().await;
        let article = fixture.published("内部", AudienceLevel::Agent).await;
        let draft = fixture.draft("草稿", AudienceLevel::Public).await;
        for (call, name) in [(customer(), &article.name), (agent(&[]), &draft.name)] {
            let asked = request(&format!("{name}/revisions/1"), true);
            let error = handle(fixture.app.clone(), call, asked).await.unwrap_err();
            assert!(matches!(error, Error::RevisionNotFound { .. }), "{error:?}");
        }
        let asked = request(&format!("{}/revisions/1", article.name), true);
        handle(fixture.app.clone(), agent(&[]), asked.clone()).await.unwrap();
        let error = handle(fixture.app.clone(), anonymous(), asked).await.unwrap_err();
        assert_eq!(fields(&error), ["vote_id"]);
    }

    #[tokio::test]
    async fn who_may_no_longer_read_it_may_not_vote_either() {
        let fixture = Fixture::new().await;
        let article = fixture.published("如何退货", AudienceLevel::Public).await;
        let narrow = contracts::knowledge::v1::Article {
            name: article.name.clone(),
            audience: Some(audience(AudienceLevel::Agent, &[])),
            ..Default::default()
        };
        let asked = UpdateArticleRequest { article: Some(narrow), ..Default::default() };
        update_article::handle(fixture.app.clone(), editor(), asked).await.unwrap();
        let asked = request(&format!("{}/revisions/1", article.name), true);
        let error = handle(fixture.app.clone(), customer(), asked).await.unwrap_err();
        assert!(matches!(error, Error::RevisionNotFound { .. }), "{error:?}");
    }
}
