//! Which questions are asked, by the answers before them: a pure function of the questionnaire and the
//! answers, so that the order in which somebody answers, or goes back, changes nothing.
//!
//! A question that is not asked has no answer as far as anything else is concerned: what was answered
//! before it was hidden counts in no condition, no total and no submission. A condition that cannot be
//! told, for want of an answer, does not hold.

use std::collections::{BTreeMap, HashSet};

use contracts::surveys::v1::SurveyFaultKind;
use kernel::expr::{Expr, Fields, Kind as Type, Problem, Value};
use serde::{Deserialize, Serialize};

use super::questionnaire::{Kind, Question, Questionnaire};

/// What conditions call the answers.
const ANSWERS: &str = "answers";
/// So many combinations of answers are tried in all to see whether the conditions of a draft can hold.
const TRIED: usize = 20_000;

/// An answer to a question, of its kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// The id of a choice.
    Choice(String),
    /// The ids of some.
    Choices(Vec<String>),
    /// A number of a scale.
    Number(i32),
    /// A text.
    Text(String),
}

/// Answers by the ids of their questions.
pub type Answers = BTreeMap<String, Answer>;

/// Something that keeps a draft from being published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What kind of fault it is.
    pub kind: SurveyFaultKind,
    /// The path below the questionnaire.
    pub field: String,
    /// The question's id; empty where it is none's.
    pub question: String,
    /// What is wrong there.
    pub description: String,
}

/// What becomes of a question.
#[expect(clippy::struct_excessive_bools, reason = "each is told by itself")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The question's id.
    pub question: String,
    /// Whether it is asked.
    pub visible: bool,
    /// Whether it must be answered.
    pub required: bool,
    /// Whether there is an answer to it that counts.
    pub answered: bool,
    /// Whether a condition of it could not be told.
    pub unknown: bool,
}

/// A questionnaire with its conditions read.
#[derive(Clone, Debug)]
pub struct Logic {
    questions: Vec<Read>,
    follow_up_if: Option<Expr>,
}

/// What answers lead to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    /// Every question, in its order.
    pub steps: Vec<Step>,
    /// What is wrong with the answers, by question.
    pub wrong: Vec<(String, String)>,
    /// Whether somebody must talk to who answered so.
    pub follow_up: bool,
}

impl Path {
    /// The questions that are asked, in their order.
    pub fn asked(&self) -> Vec<String> {
        let asked = self.steps.iter().filter(|step| step.visible);
        asked.map(|step| step.question.clone()).collect()
    }

    /// The answers that count: whole ones to questions that are asked.
    pub fn counting(&self, answers: &Answers) -> Answers {
        let counts = |id: &str| self.steps.iter().any(|step| step.question == id && step.answered);
        let counting = answers.iter().filter(|(id, _)| counts(id));
        counting.map(|(id, answer)| (id.clone(), answer.clone())).collect()
    }
}

#[derive(Clone, Debug)]
struct Read {
    question: Question,
    visible_if: Option<Expr>,
    required_if: Option<Expr>,
}

impl Logic {
    /// Reads a draft; or all that keeps it from being published.
    pub fn read(draft: &Questionnaire) -> Result<Self, Vec<Fault>> {
        Self::read_trying(draft, TRIED)
    }

    /// Reads what was published, and so needs no trial.
    pub fn read_published(questionnaire: &Questionnaire) -> Result<Self, Vec<Fault>> {
        Self::read_trying(questionnaire, 0)
    }

    fn read_trying(questionnaire: &Questionnaire, mut tries: usize) -> Result<Self, Vec<Fault>> {
        let mut faults = Vec::new();
        if questionnaire.questions.is_empty() {
            faults.push(Fault {
                kind: SurveyFaultKind::Empty,
                field: "questions".to_owned(),
                question: String::new(),
                description: "there is nothing to ask".to_owned(),
            });
        }
        missing_texts(questionnaire, &mut faults);
        let fields = fields(&questionnaire.questions);
        let mut questions = Vec::new();
        for (index, question) in questionnaire.questions.iter().enumerate() {
            let mut read = |field: &str, text: &str| {
                let read = condition(questionnaire, &fields, (index, text), &mut tries);
                let fault = |(kind, description)| Fault {
                    kind,
                    field: format!("questions[{index}].{field}"),
                    question: question.id.clone(),
                    description,
                };
                read.unwrap_or_else(|wrong| {
                    faults.push(fault(wrong));
                    None
                })
            };
            let visible_if = read("visible_if", &question.visible_if);
            let required_if = read("required_if", &question.required_if);
            questions.push(Read { question: question.clone(), visible_if, required_if });
        }
        let whole = questionnaire.questions.len();
        let last = (whole, questionnaire.follow_up_if.as_str());
        let read = condition(questionnaire, &fields, last, &mut tries);
        let follow_up_if = read.unwrap_or_else(|(kind, description)| {
            let (field, question) = ("follow_up_if".to_owned(), String::new());
            faults.push(Fault { kind, field, question, description });
            None
        });
        if faults.is_empty() { Ok(Self { questions, follow_up_if }) } else { Err(faults) }
    }

