//! Trees as JSON over HTTP: path, query and body by the rule of their method, and what JSON and HTTP
//! can be made to say besides.

use prost_reflect::{FieldDescriptor, Kind};

use super::{
    tree::{Node, Tree},
    words::{MOMENTS, Words},
};
use crate::{contract::http::Rule, dice::Dice};

/// What stands where something else should; the first ones are not even JSON.
const ODD: [&str; 22] = [
    "NaN",
    "-Infinity",
    "undefined",
    "01",
    "'a'",
    "\"\\ud800\"",
    "\"\\ud83d\\ude00\\udc00\"",
    "1e400",
    "-0",
    "1.5",
    "1.0",
    "1e2",
    "9223372036854775808",
    "123456789012345678901234567890",
    "null",
    "true",
    "\"\"",
    "\"1\"",
    "[]",
    "{}",
    "[[]]",
    "{\"@type\":\"type.googleapis.com/google.protobuf.Empty\"}",
];
/// How deep lists are nested: to our limit, over it, and far over it.
const DEPTHS: [usize; 5] = [2, 30, 32, 33, 20_000];
/// Verbs that another method of the same path may have, or none.
const VERBS: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
/// Longer targets are cut: to more than a server takes, and less than a client can send.
const LONGEST: usize = 20_000;
/// What is put into paths and queries as it is.
const RAW: [&str; 14] = [
    "%", "%zz", "%ff", "%00", "%2F", "%2f..%2f", "..", "//", ";a=b", "+", "&&==&", "?x", "%C0%AE",
    ":claim",
];

/// A request over HTTP.
#[derive(Debug)]
pub(super) struct Http {
    pub(super) verb: String,
    pub(super) target: String,
    pub(super) body: Vec<u8>,
}

/// The request of a tree.
pub(super) fn request(mut tree: Tree, rule: &Rule, words: &Words, dice: &mut Dice) -> Http {
    let mut target = path(&mut tree, &rule.path, words, dice);
    let body = match rule.body.as_str() {
        "" => None,
        "*" => {
            let whole = Tree::empty(&tree.kind);
            Some(std::mem::replace(&mut tree, whole))
        }
        field => taken(&mut tree, field),
    };
    let mut query = Vec::new();
    flatten("", &tree, dice, &mut query);
    if dice.one_in(30) {
        query.push((*dice.one_of(&RAW)).to_owned());
    }
    if !query.is_empty() {
        target = format!("{target}?{}", query.join("&"));
    }
    // All of it is ASCII.
    target.truncate(LONGEST);
    let mut text = String::new();
    if let Some(tree) = &body {
        Writer { dice: &mut *dice, to: &mut text }.message(tree);
    }
    let mut body = text.into_bytes();
    if dice.one_in(16) {
        spoil(dice, &mut body);
    }
    let verb = if dice.one_in(100) { *dice.one_of(&VERBS) } else { rule.verb };
    Http { verb: verb.to_uppercase(), target, body }
}

/// The path of a template. What it is made of is taken out of the tree, or now and then stays there.
fn path(tree: &mut Tree, template: &str, words: &Words, dice: &mut Dice) -> String {
    let mut path = String::new();
    let mut rest = template;
    while let Some((before, variable)) = rest.split_once('{') {
        let (inside, after) = variable.split_once('}').expect("a template's braces are closed");
        let field = inside.split('=').next().unwrap_or_default();
        let keep = dice.one_in(16);
        let text = tree.take(field, keep).unwrap_or_else(|| words.text(dice, "name"));
        path.push_str(before);
        path.push_str(&escape(&text, "/"));
        if dice.one_in(60) {
            path += *dice.one_of(&RAW);
        }
        rest = after;
    }
    path + rest
}

/// Takes the first message out that stands in this field.
fn taken(tree: &mut Tree, field: &str) -> Option<Tree> {
    let is_it = |node: &Node| matches!(node, Node::Message(_));
    let mut all = tree.branches.iter();
    let at = all.position(|branch| branch.field.name() == field && is_it(&branch.node))?;
    match tree.branches.remove(at).node {
        Node::Message(inner) => Some(inner),
        Node::Text(_) | Node::Number(_) => None,
    }
}

