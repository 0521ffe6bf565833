//! A condition as SQL, for both databases.
//!
//! The two texts are the same, except that an order of strings goes by code points, which SQLite
//! does by itself and PostgreSQL where it is told to.

use super::{Comparison, Kind, Node, Place, Value, eval, number};

/// A condition in parentheses, to stand in a `WHERE`, and the values that it binds.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    sqlite: String,
    postgres: String,
    values: Vec<Value>,
}

impl Condition {
    /// The text for SQLite.
    pub fn sqlite(&self) -> &str {
        &self.sqlite
    }

    /// The text for PostgreSQL.
    pub fn postgres(&self) -> &str {
        &self.postgres
    }

    /// What to bind, in order. None is a list; an instant and a duration are bound as microseconds.
    pub fn values(&self) -> &[Value] {
        &self.values
    }

    /// The same, to bind without a copy.
    pub fn into_values(self) -> Vec<Value> {
        self.values
    }
}

/// Why a condition cannot be asked of a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotInSql {
    /// The field has no column.
    #[error("field {field} has no column")]
    NoColumn {
        /// Its index.
        field: usize,
    },
    /// The elements or the size of a list are asked for.
    #[error("field {field} is a list, which a database is not asked about")]
    List {
        /// Its index.
        field: usize,
    },
    /// A literal has U+0000 in it, which PostgreSQL does not take.
    #[error("a string with U+0000 is not in any database")]
    Nul,
}

/// Writes a condition whose first value is `$first`.
pub(super) fn write(
    root: &Node,
    first: usize,
    column: impl Fn(usize) -> Option<&'static str>,
) -> Result<Condition, NotInSql> {
    let mut writer = Writer {
        first,
        column,
        written: Condition { sqlite: String::new(), postgres: String::new(), values: Vec::new() },
    };
    writer.nested(root)?;
    Ok(writer.written)
}

struct Writer<C> {
    first: usize,
    column: C,
    written: Condition,
}

type Written = Result<(), NotInSql>;

