//! From a form to answers, and what is to be done with them.
//!
//! A form holds the questions that were asked when it was shown, and names them. Of these it has the
//! last word, an empty field too; what was answered to others before stays as it was.

use std::collections::HashMap;

use contracts::surveys::v1::{
    Answer, Choices, InvitedSurvey, Question, QuestionKind, SurveyStep, answer::Value,
};

use crate::pages::Fields;

/// The field that names the questions of a form.
pub(super) const SHOWN: &str = "shown";

/// The field of a question, and of what is wrong with its answer.
pub(super) fn field(question: &str) -> String {
    format!("answers.{question}")
}

/// What was answered, and which questions were asked.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Given {
    pub(super) answers: Vec<Answer>,
    pub(super) shown: Vec<String>,
}

impl Given {
    /// What a form gives, beside what is kept.
    pub(super) fn read(fields: &Fields, survey: &InvitedSurvey) -> Self {
        let shown: Vec<String> = fields.values(SHOWN).map(str::to_owned).collect();
        let answer = |question: &Question| {
            let value = if shown.contains(&question.id) {
                written(fields, question)
            } else {
                value(&survey.answers, &question.id).cloned()
            };
            Some(Answer { question: question.id.clone(), value: Some(value?) })
        };
        let answers = questions(survey).iter().filter_map(answer).collect();
        Self { answers, shown }
    }

    /// Whether it is what is kept already.
    pub(super) fn is_kept(&self, survey: &InvitedSurvey) -> bool {
        let by_question = |answers: &[Answer]| -> HashMap<String, Value> {
            let given =
                answers.iter().filter_map(|one| Some((one.question.clone(), one.value.clone()?)));
            given.collect()
        };
        by_question(&self.answers) == by_question(&survey.answers)
    }

    /// The first question that is asked now and was not when the form was shown.
    pub(super) fn new_question(&self, steps: &[SurveyStep]) -> Option<String> {
        let is_new = |step: &&SurveyStep| step.visible && !self.shown.contains(&step.question);
        steps.iter().find(is_new).map(|step| step.question.clone())
    }

    /// The questions of the form whose answer is missing, or cannot be taken.
    pub(super) fn faults(&self, steps: &[SurveyStep]) -> Vec<String> {
        let given = |id: &str| value(&self.answers, id).is_some();
        let is_wrong = |step: &&SurveyStep| {
            let wanted = step.required || given(&step.question);
            step.visible && wanted && !step.answered && self.shown.contains(&step.question)
        };
        steps.iter().filter(is_wrong).map(|step| step.question.clone()).collect()
    }
}

/// The questions of a survey.
pub(super) fn questions(survey: &InvitedSurvey) -> &[Question] {
    survey.questionnaire.as_ref().map_or(&[], |questionnaire| &questionnaire.questions)
}

/// What was answered to a question.
pub(super) fn value<'a>(answers: &'a [Answer], question: &str) -> Option<&'a Value> {
    answers.iter().find(|answer| answer.question == question)?.value.as_ref()
}

/// The numbers that can be answered to a question; `None` where it takes no number.
pub(super) fn scale(question: &Question) -> Option<(i32, i32)> {
    match question.kind() {
        QuestionKind::Nps => Some((0, 10)),
        QuestionKind::Rating | QuestionKind::Csat | QuestionKind::Ces => {
            question.scale.as_ref().map(|scale| (scale.min, scale.max))
        }
        QuestionKind::Unspecified
        | QuestionKind::SingleChoice
        | QuestionKind::MultipleChoice
        | QuestionKind::ShortText
        | QuestionKind::LongText => None,
    }
}

/// The answers to begin with: those that are kept, and numbers that the address of the page brings.
pub(super) fn begun(survey: &InvitedSurvey, numbers: &[(String, i32)]) -> Vec<Answer> {
    let answer = |question: &Question| {
        let kept = || value(&survey.answers, &question.id).cloned();
        let value = brought(question, numbers).or_else(kept)?;
        Some(Answer { question: question.id.clone(), value: Some(value) })
    };
    questions(survey).iter().filter_map(answer).collect()
}

/// Whether an address brings an answer to any question.
pub(super) fn brings(survey: &InvitedSurvey, numbers: &[(String, i32)]) -> bool {
    questions(survey).iter().any(|question| brought(question, numbers).is_some())
}

fn brought(question: &Question, numbers: &[(String, i32)]) -> Option<Value> {
    let (min, max) = scale(question)?;
    let (_, number) = numbers.iter().find(|(id, _)| *id == question.id)?;
    (min..=max).contains(number).then_some(Value::Number(*number))
}