/// Everything that is not unreserved (RFC 3986) and not `kept`, escaped, as far as a target goes.
fn escape(text: &str, kept: &str) -> String {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let text = &text[..text.floor_char_boundary(LONGEST)];
    let mut escaped = String::with_capacity(3 * text.len());
    for byte in text.bytes() {
        let digits = [byte >> 4, byte & 15].map(|digit| char::from(DIGITS[usize::from(digit)]));
        if byte.is_ascii_alphanumeric()
            || b"-._~".contains(&byte)
            || kept.as_bytes().contains(&byte)
        {
            escaped.push(char::from(byte));
        } else {
            escaped.push('%');
            escaped.extend(digits);
        }
    }
    escaped
}

/// What is left of a tree, as a query has it.
fn flatten(before: &str, tree: &Tree, dice: &mut Dice, query: &mut Vec<String>) {
    for branch in &tree.branches {
        let path = format!("{before}{}", name(&branch.field, dice));
        match &branch.node {
            Node::Message(inner) if !is_well_known(inner) => {
                flatten(&format!("{path}."), inner, dice, query);
            }
            node => {
                let text = plain(node);
                query.push(format!("{path}={}", escape(&text, "")));
            }
        }
    }
}

/// A value as a query has it.
fn plain(node: &Node) -> String {
    match node {
        Node::Number(number) => number.to_string(),
        Node::Text(text) => text.clone(),
        Node::Message(tree) => well_known(tree),
    }
}

/// A field's name, in either spelling.
fn name(field: &FieldDescriptor, dice: &mut Dice) -> String {
    if dice.one_in(5) { field.name().to_owned() } else { field.json_name().to_owned() }
}

fn is_well_known(tree: &Tree) -> bool {
    tree.kind.package_name() == "google.protobuf"
}

/// A time, a duration or a mask as its text in JSON.
fn well_known(tree: &Tree) -> String {
    let number = |at: u32| {
        let mut all = tree.branches.iter().filter(|branch| branch.field.number() == at);
        match all.next_back().map(|branch| &branch.node) {
            Some(Node::Number(number)) => *number,
            _ => 0,
        }
    };
    let (seconds, nanos) = (number(1), i32::try_from(number(2)).unwrap_or(i32::MAX));
    match tree.kind.name() {
        "Timestamp" => prost_types::Timestamp { seconds, nanos }.to_string(),
        "Duration" => format!("{seconds}.{:09}s", nanos.unsigned_abs()),
        _ => {
            let texts = tree.branches.iter().map(|branch| plain(&branch.node));
            texts.collect::<Vec<_>>().join(",")
        }
    }
}

/// Writes JSON by hand: a key as often as the tree has it, and values that no library writes.
struct Writer<'a> {
    dice: &'a mut Dice,
    to: &'a mut String,
}

