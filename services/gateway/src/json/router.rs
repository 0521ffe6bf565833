//! From a verb and a path to a rule. A literal wins over `*`, and `*` over `**`.
//!
//! Paths are taken as they came: nothing is normalised, so that a doubled or trailing slash, another
//! case or an encoded letter leads nowhere.

use std::collections::HashMap;

use http::Method;

use super::template::{Segment, Template};

/// All rules, as a tree of segments.
#[derive(Debug)]
pub(crate) struct Router<T> {
    root: Node<T>,
}

#[derive(Debug)]
struct Node<T> {
    literals: HashMap<String, Node<T>>,
    one: Option<Box<Node<T>>>,
    rest: Option<Box<Node<T>>>,
    /// What ends here: by custom verb, empty for none, then by HTTP verb.
    ends: HashMap<String, Vec<(Method, T)>>,
}

/// Where a request leads.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Route<'a, T> {
    /// To this rule; the path's segments, without the custom verb.
    Found(&'a T, Vec<&'a str>),
    /// The path is right and the verb is not; these are.
    OtherVerbs(Vec<Method>),
    /// Nowhere.
    Nowhere,
}

/// Two rules for one verb and the same paths.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Taken;

impl<T> Default for Node<T> {
    fn default() -> Self {
        Self { literals: HashMap::new(), one: None, rest: None, ends: HashMap::new() }
    }
}

impl<T> Default for Router<T> {
    fn default() -> Self {
        Self { root: Node::default() }
    }
}

impl<T> Router<T> {
    /// Adds a rule.
    pub(crate) fn add(&mut self, verb: &Method, template: &Template, rule: T) -> Result<(), Taken> {
        let mut node = &mut self.root;
        for segment in &template.segments {
            node = match segment {
                Segment::Literal(text) => node.literals.entry(text.clone()).or_default(),
                Segment::One => node.one.get_or_insert_default(),
                Segment::Rest => node.rest.get_or_insert_default(),
            };
        }
        let ends = node.ends.entry(template.verb.clone().unwrap_or_default()).or_default();
        if ends.iter().any(|(other, _)| other == verb) {
            return Err(Taken);
        }
        ends.push((verb.clone(), rule));
        Ok(())
    }

    /// The rule for a verb and a path. A custom verb that the path is known by is never part of a
    /// name.
    pub(crate) fn find<'a>(&'a self, verb: &Method, path: &'a str) -> Route<'a, T> {
        let Some(path) = path.strip_prefix('/') else { return Route::Nowhere };
        let mut segments: Vec<&str> = path.split('/').collect();
        let last = segments.len() - 1;
        let whole = segments[last];
        if let Some((name, custom)) = whole.rsplit_once(':')
            && !custom.is_empty()
        {
            segments[last] = name;
            let mut others = Vec::new();
            let found = self.root.find(&segments, custom, verb, &mut others);
            if let Some(rule) = found {
                return Route::Found(rule, segments);
            }
            if !others.is_empty() {
                return Route::OtherVerbs(others);
            }
            segments[last] = whole;
        }
        let mut others = Vec::new();
        match self.root.find(&segments, "", verb, &mut others) {
            Some(rule) => Route::Found(rule, segments),
            None if others.is_empty() => Route::Nowhere,
            None => Route::OtherVerbs(others),
        }
    }
}