impl<C: Fn(usize) -> Option<&'static str>> Writer<C> {
    fn put(&mut self, text: &str) {
        self.written.sqlite.push_str(text);
        self.written.postgres.push_str(text);
    }

    fn put_all(&mut self, texts: &[&str]) {
        for text in texts {
            self.put(text);
        }
    }

    /// Binds a value; the result can be written as often as it is needed.
    fn bind(&mut self, value: Value) -> Result<String, NotInSql> {
        if matches!(&value, Value::Text(text) if text.contains('\0')) {
            return Err(NotInSql::Nul);
        }
        let number = self.first + self.written.values.len();
        self.written.values.push(value);
        Ok(format!("${number}"))
    }

    fn column(&self, field: usize) -> Result<&'static str, NotInSql> {
        (self.column)(field).ok_or(NotInSql::NoColumn { field })
    }

    fn nested(&mut self, node: &Node) -> Written {
        self.put("(");
        self.condition(node)?;
        self.put(")");
        Ok(())
    }

    fn condition(&mut self, node: &Node) -> Written {
        match node {
            Node::Literal(_) => self.fixed(eval::constant(node)),
            Node::Field(index, _) => {
                let column = self.column(*index)?;
                self.put(column);
            }
            Node::Has(index) => {
                let column = self.column(*index)?;
                self.put_all(&[column, " IS NOT NULL"]);
            }
            Node::Not(inner) => {
                self.put("NOT ");
                self.nested(inner)?;
            }
            Node::All(terms) => self.joined(terms, " AND ")?,
            Node::Any(terms) => self.joined(terms, " OR ")?,
            Node::Choice(parts) => self.choice(parts)?,
            Node::Compare(comparison, sides) => self.compare(*comparison, &sides[0], &sides[1])?,
            Node::In(sides) => self.among(&sides[0], &sides[1])?,
            Node::Find(place, sides) => self.find(*place, &sides[0], &sides[1])?,
            // Neither is a condition, so the parser puts neither here.
            Node::Size(index, _) => return Err(NotInSql::NoColumn { field: *index }),
            Node::List(_) => self.fixed(None),
        }
        Ok(())
    }

    /// Something that is the same for every row.
    fn fixed(&mut self, held: Option<bool>) {
        self.put(match held {
            Some(true) => "TRUE",
            Some(false) => "FALSE",
            None => "NULL",
        });
    }

    fn joined(&mut self, terms: &[Node], by: &str) -> Written {
        for (index, term) in terms.iter().enumerate() {
            if index > 0 {
                self.put(by);
            }
            self.nested(term)?;
        }
        Ok(())
    }

    /// A choice whose condition is NULL takes no branch, and is NULL.
    fn choice(&mut self, parts: &[Node]) -> Written {
        let mut rest = parts;
        let mut open = 0;
        while let [condition, then, after @ ..] = rest {
            self.put("CASE ");
            self.nested(condition)?;
            self.put(" WHEN TRUE THEN ");
            self.nested(then)?;
            self.put(" WHEN FALSE THEN ");
            open += 1;
            rest = after;
        }
        for last in rest {
            self.nested(last)?;
        }
        self.put(&" END".repeat(open));
        Ok(())
    }

    fn compare(&mut self, comparison: Comparison, left: &Node, right: &Node) -> Written {
        match (kind(left), kind(right)) {
            (Kind::Bool, _) => {
                self.nested(left)?;
                self.put(comparison.sql());
                self.nested(right)
            }
            (of_left, of_right) => match (left, right) {
                (Node::Literal(_), Node::Literal(_)) => {
                    let sides = Box::new([left.clone(), right.clone()]);
                    self.fixed(eval::constant(&Node::Compare(comparison, sides)));
                    Ok(())
                }
                (Node::Literal(literal), _) => {
                    self.with_literal(comparison.turned(), right, of_right, literal)
                }
                (_, Node::Literal(literal)) => {
                    self.with_literal(comparison, left, of_left, literal)
                }
                _ => self.columns(comparison, (left, of_left), (right, of_right)),
            },
        }
    }

    /// A column with a literal, which is turned into one of the column's kind: PostgreSQL would turn
    /// the integer into a double, and lose digits.
    fn with_literal(
        &mut self,
        comparison: Comparison,
        node: &Node,
        of: Kind,
        literal: &Value,
    ) -> Written {
        let exact = exact(comparison, of, literal);
        let column = self.term(node)?;
        match exact {
            number::Exact::With(comparison, literal) => {
                let literal = self.bind(literal)?;
                self.plainly(comparison, of, &column, &literal);
            }
            number::Exact::Always(held) => self.always(&column, held),
        }
        Ok(())
    }

    /// The same for every value of the column, and NULL where there is none.
    fn always(&mut self, column: &str, held: bool) {
        self.put_all(&[column, if held { " = " } else { " <> " }, column]);
    }

    fn plainly(&mut self, comparison: Comparison, of: Kind, left: &str, right: &str) {
        self.put(left);
        if of == Kind::Text && comparison.is_order() {
            self.written.postgres.push_str(" COLLATE \"C\"");
        }
        self.put_all(&[comparison.sql(), right]);
    }

    fn columns(
        &mut self,
        comparison: Comparison,
        (left, of_left): (&Node, Kind),
        (right, of_right): (&Node, Kind),
    ) -> Written {
        let (left, right) = (self.term(left)?, self.term(right)?);
        match (of_left, of_right) {
            (Kind::Int, Kind::Double) => self.int_with_double(comparison, &left, &right),
            (Kind::Double, Kind::Int) => self.int_with_double(comparison.turned(), &right, &left),
            _ => self.plainly(comparison, of_left, &left, &right),
        }
        Ok(())
    }

    /// An integer column with a double column, to the last digit. Rounding an integer to a double
    /// keeps the order, so that only where both are then equal the integers decide; a double that is
    /// equal to a rounded integer is whole, and is an integer unless it is 2⁶³.
    fn int_with_double(&mut self, comparison: Comparison, int: &str, double: &str) {
        const BEYOND: &str = "9223372036854775808.0";
        let is_less = comparison.holds(Some(std::cmp::Ordering::Less));
        let mark = comparison.sql();
        let rounded = format!("CAST({int} AS DOUBLE PRECISION)");
        self.put_all(&["CASE WHEN ", &rounded, " <> ", double, " THEN "]);
        self.put_all(&[&rounded, mark, double]);
        self.put_all(&[" WHEN ", &rounded, " = ", double, " AND ", double, " < ", BEYOND]);
        self.put_all(&[" THEN ", int, mark, "CAST(", double, " AS BIGINT)"]);
        self.put_all(&[" WHEN ", &rounded, " = ", double]);
        self.put(if is_less { " THEN TRUE END" } else { " THEN FALSE END" });
    }

    fn among(&mut self, needle: &Node, list: &Node) -> Written {
        let values = match list {
            Node::List(values) => values,
            Node::Field(index, _) => return Err(NotInSql::List { field: *index }),
            _ => &Vec::new(),
        };
        if let Node::Literal(_) = needle {
            let sides = Box::new([needle.clone(), list.clone()]);
            self.fixed(eval::constant(&Node::In(sides)));
            return Ok(());
        }
        let of = kind(needle);
        if of == Kind::Bool {
            self.put("CASE ");
            self.nested(needle)?;
            for (held, word) in [(true, "TRUE"), (false, "FALSE")] {
                let is_in = if values.contains(&Value::Bool(held)) { "TRUE" } else { "FALSE" };
                self.put_all(&[" WHEN ", word, " THEN ", is_in]);
            }
            self.put(" END");
            return Ok(());
        }
        let column = self.term(needle)?;
        let mut marks = Vec::new();
        for value in values {
            if let number::Exact::With(_, literal) = exact(Comparison::Equal, of, value) {
                marks.push(self.bind(literal)?);
            }
        }
        if marks.is_empty() {
            self.always(&column, false);
        } else {
            self.put_all(&[&column, " IN (", &marks.join(", "), ")"]);
        }
        Ok(())
    }

    /// Without LIKE, which ignores case on SQLite and has wildcards on both.
    fn find(&mut self, place: Place, text: &Node, part: &Node) -> Written {
        if let (Node::Literal(_), Node::Literal(_)) = (text, part) {
            let sides = Box::new([text.clone(), part.clone()]);
            self.fixed(eval::constant(&Node::Find(place, sides)));
            return Ok(());
        }
        let (text, part) = (self.term(text)?, self.term(part)?);
        let written = match place {
            Place::Start => format!("substr({text}, 1, length({part})) = {part}"),
            Place::End => format!(
                "length({text}) >= length({part}) \
                 AND substr({text}, length({text}) - length({part}) + 1) = {part}"
            ),
            Place::Anywhere => format!(
                "CASE WHEN {part} = '' THEN {text} = {text} \
                 ELSE replace({text}, {part}, '') <> {text} END"
            ),
        };
        self.put(&written);
        Ok(())
    }

    /// A literal, a column or its size, in a form that can be written more than once.
    fn term(&mut self, node: &Node) -> Result<String, NotInSql> {
        match node {
            Node::Literal(value) => self.bind(value.clone()),
            Node::Field(index, kind) | Node::Size(index, kind) if kind.is_list() => {
                Err(NotInSql::List { field: *index })
            }
            Node::Field(index, _) => Ok(self.column(*index)?.to_owned()),
            Node::Size(index, _) => Ok(format!("length({})", self.column(*index)?)),
            // The parser puts no condition where a value of another kind is.
            _ => Ok("NULL".to_owned()),
        }
    }
}

/// What a part is; a list stands only at the right of `in`, where nobody asks.
fn kind(node: &Node) -> Kind {
    match node {
        Node::Literal(value) => value.kind(),
        Node::Field(_, kind) => *kind,
        Node::Size(..) => Kind::Int,
        Node::List(_) => Kind::Texts,
        Node::Has(_)
        | Node::Not(_)
        | Node::All(_)
        | Node::Any(_)
        | Node::Choice(_)
        | Node::Compare(..)
        | Node::In(_)
        | Node::Find(..) => Kind::Bool,
    }
}

fn exact(comparison: Comparison, of: Kind, literal: &Value) -> number::Exact {
    match (of, literal) {
        (Kind::Int, Value::Double(double)) => number::int_with(comparison, *double),
        (Kind::Double, Value::Int(int)) => number::double_with(comparison, *int),
        _ => number::Exact::With(comparison, literal.clone()),
    }
}
