//! The rules for one Rust file: length, header, names, words, log messages

use crate::rust::{Kind, Token, tests_begin, tokens};
use crate::tree::Source;

/// Longer files are several files.
const LONGEST: usize = 700;
/// Names that say nothing about what is inside.
const HOLLOW: [&str; 7] = ["util", "utils", "common", "helper", "helpers", "manager", "misc"];
/// Notes to oneself; written apart, so that this file passes its own rule.
const NOTES: [&str; 3] = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];
/// A test that does not run proves nothing.
const IGNORED: &str = concat!("#[ign", "ore");
/// The macros of `tracing` that write a log line.
const LEVELS: [&str; 5] = ["trace", "debug", "info", "warn", "error"];

/// What is wrong with one file, each finding with its place and the reason.
pub fn source(source: &Source) -> Vec<String> {
    let Source { path, text } = source;
    let mut found = Vec::new();
    let lines = text.lines().count();
    if lines > LONGEST {
        found.push(format!(
            "{path}: {lines} lines; beyond {LONGEST} a file is several, cut it by topic"
        ));
    }
    if !text.starts_with("//!") {
        found.push(format!(
            "{path}:1: starts without `//!`: say what it is for, what holds, what is absent"
        ));
    }
    for (index, line) in text.lines().enumerate() {
        let words = || line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        if let Some(note) = words().find(|word| NOTES.contains(word)) {
            found.push(format!("{path}:{}: {note}: do it, or write an issue", index + 1));
        }
        if line.trim_start().starts_with(IGNORED) {
            found.push(format!("{path}:{}: an ignored test proves nothing", index + 1));
        }
    }
    let tokens = tokens(text);
    hollow_names(path, &tokens, &mut found);
    log_messages(path, &tokens, tests_begin(text), &mut found);
    found
}

fn hollow_names(path: &str, tokens: &[Token], found: &mut Vec<String>) {
    let reason = "says nothing about what is inside; name it after what it does";
    for part in path.trim_end_matches(".rs").split('/') {
        if HOLLOW.contains(&part) {
            found.push(format!("{path}: `{part}` {reason}"));
        }
    }
    for pair in tokens.windows(2) {
        let inner = pair[1].name().filter(|name| HOLLOW.contains(name));
        if let (Some("mod"), Some(name)) = (pair[0].name(), inner) {
            found.push(format!("{path}:{}: `mod {name}` {reason}", pair[1].line));
        }
    }
}

/// A log message is the literal that stands alone between commas of a log macro.
fn log_messages(path: &str, tokens: &[Token], end: usize, found: &mut Vec<String>) {
    for (index, token) in tokens.iter().enumerate().take_while(|(_, token)| token.line < end) {
        let is_macro = token.name().is_some_and(|name| LEVELS.contains(&name));
        let opens = [tokens.get(index + 1), tokens.get(index + 2)];
        let [Some(bang), Some(paren)] = opens else { continue };
        if !is_macro || !bang.is('!') || !paren.is('(') {
            continue;
        }
        let mut depth = 0;
        for at in index + 2..tokens.len() {
            match &tokens[at].kind {
                Kind::Mark('(' | '[' | '{') => depth += 1,
                Kind::Mark(')' | ']' | '}') => depth -= 1,
                Kind::Text(text) if depth == 1 => {
                    let alone = tokens[at - 1].is('(') || tokens[at - 1].is(',');
                    if let Some(fault) = message_fault(text).filter(|_| alone) {
                        found.push(format!(
                            "{path}:{}: log message {text:?} {fault}",
                            tokens[at].line
                        ));
                    }
                }
                _ => {}
            }
            if depth == 0 {
                break;
            }
        }
    }
}

fn message_fault(text: &str) -> Option<&'static str> {
    let first = text.split_whitespace().next().unwrap_or_default();
    // PostgreSQL, SQLite and RPC keep their capitals.
    let capitals = first.chars().filter(|c| c.is_uppercase()).count();
    if capitals == 1 && first.starts_with(char::is_uppercase) {
        return Some("starts with a capital: messages are fragments, so that they can be searched");
    }
    text.ends_with('.').then_some("ends with a period: messages are fragments, not sentences")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(path: &str, text: &str) -> Vec<String> {
        source(&Source { path: path.to_owned(), text: text.to_owned() })
    }

    fn one(path: &str, text: &str, part: &str) {
        let found = findings(path, text);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains(part), "{found:?}");
    }

    #[test]
    fn a_clean_file_passes() {
        let text = "//! Doc.\nfn f() { tracing::info!(error = \"Bad.\", %id, \"took over\"); }\n";
        assert_eq!(findings("libs/a/src/lib.rs", text), Vec::<String>::new());
    }

    #[test]
    fn planted_offenders_are_found() {
        one("libs/a/src/b.rs", "use x;\n", "without `//!`");
        one("libs/a/src/b.rs", &format!("//! {}\n", "x\n".repeat(701)), "702 lines");
        one("libs/a/src/b.rs", &format!("//! D\n// {}: later\n", NOTES[0]), ":2: ");
        one("libs/a/src/b.rs", &format!("//! D\n{IGNORED}]\n"), "ignored test");
        one("libs/a/src/utils.rs", "//! D\n", "`utils` says nothing");
        one("libs/a/src/common/b.rs", "//! D\n", "`common` says nothing");
        one("libs/a/src/b.rs", "//! D\nmod helpers { }\n", "`mod helpers`");
    }

    #[test]
    fn planted_log_messages_are_found() {
        one("a.rs", "//! D\nfn f() { info!(\"Took over\"); }", "starts with a capital");
        one(
            "a.rs",
            "//! D\nfn f() {\n warn!(a = g(1, \"No.\"),\n \"gone {x}.\",\n x = 1) }",
            ":4: ",
        );
        assert_eq!(findings("a.rs", "//! D\nfn f() { error!(\"PostgreSQL is away\") }").len(), 0);
        let test = "//! D\n#[cfg(test)]\nmod tests { fn f() { info!(\"Loud.\") } }";
        assert_eq!(findings("a.rs", test).len(), 0);
    }
}
