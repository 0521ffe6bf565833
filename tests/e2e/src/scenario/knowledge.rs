//! The scenarios of knowledge.

use kernel::Role;
use serde_json::{Value, json};

use super::{Abroad, Prepared, Scenario};
use crate::{
    Desk,
    desk::{canary, name, new_id},
    until,
};

/// One for each RPC.
pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario {
        method: "aftercare.knowledge.v1.ArticleService.CreateArticle",
        role: Role::Integration,
        abroad: Abroad::Own,
        prepare: |desk| Box::pin(create(desk)),
    },
    Scenario {
        method: "aftercare.knowledge.v1.ArticleService.GetArticle",
        role: Role::Agent,
        abroad: Abroad::Missing,
        prepare: |desk| Box::pin(get(desk)),
    },
    Scenario {
        method: "aftercare.knowledge.v1.ArticleService.BatchGetArticles",
        role: Role::Agent,
        abroad: Abroad::Missing,
        prepare: |desk| Box::pin(batch_get(desk)),
    },
    Scenario {
        method: "aftercare.knowledge.v1.ArticleService.ListArticles",
        role: Role::Agent,
        abroad: Abroad::Own,
        prepare: |desk| Box::pin(list(desk)),
    },
    Scenario {
        method: "aftercare.knowledge.v1.ArticleService.UpdateArticle",
        role: Role::Integration,
        abroad: Abroad::Missing,
        prepare: |desk| Box::pin(update(desk)),
    },
    Scenario {
        method: "aftercare.knowledge.v1.ArticleService.CreateRevision",
        role: Role::Integration,
        abroad: Abroad::Missing,
        prepare: |desk| Box::pin(revise(desk)),
    },
    Scenario {
        method: "aftercare.knowledge.v1.ArticleService.GetRevision",
        role: Role::Agent,
        abroad: Abroad::Missing,
        prepare: |desk| Box::pin(get_revision(desk)),
    },
    Scenario {
        method: "aftercare.knowledge.v1.ArticleService.ListRevisions",
        role: Role::Integration,
        abroad: Abroad::Missing,
        prepare: |desk| Box::pin(of_article(desk, "parent")),
    },
    Scenario {
        method: "aftercare.knowledge.v1.ArticleService.PublishRevision",
        role: Role::Integration,
        abroad: Abroad::Missing,
        prepare: |desk| Box::pin(publish(desk)),
    },
    Scenario {
        method: "aftercare.knowledge.v1.ArticleService.ArchiveArticle",
        role: Role::Integration,
        abroad: Abroad::Missing,
        prepare: |desk| Box::pin(of_article(desk, "name")),
    },
    Scenario {
        method: "aftercare.knowledge.v1.ArticleService.RestoreArticle",
        role: Role::Integration,
        abroad: Abroad::Missing,
        prepare: |desk| Box::pin(restore(desk)),
    },
    Scenario {
        method: "aftercare.knowledge.v1.SearchService.Search",
        role: Role::Agent,
        abroad: Abroad::Own,
        prepare: |desk| Box::pin(search(desk)),
    },
    Scenario {
        method: "aftercare.knowledge.v1.SearchService.Suggest",
        role: Role::Agent,
        abroad: Abroad::Own,
        prepare: |desk| Box::pin(suggest(desk)),
    },
    Scenario {
        method: "aftercare.knowledge.v1.SearchService.SuggestForText",
        role: Role::Agent,
        abroad: Abroad::Own,
        prepare: |desk| Box::pin(suggest_for_text(desk)),
    },
    Scenario {
        method: "aftercare.knowledge.v1.SearchService.Explain",
        role: Role::Integration,
        abroad: Abroad::Missing,
        prepare: |desk| Box::pin(explain(desk)),
    },
    Scenario {
        method: "aftercare.knowledge.v1.SearchService.ChooseResult",
        role: Role::Agent,
        abroad: Abroad::Missing,
        prepare: |desk| Box::pin(choose(desk)),
    },
    Scenario {
        method: "aftercare.knowledge.v1.SearchService.ListSearches",
        role: Role::Integration,
        abroad: Abroad::Own,
        prepare: |desk| Box::pin(list_searches(desk)),
    },
    Scenario {
        method: "aftercare.knowledge.v1.FeedbackService.Vote",
        role: Role::Agent,
        abroad: Abroad::Missing,
        prepare: |desk| Box::pin(vote(desk)),
    },
    Scenario {
        method: "aftercare.knowledge.v1.FeedbackService.ListVotes",
        role: Role::Integration,
        abroad: Abroad::Missing,
        prepare: |desk| Box::pin(voted_on(desk, "parent")),
    },
    Scenario {
        method: "aftercare.knowledge.v1.FeedbackService.GetHelpfulness",
        role: Role::Integration,
        abroad: Abroad::Missing,
        prepare: |desk| Box::pin(voted_on(desk, "name")),
    },
    Scenario {
        method: "aftercare.knowledge.v1.TransferService.ImportArticles",
        role: Role::Integration,
        abroad: Abroad::Own,
        prepare: |desk| Box::pin(import(desk)),
    },
    Scenario {
        method: "aftercare.knowledge.v1.TransferService.ExportArticles",
        role: Role::Integration,
        abroad: Abroad::Own,
        prepare: |desk| Box::pin(export(desk)),
    },
];

async fn create(desk: &Desk<'_>) -> Prepared {
    // Another of this tenant, which must not shine through.
    let other = desk.article().await;
    let article = Desk::words(&canary());
    Prepared::new(json!({ "article": article, "requestId": new_id() }), &[], &[&other])
}

