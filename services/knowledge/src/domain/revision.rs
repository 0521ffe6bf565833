//! What an article says in one language.

use kernel::{ArticleId, Time, Violations};
use serde::{Deserialize, Serialize};

/// The longest title, in characters.
pub const MAX_TITLE: usize = 200;
/// The longest body.
pub const MAX_BODY: usize = 100_000;
/// The longest similar question.
pub const MAX_QUESTION: usize = 300;
/// The most similar questions.
pub const MAX_QUESTIONS: usize = 500;
/// The longest note.
pub const MAX_NOTE: usize = 500;

/// The words of a revision.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Words {
    /// The question or heading.
    pub title: String,
    /// The answer, in Markdown.
    pub body: String,
    /// Other ways to ask the question.
    pub questions: Vec<String>,
}

impl Words {
    /// Notes what is wrong with them; `at` gives the path of a field of the contract.
    pub fn check(&self, at: impl Fn(&str) -> String, violations: &mut Violations) {
        violations.text(&at("title"), &self.title, 1, MAX_TITLE);
        violations.text(&at("body"), &self.body, 1, MAX_BODY);
        let questions = at("similar_questions");
        let fits = self.questions.len() <= MAX_QUESTIONS;
        violations.check(fits, &questions, "must be at most 500");
        for (index, question) in self.questions.iter().take(MAX_QUESTIONS).enumerate() {
            violations.text(&format!("{questions}[{index}]"), question, 1, MAX_QUESTION);
        }
    }

    /// The fields of the contract in which these differ from others.
    pub fn differences(&self, other: &Self) -> Vec<&'static str> {
        let differ = [
            ("title", self.title != other.title),
            ("body", self.body != other.body),
            ("similar_questions", self.questions != other.questions),
        ];
        differ.into_iter().filter(|(_, differs)| *differs).map(|(field, _)| field).collect()
    }

    /// The fields that both of these changed, otherwise than each other, since `base`.
    pub fn conflicts(&self, theirs: &Self, base: &Self) -> Vec<&'static str> {
        let (ours, other) = (self.differences(base), theirs.differences(base));
        let unlike = self.differences(theirs);
        ours.into_iter().filter(|f| other.contains(f) && unlike.contains(f)).collect()
    }
}

/// An immutable version of what an article says in one language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision {
    /// The article.
    pub article: ArticleId,
    /// Its place among the article's revisions, from 1.
    pub number: i64,
    /// The language, a BCP 47 tag.
    pub locale: String,
    /// What it says.
    pub words: Words,
    /// The latest revision in this language that its author saw; 0 for the first.
    pub base: i64,
    /// What was changed and why.
    pub note: String,
    /// What kind of principal wrote it.
    pub actor_kind: String,
    /// Who wrote it.
    pub actor: String,
    /// When it was written.
    pub created_at: Time,
}

impl Revision {
    /// Its resource name.
    pub fn name(&self) -> String {
        name(self.article, self.number)
    }
}

/// The resource name of a revision.
pub fn name(article: ArticleId, number: i64) -> String {
    format!("{}/revisions/{number}", article.name())
}

/// The article and the number in a revision's name; `None` where the name has another form.
pub fn parse_name(name: &str) -> Option<(ArticleId, i64)> {
    let (article, number) = name.rsplit_once("/revisions/")?;
    let canonical = |text: &str| text.parse::<i64>().ok().filter(|n| n.to_string() == text);
    Some((ArticleId::parse_name(article)?, canonical(number).filter(|number| *number > 0)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(title: &str, body: &str) -> Words {
        Words { title: title.to_owned(), body: body.to_owned(), questions: Vec::new() }
    }

    #[test]
    fn a_name_has_one_form() {
        let id = ArticleId::from(uuid::Uuid::from_u128(7));
        assert_eq!(parse_name(&name(id, 12)), Some((id, 12)));
        for wrong in ["0", "01", "+1", "-1", "x", "", "9223372036854775808"] {
            assert_eq!(parse_name(&format!("{}/revisions/{wrong}", id.name())), None, "{wrong}");
        }
    }

    #[test]
    fn what_both_changed_otherwise_is_in_conflict() {
        let base = words("a", "b");
        assert_eq!(words("x", "b").conflicts(&words("a", "y"), &base), Vec::<&str>::new());
        assert_eq!(words("x", "z").conflicts(&words("x", "y"), &base), ["body"]);
        assert_eq!(words("x", "b").conflicts(&words("y", "b"), &base), ["title"]);
    }

    #[test]
    fn every_fault_of_words_is_told() {
        let mut wrong = words("", &"b".repeat(MAX_BODY + 1));
        wrong.questions = vec!["q".to_owned(), String::new()];
        let mut violations = Violations::new();
        wrong.check(|field| format!("revision.{field}"), &mut violations);
        let fields: Vec<_> = violations.as_slice().iter().map(|v| v.field.as_str()).collect();
        let expected = ["revision.title", "revision.body", "revision.similar_questions[1]"];
        assert_eq!(fields, expected);
    }
}
