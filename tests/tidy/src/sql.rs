//! Whether one SQL statement keeps to its tenant
//!
//! The text is read as a tree of parentheses; each SELECT, UPDATE, DELETE and INSERT in it, at any
//! depth, is judged by itself: it compares `tenant` at least once per table that it reads, an
//! INSERT names `tenant` in its columns, and the whole statement binds a tenant somewhere. Names
//! of WITH, functions and the databases' own catalogues are no tables. DDL is no concern here.

use std::collections::BTreeSet;

/// A word, a mark, or what stands between two parentheses.
#[derive(Debug)]
enum Node {
    /// A name (qualified ones whole), keyword or number.
    Word(String),
    Mark(char),
    /// `$1`.
    Value,
    Group(Vec<Node>),
}

/// What is wrong with a statement; empty when it is DDL or nothing is.
pub(crate) fn faults(text: &str) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    let nodes = read(&chars, &mut 0);
    let mut judge = Judge { derived: BTreeSet::new(), bound: false, tables: 0, faults: Vec::new() };
    judge.collect_derived(&nodes);
    judge.level(&nodes);
    if judge.tables > 0 && !judge.bound && judge.faults.is_empty() {
        judge.faults.push("nowhere compares tenant with a bound value (tenant = $1)".to_owned());
    }
    judge.faults
}

fn read(chars: &[char], at: &mut usize) -> Vec<Node> {
    let mut nodes = Vec::new();
    while let Some(&char) = chars.get(*at) {
        *at += 1;
        match char {
            '(' => nodes.push(Node::Group(read(chars, at))),
            ')' => return nodes,
            '\'' => {
                while chars.get(*at).is_some_and(|c| *c != '\'') {
                    *at += 1;
                }
                *at += 1;
                nodes.push(Node::Mark('\''));
            }
            '$' => {
                while chars.get(*at).is_some_and(char::is_ascii_digit) {
                    *at += 1;
                }
                nodes.push(Node::Value);
            }
            c if c.is_alphanumeric() || c == '_' || c == '"' => {
                let mut word = String::from(c);
                while let Some(c) = chars.get(*at).filter(|c| is_in_word(**c)) {
                    word.push(*c);
                    *at += 1;
                }
                nodes.push(Node::Word(word.replace('"', "")));
            }
            c if c.is_whitespace() => {}
            c => nodes.push(Node::Mark(c)),
        }
    }
    nodes
}

fn is_in_word(char: char) -> bool {
    char.is_alphanumeric() || "_.\"".contains(char)
}

impl Node {
    fn is(&self, keyword: &str) -> bool {
        matches!(self, Self::Word(word) if word.eq_ignore_ascii_case(keyword))
    }

    fn is_tenant(&self) -> bool {
        matches!(self, Self::Word(word) if word.rsplit('.').next() == Some("tenant"))
    }

    fn compares(&self) -> bool {
        matches!(self, Self::Mark('=')) || self.is("IN")
    }
}

struct Judge {
    derived: BTreeSet<String>,
    bound: bool,
    tables: usize,
    faults: Vec<String>,
}

impl Judge {
    /// The names that WITH gives: `name AS (`, `name (columns) AS (`.
    fn collect_derived(&mut self, nodes: &[Node]) {
        for (index, node) in nodes.iter().enumerate() {
            let Node::Group(inner) = node else { continue };
            self.collect_derived(inner);
            let mut before = nodes[..index].iter().rev().peekable();
            while before.peek().is_some_and(|n| n.is("MATERIALIZED") || n.is("NOT")) {
                before.next();
            }
            if !before.next().is_some_and(|n| n.is("AS")) {
                continue;
            }
            if matches!(before.peek(), Some(Node::Group(_))) {
                before.next();
            }
            if let Some(Node::Word(name)) = before.next() {
                self.derived.insert(name.clone());
            }
        }
    }

    /// Judges each statement of one level, then what stands in its parentheses.
    fn level(&mut self, nodes: &[Node]) {
        let starts: Vec<usize> = (0..nodes.len()).filter(|at| starts_here(nodes, *at)).collect();
        for (index, &start) in starts.iter().enumerate() {
            let end = starts.get(index + 1).copied().unwrap_or(nodes.len());
            self.statement(&nodes[start..end]);
        }
        for node in nodes {
            if let Node::Group(inner) = node {
                self.level(inner);
            }
        }
    }

