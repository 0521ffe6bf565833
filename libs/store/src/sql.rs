//! Statements: fixed ones, and lists whose length is known only at run time.

use std::fmt::Write as _;

use kernel::expr::{Expr, NotInSql};
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
    Built { sqlite: String, postgres: Option<String> },
}

impl From<Sql> for Text {
    fn from(sql: Sql) -> Self {
        Self(Source::Fixed(sql))
    }
}

impl Text {
    /// A text over tables and columns as the database itself names them, see [`crate::copy`].
    pub(crate) fn of_schema(text: String) -> Self {
        Self(Source::Built { sqlite: text, postgres: None })
    }

    pub(crate) fn render(self, engine: Engine) -> SqlStr {
        match self.0 {
            Source::Fixed(sql) => sql.text(engine).into_sql_str(),
            // A list is put together from literals and its own `$n`, nothing else can get in.
            Source::Built { sqlite, postgres } => {
                let text = match (engine, postgres) {
                    (Engine::Postgres, Some(postgres)) => postgres,
                    (Engine::Postgres, None) | (Engine::Sqlite, _) => sqlite,
                };
                AssertSqlSafe(text).into_sql_str()
            }
        }
    }
}

/// Builds a statement whose length depends on its values: `IN` lists, several rows of `VALUES`,
/// optional conditions. Only literals can be pushed, and conditions that the kernel wrote of literals;
/// values are always bound.
#[derive(Clone, Debug, Default)]
pub struct List {
    text: String,
    /// The text for PostgreSQL, once the two differ.
    postgres: Option<String>,
    args: Vec<Arg>,
}

impl List {
    /// Starts with a literal.
    pub fn new(start: &'static str) -> Self {
        Self { text: start.to_owned(), postgres: None, args: Vec::new() }
    }

    /// Appends a literal.
    pub fn push(&mut self, text: &'static str) -> &mut Self {
        self.append(text);
        self
    }

    /// The statement behind another literal, such as `EXPLAIN `.
    #[must_use]
    pub fn behind(mut self, start: &'static str) -> Self {
        self.text.insert_str(0, start);
        if let Some(postgres) = &mut self.postgres {
            postgres.insert_str(0, start);
        }
        self
    }

    /// Appends a condition in parentheses, over columns as [`Expr::sql`] describes them.
    pub fn condition(
        &mut self,
        condition: &Expr,
        column: impl Fn(usize) -> Option<&'static str>,
    ) -> Result<&mut Self, NotInSql> {
        let condition = condition.sql(self.args.len() + 1, column)?;
        if self.postgres.is_none() && condition.sqlite() != condition.postgres() {
            self.postgres = Some(self.text.clone());
        }
        self.text.push_str(condition.sqlite());
        if let Some(postgres) = &mut self.postgres {
            postgres.push_str(condition.postgres());
        }
        self.args.extend(condition.into_values().into_iter().map(Arg::from));
        Ok(self)
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
                self.append(", ");
            }
            self.bind(value);
        }
        self
    }

    /// Appends `($n, …), ($m, …)`: the rows of `VALUES`.
    pub fn rows(&mut self, rows: impl IntoIterator<Item = Vec<Arg>>) -> &mut Self {
        for (index, row) in rows.into_iter().enumerate() {
            self.append(if index > 0 { ", (" } else { "(" });
            self.binds(row);
            self.append(")");
        }
        self
    }

    /// Appends ` LIMIT n`, written out: PostgreSQL keeps the plan of a statement whose limit it can
    /// read, and plans one whose limit is bound anew each time, which costs more than running it.
    pub fn limit(&mut self, most: i64) -> &mut Self {
        self.append(&format!(" LIMIT {}", most.max(0)));
        self
    }

    /// The statement and its values, for [`Tx::execute`](crate::Tx::execute) and its like.
    pub fn finish(self) -> (Text, Vec<Arg>) {
        (Text(Source::Built { sqlite: self.text, postgres: self.postgres }), self.args)
    }

    fn mark(&mut self, number: usize) -> &mut Self {
        // Writing to a string cannot fail.
        let _ = write!(self.text, "${number}");
        if let Some(postgres) = &mut self.postgres {
            let _ = write!(postgres, "${number}");
        }
        self
    }

    fn append(&mut self, text: &str) {
        self.text.push_str(text);
        if let Some(postgres) = &mut self.postgres {
            postgres.push_str(text);
        }
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
    fn a_condition_continues_the_numbers_and_orders_texts_alike() {
        use kernel::expr::{Fields, Kind};
        let fields = Fields::of([("n", Kind::Int), ("s", Kind::Text)]).unwrap();
        let built = |condition: &str| {
            let mut list = List::new("SELECT a FROM t WHERE b = ");
            let condition = Expr::parse(condition, &fields).unwrap();
            list.bind(7_i64).push(" AND ");
            list.condition(&condition, |field| ["n", "s"].get(field).copied()).unwrap();
            list.push(" AND c = ").bind("z").limit(5);
            list.finish()
        };
        let render = |condition: &str, engine| {
            built(condition).0.render(engine).as_str().replacen("SELECT a FROM t WHERE ", "", 1)
        };
        let same = "b = $1 AND (n IN ($2, $3)) AND c = $4 LIMIT 5";
        assert_eq!(render("n in [1, 2]", Engine::Sqlite), same);
        assert_eq!(render("n in [1, 2]", Engine::Postgres), same);
        assert_eq!(render("s < 'b'", Engine::Sqlite), "b = $1 AND (s < $2) AND c = $3 LIMIT 5");
        assert_eq!(
            render("s < 'b'", Engine::Postgres),
            "b = $1 AND (s COLLATE \"C\" < $2) AND c = $3 LIMIT 5"
        );
        assert_eq!(built("s < 'b'").1, args![7_i64, "b", "z"]);
    }

    #[test]
    fn a_statement_is_put_behind_a_literal() {
        let mut list = List::new("SELECT a FROM t WHERE b = ");
        list.bind(1_i64);
        let (text, values) = list.behind("EXPLAIN ").finish();
        assert_eq!(text.render(Engine::Sqlite).as_str(), "EXPLAIN SELECT a FROM t WHERE b = $1");
        assert_eq!(values, args![1_i64]);
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
