//! HTTP rules: `google.api.http` of the public methods.

use prost_reflect::{Cardinality, Kind, MessageDescriptor, MethodDescriptor};

use super::{EXTENSIONS, text};

const VERBS: [&str; 5] = ["get", "put", "post", "delete", "patch"];

/// One part of a path between slashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment {
    /// This very text.
    Literal(String),
    /// Any one segment.
    One,
    /// All that is left.
    Rest,
}

/// A path template, taken apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Template {
    /// What the path is made of, variables unfolded.
    pub segments: Vec<Segment>,
    /// The fields that its variables fill.
    pub fields: Vec<String>,
    /// The custom verb behind the colon; empty where there is none.
    pub verb: String,
}

/// The rule of a method: its HTTP verb, template and body.
#[derive(Clone, Debug)]
pub struct Rule {
    /// `get`, `post`, and so on.
    pub verb: &'static str,
    /// The template as it is written, for instance `/v1/{name=tickets/*}:claim`.
    pub path: String,
    /// The field that is the body; `*` where all that is not in the path is, empty where none is.
    pub body: String,
    template: Template,
}

/// Rules that do not parse, name no field of their request, go against the idempotency level, or
/// match what another matches.
pub fn wrong(methods: &[MethodDescriptor]) -> Vec<String> {
    let mut found = Vec::new();
    let mut rules: Vec<(String, Rule)> = Vec::new();
    for method in methods {
        let options = method.options();
        if !options.has_extension(&EXTENSIONS.http) {
            continue;
        }
        match rule(method) {
            Ok(rule) => rules.push((method.full_name().to_owned(), rule)),
            Err(why) => found.push(format!("{}: {why}", method.full_name())),
        }
    }
    for (index, (name, rule)) in rules.iter().enumerate() {
        for (other, earlier) in &rules[..index] {
            if rule.verb == earlier.verb && overlap(&rule.template, &earlier.template) {
                found.push(format!("{name}: matches what {other} matches"));
            }
        }
    }
    found
}

/// The rule of a method.
pub fn rule(method: &MethodDescriptor) -> Result<Rule, String> {
    let options = method.options();
    let value = options.get_extension(&EXTENSIONS.http);
    let rule = value.as_message().ok_or("is no rule")?;
    let set: Vec<_> = VERBS.into_iter().filter(|verb| rule.has_field_by_name(verb)).collect();
    let [verb] = set[..] else { return Err("needs exactly one verb".to_owned()) };
    let path = text(rule, verb);
    let template = parse(&path)?;
    for field in &template.fields {
        check_variable(&method.input(), field)?;
    }
    let body = text(rule, "body");
    if !body.is_empty() && body != "*" && method.input().get_field_by_name(&body).is_none() {
        return Err(format!("the body `{body}` is no field of the request"));
    }
    let reads = matches!(verb, "get");
    if reads && !body.is_empty() {
        return Err("a GET has no body".to_owned());
    }
    let proto = method.method_descriptor_proto();
    let level = proto.options.as_ref().and_then(|options| options.idempotency_level);
    // NO_SIDE_EFFECTS
    if reads != (level == Some(1)) {
        return Err("a GET has no side effects, and nothing else is a GET".to_owned());
    }
    Ok(Rule { verb, path, body, template })
}

fn check_variable(input: &MessageDescriptor, path: &str) -> Result<(), String> {
    let mut message = input.clone();
    let mut parts = path.split('.').peekable();
    while let Some(part) = parts.next() {
        let field = message.get_field_by_name(part);
        let field = field.ok_or_else(|| format!("`{path}` names no field of the request"))?;
        match field.kind() {
            _ if field.cardinality() == Cardinality::Repeated => {
                return Err(format!("`{path}` is repeated"));
            }
            Kind::Message(inner) if parts.peek().is_some() => message = inner,
            Kind::Message(_) => return Err(format!("`{path}` is a message")),
            _ if parts.peek().is_some() => return Err(format!("`{path}` goes into a scalar")),
            _ => {}
        }
    }
    Ok(())
}