impl<T> Node<T> {
    /// Each node stands for one depth and is looked at once, so that no path is expensive.
    fn find<'a>(
        &'a self,
        segments: &[&str],
        custom: &str,
        verb: &Method,
        others: &mut Vec<Method>,
    ) -> Option<&'a T> {
        let Some((first, left)) = segments.split_first() else {
            return self.end(custom, verb, others);
        };
        if first.is_empty() {
            return None;
        }
        if let Some(node) = self.literals.get(*first)
            && let Some(rule) = node.find(left, custom, verb, others)
        {
            return Some(rule);
        }
        if let Some(node) = &self.one
            && let Some(rule) = node.find(left, custom, verb, others)
        {
            return Some(rule);
        }
        let rest = self.rest.as_ref().filter(|_| !left.iter().any(|segment| segment.is_empty()))?;
        rest.end(custom, verb, others)
    }

    fn end(&self, custom: &str, verb: &Method, others: &mut Vec<Method>) -> Option<&T> {
        let ends = self.ends.get(custom)?;
        let found = ends.iter().find(|(other, _)| other == verb);
        if found.is_none() {
            others.extend(ends.iter().map(|(other, _)| other.clone()));
        }
        found.map(|(_, rule)| rule)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn router(rules: &[(Method, &'static str)]) -> Router<&'static str> {
        let mut router = Router::default();
        for (verb, text) in rules {
            router.add(verb, &Template::parse(text).unwrap(), *text).unwrap();
        }
        router
    }

    fn sample() -> Router<&'static str> {
        router(&[
            (Method::GET, "/v1/{name=tickets/*}"),
            (Method::PATCH, "/v1/{ticket.name=tickets/*}"),
            (Method::GET, "/v1/tickets/mine"),
            (Method::POST, "/v1/{name=tickets/*}:close"),
            (Method::GET, "/v1/{parent=tickets/*}/entries"),
            (Method::GET, "/v1/tickets"),
            (Method::POST, "/v1/tickets"),
            (Method::POST, "/v1/tickets:claimNext"),
            (Method::GET, "/v1/{path=files/**}"),
        ])
    }

    fn leads(verb: &Method, path: &str) -> Option<&'static str> {
        match sample().find(verb, path) {
            Route::Found(rule, _) => Some(rule),
            _ => None,
        }
    }

    #[test]
    fn literals_win_and_verbs_are_no_names() {
        let (get, post) = (Method::GET, Method::POST);
        assert_eq!(leads(&get, "/v1/tickets/7"), Some("/v1/{name=tickets/*}"));
        assert_eq!(leads(&get, "/v1/tickets/mine"), Some("/v1/tickets/mine"));
        assert_eq!(leads(&Method::PATCH, "/v1/tickets/mine"), Some("/v1/{ticket.name=tickets/*}"));
        assert_eq!(leads(&post, "/v1/tickets/7:close"), Some("/v1/{name=tickets/*}:close"));
        assert_eq!(leads(&post, "/v1/tickets:claimNext"), Some("/v1/tickets:claimNext"));
        assert_eq!(leads(&get, "/v1/tickets/7/entries"), Some("/v1/{parent=tickets/*}/entries"));
        assert_eq!(leads(&get, "/v1/files/a/b/c"), Some("/v1/{path=files/**}"));
        assert_eq!(leads(&get, "/v1/tickets/a:b"), Some("/v1/{name=tickets/*}"));
    }

    #[test]
    fn another_verb_is_told_which_are_right() {
        let router = sample();
        let of = |verb, path| match router.find(&verb, path) {
            Route::OtherVerbs(verbs) => verbs,
            other => panic!("{other:?}"),
        };
        assert_eq!(of(Method::GET, "/v1/tickets/7:close"), [Method::POST]);
        assert_eq!(of(Method::DELETE, "/v1/tickets"), [Method::GET, Method::POST]);
        assert_eq!(of(Method::DELETE, "/v1/tickets/7"), [Method::GET, Method::PATCH]);
    }

    #[test]
    fn tricks_with_the_path_lead_nowhere() {
        let tricks = [
            "",
            "/",
            "*",
            "v1/tickets",
            "//v1/tickets",
            "/v1//tickets",
            "/v1/tickets/",
            "/V1/tickets",
            "/v1/Tickets",
            "/v1/%74ickets",
            "/v1/tickets%2F7",
            "/v1/tickets/7/",
            "/v1/tickets//entries",
            "/v1/tickets/../tickets",
            "/v1/tickets;a=b",
            "/v1/tickets:",
            "/v1/files",
            "/v1/files/a//b",
        ];
        for path in tricks {
            assert_eq!(sample().find(&Method::GET, path), Route::Nowhere, "{path}");
        }
    }

    #[test]
    fn two_rules_for_the_same_paths_are_refused() {
        let mut router = sample();
        let again = Template::parse("/v1/{other=tickets/*}").unwrap();
        assert_eq!(router.add(&Method::GET, &again, "again"), Err(Taken));
    }

    proptest! {
        #[test]
        fn no_path_is_too_much(path in "(/|[a-z0-9:%*{}.]{0,8}|v1|tickets|files){0,40}") {
            sample().find(&Method::GET, &path);
        }
    }
}
