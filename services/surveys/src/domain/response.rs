//! A response: answers that never change, and whether they count.

use std::collections::BTreeMap;

use contracts::surveys::v1::{Evidence, ResponseJudged, Standing, survey_event::Change};
use kernel::{CustomerId, InvitationId, ResponseId, SurveyId, TicketId, Time};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::logic::{Answer, Answers};

/// The longest reason of an exclusion, in characters.
pub const MAX_EXCLUSION: usize = 200;

/// What somebody answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// Its id, which the caller chose.
    pub id: ResponseId,
    /// The number of its last event.
    pub sequence: i64,
    /// The instant of that.
    pub last_at: Time,
    /// The survey.
    pub survey: SurveyId,
    /// The version that was answered.
    pub number: i64,
    /// The series that it counts in.
    pub series: i64,
    /// The invitation.
    pub invitation: Option<InvitationId>,
    /// What it is about, and what it is counted by.
    pub origin: Origin,
    /// The language that it was answered in; empty where nobody said.
    pub locale: String,
    /// How sure it is that the customer said so.
    pub evidence: Evidence,
    /// Whether it counts.
    pub standing: Standing,
    /// Why staff excluded it; empty where they did not.
    pub exclusion: String,
    /// The answers that count.
    pub answers: Answers,
    /// The questions that were asked, in their order.
    pub path: Vec<String>,
    /// The day where the tenant is, in days since 1970.
    pub day: i64,
    /// Tells the same answers from others.
    pub hash: Vec<u8>,
    /// When it was answered.
    pub submitted_at: Time,
    /// When it was recorded.
    pub created_at: Time,
}

/// What a response is about and what it is counted by, as it was then; empty where nobody says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The ticket.
    pub ticket: Option<TicketId>,
    /// The customer.
    pub customer: Option<CustomerId>,
    /// `teams/{id}`
    pub team: String,
    /// `members/{id}`
    pub agent: String,
    /// `products/{id}`
    pub product: String,
    /// The channel that the customer came by, such as `web_chat`.
    pub channel: String,
}

impl Response {
    /// The response as it stands now, at this instant.
    #[must_use]
    pub fn judged(&self, standing: Standing, exclusion: &str, at: Time) -> (Self, Change) {
        let judged = ResponseJudged { previous: self.standing.into(), standing: standing.into() };
        let after = Self {
            sequence: self.sequence + 1,
            last_at: at,
            standing,
            exclusion: exclusion.to_owned(),
            ..self.clone()
        };
        (after, Change::ResponseJudged(judged))
    }
}

/// Answers as they are stored: numbers and choices, and the words apart.
pub fn split(answers: &Answers) -> (BTreeMap<String, Value>, Vec<(String, String)>) {
    let (mut plain, mut words) = (BTreeMap::new(), Vec::new());
    for (question, answer) in answers {
        let value = match answer {
            Answer::Choice(id) => Value::from(id.as_str()),
            Answer::Choices(ids) => Value::from(ids.as_slice()),
            Answer::Number(number) => Value::from(*number),
            Answer::Text(text) => {
                words.push((question.clone(), text.clone()));
                continue;
            }
        };
        plain.insert(question.clone(), value);
    }
    (plain, words)
}

/// The same put together again; `None` where what is stored is none of ours.
pub fn join(plain: BTreeMap<String, Value>, words: Vec<(String, String)>) -> Option<Answers> {
    let mut answers = Answers::new();
    for (question, value) in plain {
        let answer = match value {
            Value::String(id) => Answer::Choice(id),
            Value::Number(number) => Answer::Number(i32::try_from(number.as_i64()?).ok()?),
            Value::Array(ids) => {
                let ids = ids.into_iter().map(|id| id.as_str().map(str::to_owned));
                Answer::Choices(ids.collect::<Option<_>>()?)
            }
            Value::Null | Value::Bool(_) | Value::Object(_) => return None,
        };
        answers.insert(question, answer);
    }
    answers.extend(words.into_iter().map(|(question, text)| (question, Answer::Text(text))));
    Some(answers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_stored_with_their_words_apart() {
        let answers = Answers::from([
            ("a".to_owned(), Answer::Choice("x".to_owned())),
            ("b".to_owned(), Answer::Choices(vec!["x".to_owned(), "y".to_owned()])),
            ("c".to_owned(), Answer::Number(-3)),
            ("d".to_owned(), Answer::Text("很满意".to_owned())),
        ]);
        let (plain, words) = split(&answers);
        let json = serde_json::to_string(&plain).unwrap();
        assert_eq!(json, r#"{"a":"x","b":["x","y"],"c":-3}"#);
        assert_eq!(words, [("d".to_owned(), "很满意".to_owned())]);
        assert_eq!(join(serde_json::from_str(&json).unwrap(), words), Some(answers));
        let odd = BTreeMap::from([("a".to_owned(), Value::Bool(true))]);
        assert_eq!(join(odd, Vec::new()), None);
    }
}
