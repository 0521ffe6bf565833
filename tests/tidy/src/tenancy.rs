//! The statements of one Rust file, and the exceptions from the rule that each has its tenant
//!
//! A statement is a literal that starts with an SQL keyword in capitals, wherever it stands, or
//! whatever is given to `Sql::both`, `Sql::split` or `List::new`; what is pushed to a list belongs
//! to it. Tests at the bottom of a file are free.

use crate::rust::{Token, tests_begin, tokens};
use crate::sql;
use crate::tree::Source;

/// Literals that start so are statements that may leak.
const VERBS: [&str; 5] = ["SELECT", "INSERT", "UPDATE", "DELETE", "WITH"];
/// The functions that take a statement, by their last two names.
const TAKERS: [(&str, &str); 3] = [("Sql", "both"), ("Sql", "split"), ("List", "new")];

/// Statements that are not about one tenant, each with its reason. The list only shrinks: an entry
/// that no statement needs is a finding, too.
#[derive(Debug)]
pub struct Exceptions {
    entries: Vec<(String, String)>,
    used: Vec<bool>,
}

/// One statement and where it is written.
#[derive(Debug)]
struct Statement {
    name: String,
    line: usize,
    text: String,
    is_list: bool,
}

impl Exceptions {
    /// Reads lines of the form `path::NAME — reason`; empty lines and `#` are free.
    pub fn parse(text: &str) -> Self {
        let lines = text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#'));
        let entries: Vec<(String, String)> = lines
            .map(|line| {
                let (place, reason) = line.split_once('—').unwrap_or((line, ""));
                (place.trim().to_owned(), reason.trim().to_owned())
            })
            .collect();
        Self { used: vec![false; entries.len()], entries }
    }

    fn permits(&mut self, place: &str) -> bool {
        let index = self.entries.iter().position(|(entry, _)| entry == place);
        if let Some(index) = index {
            self.used[index] = true;
        }
        index.is_some()
    }

    /// Entries without a reason, and entries that no offending statement needs.
    pub fn findings(&self) -> Vec<String> {
        let mut found = Vec::new();
        for ((place, reason), used) in self.entries.iter().zip(&self.used) {
            if reason.is_empty() {
                found.push(format!("exception {place} gives no reason after `—`"));
            }
            if !used {
                found.push(format!("exception {place} is needed by no statement; take it out"));
            }
        }
        found
    }
}

/// The statements of one file that do not keep to their tenant and are no exception.
pub fn statements(source: &Source, exceptions: &mut Exceptions) -> Vec<String> {
    let mut found = Vec::new();
    for statement in read(&source.text) {
        let mut faults = sql::faults(&completed(&statement.text));
        if !starts_in_capitals(&statement.text) {
            faults.push("does not start with a keyword in capitals".to_owned());
        }
        let place = format!("{}::{}", source.path, statement.name);
        if faults.is_empty() || exceptions.permits(&place) {
            continue;
        }
        for fault in faults {
            found.push(format!("{}:{}: {} {fault}", source.path, statement.line, statement.name));
        }
    }
    found
}

/// A fragment that ends in a comparison goes on with the value that is bound behind it.
fn completed(text: &str) -> String {
    if text.trim_end().ends_with('=') { format!("{text} $0") } else { text.to_owned() }
}

fn read(source: &str) -> Vec<Statement> {
    let end = tests_begin(source);
    let tokens = tokens(source);
    let mut found: Vec<Statement> = Vec::new();
    let mut name = String::new();
    let mut at = 0;
    while let Some(token) = tokens.get(at).filter(|token| token.line < end) {
        let next = tokens.get(at + 1).and_then(Token::name);
        if let (Some("const" | "static" | "fn"), Some(next)) = (token.name(), next) {
            next.clone_into(&mut name);
        }
        let Some((text, behind)) = literal(&tokens, at) else {
            at += 1;
            continue;
        };
        let given_to = giver(&tokens, at);
        let is_list = given_to == Some(("List", "new"));
        let pushed = at > 1 && tokens[at - 1].is('(') && tokens[at - 2].name() == Some("push");
        let list = found.last_mut().filter(|last| last.is_list && last.name == name);
        if let (true, Some(list)) = (pushed, list) {
            list.text.push_str(" $0 ");
            list.text.push_str(&text);
        } else if given_to.is_some() || is_statement(&text) {
            found.push(Statement { name: name.clone(), line: token.line, text, is_list });
        }
        at = behind;
    }
    for list in found.iter_mut().filter(|statement| statement.is_list) {
        list.text.push_str(" $0");
    }
    found
}

