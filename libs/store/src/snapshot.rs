//! Files of SQLite, copied as all of them were at one instant while they are written to.
//!
//! For a moment the write lock of every file is held, and meanwhile a reader of each begins: nothing is
//! in one copy that follows from what is missing in another. Then the writers go on, and the copies are
//! made of what the readers see, however long that takes.
//!
//! Rows are copied by statements: `VACUUM INTO` refuses to run inside the transaction that keeps a
//! reader where it began.
#![expect(clippy::disallowed_methods, reason = "files are attached, which no service does")]

use std::{path::PathBuf, time::Duration};

use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _, SqliteConnection,
    sqlite::SqliteConnectOptions,
};

use crate::{Error, Retry as _, db::make_private_file};

/// How long one file's lock is waited for. Those that are held meanwhile hold up writers, who wait for
/// five seconds.
const PATIENCE: Duration = Duration::from_millis(800);
/// How often all locks are asked for anew where one was not to be had.
const TRIES: u32 = 50;
/// How long writers go on in between.
const PAUSE: Duration = Duration::from_millis(200);

/// A file and where its copy comes.
#[derive(Clone, Debug)]
pub struct Original {
    /// The file, which is there.
    pub file: PathBuf,
    /// The copy, which is not there yet.
    pub copy: PathBuf,
}

/// A file as it was at the instant of all.
#[derive(Debug)]
pub struct Snapshot {
    reader: SqliteConnection,
}

/// Takes the snapshots of these files at one instant, in their order. Nobody else may take several of
/// their locks in another one.
pub async fn take(originals: &[Original]) -> Result<Vec<Snapshot>, Error> {
    let mut snapshots = Vec::new();
    let mut locks = Vec::new();
    for original in originals {
        snapshots.push(Snapshot::open(original).await?);
        locks.push(options(original).connect().await.map_err(Error::Connect)?);
    }
    hold(&mut locks).await?;
    for snapshot in &mut snapshots {
        snapshot.begin().await?;
    }
    for mut lock in locks {
        lock.execute("ROLLBACK").await?;
        lock.close().await?;
    }
    Ok(snapshots)
}

/// Holds the write locks of all, or of none while it waits.
async fn hold(locks: &mut [SqliteConnection]) -> Result<(), Error> {
    let mut tries = 0;
    loop {
        let Err(error) = hold_once(locks).await else { return Ok(()) };
        tries += 1;
        if !error.lost_race() || tries == TRIES {
            return Err(error);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn hold_once(locks: &mut [SqliteConnection]) -> Result<(), Error> {
    for index in 0..locks.len() {
        if let Err(error) = locks[index].execute("BEGIN IMMEDIATE").await {
            for held in &mut locks[..index] {
                held.execute("ROLLBACK").await?;
            }
            return Err(error.into());
        }
    }
    Ok(())
}

fn options(original: &Original) -> SqliteConnectOptions {
    SqliteConnectOptions::new().filename(&original.file).foreign_keys(false).busy_timeout(PATIENCE)
}

impl Snapshot {
    async fn open(original: &Original) -> Result<Self, Error> {
        let copy = original.copy.display().to_string();
        make_private_file(&original.copy)
            .map_err(|cause| Error::Address(format!("{copy}: {cause}")))?;
        let mut reader = options(original).connect().await.map_err(Error::Connect)?;
        sqlx::query("ATTACH DATABASE $1 AS copy").bind(copy).execute(&mut reader).await?;
        // A copy that is not finished is worth nothing, so it needs no journal.
        reader.execute("PRAGMA copy.journal_mode = OFF").await?;
        reader.execute("PRAGMA copy.synchronous = OFF").await?;
        Ok(Self { reader })
    }

    /// A transaction sees the file as it is when it first reads it.
    async fn begin(&mut self) -> Result<(), Error> {
        self.reader.execute("BEGIN").await?;
        self.reader.execute("SELECT COUNT(*) FROM main.sqlite_master").await?;
        Ok(())
    }

    /// How many rows there are to copy.
    pub async fn rows(&mut self) -> Result<u64, Error> {
        let mut rows = 0;
        for (name, _) in self.parts("table").await? {
            let text = format!("SELECT COUNT(*) FROM main.{}", quoted(&name));
            let count: (i64,) =
                sqlx::query_as(AssertSqlSafe(text)).fetch_one(&mut self.reader).await?;
            rows += count.0.unsigned_abs();
        }
        Ok(rows)
    }

    /// Makes the copy and says now and then how many more rows are in it. It is not yet on the disk for
    /// good: the caller sees to that.
    pub async fn copy(mut self, more: impl Fn(u64)) -> Result<(), Error> {
        for (name, text) in self.parts("table").await? {
            self.reader.execute(AssertSqlSafe(in_copy(&text))).await?;
            let table = quoted(&name);
            let text = format!("INSERT INTO copy.{table} SELECT * FROM main.{table}");
            more(self.reader.execute(AssertSqlSafe(text)).await?.rows_affected());
        }
        for (_, text) in self.parts("index").await? {
            self.reader.execute(AssertSqlSafe(in_copy(&text))).await?;
        }
        self.reader.execute("COMMIT").await?;
        self.reader.close().await?;
        Ok(())
    }

    /// The names of the tables or indexes and the statements that make them; without what SQLite makes
    /// by itself.
    async fn parts(&mut self, kind: &str) -> Result<Vec<(String, String)>, Error> {
        let parts = sqlx::query_as(
            "SELECT name, sql FROM main.sqlite_master \
             WHERE type = $1 AND sql IS NOT NULL AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' \
             ORDER BY rowid",
        );
        Ok(parts.bind(kind).fetch_all(&mut self.reader).await?)
    }
}

/// The statement that makes the same in the copy. SQLite keeps its head in one form, whoever wrote it:
/// the words in capitals, one space between them, then the name.
fn in_copy(text: &str) -> String {
    for head in ["CREATE TABLE ", "CREATE UNIQUE INDEX ", "CREATE INDEX "] {
        if let Some(rest) = text.strip_prefix(head) {
            return format!("{head}copy.{rest}");
        }
    }
    text.to_owned()
}

/// A name as SQL takes it.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_is_made_in_the_copy() {
        assert_eq!(in_copy("CREATE TABLE a (b TEXT)"), "CREATE TABLE copy.a (b TEXT)");
        assert_eq!(
            in_copy("CREATE UNIQUE INDEX i ON a (b)"),
            "CREATE UNIQUE INDEX copy.i ON a (b)"
        );
        assert_eq!(in_copy("CREATE INDEX i ON a (b)"), "CREATE INDEX copy.i ON a (b)");
        assert_eq!(quoted("a\"b"), "\"a\"\"b\"");
    }
}
