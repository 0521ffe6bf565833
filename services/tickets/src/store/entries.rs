//! Entries of a conversation. They are written once and never changed.

use ::store::{Db, Error, List, Sql, Tx, args};
use contracts::tickets::v1::{AuthorRole, Channel, Visibility};
use kernel::{EntryId, TenantId, TicketId, Time};
use serde::{Deserialize, Serialize};
use sqlx::{FromRow, types::Json};
use uuid::Uuid;

macro_rules! columns {
    () => {
        "position, id, author_role, visibility, channel, external_id, answers, actor_kind, actor, \
         created_at, body"
    };
}

const INSERT: Sql = Sql::both(
    "INSERT INTO entries (tenant, ticket, position, id, author_role, visibility, channel, \
     external_id, delivery, answers, actor_kind, actor, created_at, body) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
);
const GET: Sql = Sql::both(concat!(
    "SELECT ",
    columns!(),
    " FROM entries WHERE tenant = $1 AND ticket = $2 AND id = $3"
));
const DELIVERED: Sql = Sql::both(concat!(
    "SELECT ",
    columns!(),
    " FROM entries WHERE tenant = $1 AND ticket = $2 AND delivery = $3"
));

/// Every fixed statement of this module.
pub const STATEMENTS: &[Sql] = &[INSERT, GET, DELIVERED];

/// An article that an entry answered with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The revision.
    pub revision: String,
    /// The language that it was read in.
    pub locale: String,
}

/// One item of a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its place, from 1.
    pub position: i32,
    /// Its id.
    pub id: EntryId,
    /// In what role its author spoke.
    pub author_role: AuthorRole,
    /// Who may read it.
    pub visibility: Visibility,
    /// How it came or went.
    pub channel: Channel,
    /// Its id in its channel; empty for none.
    pub external_id: String,
    /// The articles that it answered with.
    pub answers: Vec<Answer>,
    /// What kind of principal recorded it.
    pub actor_kind: String,
    /// Who recorded it.
    pub actor: String,
    /// When.
    pub created_at: Time,
    /// What was said.
    pub body: String,
}

#[derive(FromRow)]
struct Row {
    position: i64,
    #[sqlx(try_from = "Uuid")]
    id: EntryId,
    author_role: String,
    visibility: String,
    channel: String,
    external_id: String,
    answers: Json<Vec<Answer>>,
    actor_kind: String,
    actor: String,
    #[sqlx(try_from = "i64")]
    created_at: Time,
    body: String,
}

impl TryFrom<Row> for Entry {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        Ok(Self {
            position: i32::try_from(row.position)
                .map_err(|_| super::corrupt("entries.position", &row.position.to_string()))?,
            id: row.id,
            author_role: AuthorRole::from_str_name(&row.author_role)
                .ok_or_else(|| super::corrupt("entries.author_role", &row.author_role))?,
            visibility: Visibility::from_str_name(&row.visibility)
                .ok_or_else(|| super::corrupt("entries.visibility", &row.visibility))?,
            channel: Channel::from_str_name(&row.channel)
                .ok_or_else(|| super::corrupt("entries.channel", &row.channel))?,
            external_id: row.external_id,
            answers: row.answers.0,
            actor_kind: row.actor_kind,
            actor: row.actor,
            created_at: row.created_at,
            body: row.body,
        })
    }
}

/// Writes an entry; `delivery` tells one delivery of a message from another message.
pub async fn insert(
    tx: &mut Tx,
    tenant: TenantId,
    ticket: TicketId,
    entry: &Entry,
    delivery: Option<[u8; 32]>,
) -> Result<(), Error> {
    let answers = serde_json::to_value(&entry.answers)
        .map_err(|_| super::corrupt("entries.answers", "not JSON"))?;
    let values = args![
        tenant,
        ticket,
        entry.position,
        entry.id,
        entry.author_role.as_str_name(),
        entry.visibility.as_str_name(),
        entry.channel.as_str_name(),
        &entry.external_id,
        delivery,
        answers,
        &entry.actor_kind,
        &entry.actor,
        entry.created_at,
        &entry.body
    ];
    tx.execute(INSERT, values).await.map(drop)
}

/// The entry of this id.
pub async fn get(
    tx: &mut Tx,
    tenant: TenantId,
    ticket: TicketId,
    id: EntryId,
) -> Result<Option<Entry>, Error> {
    let row: Option<Row> = tx.optional(GET, args![tenant, ticket, id]).await?;
    row.map(Entry::try_from).transpose()
}

/// The entry that this delivery made before.
pub async fn delivered(
    tx: &mut Tx,
    tenant: TenantId,
    ticket: TicketId,
    delivery: [u8; 32],
) -> Result<Option<Entry>, Error> {
    let row: Option<Row> = tx.optional(DELIVERED, args![tenant, ticket, delivery]).await?;
    row.map(Entry::try_from).transpose()
}

/// What a page of a conversation takes in.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// Only what the customer may read.
    pub public_only: bool,
    /// Newest first instead of oldest first.
    pub newest_first: bool,
    /// The position that the page before ended with.
    pub after: Option<i64>,
    /// How many.
    pub limit: i64,
}

/// A page of a conversation.
pub async fn page(
    db: &Db,
    tenant: TenantId,
    ticket: TicketId,
    page: Page,
) -> Result<Vec<Entry>, Error> {
    let mut list = List::new(concat!("SELECT ", columns!(), " FROM entries WHERE tenant = "));
    list.bind(tenant).push(" AND ticket = ").bind(ticket);
    if let Some(after) = page.after {
        list.push(if page.newest_first { " AND position < " } else { " AND position > " });
        list.bind(after);
    }
    if page.public_only {
        list.push(" AND visibility = ").bind(Visibility::Public.as_str_name());
    }
    list.push(if page.newest_first { " ORDER BY position DESC" } else { " ORDER BY position" });
    list.limit(page.limit);
    let (text, values) = list.finish();
    let rows: Vec<Row> = db.all(text, values).await?;
    rows.into_iter().map(Entry::try_from).collect()
}