/// What a form says to a question that it holds.
fn written(fields: &Fields, question: &Question) -> Option<Value> {
    let name = field(&question.id);
    match question.kind() {
        QuestionKind::Unspecified => None,
        QuestionKind::SingleChoice => {
            let choice = fields.value(&name).filter(|choice| !choice.is_empty())?;
            Some(Value::Choice(choice.to_owned()))
        }
        QuestionKind::MultipleChoice => {
            let ids: Vec<String> = fields.values(&name).map(str::to_owned).collect();
            (!ids.is_empty()).then_some(Value::Choices(Choices { ids }))
        }
        QuestionKind::Rating | QuestionKind::Nps | QuestionKind::Csat | QuestionKind::Ces => {
            fields.value(&name)?.parse().ok().map(Value::Number)
        }
        QuestionKind::ShortText | QuestionKind::LongText => {
            let text = fields.text(&name);
            (!text.is_empty()).then_some(Value::Text(text))
        }
    }
}

#[cfg(test)]
mod tests {
    use contracts::surveys::v1::{Questionnaire, Scale};

    use super::*;

    fn question(id: &str, kind: QuestionKind) -> Question {
        let scale =
            (kind == QuestionKind::Csat).then_some(Scale { min: 1, max: 5, ..Scale::default() });
        Question { id: id.to_owned(), kind: kind.into(), scale, ..Question::default() }
    }

    fn answer(question: &str, value: Value) -> Answer {
        Answer { question: question.to_owned(), value: Some(value) }
    }

    fn survey(answers: Vec<Answer>) -> InvitedSurvey {
        let questions = vec![
            question("overall", QuestionKind::Csat),
            question("reasons", QuestionKind::MultipleChoice),
            question("way", QuestionKind::SingleChoice),
            question("words", QuestionKind::LongText),
        ];
        let questionnaire = Some(Questionnaire { questions, ..Questionnaire::default() });
        InvitedSurvey { questionnaire, answers, ..InvitedSurvey::default() }
    }

    fn step(question: &str, visible: bool, required: bool, answered: bool) -> SurveyStep {
        let question = question.to_owned();
        SurveyStep { question, visible, required, answered, unknown: false }
    }

    fn read(form: &str, kept: Vec<Answer>) -> Given {
        Given::read(&Fields::parse(form.as_bytes()), &survey(kept))
    }

    #[test]
    fn a_form_has_the_last_word_of_what_it_shows_and_of_nothing_else() {
        let kept = vec![
            answer("overall", Value::Number(2)),
            answer("way", Value::Choice("phone".to_owned())),
            answer("words", Value::Text("late".to_owned())),
        ];
        let given = read(
            "shown=overall&shown=reasons&shown=words&answers.overall=4&answers.reasons=a\
             &answers.reasons=b&answers.words=+&answers.way=email&answers.else=1",
            kept,
        );
        let choices = Choices { ids: vec!["a".to_owned(), "b".to_owned()] };
        assert_eq!(
            given.answers,
            [
                answer("overall", Value::Number(4)),
                answer("reasons", Value::Choices(choices)),
                answer("way", Value::Choice("phone".to_owned())),
            ]
        );
    }

    #[test]
    fn nonsense_in_a_form_is_no_answer() {
        let all = "shown=overall&shown=reasons&shown=way&shown=words";
        for rest in
            ["", "&answers.overall=good&answers.way=&answers.words=%0D%0A", "&answers.overall="]
        {
            assert_eq!(read(&format!("{all}{rest}"), Vec::new()).answers, [], "{rest}");
        }
        // A number that the scale has not is for the survey to refuse.
        let given = read("shown=overall&answers.overall=99", Vec::new());
        assert_eq!(given.answers, [answer("overall", Value::Number(99))]);
    }

    #[test]
    fn the_same_answers_are_kept_already_whatever_their_order() {
        let kept = || {
            vec![
                answer("words", Value::Text("late".to_owned())),
                answer("overall", Value::Number(2)),
            ]
        };
        assert!(read("", kept()).is_kept(&survey(kept())));
        assert!(!read("shown=overall&answers.overall=3", kept()).is_kept(&survey(kept())));
        assert!(!read("shown=words", kept()).is_kept(&survey(kept())));
    }

    #[test]
    fn what_is_asked_now_is_told_from_what_was() {
        let given = read("shown=overall&shown=way&shown=words&answers.way=x", Vec::new());
        let steps = [
            step("overall", true, true, false),
            step("reasons", true, true, false),
            step("way", true, false, false),
            step("words", false, false, false),
        ];
        assert_eq!(given.new_question(&steps).as_deref(), Some("reasons"));
        assert_eq!(given.faults(&steps), ["overall", "way"], "one is missing, one is wrong");
    }

    #[test]
    fn an_address_brings_numbers_of_the_scale_and_nothing_more() {
        let kept = || vec![answer("overall", Value::Number(2))];
        let begun = |numbers: &[(&str, i32)]| {
            let numbers: Vec<_> =
                numbers.iter().map(|(id, number)| ((*id).to_owned(), *number)).collect();
            let survey = survey(kept());
            assert_eq!(brings(&survey, &numbers), begun(&survey, &numbers) != kept());
            begun(&survey, &numbers)
        };
        assert_eq!(begun(&[("overall", 5)]), [answer("overall", Value::Number(5))]);
        for other in [("overall", 6), ("overall", 0), ("way", 1), ("words", 1), ("else", 1)] {
            assert_eq!(begun(&[other]), kept(), "{other:?}");
        }
    }
}
