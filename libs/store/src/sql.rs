//! Statements: fixed ones, and lists whose length is known only at run time.

use std::fmt::Write as _;

use sqlx::{AssertSqlSafe, SqlSafeStr, SqlStr};

use crate::{Arg, Engine};

/// A fixed statement: one text for both engines, or one for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sql {
    sqlite: &'static str,
    postgres: &'static str,
}

impl Sql {
    /// One text that both engines take.
    pub const fn both(text: &'static str) -> Self {
        Self { sqlite: text, postgres: text }
    }

    /// Two texts that do the same, where the engines differ.
    pub const fn split(sqlite: &'static str, postgres: &'static str) -> Self {
        Self { sqlite, postgres }
    }

    /// The text for one engine.
    pub const fn text(self, engine: Engine) -> &'static str {
        match engine {
            Engine::Sqlite => self.sqlite,
            Engine::Postgres => self.postgres,
        }
    }
}

/// The text of a statement that can be run. It comes from a [`Sql`] or a [`List`], so it holds
/// nothing but literals of this program.
#[derive(Debug)]
pub struct Text(Source);

#[derive(Debug)]
enum Source {
    Fixed(Sql),
    Built(String),
}

impl From<Sql> for Text {
    fn from(sql: Sql) -> Self {
        Self(Source::Fixed(sql))
    }
}

impl Text {
    pub(crate) fn render(self, engine: Engine) -> SqlStr {
        match self.0 {
            Source::Fixed(sql) => sql.text(engine).into_sql_str(),
            // A list is put together from literals and its own `$n`, nothing else can get in.
            Source::Built(text) => AssertSqlSafe(text).into_sql_str(),
        }
    }
}

/// Builds a statement whose length depends on its values: `IN` lists, several rows of `VALUES`,
/// optional conditions. Only literals can be pushed; values are always bound.
#[derive(Clone, Debug, Default)]
pub struct List {
    text: String,
    args: Vec<Arg>,
}

impl List {
    /// Starts with a literal.
    pub fn new(start: &'static str) -> Self {
        Self { text: start.to_owned(), args: Vec::new() }
    }

    /// Appends a literal.
    pub fn push(&mut self, text: &'static str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    /// Appends `$n` and binds it.
    pub fn bind(&mut self, value: impl Into<Arg>) -> &mut Self {
        self.args.push(value.into());
        self.mark(self.args.len())
    }

    /// Appends `$n, $n+1, …`; nothing where there is no value, which is no valid `IN` list.
    pub fn binds<A: Into<Arg>>(&mut self, values: impl IntoIterator<Item = A>) -> &mut Self {
        for (index, value) in values.into_iter().enumerate() {
            if index > 0 {
                self.text.push_str(", ");
            }
            self.bind(value);
        }
        self
    }

    /// Appends `($n, …), ($m, …)`: the rows of `VALUES`.
    pub fn rows(&mut self, rows: impl IntoIterator<Item = Vec<Arg>>) -> &mut Self {
        for (index, row) in rows.into_iter().enumerate() {
            self.text.push_str(if index > 0 { ", (" } else { "(" });
            self.binds(row);
            self.text.push(')');
        }
        self
    }

    /// Appends ` LIMIT n`, written out: PostgreSQL keeps the plan of a statement whose limit it can
    /// read, and plans one whose limit is bound anew each time, which costs more than running it.
    pub fn limit(&mut self, most: i64) -> &mut Self {
        // Writing to a string cannot fail.
        let _ = write!(self.text, " LIMIT {}", most.max(0));
        self
    }

    /// The statement and its values, for [`Tx::execute`](crate::Tx::execute) and its like.
    pub fn finish(self) -> (Text, Vec<Arg>) {
        (Text(Source::Built(self.text)), self.args)
    }

    fn mark(&mut self, number: usize) -> &mut Self {
        // Writing to a string cannot fail.
        let _ = write!(self.text, "${number}");
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args;

    #[test]
    fn a_list_numbers_its_values() {
        let mut list = List::new("SELECT a FROM t WHERE b = ");
        list.bind(1_i64).push(" AND c IN (").binds(["x", "y"]).push(")");
        let (text, values) = list.finish();
        assert_eq!(
            text.render(Engine::Sqlite).as_str(),
            "SELECT a FROM t WHERE b = $1 AND c IN ($2, $3)"
        );
        assert_eq!(values, args![1_i64, "x", "y"]);
    }

    #[test]
    fn a_limit_is_written_out() {
        let mut list = List::new("SELECT a FROM t ORDER BY a");
        list.limit(51);
        let (text, values) = list.finish();
        assert_eq!(text.render(Engine::Sqlite).as_str(), "SELECT a FROM t ORDER BY a LIMIT 51");
        assert!(values.is_empty());
    }

    #[test]
    fn rows_of_values() {
        let mut list = List::new("INSERT INTO t (a, b) VALUES ");
        list.rows([args![1_i64, "x"], args![2_i64, "y"]]);
        let (text, values) = list.finish();
        assert_eq!(
            text.render(Engine::Postgres).as_str(),
            "INSERT INTO t (a, b) VALUES ($1, $2), ($3, $4)"
        );
        assert_eq!(values.len(), 4);
    }
}
