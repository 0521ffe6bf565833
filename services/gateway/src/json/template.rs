//! Path templates of `google.api.http`: `/v1/{parent=tickets/*}/entries`, `/v1/{name=tickets/*}:close`.

use crate::json::percent;

/// What one segment of a path must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Segment {
    /// These characters, as they are.
    Literal(String),
    /// Anything that is not empty, `*`.
    One,
    /// All that is left, `**`.
    Rest,
}

/// A part of the path that fills a field of the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Variable {
    /// The field, for instance `ticket.name`.
    pub(crate) field: String,
    /// Its first segment.
    pub(crate) from: usize,
    /// Behind its last segment; `None` where it takes all that is left.
    pub(crate) to: Option<usize>,
}

/// A path template, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Template {
    /// What each segment must be.
    pub(crate) segments: Vec<Segment>,
    /// What fills which field.
    pub(crate) variables: Vec<Variable>,
    /// The custom verb behind the last segment, without its colon.
    pub(crate) verb: Option<String>,
}

/// A text that is no path template.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is no path template")]
pub struct BadTemplate(pub String);

impl Template {
    /// Takes a template apart.
    pub(crate) fn parse(text: &str) -> Result<Self, BadTemplate> {
        Self::parts(text).ok_or_else(|| BadTemplate(text.to_owned()))
    }

    fn parts(text: &str) -> Option<Self> {
        let (path, verb) = match text.rsplit_once(':') {
            Some((path, verb)) if !verb.contains(['/', '}']) => (path, Some(verb.to_owned())),
            _ => (text, None),
        };
        let mut template = Self { segments: Vec::new(), variables: Vec::new(), verb };
        let mut left = path.strip_prefix('/')?;
        loop {
            left = if let Some(inner) = left.strip_prefix('{') {
                let (variable, after) = inner.split_once('}')?;
                template.variable(variable)?;
                after
            } else {
                let (segment, after) = left.split_at(left.find('/').unwrap_or(left.len()));
                template.segment(segment)?;
                after
            };
            if left.is_empty() {
                break;
            }
            left = left.strip_prefix('/')?;
        }
        (template.verb.as_deref() != Some("")).then_some(template)
    }

    fn segment(&mut self, text: &str) -> Option<()> {
        if self.segments.last() == Some(&Segment::Rest) {
            return None;
        }
        self.segments.push(match text {
            "*" => Segment::One,
            "**" => Segment::Rest,
            _ if text.is_empty() || text.contains(['{', '}', '*', ':', '%', '=']) => return None,
            _ => Segment::Literal(text.to_owned()),
        });
        Some(())
    }

    fn variable(&mut self, text: &str) -> Option<()> {
        let (field, pattern) = text.split_once('=').unwrap_or((text, "*"));
        let from = self.segments.len();
        for segment in pattern.split('/') {
            self.segment(segment)?;
        }
        let open = self.segments.last() == Some(&Segment::Rest);
        let to = (!open).then_some(self.segments.len());
        let named = !field.is_empty() && !field.split('.').any(str::is_empty);
        named.then(|| self.variables.push(Variable { field: field.to_owned(), from, to }))
    }
}

impl Variable {
    /// The variable's text in a path of these segments, decoded: everything where it is one segment,
    /// everything but `%2F` where it may be several. `None` where the encoding is broken.
    pub(crate) fn text(&self, segments: &[&str]) -> Option<String> {
        let taken = &segments[self.from..self.to.unwrap_or(segments.len())];
        if self.to == Some(self.from + 1) {
            return percent::decode(taken[0]);
        }
        let decoded: Option<Vec<String>> =
            taken.iter().map(|segment| percent::decode_but_slashes(segment)).collect();
        Some(decoded?.join("/"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn literal(text: &str) -> Segment {
        Segment::Literal(text.to_owned())
    }

    #[test]
    fn a_template_is_taken_apart() {
        let template = Template::parse("/v1/{parent=tickets/*}/entries:batchGet").unwrap();
        let wanted = [literal("v1"), literal("tickets"), Segment::One, literal("entries")];
        assert_eq!(template.segments, wanted);
        assert_eq!(template.verb.as_deref(), Some("batchGet"));
        let parent = Variable { field: "parent".into(), from: 1, to: Some(3) };
        assert_eq!(template.variables, [parent]);

        let template = Template::parse("/v1/{ticket.name=files/**}:read").unwrap();
        assert_eq!(template.variables[0].to, None);
        assert_eq!(Template::parse("/v1/{id}").unwrap().segments[1], Segment::One);
    }

    #[test]
    fn what_is_no_template_is_refused() {
        let bad = [
            "",
            "v1",
            "/",
            "//",
            "/v1/",
            "/v1//a",
            "/v1/{a",
            "/v1/a}",
            "/v1/{}",
            "/v1/{=a}",
            "/v1/{a=b/}",
            "/v1/**/a",
            "/v1/a:",
            "/v1/{a..b}",
            "/v1/{a}b",
            "/v1/a*",
        ];
        for text in bad {
            assert!(Template::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_variable_of_several_segments_keeps_its_encoded_slashes() {
        let several = Variable { field: "name".into(), from: 1, to: Some(3) };
        let text = several.text(&["v1", "tickets", "a%2Fb%20%C3%A9"]);
        assert_eq!(text.as_deref(), Some("tickets/a%2Fb é"));
        let one = Variable { field: "id".into(), from: 1, to: Some(2) };
        assert_eq!(one.text(&["v1", "a%2fb"]).as_deref(), Some("a/b"));
        assert_eq!(one.text(&["v1", "%zz"]), None);
        assert_eq!(one.text(&["v1", "%ff"]), None);
    }
}