/// The literal that starts at a token, and the token behind it; `concat!(…)` is one literal.
fn literal(tokens: &[Token], at: usize) -> Option<(String, usize)> {
    if let Some(text) = tokens[at].text() {
        return Some((text.to_owned(), at + 1));
    }
    let is_concat = tokens[at].name() == Some("concat")
        && tokens.get(at + 1).is_some_and(|token| token.is('!'))
        && tokens.get(at + 2).is_some_and(|token| token.is('('));
    if !is_concat {
        return None;
    }
    let mut text = String::new();
    let mut depth = 0;
    for (index, token) in tokens.iter().enumerate().skip(at + 2) {
        depth += i32::from(token.is('(')) - i32::from(token.is(')'));
        text.push_str(token.text().unwrap_or_default());
        if depth == 0 {
            return Some((text, index + 1));
        }
    }
    None
}

/// Which function of ours a literal is given to, as any of its arguments.
fn giver(tokens: &[Token], at: usize) -> Option<(&'static str, &'static str)> {
    // Back over earlier literals and commas, to the parenthesis.
    let mut open = at.checked_sub(1)?;
    while tokens[open].is(',') || tokens[open].text().is_some() {
        open = open.checked_sub(1)?;
    }
    let path = tokens.get(open.checked_sub(4)?..=open)?;
    let shape = path[1].is(':') && path[2].is(':') && path[4].is('(');
    let (owner, function) = (path[0].name()?, path[3].name()?);
    TAKERS.into_iter().find(|taker| shape && *taker == (owner, function))
}

fn is_statement(text: &str) -> bool {
    let mut words = text.split_whitespace();
    words.next().is_some_and(|first| VERBS.contains(&first)) && words.next().is_some()
}

fn starts_in_capitals(text: &str) -> bool {
    let first = text.trim_start().split(|c: char| !c.is_alphabetic()).next().unwrap_or_default();
    !first.is_empty() && first.chars().all(char::is_uppercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(text: &str, exceptions: &mut Exceptions) -> Vec<String> {
        statements(&Source { path: "a.rs".to_owned(), text: text.to_owned() }, exceptions)
    }

    fn none() -> Exceptions {
        Exceptions::parse("")
    }

    const CLEAN: &str = r#"
        const A: Sql = Sql::both("SELECT id FROM t \
            WHERE tenant = $1");
        const B: Sql = Sql::split("SELECT 1", r"LOCK TABLE x");
        fn list() {
            let mut list = List::new("SELECT id FROM t WHERE tenant = ");
            list.bind(tenant).push(" AND id IN (").binds(ids).push(")");
        }
        const C: &str = concat!("SELECT ", columns!(), " FROM t WHERE tenant = $1");
        #[cfg(test)]
        mod tests { const T: Sql = Sql::both("SELECT id FROM t"); }
    "#;

    #[test]
    fn a_clean_file_passes() {
        assert_eq!(findings(CLEAN, &mut none()), Vec::<String>::new());
        assert_eq!(read(CLEAN).len(), 5);
    }

    #[test]
    fn planted_leaks_are_found_in_every_form() {
        for (bad, place) in [
            ("const A: Sql = Sql::both(\n\"SELECT id FROM t \\\n WHERE id = $1\");", "a.rs:2: A "),
            ("const A: Sql = Sql::split(\"SELECT 1\",\n\"DELETE FROM t\");", "a.rs:2: A "),
            ("const A: Sql = Sql::both(r#\"UPDATE t SET x = $1\"#);", "a.rs:1: A "),
            (
                "fn f() { let l = List::new(\"SELECT id FROM t WHERE id IN (\"); l.push(\")\"); }",
                "f ",
            ),
            ("fn f() { run(\"INSERT INTO t (id) VALUES ($1)\") }", "a.rs:1: f "),
            ("const A: &str = concat!(\"SELECT \", c!(), \" FROM t\");", "a.rs:1: A "),
            ("const A: Sql = Sql::both(\"select id from t where tenant = $1\");", "capitals"),
            ("const A: Sql = store::Sql::both(\"delete from t\");", "compares tenant 0 times"),
        ] {
            let found = findings(bad, &mut none());
            assert!(found.iter().any(|finding| finding.contains(place)), "{bad}: {found:?}");
        }
    }

    #[test]
    fn exceptions_permit_and_only_shrink() {
        let leak = "const A: Sql = Sql::both(\"SELECT id FROM t\");";
        let mut exceptions = Exceptions::parse("# why\n\na.rs::A — system table\n");
        assert_eq!(findings(leak, &mut exceptions).len(), 0);
        assert_eq!(exceptions.findings().len(), 0);

        let mut exceptions = Exceptions::parse("a.rs::A\na.rs::B — gone\n");
        assert_eq!(findings(leak, &mut exceptions).len(), 0);
        let found = exceptions.findings();
        assert!(found[0].contains("a.rs::A gives no reason"), "{found:?}");
        assert!(found[1].contains("a.rs::B is needed by no statement"), "{found:?}");
    }
}
