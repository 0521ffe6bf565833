//! What is asked: questions, their answers' kinds, and the words for them. Stored as it is here.
//!
//! A draft is right in its form ([`Questionnaire::check`]) and may still lack words or hold conditions
//! that make no sense; that is found before it is published ([`super::logic`]).

use std::collections::{BTreeMap, BTreeSet};

use kernel::{Violations, id::is_language_tag};
use serde::{Deserialize, Serialize};

/// The most questions.
pub const MAX_QUESTIONS: usize = 100;
/// The most choices of a question.
pub const MAX_CHOICES: usize = 50;
const MIN_CHOICES: usize = 2;
/// The longest id of a question or a choice.
pub const MAX_ID: usize = 40;
const MAX_LOCALES: usize = 20;
const MAX_SPEECH: usize = 1_000;
const MAX_TITLE: usize = 500;
const MAX_CHOICE: usize = 200;
const MAX_END: usize = 100;
const MAX_CONDITION: usize = 2_000;
/// The scales for which it is defined which answers are satisfied ones.
const CSAT_TOPS: [i32; 6] = [3, 4, 5, 6, 7, 10];

/// A text by language tag.
pub type Texts = BTreeMap<String, String>;

/// What is asked, in its order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Questionnaire {
    /// The language that every text has.
    pub default_locale: String,
    /// What stands above the first question.
    pub welcome: Texts,
    /// The questions.
    pub questions: Vec<Question>,
    /// What is said at the end.
    pub thanks: Texts,
    /// When somebody must talk to who answered; never where it is empty.
    pub follow_up_if: String,
}

/// One question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// What conditions and answers call it.
    pub id: String,
    /// What kind of answer it takes.
    pub kind: Kind,
    /// The question.
    pub title: Texts,
    /// What stands below it.
    pub help: Texts,
    /// When it is asked; always where it is empty.
    pub visible_if: String,
    /// Whether it must be answered when it is asked.
    pub required: bool,
    /// When it must be answered besides.
    pub required_if: String,
}

/// What kind of answer a question takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// One of these.
    SingleChoice(Vec<Choice>),
    /// Some of these.
    MultipleChoice {
        /// What can be chosen.
        choices: Vec<Choice>,
        /// How many at least, where it is answered.
        min: usize,
        /// How many at most.
        max: usize,
    },
    /// A number of a scale.
    Rating(Scale),
    /// How likely somebody would recommend, 0 to 10.
    Nps,
    /// How satisfied somebody is.
    Csat(Scale),
    /// How much effort it took.
    Ces {
        /// The numbers.
        scale: Scale,
        /// Whether the lowest is the good one.
        low_is_good: bool,
    },
    /// A line of text.
    ShortText,
    /// Some lines.
    LongText,
}

/// Something that can be chosen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// What conditions and answers call it.
    pub id: String,
    /// What it says.
    pub title: Texts,
}

/// The numbers that can be answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scale {
    /// The lowest.
    pub min: i32,
    /// The highest.
    pub max: i32,
    /// What the lowest means.
    pub low: Texts,
    /// What the highest means.
    pub high: Texts,
}

impl Kind {
    /// What can be chosen; nothing where nothing is.
    pub fn choices(&self) -> &[Choice] {
        match self {
            Self::SingleChoice(choices) | Self::MultipleChoice { choices, .. } => choices,
            Self::Rating(_)
            | Self::Nps
            | Self::Csat(_)
            | Self::Ces { .. }
            | Self::ShortText
            | Self::LongText => &[],
        }
    }

    /// The scale that its author gave it.
    pub const fn scale(&self) -> Option<&Scale> {
        match self {
            Self::Rating(scale) | Self::Csat(scale) | Self::Ces { scale, .. } => Some(scale),
            Self::SingleChoice(_)
            | Self::MultipleChoice { .. }
            | Self::Nps
            | Self::ShortText
            | Self::LongText => None,
        }
    }

    /// The numbers that can be answered, the lowest and the highest.
    pub fn numbers(&self) -> Option<(i32, i32)> {
        match self {
            Self::Nps => Some((0, 10)),
            other => other.scale().map(|scale| (scale.min, scale.max)),
        }
    }

    /// The longest text that can be answered, in characters.
    pub const fn longest(&self) -> Option<usize> {
        match self {
            Self::ShortText => Some(200),
            Self::LongText => Some(5_000),
            Self::SingleChoice(_)
            | Self::MultipleChoice { .. }
            | Self::Rating(_)
            | Self::Nps
            | Self::Csat(_)
            | Self::Ces { .. } => None,
        }
    }

