//! Messages as trees: more than a message can be, since a field may stand there as often as one likes.

use prost_reflect::{
    DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, ReflectMessage as _, Value,
};

use super::words::{self, Words};
use crate::dice::Dice;

/// How deep a message is grown; none of ours is deeper.
const DEEPEST: usize = 5;
/// How many fields a message may be grown to.
const LARGEST: usize = 3_000;
/// How many items a long list is given.
const MANY: [u64; 4] = [20, 101, 257, 1_001];

/// A message.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    pub(super) kind: MessageDescriptor,
    pub(super) branches: Vec<Branch>,
}

/// A field that stands there once.
#[derive(Clone, Debug)]
pub(super) struct Branch {
    pub(super) field: FieldDescriptor,
    pub(super) node: Node,
}

/// What a field holds.
#[derive(Clone, Debug)]
pub(super) enum Node {
    /// A number, an enum or a truth, whether its type can hold it or not.
    Number(i64),
    /// A text or bytes.
    Text(String),
    /// A message.
    Message(Tree),
}

impl Tree {
    /// An empty message.
    pub(super) fn empty(kind: &MessageDescriptor) -> Self {
        Self { kind: kind.clone(), branches: Vec::new() }
    }

    /// The tree of a message as it should be. Maps are left out: the contracts have none.
    pub(super) fn of(message: &DynamicMessage) -> Self {
        let mut tree = Self::empty(&message.descriptor());
        for (field, value) in message.fields() {
            let items = match value {
                Value::List(items) => items.as_slice(),
                one => std::slice::from_ref(one),
            };
            for node in items.iter().filter_map(node) {
                tree.branches.push(Branch { field: field.clone(), node });
            }
        }
        tree
    }

    /// Takes the first text out that stands at this path of names.
    pub(super) fn take(&mut self, path: &str, keep: bool) -> Option<String> {
        let (first, rest) = path.split_once('.').unwrap_or((path, ""));
        let at = self.branches.iter().position(|branch| branch.field.name() == first)?;
        match &mut self.branches[at].node {
            Node::Message(inner) if !rest.is_empty() => inner.take(rest, keep),
            Node::Text(text) if rest.is_empty() => {
                let text = text.clone();
                if !keep {
                    self.branches.remove(at);
                }
                Some(text)
            }
            _ => None,
        }
    }
}

fn node(value: &Value) -> Option<Node> {
    Some(match value {
        Value::Bool(truth) => Node::Number(i64::from(*truth)),
        Value::I32(number) | Value::EnumNumber(number) => Node::Number(i64::from(*number)),
        Value::I64(number) => Node::Number(*number),
        Value::U32(number) => Node::Number(i64::from(*number)),
        Value::U64(number) => Node::Number(number.cast_signed()),
        Value::String(text) => Node::Text(text.clone()),
        Value::Bytes(bytes) => Node::Text(String::from_utf8_lossy(bytes).into_owned()),
        Value::Message(message) => Node::Message(Tree::of(message)),
        Value::F32(_) | Value::F64(_) | Value::Map(_) | Value::List(_) => return None,
    })
}

/// Grows trees and bends them.
#[derive(Debug)]
pub(super) struct Gardener<'a> {
    pub(super) dice: &'a mut Dice,
    pub(super) words: &'a Words,
    /// Paths that a mask may name.
    pub(super) paths: &'a [String],
    /// How many fields may still be grown.
    left: usize,
}

impl<'a> Gardener<'a> {
    /// A gardener for one request.
    pub(super) fn new(dice: &'a mut Dice, words: &'a Words, paths: &'a [String]) -> Self {
        Self { dice, words, paths, left: LARGEST }
    }

    /// A message from scratch.
    pub(super) fn grow(&mut self, kind: &MessageDescriptor, depth: usize) -> Tree {
        let mut tree = Tree::empty(kind);
        if depth > DEEPEST {
            return tree;
        }
        // Each message is thinner or fuller than another.
        let one_in = 1 + self.dice.below(4);
        for field in kind.fields() {
            if self.dice.one_in(one_in) {
                self.add(&mut tree, &field, depth);
            }
        }
        tree
    }