    fn statement(&mut self, nodes: &[Node]) {
        if nodes[0].is("INSERT") {
            self.insert(nodes);
            return;
        }
        let tables = self.tables_of(nodes);
        if tables.is_empty() {
            return;
        }
        self.tables += tables.len();
        let compared = self.comparisons(nodes);
        if compared < tables.len() {
            self.faults.push(format!(
                "compares tenant {compared} times for {} tables ({}); each needs it in WHERE or ON",
                tables.len(),
                tables.join(", ")
            ));
        }
    }

    fn insert(&mut self, nodes: &[Node]) {
        let columns = nodes.iter().find_map(|node| match node {
            Node::Group(columns) => Some(columns),
            _ => None,
        });
        let table = nodes.iter().skip(1).find(|node| !node.is("INTO") && !node.is("OR"));
        self.tables += 1;
        if columns.is_some_and(|columns| columns.iter().any(Node::is_tenant)) {
            self.bound = true;
        } else {
            let Some(Node::Word(table)) = table else { return };
            self.faults.push(format!("inserts into {table} without the column tenant"));
        }
    }

    /// The real tables behind UPDATE, FROM, JOIN, USING and their commas.
    fn tables_of(&self, nodes: &[Node]) -> Vec<String> {
        let mut found = Vec::new();
        let mut listing = false;
        let mut expected = nodes[0].is("UPDATE");
        for (index, node) in nodes.iter().enumerate().skip(1) {
            let calls = matches!(nodes.get(index + 1), Some(Node::Group(_)));
            match node {
                _ if node.is("ONLY") || node.is("LATERAL") => {}
                _ if node.is("FROM") && !nodes[index - 1].is("DISTINCT") => {
                    (listing, expected) = (true, true);
                }
                _ if node.is("JOIN") || node.is("USING") => expected = true,
                _ if node.is("WHERE") || node.is("ORDER") || node.is("GROUP") || node.is("SET") => {
                    (listing, expected) = (false, false);
                }
                Node::Mark(',') if listing => expected = true,
                Node::Word(name) if expected => {
                    expected = false;
                    if !calls && !self.derived.contains(name) && !is_catalogue(name) {
                        found.push(name.clone());
                    }
                }
                _ => expected = false,
            }
        }
        found
    }

    /// How often tenant is compared in WHERE, ON and USING; notes whether with a bound value.
    fn comparisons(&mut self, nodes: &[Node]) -> usize {
        let begin = nodes.iter().position(|n| n.is("WHERE") || n.is("ON") || n.is("USING"));
        begin.map_or(0, |begin| self.compared(&nodes[begin..]))
    }

    fn compared(&mut self, nodes: &[Node]) -> usize {
        let mut count = 0;
        for (index, node) in nodes.iter().enumerate() {
            let after = nodes.get(index + 1);
            let compares = after.is_some_and(Node::compares);
            match node {
                Node::Group(inner) if inner.iter().any(|n| n.is("SELECT")) => {}
                Node::Group(inner) => {
                    let names_tenant = inner.iter().any(Node::is_tenant);
                    let joins = index > 0 && nodes[index - 1].is("USING");
                    if names_tenant && (compares || joins) {
                        count += 1;
                        self.bound |= compares && binds(&nodes[index + 1..]);
                    } else {
                        count += self.compared(inner);
                    }
                }
                _ if node.is_tenant() && compares => {
                    count += 1;
                    self.bound |= binds(&nodes[index + 1..]);
                }
                _ => {}
            }
        }
        count
    }
}

/// Whether what follows a name compares it with a bound value, or a group of them.
fn binds(nodes: &[Node]) -> bool {
    nodes.iter().find(|node| !node.compares()).is_some_and(is_bound)
}

fn is_bound(node: &Node) -> bool {
    match node {
        Node::Value => true,
        // What a SELECT answers is not bound, whatever it compares.
        Node::Group(inner) => !inner.iter().any(|n| n.is("SELECT")) && inner.iter().any(is_bound),
        Node::Word(_) | Node::Mark(_) => false,
    }
}