    /// Whether answers to a question of this kind and of another mean the same: whether scores may go on.
    fn means(&self, other: &Self) -> bool {
        let ids = |kind: &Self| -> BTreeSet<String> {
            kind.choices().iter().map(|choice| choice.id.clone()).collect()
        };
        let low_is_good = |kind: &Self| matches!(kind, Self::Ces { low_is_good: true, .. });
        std::mem::discriminant(self) == std::mem::discriminant(other)
            && self.numbers() == other.numbers()
            && ids(self) == ids(other)
            && low_is_good(self) == low_is_good(other)
    }
}

impl Questionnaire {
    /// Notes what is wrong with its form; `at` is the path of the questionnaire.
    pub fn check(&self, at: &str, violations: &mut Violations) {
        let locale = is_language_tag(&self.default_locale);
        let form = "must be a BCP 47 tag such as `zh` or `en`";
        violations.check(locale, &format!("{at}.default_locale"), form);
        check_texts(&format!("{at}.welcome"), &self.welcome, MAX_SPEECH, violations);
        check_texts(&format!("{at}.thanks"), &self.thanks, MAX_SPEECH, violations);
        violations.text(&format!("{at}.follow_up_if"), &self.follow_up_if, 0, MAX_CONDITION);
        let few = self.questions.len() <= MAX_QUESTIONS;
        violations.check(few, &format!("{at}.questions"), "must be at most 100");
        let mut ids = BTreeSet::new();
        for (index, question) in self.questions.iter().take(MAX_QUESTIONS).enumerate() {
            let at = format!("{at}.questions[{index}]");
            check_id(&format!("{at}.id"), &question.id, &mut ids, violations);
            question.check(&at, violations);
        }
    }

    /// Whether the scores of one that comes after go on from those of this one: no question that both
    /// have was changed in what it asks for.
    pub fn continues_in(&self, next: &Self) -> bool {
        self.questions.iter().all(|before| {
            let after = next.questions.iter().find(|after| after.id == before.id);
            after.is_none_or(|after| before.kind.means(&after.kind))
        })
    }

    /// Each text that must have words in the default language, with its path below the questionnaire.
    pub fn texts(&self) -> Vec<(String, &Texts)> {
        let mut texts =
            vec![("welcome".to_owned(), &self.welcome), ("thanks".to_owned(), &self.thanks)];
        for (index, question) in self.questions.iter().enumerate() {
            let at = |field: &str| format!("questions[{index}].{field}");
            texts.push((at("title"), &question.title));
            texts.push((at("help"), &question.help));
            for (number, choice) in question.kind.choices().iter().enumerate() {
                texts.push((at(&format!("choices[{number}].title")), &choice.title));
            }
            if let Some(scale) = question.kind.scale() {
                texts.push((at("scale.low"), &scale.low));
                texts.push((at("scale.high"), &scale.high));
            }
        }
        texts
    }
}

impl Question {
    fn check(&self, at: &str, violations: &mut Violations) {
        check_texts(&format!("{at}.title"), &self.title, MAX_TITLE, violations);
        check_texts(&format!("{at}.help"), &self.help, MAX_TITLE, violations);
        violations.text(&format!("{at}.visible_if"), &self.visible_if, 0, MAX_CONDITION);
        violations.text(&format!("{at}.required_if"), &self.required_if, 0, MAX_CONDITION);
        match &self.kind {
            Kind::SingleChoice(choices) => check_choices(at, choices, violations),
            Kind::MultipleChoice { choices, min, max } => {
                check_choices(at, choices, violations);
                let right = (1..=choices.len().max(1)).contains(min);
                let why = "must be at least 1, and no more than there are choices";
                violations.check(right, &format!("{at}.min_choices"), why);
                let right = *max >= *min && *max <= choices.len().max(1);
                let why = "must not be less than `min_choices`, nor more than there are choices";
                violations.check(right, &format!("{at}.max_choices"), why);
            }
            Kind::Rating(scale) | Kind::Ces { scale, .. } => scale.check(at, violations),
            Kind::Csat(scale) => {
                scale.check(at, violations);
                let defined = scale.min == 1 && CSAT_TOPS.contains(&scale.max);
                let why = "of a CSAT must be 1 to 3, 4, 5, 6, 7 or 10";
                violations.check(defined, &format!("{at}.scale"), why);
            }
            Kind::Nps | Kind::ShortText | Kind::LongText => {}
        }
    }
}

impl Scale {
    fn check(&self, at: &str, violations: &mut Violations) {
        let min = format!("{at}.scale.min");
        violations.check((0..=1).contains(&self.min), &min, "must be 0 or 1");
        let max = format!("{at}.scale.max");
        violations.check((3..=10).contains(&self.max), &max, "must be 3 to 10");
        check_texts(&format!("{at}.scale.low"), &self.low, MAX_END, violations);
        check_texts(&format!("{at}.scale.high"), &self.high, MAX_END, violations);
    }
}