    /// What the answers lead to. Answers to what is not asked are passed over.
    pub fn replay(&self, answers: &Answers) -> Path {
        let mut row: Vec<Option<Value>> = vec![None; self.questions.len()];
        let (mut steps, mut wrong) = (Vec::new(), Vec::new());
        for (index, read) in self.questions.iter().enumerate() {
            let question = &read.question;
            let mut unknown = false;
            let mut holds = |condition: &Option<Expr>, usual: bool| {
                let Some(condition) = condition else { return usual };
                let told = condition.eval(&row);
                unknown |= told.is_none();
                told.unwrap_or_default()
            };
            let visible = holds(&read.visible_if, true);
            let required = visible && (question.required || holds(&read.required_if, false));
            let given = answers.get(&question.id).filter(|_| visible);
            match given.map(|given| value(question, given)) {
                Some(Ok(value)) => row[index] = Some(value),
                Some(Err(what)) => wrong.push((question.id.clone(), what)),
                None if required => {
                    wrong.push((question.id.clone(), "must be answered".to_owned()));
                }
                None => {}
            }
            steps.push(Step {
                question: question.id.clone(),
                visible,
                required,
                answered: row[index].is_some(),
                unknown,
            });
        }
        let known: HashSet<_> =
            self.questions.iter().map(|read| read.question.id.as_str()).collect();
        let strangers = answers.keys().filter(|id| !known.contains(id.as_str()));
        wrong.extend(strangers.map(|id| (id.clone(), "is no question of this survey".to_owned())));
        let follow_up = self.follow_up_if.as_ref().is_some_and(|one| one.eval(&row) == Some(true));
        Path { steps, wrong, follow_up }
    }
}

/// The answers as fields that conditions may read.
fn fields(questions: &[Question]) -> Fields {
    let mut fields = Fields::new();
    for question in questions {
        // Ids were checked to be names, each its own, when they were written.
        let _ = fields.add(&format!("{ANSWERS}.{}", question.id), type_of(&question.kind));
    }
    fields
}

const fn type_of(kind: &Kind) -> Type {
    match kind {
        Kind::SingleChoice(_) | Kind::ShortText | Kind::LongText => Type::Text,
        Kind::MultipleChoice { .. } => Type::Texts,
        Kind::Rating(_) | Kind::Nps | Kind::Csat(_) | Kind::Ces { .. } => Type::Int,
    }
}

/// A condition of the question at `index`; none where there is no text. Or what is wrong with it.
fn condition(
    questionnaire: &Questionnaire,
    fields: &Fields,
    (index, text): (usize, &str),
    tries: &mut usize,
) -> Result<Option<Expr>, (SurveyFaultKind, String)> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    let read = Expr::parse(text, fields).map_err(|refusal| {
        let kind = match refusal.problem {
            Problem::Undeclared(_) => SurveyFaultKind::UnknownReference,
            _ => SurveyFaultKind::Condition,
        };
        (kind, refusal.to_string())
    })?;
    if let Some(later) = read.fields().iter().find(|field| **field >= index) {
        let later = questionnaire.questions.get(*later).map_or("", |later| &later.id);
        let what = format!("`{later}` has no answer yet when this is asked");
        return Err((SurveyFaultKind::LaterReference, what));
    }
    if can_hold(&read, &questionnaire.questions, tries) {
        Ok(Some(read))
    } else {
        Err((SurveyFaultKind::Unreachable, "no answers make this hold".to_owned()))
    }
}