async fn get(desk: &Desk<'_>) -> Prepared {
    let article = desk.article().await;
    let name = name(&article);
    Prepared::new(json!({ "name": name }), &[&name], &[&article])
}

async fn batch_get(desk: &Desk<'_>) -> Prepared {
    let article = desk.article().await;
    let name = name(&article);
    Prepared::new(json!({ "names": [name] }), &[&name], &[&article])
}

async fn list(desk: &Desk<'_>) -> Prepared {
    let article = desk.article().await;
    Prepared::new(json!({ "pageSize": 1000 }), &[], &[&article])
}

async fn update(desk: &Desk<'_>) -> Prepared {
    let article = desk.article().await;
    let name = name(&article);
    let change = json!({ "name": name, "tags": [canary()] });
    let request = json!({ "article": change, "updateMask": "tags", "requestId": new_id() });
    Prepared::new(request, &[&name], &[&article])
}

async fn revise(desk: &Desk<'_>) -> Prepared {
    let article = desk.article().await;
    let name = name(&article);
    let word = canary();
    let revision = json!({
        "locale": "en", "title": format!("Title {word}"), "body": format!("Body {word}"),
        "baseRevision": article["revision"]["name"],
    });
    let request = json!({ "parent": name, "revision": revision, "requestId": new_id() });
    Prepared::new(request, &[&name], &[&article])
}

async fn get_revision(desk: &Desk<'_>) -> Prepared {
    let article = desk.article().await;
    let name = name(&article["revision"]);
    Prepared::new(json!({ "name": name }), &[&name], &[&article])
}

/// A request about a published article, which names it in `field`.
async fn of_article(desk: &Desk<'_>, field: &str) -> Prepared {
    let article = desk.article().await;
    let name = name(&article);
    Prepared::new(json!({ field: name }), &[&name], &[&article])
}

async fn publish(desk: &Desk<'_>) -> Prepared {
    let article = desk.draft().await;
    let name = name(&article["revision"]);
    let request = json!({ "name": name, "requestId": new_id() });
    Prepared::new(request, &[&name], &[&article])
}

async fn restore(desk: &Desk<'_>) -> Prepared {
    let article = desk.article().await;
    let name = name(&article);
    desk.system().call("ArchiveArticle", json!({ "name": name })).await;
    Prepared::new(json!({ "name": name }), &[&name], &[&article])
}

/// A published article that can be found, and the word that finds it.
async fn findable(desk: &Desk<'_>) -> (Value, String) {
    let article = desk.article().await;
    let title = article["revision"]["title"].as_str().expect("an article has a title");
    let word = title.rsplit(' ').next().unwrap_or_default().to_owned();
    until("the article is found", async || {
        let found = desk.agent().call("Search", json!({ "query": word })).await;
        found["results"].as_array().map(|_| ())
    })
    .await;
    (article, word)
}

async fn search(desk: &Desk<'_>) -> Prepared {
    let (article, word) = findable(desk).await;
    Prepared::new(json!({ "query": word }), &[], &[&article])
}

async fn suggest(desk: &Desk<'_>) -> Prepared {
    let (article, word) = findable(desk).await;
    Prepared::new(json!({ "prefix": word }), &[], &[&article])
}

async fn suggest_for_text(desk: &Desk<'_>) -> Prepared {
    let (article, word) = findable(desk).await;
    let text = format!("They told me about {word} and I would know more of it.");
    Prepared::new(json!({ "text": text }), &[], &[&article])
}

async fn explain(desk: &Desk<'_>) -> Prepared {
    let (article, word) = findable(desk).await;
    let name = name(&article);
    Prepared::new(json!({ "name": name, "query": word }), &[&name], &[&article])
}

async fn choose(desk: &Desk<'_>) -> Prepared {
    let (article, word) = findable(desk).await;
    let found = desk.agent().call("Search", json!({ "query": word })).await;
    let revision = name(&article["revision"]);
    let request = json!({ "name": found["search"], "revision": revision });
    Prepared::new(request, &[&revision], &[&article])
}

async fn list_searches(desk: &Desk<'_>) -> Prepared {
    let (article, word) = findable(desk).await;
    until("the search is logged", async || {
        let listed = desk.system().call("ListSearches", json!({ "pageSize": 1000 })).await;
        let logged = |search: &Value| search["query"] == word.as_str();
        listed["searches"].as_array().is_some_and(|all| all.iter().any(logged)).then_some(())
    })
    .await;
    Prepared::new(json!({ "pageSize": 1000 }), &[], &[&article])
}

async fn vote(desk: &Desk<'_>) -> Prepared {
    let article = desk.article().await;
    let name = name(&article["revision"]);
    let request = json!({ "name": name, "helpful": true, "comment": canary() });
    Prepared::new(request, &[&name], &[&article])
}

/// A request about an article that was voted on, which names it in `field`.
async fn voted_on(desk: &Desk<'_>, field: &str) -> Prepared {
    let article = desk.article().await;
    let vote = json!({ "name": article["revision"]["name"], "comment": canary() });
    desk.agent().call("Vote", vote).await;
    let name = name(&article);
    Prepared::new(json!({ field: name }), &[&name], &[&article])
}

async fn import(desk: &Desk<'_>) -> Prepared {
    // Another of this tenant, which must not shine through.
    let other = desk.article().await;
    let word = canary();
    let content = format!("question,answer\nWhat about {word},This is {word}\n");
    let request = json!({ "format": "TRANSFER_FORMAT_CSV", "content": content });
    Prepared::new(request, &[], &[&other])
}

async fn export(desk: &Desk<'_>) -> Prepared {
    let article = desk.article().await;
    Prepared::new(json!({ "format": "TRANSFER_FORMAT_JSON_LINES" }), &[], &[&article])
}