/// Takes a template apart: `"/" segment {"/" segment} [":" verb]`, where a segment is a literal,
/// `*`, `**`, or `{field.path=segments}`; a variable without `=` is one segment.
pub fn parse(text: &str) -> Result<Template, String> {
    let bad = |why: &str| Err(format!("`{text}`: {why}"));
    let Some(rest) = text.strip_prefix('/') else { return bad("does not start with a slash") };
    // A colon inside braces would be part of a segment; there is none in our grammar.
    let (path, verb) = match rest.rsplit_once(':') {
        Some((path, verb)) if !verb.contains(['/', '}']) => (path, verb),
        Some(_) => return bad("a colon stands before a slash"),
        None => (rest, ""),
    };
    if rest.contains(':') && !is_literal(verb) {
        return bad("the custom verb is no word");
    }
    let mut template = Template { verb: verb.to_owned(), ..Template::default() };
    let mut rest = path;
    loop {
        rest = if let Some(variable) = rest.strip_prefix('{') {
            let Some((inside, after)) = variable.split_once('}') else {
                return bad("a brace is not closed");
            };
            let (field, segments) = inside.split_once('=').unwrap_or((inside, "*"));
            if !field.split('.').all(is_field) {
                return bad("a variable has no name");
            }
            template.fields.push(field.to_owned());
            for part in segments.split('/') {
                template.segments.push(segment(part).ok_or(format!("`{text}`: bad `{part}`"))?);
            }
            after
        } else {
            let end = rest.find('/').unwrap_or(rest.len());
            let part = &rest[..end];
            template.segments.push(segment(part).ok_or(format!("`{text}`: bad `{part}`"))?);
            &rest[end..]
        };
        match rest.strip_prefix('/') {
            Some(next) => rest = next,
            None if rest.is_empty() => break,
            None => return bad("something follows a variable"),
        }
    }
    let rests = template.segments.iter().rev().skip(1).filter(|one| **one == Segment::Rest);
    if rests.count() > 0 {
        return bad("`**` stands before the end");
    }
    Ok(template)
}

fn segment(text: &str) -> Option<Segment> {
    match text {
        "*" => Some(Segment::One),
        "**" => Some(Segment::Rest),
        text if is_literal(text) => Some(Segment::Literal(text.to_owned())),
        _ => None,
    }
}

fn is_literal(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '~');
    !text.is_empty() && text.chars().all(plain)
}

fn is_field(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    !text.is_empty() && text.chars().all(plain)
}

/// Whether one path matches both.
pub fn overlap(a: &Template, b: &Template) -> bool {
    if a.verb != b.verb {
        return false;
    }
    let (mut left, mut right) = (a.segments.iter(), b.segments.iter());
    loop {
        match (left.next(), right.next()) {
            (None, None) | (Some(Segment::Rest), _) | (_, Some(Segment::Rest)) => return true,
            (None, Some(_)) | (Some(_), None) => return false,
            (Some(Segment::Literal(left)), Some(Segment::Literal(right))) if left != right => {
                return false;
            }
            (Some(_), Some(_)) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_taken_apart() {
        let literal = |text: &str| Segment::Literal(text.to_owned());
        assert_eq!(
            parse("/v1/{ticket.name=tickets/*}:close"),
            Ok(Template {
                segments: vec![literal("v1"), literal("tickets"), Segment::One],
                fields: vec!["ticket.name".to_owned()],
                verb: "close".to_owned(),
            })
        );
        assert_eq!(parse("/v1/{id}").unwrap().segments, [literal("v1"), Segment::One]);
        for bad in [
            "",
            "v1/tickets",
            "/v1//tickets",
            "/v1/{name=tickets/*",
            "/v1/{=tickets/*}",
            "/v1/{Name}",
            "/v1/tickets:",
            "/v1/**/x",
            "/v1/{name=tickets/*}x",
            "/v1/ticket s",
            "/v1:a/b",
            "/",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn templates_that_match_the_same_path_overlap() {
        let of = |a: &str, b: &str| overlap(&parse(a).unwrap(), &parse(b).unwrap());
        assert!(of("/v1/{name=tickets/*}", "/v1/tickets/{id}"));
        assert!(of("/v1/{name=tickets/*}", "/v1/{parent=**}"));
        assert!(of("/v1/tickets/open", "/v1/{name=tickets/*}"));
        assert!(!of("/v1/{name=tickets/*}", "/v1/{name=customers/*}"));
        assert!(!of("/v1/{name=tickets/*}", "/v1/{name=tickets/*}:close"));
        assert!(!of("/v1/tickets", "/v1/{name=tickets/*}"));
    }
}