fn starts_here(nodes: &[Node], at: usize) -> bool {
    let node = &nodes[at];
    let before = |keyword: &str| at > 0 && nodes[at - 1].is(keyword);
    if node.is("UPDATE") {
        // Not `DO UPDATE`, `FOR UPDATE`, `FOR NO KEY UPDATE`, `ON UPDATE`.
        return !["DO", "FOR", "KEY", "ON"].into_iter().any(before);
    }
    node.is("SELECT") || node.is("INSERT") || (node.is("DELETE") && !before("ON"))
}

fn is_catalogue(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["pg_", "sqlite_", "information_schema", "_sqlx_"].iter().any(|start| name.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_that_keep_to_their_tenant() {
        for good in [
            "SELECT id FROM tickets WHERE tenant = $1 AND id = $2",
            "SELECT t.id FROM tickets t JOIN entries e ON e.tenant = t.tenant AND e.ticket = t.id \
             WHERE t.tenant = $1",
            "SELECT t.id FROM tickets t JOIN entries e USING (tenant, ticket) WHERE t.tenant = $1",
            "SELECT id FROM tickets WHERE (tenant, id) IN (($1, $2), ($3, $4))",
            "SELECT id FROM tickets WHERE tenant = $1 AND (at, id) > ($2, $3) ORDER BY at LIMIT $4",
            "INSERT INTO tickets (tenant, id) VALUES ($1, $2) ON CONFLICT (tenant, id) \
             DO UPDATE SET id = excluded.id WHERE tickets.version = $3",
            "INSERT INTO a (tenant, id) SELECT tenant, id FROM b WHERE tenant = $1",
            "UPDATE tickets SET version = version + 1 WHERE tenant = $1 AND id = $2 RETURNING id",
            "DELETE FROM outbox WHERE (tenant, id) IN (SELECT tenant, id FROM feed WHERE tenant = $1 \
             LIMIT $2) AND tenant = $1",
            "WITH new (tenant, id) AS (VALUES ($1, $2)) INSERT INTO a (tenant, id) \
             SELECT tenant, id FROM new",
            "SELECT 1",
            "SELECT n FROM generate_series(1, 10) AS n",
            "SELECT 1 FROM pg_class WHERE relname = $1",
            "SELECT id FROM tickets WHERE tenant = $1 FOR UPDATE SKIP LOCKED",
            "CREATE TABLE tickets (id UUID NOT NULL, owner UUID REFERENCES x ON DELETE CASCADE)",
            "PRAGMA journal_mode = WAL",
            "SELECT id FROM tickets WHERE tenant = $1 AND note IS DISTINCT FROM $2",
        ] {
            assert_eq!(faults(good), Vec::<String>::new(), "{good}");
        }
    }

    #[test]
    fn planted_leaks_are_found() {
        for bad in [
            "SELECT id FROM tickets WHERE id = $1",
            "SELECT tenant, id FROM tickets",
            "SELECT id FROM tickets WHERE id = $1 ORDER BY tenant",
            "SELECT t.id FROM tickets t JOIN entries e ON e.ticket = t.id WHERE t.tenant = $1",
            "SELECT t.id FROM tickets t, entries e WHERE t.tenant = $1",
            "SELECT t.id FROM tickets t JOIN entries e ON e.tenant = t.tenant JOIN x ON x.tenant = e.tenant",
            "SELECT a.id FROM a WHERE a.tenant = a.tenant",
            "SELECT id FROM tickets WHERE tenant = $1 UNION ALL SELECT id FROM archive",
            "SELECT id FROM tickets WHERE tenant = $1 AND id IN (SELECT ticket FROM entries WHERE n = $2)",
            "INSERT INTO tickets (id) VALUES ($1)",
            "INSERT INTO tickets VALUES ($1, $2)",
            "INSERT INTO a (tenant, id) SELECT tenant, id FROM b",
            "UPDATE tickets SET tenant = $1 WHERE id = $2",
            "SELECT id FROM tickets WHERE tenant > $1",
            "SELECT id FROM tickets WHERE tenant <> $1",
            "DELETE FROM a WHERE (tenant, id) IN (SELECT tenant, id FROM a WHERE at < $1)",
            "DELETE FROM outbox WHERE at < $1",
            "WITH old AS (SELECT id FROM tickets WHERE at < $1) SELECT id FROM old",
        ] {
            assert!(!faults(bad).is_empty(), "{bad}");
        }
    }
}