fn check_choices(at: &str, choices: &[Choice], violations: &mut Violations) {
    let right = (MIN_CHOICES..=MAX_CHOICES).contains(&choices.len());
    violations.check(right, &format!("{at}.choices"), "must be 2 to 50");
    let mut ids = BTreeSet::new();
    for (index, choice) in choices.iter().take(MAX_CHOICES).enumerate() {
        let at = format!("{at}.choices[{index}]");
        check_id(&format!("{at}.id"), &choice.id, &mut ids, violations);
        check_texts(&format!("{at}.title"), &choice.title, MAX_CHOICE, violations);
    }
}

fn check_id<'a>(
    field: &str,
    id: &'a str,
    seen: &mut BTreeSet<&'a str>,
    violations: &mut Violations,
) {
    let form = "must be a lower-case letter, then lower-case letters, digits and `_`, at most 40 \
                characters, and no word that conditions are written with";
    violations.check(is_id(id), field, form);
    violations.check(seen.insert(id), field, "is another's already");
}

/// Whether a text may name a question or a choice. What means something in CEL may not.
fn is_id(text: &str) -> bool {
    const TAKEN: [&str; 6] = ["true", "false", "null", "in", "has", "size"];
    text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.len() <= MAX_ID
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        && !TAKEN.contains(&text)
}

fn check_texts(field: &str, texts: &Texts, max: usize, violations: &mut Violations) {
    violations.check(texts.len() <= MAX_LOCALES, field, "must be in at most 20 languages");
    for (locale, text) in texts.iter().take(MAX_LOCALES) {
        let form = "has a language that is no BCP 47 tag such as `zh` or `en`";
        violations.check(is_language_tag(locale), field, form);
        violations.text(field, text, 0, max);
    }
}

#[cfg(test)]
pub(crate) mod samples {
    use super::*;

    /// A text in English.
    pub(crate) fn en(text: &str) -> Texts {
        Texts::from([("en".to_owned(), text.to_owned())])
    }

    /// A question that is always asked and need not be answered.
    pub(crate) fn question(id: &str, kind: Kind) -> Question {
        Question {
            id: id.to_owned(),
            kind,
            title: en("?"),
            help: Texts::new(),
            visible_if: String::new(),
            required: false,
            required_if: String::new(),
        }
    }

    /// Choices of these ids.
    pub(crate) fn choices(ids: &[&str]) -> Vec<Choice> {
        ids.iter().map(|id| Choice { id: (*id).to_owned(), title: en(id) }).collect()
    }

    /// One to five.
    pub(crate) fn five() -> Scale {
        Scale { min: 1, max: 5, low: Texts::new(), high: Texts::new() }
    }

    /// A questionnaire in English.
    pub(crate) fn of(questions: Vec<Question>) -> Questionnaire {
        Questionnaire { default_locale: "en".to_owned(), questions, ..Questionnaire::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::{samples::*, *};

    fn wrong(questionnaire: &Questionnaire) -> Vec<String> {
        let mut violations = Violations::new();
        questionnaire.check("draft", &mut violations);
        violations.as_slice().iter().map(|one| one.field.clone()).collect()
    }

    #[test]
    fn the_form_is_checked_with_all_its_faults() {
        let right = of(vec![
            question("overall", Kind::Csat(five())),
            question(
                "reasons",
                Kind::MultipleChoice { choices: choices(&["a", "b"]), min: 1, max: 2 },
            ),
            question("nps", Kind::Nps),
        ]);
        assert_eq!(wrong(&right), [""; 0]);
        let odd = Scale { min: 0, ..five() };
        let wrong_one = Questionnaire {
            default_locale: "no tag".to_owned(),
            ..of(vec![
                question("in", Kind::Nps),
                question("b", Kind::Csat(odd)),
                question("b", Kind::SingleChoice(choices(&["x", "x"]))),
                question(
                    "c",
                    Kind::MultipleChoice { choices: choices(&["x", "y"]), min: 2, max: 1 },
                ),
                question("d", Kind::SingleChoice(choices(&["x"]))),
            ])
        };
        assert_eq!(
            wrong(&wrong_one),
            [
                "draft.default_locale",
                "draft.questions[0].id",
                "draft.questions[1].scale",
                "draft.questions[2].id",
                "draft.questions[2].choices[1].id",
                "draft.questions[3].max_choices",
                "draft.questions[4].choices",
            ]
        );
    }

    #[test]
    fn scores_go_on_where_what_is_asked_for_is_the_same() {
        let before = of(vec![question("a", Kind::Csat(five())), question("b", Kind::Nps)]);
        let mut words = before.clone();
        words.questions[0].title = en("How satisfied are you?");
        words.questions.push(question("c", Kind::ShortText));
        words.questions.remove(1);
        assert!(before.continues_in(&words));
        let wider = Scale { max: 7, ..five() };
        for other in [Kind::Csat(wider), Kind::Rating(five()), Kind::Nps] {
            let mut after = before.clone();
            after.questions[0].kind = other.clone();
            assert!(!before.continues_in(&after), "{other:?}");
        }
    }
}