/// Whether some answers make a condition hold, as far as that can be tried: where a text is read, or
/// there are more combinations than `tries`, it may.
fn can_hold(condition: &Expr, questions: &[Question], tries: &mut usize) -> bool {
    let mut all = Vec::new();
    let mut count = 1_usize;
    for field in condition.fields() {
        let Some(values) = questions.get(*field).and_then(|question| values(&question.kind)) else {
            return true;
        };
        count = count.saturating_mul(values.len());
        all.push((*field, values));
    }
    let Some(left) = tries.checked_sub(count) else { return true };
    *tries = left;
    let mut row = vec![None; questions.len()];
    (0..count).any(|mut number| {
        for (field, values) in &all {
            row[*field].clone_from(&values[number % values.len()]);
            number /= values.len();
        }
        condition.eval(&row) == Some(true)
    })
}

/// All that can be answered to a question of this kind, no answer among it; `None` where that cannot be
/// told one by one.
fn values(kind: &Kind) -> Option<Vec<Option<Value>>> {
    let given: Vec<Value> = match kind {
        Kind::SingleChoice(choices) => {
            choices.iter().map(|choice| Value::Text(choice.id.clone())).collect()
        }
        Kind::MultipleChoice { choices, .. } if choices.len() <= 8 => (1..1_u32 << choices.len())
            .map(|chosen| {
                let chosen = choices.iter().enumerate().filter(|(bit, _)| chosen >> bit & 1 == 1);
                Value::Texts(chosen.map(|(_, choice)| choice.id.clone()).collect())
            })
            .collect(),
        Kind::MultipleChoice { .. } | Kind::ShortText | Kind::LongText => return None,
        Kind::Rating(_) | Kind::Nps | Kind::Csat(_) | Kind::Ces { .. } => {
            let (min, max) = kind.numbers()?;
            (min..=max).map(|number| Value::Int(number.into())).collect()
        }
    };
    Some(std::iter::once(None).chain(given.into_iter().map(Some)).collect())
}

/// What conditions see of an answer; or what is wrong with it.
fn value(question: &Question, answer: &Answer) -> Result<Value, String> {
    let kind = &question.kind;
    match (kind, answer) {
        (Kind::SingleChoice(choices), Answer::Choice(id)) => {
            let known = choices.iter().any(|choice| choice.id == *id);
            if known { Ok(Value::Text(id.clone())) } else { Err(format!("has no choice `{id}`")) }
        }
        (Kind::MultipleChoice { choices, min, max }, Answer::Choices(ids)) => {
            let unknown = ids.iter().find(|id| !choices.iter().any(|choice| choice.id == **id));
            if let Some(id) = unknown {
                return Err(format!("has no choice `{id}`"));
            }
            let twice = (1..ids.len()).any(|index| ids[..index].contains(&ids[index]));
            if twice || !(*min..=*max).contains(&ids.len()) {
                return Err(format!("takes {min} to {max} choices, each once"));
            }
            Ok(Value::Texts(ids.clone()))
        }
        (_, Answer::Number(number)) if kind.numbers().is_some() => {
            let (min, max) = kind.numbers().unwrap_or_default();
            if (min..=max).contains(number) {
                Ok(Value::Int((*number).into()))
            } else {
                Err(format!("takes a number of {min} to {max}"))
            }
        }
        (_, Answer::Text(text)) if kind.longest().is_some() => {
            let most = kind.longest().unwrap_or_default();
            if !text.trim().is_empty() && text.chars().count() <= most {
                Ok(Value::Text(text.clone()))
            } else {
                Err(format!("takes a text of at most {most} characters, and not an empty one"))
            }
        }
        _ => Err(format!("takes {}", taken(kind))),
    }
}

/// What a question of this kind takes, for who gave something else.
const fn taken(kind: &Kind) -> &'static str {
    match kind {
        Kind::SingleChoice(_) => "the id of one choice",
        Kind::MultipleChoice { .. } => "the ids of choices",
        Kind::Rating(_) | Kind::Nps | Kind::Csat(_) | Kind::Ces { .. } => "a number",
        Kind::ShortText | Kind::LongText => "a text",
    }
}

