//! What every command on an article does around its decision: the row held, the request id, the etag,
//! the write with its event. In one transaction.

use contracts::knowledge::v1::{Article as Answer, ArticlePublished, knowledge_event::Change};
use kernel::{ArticleId, Time, etag::Demand};
use rpc::{Call, wire};
use store::{Tx, events::monotone, idempotency::Once, transact};

use crate::{
    App, Error,
    domain::{article::Article, revision},
    events::{self, Place},
    reading::reaches,
    rpc::get_article,
    store::{articles, publications},
};

/// A command on an article, as its request names it.
#[derive(Debug)]
pub(crate) struct Command {
    pub(crate) id: ArticleId,
    pub(crate) etag: Demand,
    pub(crate) once: Once,
}

/// What there is to do about a command.
#[derive(Debug)]
pub(crate) enum Held {
    /// It is new: the article as it is before, its row held, and the instant of the next event, which
    /// may be a little ahead of the clock's.
    New(Article, Time),
    /// The same request was carried out before, and led to this resource.
    Done(String),
}

/// Holds the article of a command, which is to make or change a resource of this name.
pub(crate) async fn hold(
    app: &App,
    call: &Call,
    tx: &mut Tx,
    command: &Command,
    resource: impl FnOnce(&Article) -> String,
) -> Result<Held, Error> {
    let name = command.id.name();
    if !reaches(call) {
        return Err(Error::no_article(&name));
    }
    let held = articles::lock(tx, call.tenant(), command.id).await?;
    let article = held.ok_or_else(|| Error::no_article(&name))?;
    let claimed = command.once.claim(tx, &resource(&article), article.version + 1).await?;
    if let Some(earlier) = claimed {
        return Ok(Held::Done(earlier.resource));
    }
    if !command.etag.admits(article.version) {
        return Err(Error::StaleEtag { name });
    }
    let at = monotone(app.clock.now(), article.last_at);
    Ok(Held::New(article, at))
}

/// Writes an article as it is after a command, and what happened to it.
pub(crate) async fn save(
    app: &App,
    call: &Call,
    tx: &mut Tx,
    after: &Article,
    change: Change,
) -> Result<(), Error> {
    articles::update(tx, call.tenant(), after).await?;
    events::append(app, call, tx, Place::of(after), change).await
}

/// Makes a revision the one that readers see in its language from `from` on; `after` is the article
/// with the event that tells so.
pub(crate) async fn publish(
    app: &App,
    call: &Call,
    tx: &mut Tx,
    after: &Article,
    (locale, number): (&str, i64),
    from: Time,
) -> Result<(), Error> {
    publications::publish(tx, call.tenant(), after.id, locale, number, from).await?;
    let published = ArticlePublished {
        revision: revision::name(after.id, number),
        locale: locale.to_owned(),
        publish_time: Some(wire::timestamp(from)),
    };
    save(app, call, tx, after, Change::Published(published)).await
}

/// Runs a command that changes nothing but the article's row; `decide` says what it is then and what
/// happened to it, or that nothing does. Answers with the article.
pub(crate) async fn on_article(
    app: &App,
    call: &Call,
    command: &Command,
    decide: impl Fn(&Article, Time) -> Option<(Article, Change)> + Send + Sync,
) -> Result<Answer, Error> {
    transact!(app.db, "article.command", |tx| {
        let held = hold(app, call, tx, command, |article| article.id.name()).await?;
        let Held::New(before, at) = held else { return Ok(()) };
        match decide(&before, at) {
            Some((after, change)) => save(app, call, tx, &after, change).await,
            None => Ok::<_, Error>(()),
        }
    })?;
    get_article::by_id(app, call, command.id).await
}
