//! Between the contract's questions and the index's.

use contracts::knowledge::v1 as pb;
use kernel::{ArticleId, Time, Violations};
use rpc::Call;
use search::{Filter, Hit, Marked, Stage};

use crate::{
    convert,
    domain::{audience::Reader, revision},
};

/// The reader of a search: the caller, or one who sees less where the caller asks for that.
pub(crate) fn reader(call: &Call, audience: i32, violations: &mut Violations) -> Reader {
    let level = pb::AudienceLevel::try_from(audience);
    violations.check(level.is_ok(), "audience", "is none that there is");
    convert::reader(call).no_further_than(level.unwrap_or_default())
}

/// What this reader may find at an instant.
pub(crate) fn filter(reader: &Reader, at: Time) -> Filter {
    Filter {
        reader: search::Reader {
            level: reader.level as u8,
            groups: reader.teams.clone().unwrap_or_default(),
            all_groups: reader.teams.is_none(),
        },
        at: at.micros(),
        ..Filter::default()
    }
}

/// How many results are asked for: 0 means `usual`, more than `most` means `most`; fewer than none is a
/// violation.
pub(crate) fn size(asked: i32, usual: usize, most: usize, violations: &mut Violations) -> usize {
    violations.check(asked >= 0, "page_size", "must not be negative");
    match usize::try_from(asked) {
        Ok(0) | Err(_) => usual,
        Ok(asked) => asked.min(most),
    }
}

/// The products of a search, by id; more than `most`, or another form, is a violation.
pub(crate) fn products(given: &[String], most: usize, violations: &mut Violations) -> Vec<String> {
    violations.check(given.len() <= most, "products", &format!("must be at most {most}"));
    let id = |(index, name): (usize, &String)| {
        convert::product_id(name, &format!("products[{index}]"), violations)
    };
    given.iter().take(most).enumerate().map(id).collect()
}

/// How something was found.
pub(crate) fn stage(stage: Stage) -> pb::SearchStage {
    match stage {
        Stage::All => pb::SearchStage::All,
        Stage::Most => pb::SearchStage::Most,
        Stage::Any => pb::SearchStage::Any,
    }
}

/// A kind by its name in the index.
pub(crate) fn kind(name: &str) -> pb::ArticleKind {
    pb::ArticleKind::from_str_name(name).unwrap_or_default()
}

/// An article that was found.
pub(crate) fn result(hit: &Hit) -> pb::SearchResult {
    let article = ArticleId::from(hit.article);
    pb::SearchResult {
        article: article.name(),
        revision: revision::name(article, hit.revision),
        locale: hit.locale.clone(),
        kind: kind(&hit.kind).into(),
        title: hit.title.text.clone(),
        snippet: hit.snippet.text.clone(),
        similar_question: hit.question.as_ref().map(|one| one.text.clone()).unwrap_or_default(),
        title_spans: spans(&hit.title),
        snippet_spans: spans(&hit.snippet),
        score: f64::from(hit.score),
    }
}

/// What is marked in a text, in code points.
fn spans(marked: &Marked) -> Vec<pb::Span> {
    let (mut spans, mut byte, mut point) = (Vec::with_capacity(marked.marks.len()), 0, 0);
    let mut to = |end: usize| {
        point += marked.text.get(byte..end).map_or(0, |part| part.chars().count());
        byte = end;
        i32::try_from(point).unwrap_or(i32::MAX)
    };
    for mark in &marked.marks {
        let start = to(mark.start);
        spans.push(pb::Span { start, end: to(mark.end) });
    }
    spans
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_told_in_code_points() {
        let text = "保修 期限".to_owned();
        let marked = Marked { text, marks: vec![0..6, 7..13], before: false, after: false };
        let told: Vec<_> = spans(&marked).iter().map(|span| (span.start, span.end)).collect();
        assert_eq!(told, [(0, 2), (3, 5)]);
    }
}