/// Notes each text that lacks words in the default language: what must be there, and what is there in
/// another language only.
fn missing_texts(questionnaire: &Questionnaire, faults: &mut Vec<Fault>) {
    for (field, texts) in questionnaire.texts() {
        let must = field.ends_with("title");
        let has = |text: Option<&String>| text.is_some_and(|text| !text.trim().is_empty());
        let has_any = texts.values().any(|text| !text.trim().is_empty());
        if has(texts.get(&questionnaire.default_locale)) || !must && !has_any {
            continue;
        }
        let index = field.strip_prefix("questions[").and_then(|rest| rest.split(']').next());
        let question = index
            .and_then(|index| questionnaire.questions.get(index.parse::<usize>().ok()?))
            .map_or_else(String::new, |question| question.id.clone());
        let description = format!("has no words in `{}`", questionnaire.default_locale);
        faults.push(Fault { kind: SurveyFaultKind::MissingText, field, question, description });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::questionnaire::samples::{choices, five, of, question};

    fn shown_if(question: Question, condition: &str) -> Question {
        Question { visible_if: condition.to_owned(), ..question }
    }

    /// How satisfied, why not, what else about the price, and a comment that must be given when both
    /// were bad.
    fn sample() -> Questionnaire {
        let reasons = Kind::MultipleChoice { choices: choices(&["price", "time"]), min: 1, max: 2 };
        let mut comment = question("comment", Kind::LongText);
        comment.required_if = "answers.overall == 1 && answers.price < 3".to_owned();
        let mut overall = question("overall", Kind::Csat(five()));
        overall.required = true;
        let questions = vec![
            overall,
            shown_if(question("reasons", reasons), "answers.overall <= 2"),
            shown_if(question("price", Kind::Rating(five())), "'price' in answers.reasons"),
            comment,
        ];
        let follow_up_if = "answers.overall <= 2 || answers.price == 1".to_owned();
        Questionnaire { follow_up_if, ..of(questions) }
    }

    fn logic() -> Logic {
        Logic::read(&sample()).unwrap()
    }

    fn answers(all: &[(&str, Answer)]) -> Answers {
        all.iter().map(|(id, answer)| ((*id).to_owned(), answer.clone())).collect()
    }

    fn visible(given: &Answers) -> Vec<String> {
        logic().replay(given).asked()
    }

    fn price() -> Answer {
        Answer::Choices(vec!["price".to_owned()])
    }

    #[test]
    fn answers_lead_to_questions() {
        assert_eq!(visible(&answers(&[])), ["overall", "comment"]);
        assert_eq!(visible(&answers(&[("overall", Answer::Number(4))])), ["overall", "comment"]);
        let bad = answers(&[("overall", Answer::Number(1)), ("reasons", price())]);
        assert_eq!(visible(&bad), ["overall", "reasons", "price", "comment"]);
    }

    #[test]
    fn what_is_hidden_counts_nowhere() {
        // The reasons were given before the rating was changed to a good one.
        let given = answers(&[
            ("overall", Answer::Number(5)),
            ("reasons", price()),
            ("price", Answer::Number(1)),
        ]);
        let Path { steps, wrong, follow_up } = logic().replay(&given);
        assert!(!follow_up, "what is hidden asks for nothing");
        assert_eq!(visible(&given), ["overall", "comment"]);
        assert!(!steps[1].answered && !steps[2].answered && steps[2].unknown);
        assert_eq!(wrong, []);
    }

    #[test]
    fn a_bad_answer_asks_for_a_follow_up() {
        let follow_up =
            |number| logic().replay(&answers(&[("overall", Answer::Number(number))])).follow_up;
        assert_eq!([1, 2, 3, 9].map(follow_up), [true, true, false, false]);
        assert!(!logic().replay(&Answers::new()).follow_up, "what cannot be told does not hold");
        let draft = Questionnaire { follow_up_if: "answers.nobody == 1".to_owned(), ..sample() };
        let faults = Logic::read(&draft).unwrap_err();
        assert_eq!(faults[0].kind, SurveyFaultKind::UnknownReference);
        assert_eq!(faults[0].field, "follow_up_if");
    }

    #[test]
    fn what_must_be_answered_is_found_afresh() {
        let wrong = |given: &[(&str, Answer)]| logic().replay(&answers(given)).wrong;
        let one = |question: &str, what: &str| vec![(question.to_owned(), what.to_owned())];
        assert_eq!(wrong(&[]), one("overall", "must be answered"));
        let bad =
            [("overall", Answer::Number(1)), ("reasons", price()), ("price", Answer::Number(2))];
        assert_eq!(wrong(&bad), one("comment", "must be answered"));
        let better = [bad[0].clone(), bad[1].clone(), ("price", Answer::Number(3))];
        assert_eq!(wrong(&better), []);
    }

    #[test]
    fn an_answer_is_of_its_question() {
        let wrong = |question: &str, answer: Answer| {
            let mut given = answers(&[("overall", Answer::Number(1)), ("reasons", price())]);
            given.insert(question.to_owned(), answer);
            let wrong = logic().replay(&given).wrong;
            wrong.into_iter().map(|(id, what)| format!("{id} {what}")).collect::<Vec<_>>()
        };
        let twice = Answer::Choices(vec!["price".to_owned(), "price".to_owned()]);
        for (question, answer, what) in [
            ("overall", Answer::Number(0), "overall takes a number of 1 to 5"),
            ("overall", Answer::Text("5".to_owned()), "overall takes a number"),
            ("reasons", Answer::Choices(vec!["rain".to_owned()]), "reasons has no choice `rain`"),
            ("reasons", Answer::Choices(Vec::new()), "reasons takes 1 to 2 choices, each once"),
            ("reasons", twice, "reasons takes 1 to 2 choices, each once"),
            ("reasons", Answer::Choice("price".to_owned()), "reasons takes the ids of choices"),
            (
                "comment",
                Answer::Text(" ".to_owned()),
                "comment takes a text of at most 5000 characters, and not an empty one",
            ),
            ("weather", Answer::Number(1), "weather is no question of this survey"),
        ] {
            assert_eq!(wrong(question, answer), [what]);
        }
    }

    #[test]
    fn every_fault_of_a_draft_is_named() {
        use SurveyFaultKind::{
            Condition, LaterReference, MissingText, UnknownReference, Unreachable,
        };
        let mut draft = sample();
        draft.questions[0].title.clear();
        draft.questions[0].visible_if = "answers.overall == 1".to_owned();
        draft.questions[1].visible_if = "answers.overall > 5 && has(answers.overall)".to_owned();
        draft.questions[2].visible_if = "answers.weather == 'rain'".to_owned();
        draft.questions[3].required_if = "answers.overall == '1'".to_owned();
        draft.questions[3].help.insert("zh".to_owned(), "请说明".to_owned());
        let faults = Logic::read(&draft).unwrap_err();
        let told: Vec<_> = faults.iter().map(|one| (one.kind, one.field.as_str())).collect();
        assert_eq!(
            told,
            [
                (MissingText, "questions[0].title"),
                (MissingText, "questions[3].help"),
                (LaterReference, "questions[0].visible_if"),
                (Unreachable, "questions[1].visible_if"),
                (UnknownReference, "questions[2].visible_if"),
                (Condition, "questions[3].required_if"),
            ]
        );
        assert_eq!(faults[5].question, "comment");
        let nothing = Logic::read(&of(Vec::new())).unwrap_err();
        assert_eq!(nothing[0].kind, SurveyFaultKind::Empty);
    }

    fn some_answer() -> impl Strategy<Value = (String, Answer)> {
        let id = prop_oneof![Just("overall"), Just("reasons"), Just("price"), Just("comment")];
        let answer = prop_oneof![
            (0..7).prop_map(Answer::Number),
            prop::sample::subsequence(vec!["price".to_owned(), "time".to_owned()], 0..=2)
                .prop_map(Answer::Choices),
            "[ab ]{0,3}".prop_map(Answer::Text),
        ];
        (id.prop_map(str::to_owned), answer)
    }

    proptest! {
        #[test]
        fn whoever_goes_back_finds_what_they_would_have_found_at_first(
            given in prop::collection::vec((some_answer(), any::<bool>()), 0..12),
        ) {
            // Answers are given, taken back and changed; a screen shows each time what is asked then.
            let (mut now, logic) = (Answers::new(), logic());
            let mut shown = logic.replay(&now);
            for ((id, answer), kept) in given {
                let before = shown.steps;
                let at = before.iter().position(|step| step.question == id).unwrap();
                if kept { now.insert(id, answer); } else { now.remove(&id); }
                shown = logic.replay(&now);
                // What stands before the question is as it was.
                prop_assert_eq!(&shown.steps[..at], &before[..at]);
            }
            let visible = |id: &str| shown.steps.iter().any(|step| step.question == id && step.visible);
            let fresh: Answers =
                now.iter().filter(|(id, _)| visible(id)).map(|(id, one)| (id.clone(), one.clone())).collect();
            prop_assert_eq!(logic.replay(&fresh), shown);
        }
    }
}
