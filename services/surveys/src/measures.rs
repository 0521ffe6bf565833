//! Which questions of a version have numbers, and how they are counted.

use std::collections::BTreeSet;

use contracts::surveys::v1::QuestionKind;

use crate::{
    convert,
    domain::{questionnaire::Questionnaire, score::Measure},
};

/// A question with numbers.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub(crate) id: String,
    pub(crate) kind: QuestionKind,
    pub(crate) measure: Measure,
}

/// What is counted of a version.
#[derive(Debug)]
pub(crate) struct Measured {
    /// The questions with numbers, in their order.
    pub(crate) questions: Vec<Question>,
    /// Their ids.
    pub(crate) ids: BTreeSet<String>,
}

impl Measured {
    /// What is counted of this.
    pub(crate) fn of(questionnaire: &Questionnaire) -> Self {
        let mut questions = Vec::new();
        for question in &questionnaire.questions {
            if let Some(measure) = Measure::of(&question.kind) {
                let (id, kind) = (question.id.clone(), convert::wire_kind(&question.kind));
                questions.push(Question { id, kind, measure });
            }
        }
        let ids = questions.iter().map(|question| question.id.clone()).collect();
        Self { questions, ids }
    }
}