    /// Adds a field; of a list none, one or many items, of any other field rarely more than one.
    fn add(&mut self, tree: &mut Tree, field: &FieldDescriptor, depth: usize) {
        let many = if field.is_list() { 24 } else { 400 };
        let count = match self.dice.below(8) {
            _ if self.dice.one_in(many) => *self.dice.one_of(&MANY),
            0 if field.is_list() => 0,
            1..3 if field.is_list() => 2,
            _ => 1,
        };
        for _ in 0..count {
            if self.left == 0 {
                return;
            }
            self.left -= 1;
            let node = self.node(field, depth);
            tree.branches.push(Branch { field: field.clone(), node });
        }
    }

    fn node(&mut self, field: &FieldDescriptor, depth: usize) -> Node {
        match field.kind() {
            Kind::Message(kind) => Node::Message(self.message(&kind, depth + 1)),
            Kind::String | Kind::Bytes => Node::Text(self.text(field)),
            Kind::Enum(kind) if !self.dice.one_in(4) => {
                let numbers: Vec<_> = kind.values().map(|value| value.number()).collect();
                Node::Number(i64::from(*self.dice.one_of(&numbers)))
            }
            Kind::Bool => Node::Number(i64::from(self.dice.one_in(2))),
            _ => Node::Number(words::number(self.dice)),
        }
    }

    fn text(&mut self, field: &FieldDescriptor) -> String {
        // A request id is good once: with one of its own a request goes further.
        if field.name() == "request_id" && !self.dice.one_in(4) {
            return self.dice.uuid().to_string();
        }
        self.words.text(self.dice, field.json_name())
    }

    fn message(&mut self, kind: &MessageDescriptor, depth: usize) -> Tree {
        match kind.full_name() {
            "google.protobuf.Timestamp" | "google.protobuf.Duration" => self.moment(kind),
            "google.protobuf.FieldMask" => self.mask(kind),
            _ => self.grow(kind, depth),
        }
    }

    fn moment(&mut self, kind: &MessageDescriptor) -> Tree {
        let mut tree = Tree::empty(kind);
        let parts = [*self.dice.one_of(&words::SECONDS), *self.dice.one_of(&words::NANOS)];
        for (field, number) in kind.fields().zip(parts) {
            tree.branches.push(Branch { field, node: Node::Number(number) });
        }
        tree
    }

    /// A mask: paths that are there, that are not, nested ones, and one of them twice.
    fn mask(&mut self, kind: &MessageDescriptor) -> Tree {
        let mut tree = Tree::empty(kind);
        let count = if self.dice.one_in(50) { 1_001 } else { self.dice.below(4) };
        for field in kind.fields().filter(FieldDescriptor::is_list) {
            for _ in 0..count {
                let known = !self.paths.is_empty() && !self.dice.one_in(4);
                let path = if known {
                    self.dice.one_of(self.paths).clone()
                } else {
                    self.words.text(self.dice, "updateMask")
                };
                let path = if self.dice.one_in(6) { words::bent(self.dice, &path) } else { path };
                tree.branches.push(Branch { field: field.clone(), node: Node::Text(path) });
            }
        }
        tree
    }

    /// Bends a message in a few places.
    pub(super) fn bend(&mut self, tree: &mut Tree) {
        for _ in 0..=self.dice.below(3) {
            self.bend_once(tree, 0);
        }
    }

    fn bend_once(&mut self, tree: &mut Tree, depth: usize) {
        if tree.branches.is_empty() || self.dice.one_in(6) {
            let fields: Vec<_> = tree.kind.fields().collect();
            if !fields.is_empty() {
                let field = self.dice.one_of(&fields).clone();
                self.add(tree, &field, depth);
            }
            return;
        }
        let at = self.dice.index(tree.branches.len());
        if let Node::Message(inner) = &mut tree.branches[at].node
            && !self.dice.one_in(4)
        {
            return self.bend_once(inner, depth + 1);
        }
        let branch = tree.branches[at].clone();
        match self.dice.below(8) {
            0 => {
                tree.branches.remove(at);
            }
            1 => tree.branches.push(branch),
            2 => {
                let many = usize::try_from(*self.dice.one_of(&MANY)).unwrap_or(0);
                tree.branches.extend(std::iter::repeat_n(branch, many));
            }
            3 => {
                if let Node::Text(text) = &mut tree.branches[at].node {
                    *text = words::bent(self.dice, text);
                }
            }
            _ => tree.branches[at].node = self.node(&branch.field, depth),
        }
    }