impl Writer<'_> {
    fn message(&mut self, tree: &Tree) {
        self.to.push('{');
        let mut lists: Vec<u32> = Vec::new();
        let mut first = true;
        for branch in &tree.branches {
            let field = &branch.field;
            if field.is_list() && lists.contains(&field.number()) {
                continue;
            }
            if !std::mem::take(&mut first) {
                self.to.push(',');
            }
            let name = name(field, self.dice);
            self.text(&name);
            self.to.push(':');
            if field.is_list() {
                lists.push(field.number());
                self.list(tree, field.number());
            } else {
                self.value(field, &branch.node);
            }
        }
        if self.dice.one_in(200) {
            self.to.push_str(if first { "" } else { "," });
            self.to.push_str("\"noField\":0");
        }
        self.to.push('}');
    }

    /// All items of a list, wherever they stand.
    fn list(&mut self, tree: &Tree, number: u32) {
        self.to.push('[');
        let items = tree.branches.iter().filter(|branch| branch.field.number() == number);
        for (index, branch) in items.enumerate() {
            if index > 0 {
                self.to.push(',');
            }
            self.value(&branch.field, &branch.node);
        }
        self.to.push(']');
    }

    fn value(&mut self, field: &FieldDescriptor, node: &Node) {
        if self.dice.one_in(150) {
            return self.odd();
        }
        match (node, field.kind()) {
            (Node::Message(tree), _) if is_well_known(tree) => {
                let odd = self.dice.one_in(6);
                let text =
                    if odd { (*self.dice.one_of(&MOMENTS)).to_owned() } else { well_known(tree) };
                self.text(&text);
            }
            (Node::Message(tree), _) => self.message(tree),
            (Node::Text(text), _) => self.text(text),
            (Node::Number(number), Kind::Bool) if (0..2).contains(number) => {
                self.to.push_str(if *number == 1 { "true" } else { "false" });
            }
            (Node::Number(number), Kind::Enum(kind)) => {
                let number = i32::try_from(*number).unwrap_or(i32::MAX);
                match kind.get_value(number) {
                    Some(value) if !self.dice.one_in(8) => self.text(value.name()),
                    _ => self.to.push_str(&number.to_string()),
                }
            }
            (Node::Number(number), Kind::Int64 | Kind::Uint64) if !self.dice.one_in(4) => {
                self.text(&number.to_string());
            }
            (Node::Number(number), _) => self.to.push_str(&number.to_string()),
        }
    }

    fn text(&mut self, text: &str) {
        let text = serde_json::to_string(text).expect("a text is JSON");
        self.to.push_str(&text);
    }

    fn odd(&mut self) {
        if self.dice.one_in(8) {
            let depth = *self.dice.one_of(&DEPTHS);
            self.to.extend(std::iter::repeat_n('[', depth));
            self.to.extend(std::iter::repeat_n(']', depth));
        } else {
            *self.to += *self.dice.one_of(&ODD);
        }
    }
}

/// Does something to a body.
fn spoil(dice: &mut Dice, body: &mut Vec<u8>) {
    let at = dice.index(body.len() + 1);
    match dice.below(10) {
        0 => body.truncate(at),
        1 => body.extend(b" {}"),
        2 => body.insert(at, 0xff),
        3 => body.insert(at, 0),
        4 => *body = body.repeat(2),
        5 => body.splice(0..0, *b"\xef\xbb\xbf").for_each(drop),
        6 => *body = [b"[", body.as_slice(), b"]"].concat(),
        7 => *body = format!("[{}0]", "0,".repeat(70_000)).into_bytes(),
        8 => body.splice(0..0, vec![b' '; 100_000]).for_each(drop),
        _ => body.clear(),
    }
}

#[cfg(test)]
mod tests {
    use prost_reflect::DynamicMessage;
    use serde_json::{Value, json};

    use super::*;
    use crate::{client::method, contract::http::rule};

    #[test]
    fn a_tree_is_its_request_unless_chance_has_it_otherwise() {
        let update = method("UpdateTicket");
        let request = json!({
            "ticket": { "name": "tickets/1", "title": "Leaks", "requiredSkills": ["a", "b"] },
            "updateMask": "title,requiredSkills",
        });
        let message = DynamicMessage::deserialize(update.input(), request).unwrap();
        let (tree, rule) = (Tree::of(&message), rule(update).unwrap());
        let wanted = json!({ "title": "Leaks", "requiredSkills": ["a", "b"] });
        let as_it_should_be = (0..200).filter(|seed| {
            let mut dice = Dice::new(*seed);
            let http = super::request(tree.clone(), &rule, &Words::default(), &mut dice);
            let body: Option<Value> = serde_json::from_slice(&http.body).ok();
            http.verb == "PATCH"
                && http.target == "/v1/tickets/1?updateMask=title%2Crequired_skills"
                && body.is_some_and(|body| body == wanted)
        });
        assert!(as_it_should_be.count() > 20);
    }
}