    /// Makes a request that was good once good again: with a request id of its own, and now and then
    /// without the etag, which is stale after the first of them. Pages are mostly short: whole tenants
    /// in every answer would be slow and show nothing more.
    pub(super) fn freshen(&mut self, tree: &mut Tree) {
        let stale = !self.dice.one_in(4);
        tree.branches.retain_mut(|branch| {
            let name = branch.field.name().to_owned();
            match &mut branch.node {
                Node::Text(id) if name == "request_id" => *id = self.dice.uuid().to_string(),
                Node::Text(_) if name == "etag" && stale => return false,
                Node::Number(size) if name == "page_size" => {
                    *size = if self.dice.one_in(16) { *size } else { 2 };
                }
                Node::Message(inner) if stale => {
                    inner.branches.retain(|branch| branch.field.name() != "etag");
                }
                Node::Text(_) | Node::Number(_) | Node::Message(_) => {}
            }
            true
        });
    }
}

/// The paths of all fields of the messages that a request holds, as a mask names them.
pub(super) fn paths(request: &MessageDescriptor) -> Vec<String> {
    let mut found = Vec::new();
    for field in request.fields() {
        if let Kind::Message(kind) = field.kind() {
            collect(&kind, "", 0, &mut found);
        }
    }
    found
}

fn collect(kind: &MessageDescriptor, before: &str, depth: usize, found: &mut Vec<String>) {
    if depth > 2 || !kind.package_name().starts_with("aftercare.") {
        return;
    }
    for field in kind.fields() {
        let path = format!("{before}{}", field.name());
        if let Kind::Message(inner) = field.kind() {
            collect(&inner, &format!("{path}."), depth + 1, found);
        }
        found.push(path);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;
    use crate::client::method;

    #[test]
    fn masks_name_fields_of_fields() {
        let paths = paths(&method("UpdateTicket").input());
        assert!(paths.contains(&"title".to_owned()) && paths.contains(&"facts.what".to_owned()));
    }

    #[test]
    fn a_text_is_taken_by_its_path() {
        let request = json!({ "ticket": { "name": "tickets/1", "title": "Leaks" } });
        let message = DynamicMessage::deserialize(method("UpdateTicket").input(), request);
        let mut tree = Tree::of(&message.unwrap());
        assert_eq!(tree.take("ticket.name", false).as_deref(), Some("tickets/1"));
        assert_eq!(tree.take("ticket.name", false), None);
    }

    #[test]
    fn every_field_of_every_request_is_grown_at_some_time() {
        let kind = method("CreateTicket").input();
        let (words, mut dice) = (Words::default(), Dice::new(1));
        let mut seen = BTreeSet::new();
        for _ in 0..300 {
            let tree = Gardener::new(&mut dice, &words, &[]).grow(&kind, 0);
            note(&tree, &mut seen);
        }
        let mut wanted = Vec::new();
        collect_names(&kind, &mut wanted);
        let missing: Vec<_> = wanted.iter().filter(|name| !seen.contains(*name)).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }

    fn note(tree: &Tree, seen: &mut BTreeSet<String>) {
        for branch in &tree.branches {
            seen.insert(branch.field.full_name().to_owned());
            if let Node::Message(inner) = &branch.node {
                note(inner, seen);
            }
        }
    }

    fn collect_names(kind: &MessageDescriptor, found: &mut Vec<String>) {
        for field in kind.fields() {
            found.push(field.full_name().to_owned());
            if let Kind::Message(inner) = field.kind() {
                collect_names(&inner, found);
            }
        }
    }
}
