//! Between the contract's messages and the domain: what comes in is parsed with all its faults at
//! once.

mod asked;

use std::collections::BTreeMap;

use contracts::surveys::v1 as pb;
use kernel::{SurveyId, Violations, etag, language};
use rpc::wire;
use uuid::Uuid;

use crate::domain::{
    logic::{Answer, Answers, Step},
    questionnaire::{
        Choice, Kind, MAX_CHOICES, MAX_ID, MAX_QUESTIONS, Question, Questionnaire, Scale, Texts,
    },
    survey::{
        AfterResolution, MAX_DELAY, MAX_VALIDITY, MIN_VALIDITY, Survey, USUAL_VALIDITY, Version,
        version_name,
    },
};

pub(crate) use asked::{
    a_loop, invitation, invitation_id, response, response_id, response_uuid, wire_answers,
};

/// The longest text of an answer, in characters, and the most choices; what a question takes may be less.
const MAX_WORDS: usize = 5_000;

/// The id in a survey's name; another form is a violation of `field`, and the nil id.
pub(crate) fn survey_id(name: &str, field: &str, violations: &mut Violations) -> SurveyId {
    let id = SurveyId::parse_name(name);
    violations.check(id.is_some(), field, "must be of the form `surveys/{id}`");
    id.unwrap_or_else(|| SurveyId::from(Uuid::nil()))
}

/// The survey and the number in a version's name; another form is a violation of `field`.
pub(crate) fn version_key(name: &str, field: &str, violations: &mut Violations) -> (SurveyId, i64) {
    let parts = name.split_once("/versions/");
    let key = parts.and_then(|(survey, number)| {
        let is_plain = number.starts_with(|digit: char| matches!(digit, '1'..='9'));
        Some((SurveyId::parse_name(survey)?, number.parse().ok().filter(|_| is_plain)?))
    });
    violations.check(key.is_some(), field, "must be of the form `surveys/{survey}/versions/{n}`");
    key.unwrap_or_else(|| (SurveyId::from(Uuid::nil()), 0))
}

/// A survey on the wire; its draft only where it is asked for.
pub(crate) fn survey(survey: &Survey, with_draft: bool) -> pb::Survey {
    let live = survey.versions > 0 && !survey.archived;
    pb::Survey {
        name: survey.id.name(),
        etag: etag::of(survey.version),
        title: survey.title.clone(),
        draft: with_draft.then(|| wire_questionnaire(&survey.draft)),
        state: survey.state().into(),
        live_version: if live { version_name(survey.id, survey.versions) } else { String::new() },
        draft_changed: survey.changed,
        create_time: Some(wire::timestamp(survey.created_at)),
        update_time: Some(wire::timestamp(survey.updated_at)),
        after_resolution: survey.after_resolution.as_ref().map(wire_after_resolution),
    }
}

/// A version on the wire.
pub(crate) fn version(version: &Version) -> pb::SurveyVersion {
    pb::SurveyVersion {
        name: version_name(version.survey, version.number),
        questionnaire: Some(wire_questionnaire(&version.questionnaire)),
        continues: version.continues,
        series: i32::try_from(version.series).unwrap_or(i32::MAX),
        author: Some(wire::actor(&version.actor_kind, &version.actor)),
        publish_time: Some(wire::timestamp(version.published_at)),
    }
}

/// A questionnaire on the wire.
pub(crate) fn wire_questionnaire(from: &Questionnaire) -> pb::Questionnaire {
    pb::Questionnaire {
        default_locale: from.default_locale.clone(),
        welcome: wire_texts(&from.welcome),
        questions: from.questions.iter().map(wire_question).collect(),
        thanks: wire_texts(&from.thanks),
        follow_up_if: from.follow_up_if.clone(),
    }
}

fn wire_question(from: &Question) -> pb::Question {
    let choice =
        |choice: &Choice| pb::Choice { id: choice.id.clone(), title: wire_texts(&choice.title) };
    let number = |number: usize| i32::try_from(number).unwrap_or(i32::MAX);
    let (min_choices, max_choices) = match &from.kind {
        Kind::MultipleChoice { min, max, .. } => (number(*min), number(*max)),
        _ => (0, 0),
    };
    pb::Question {
        id: from.id.clone(),
        kind: wire_kind(&from.kind).into(),
        title: wire_texts(&from.title),
        help: wire_texts(&from.help),
        choices: from.kind.choices().iter().map(choice).collect(),
        min_choices,
        max_choices,
        scale: from.kind.scale().map(|scale| pb::Scale {
            min: scale.min,
            max: scale.max,
            low: wire_texts(&scale.low),
            high: wire_texts(&scale.high),
            direction: direction(&from.kind).into(),
        }),
        visible_if: from.visible_if.clone(),
        required: from.required,
        required_if: from.required_if.clone(),
    }
}

/// A question's kind on the wire.
pub(crate) const fn wire_kind(kind: &Kind) -> pb::QuestionKind {
    match kind {
        Kind::SingleChoice(_) => pb::QuestionKind::SingleChoice,
        Kind::MultipleChoice { .. } => pb::QuestionKind::MultipleChoice,
        Kind::Rating(_) => pb::QuestionKind::Rating,
        Kind::Nps => pb::QuestionKind::Nps,
        Kind::Csat(_) => pb::QuestionKind::Csat,
        Kind::Ces { .. } => pb::QuestionKind::Ces,
        Kind::ShortText => pb::QuestionKind::ShortText,
        Kind::LongText => pb::QuestionKind::LongText,
    }
}

const fn direction(kind: &Kind) -> pb::ScaleDirection {
    match kind {
        Kind::Ces { low_is_good: true, .. } => pb::ScaleDirection::LowIsGood,
        Kind::Ces { low_is_good: false, .. } => pb::ScaleDirection::HighIsGood,
        _ => pb::ScaleDirection::Unspecified,
    }
}

fn wire_texts(from: &Texts) -> Vec<pb::Text> {
    let text = |(locale, text): (&String, &String)| pb::Text {
        locale: locale.clone(),
        text: text.clone(),
    };
    from.iter().map(text).collect()
}

/// A questionnaire as given, its form checked; `at` is its path.
pub(crate) fn questionnaire(
    given: Option<&pb::Questionnaire>,
    at: &str,
    violations: &mut Violations,
) -> Questionnaire {
    violations.check(given.is_some(), at, "must be given");
    let Some(given) = given else { return Questionnaire::default() };
    let read = Questionnaire {
        default_locale: language::canonical(&given.default_locale),
        welcome: texts(&given.welcome, &format!("{at}.welcome"), violations),
        questions: given
            .questions
            .iter()
            .enumerate()
            .map(|(index, one)| question(one, &format!("{at}.questions[{index}]"), violations))
            .collect(),
        thanks: texts(&given.thanks, &format!("{at}.thanks"), violations),
        follow_up_if: given.follow_up_if.trim().to_owned(),
    };
    read.check(at, violations);
    read
}

fn question(given: &pb::Question, at: &str, violations: &mut Violations) -> Question {
    Question {
        id: given.id.clone(),
        kind: kind(given, at, violations),
        title: texts(&given.title, &format!("{at}.title"), violations),
        help: texts(&given.help, &format!("{at}.help"), violations),
        visible_if: given.visible_if.trim().to_owned(),
        required: given.required,
        required_if: given.required_if.trim().to_owned(),
    }
}

/// The kind of a question with what belongs to it; what belongs to another kind is a violation.
fn kind(given: &pb::Question, at: &str, violations: &mut Violations) -> Kind {
    use pb::QuestionKind::{Ces, Csat, MultipleChoice, Rating, SingleChoice};
    let known = pb::QuestionKind::try_from(given.kind).unwrap_or_default();
    let is_one = known != pb::QuestionKind::Unspecified;
    violations.check(is_one, &format!("{at}.kind"), "must be one that there is");
    let chosen = matches!(known, SingleChoice | MultipleChoice);
    let scaled = matches!(known, Rating | Csat | Ces);
    let several = known == MultipleChoice;
    let mut fits = |field: &str, is_left_out: bool, belongs: bool| {
        let why = "does not belong to a question of this kind";
        violations.check(is_left_out || belongs || !is_one, &format!("{at}.{field}"), why);
    };
    fits("choices", given.choices.is_empty(), chosen);
    fits("min_choices", given.min_choices == 0, several);
    fits("max_choices", given.max_choices == 0, several);
    fits("scale", given.scale.is_none(), scaled);
    let choices = choices(given, at, violations);
    let (scale, direction) = scale(given.scale.as_ref(), at, violations);
    violations.check(
        !scaled || given.scale.is_some(),
        &format!("{at}.scale"),
        "must be given for a question of this kind",
    );
    let asked = direction == pb::ScaleDirection::Unspecified || known == Ces;
    violations.check(asked, &format!("{at}.scale.direction"), "belongs to a CES alone");
    let number = |given: i32, left_out: usize| match given {
        0 => left_out,
        given => usize::try_from(given).unwrap_or(usize::MAX),
    };
    match known {
        SingleChoice => Kind::SingleChoice(choices),
        MultipleChoice => {
            let min = number(given.min_choices, 1);
            let max = number(given.max_choices, choices.len().max(1));
            Kind::MultipleChoice { choices, min, max }
        }
        Rating => Kind::Rating(scale),
        Csat => Kind::Csat(scale),
        Ces => {
            let low_is_good = direction == pb::ScaleDirection::LowIsGood;
            Kind::Ces { scale, low_is_good }
        }
        pb::QuestionKind::Nps => Kind::Nps,
        pb::QuestionKind::LongText => Kind::LongText,
        pb::QuestionKind::ShortText | pb::QuestionKind::Unspecified => Kind::ShortText,
    }
}

fn choices(given: &pb::Question, at: &str, violations: &mut Violations) -> Vec<Choice> {
    let choice = |(index, one): (usize, &pb::Choice)| Choice {
        id: one.id.clone(),
        title: texts(&one.title, &format!("{at}.choices[{index}].title"), violations),
    };
    given.choices.iter().enumerate().map(choice).collect()
}

fn scale(
    given: Option<&pb::Scale>,
    at: &str,
    violations: &mut Violations,
) -> (Scale, pb::ScaleDirection) {
    let Some(given) = given else {
        let usual = Scale { min: 1, max: 5, low: Texts::new(), high: Texts::new() };
        return (usual, pb::ScaleDirection::Unspecified);
    };
    let direction = pb::ScaleDirection::try_from(given.direction);
    let field = format!("{at}.scale.direction");
    violations.check(direction.is_ok(), &field, "is none that there is");
    let scale = Scale {
        min: given.min,
        max: given.max,
        low: texts(&given.low, &format!("{at}.scale.low"), violations),
        high: texts(&given.high, &format!("{at}.scale.high"), violations),
    };
    (scale, direction.unwrap_or_default())
}

/// Texts by language; two in one language are a violation.
fn texts(given: &[pb::Text], field: &str, violations: &mut Violations) -> Texts {
    let mut texts = BTreeMap::new();
    for one in given {
        let before = texts.insert(language::canonical(&one.locale), one.text.clone());
        violations.check(before.is_none(), field, "has two texts in one language");
    }
    texts
}

/// What becomes of a question, on the wire.
pub(crate) fn step(step: Step) -> pb::SurveyStep {
    let Step { question, visible, required, answered, unknown } = step;
    pb::SurveyStep { question, visible, required, answered, unknown }
}

/// Whom a survey asks by itself, on the wire.
fn wire_after_resolution(from: &AfterResolution) -> pb::AfterResolution {
    pb::AfterResolution {
        delay: Some(wire::duration(from.delay)),
        valid_for: Some(wire::duration(from.valid_for)),
        channel: from.channel.into(),
    }
}

/// Whom a survey asks by itself, as given.
pub(crate) fn after_resolution(
    given: Option<&pb::AfterResolution>,
    at: &str,
    violations: &mut Violations,
) -> Option<AfterResolution> {
    let given = given?;
    let mut micros = |field: &str, given: Option<&prost_types::Duration>, usual: i64| {
        let Some(given) = given else { return usual };
        let length = wire::length(given).and_then(|given| i64::try_from(given.as_micros()).ok());
        violations.check(length.is_some(), &format!("{at}.{field}"), "must be a duration");
        length.unwrap_or(usual)
    };
    let delay = micros("delay", given.delay.as_ref(), 0);
    let valid_for = micros("valid_for", given.valid_for.as_ref(), USUAL_VALIDITY);
    let right = (0..=MAX_DELAY).contains(&delay);
    violations.check(right, &format!("{at}.delay"), "must be 0 to 30 days");
    let right = (MIN_VALIDITY..=MAX_VALIDITY).contains(&valid_for);
    violations.check(right, &format!("{at}.valid_for"), "must be 1 hour to 90 days");
    let channel = pb::InvitationChannel::try_from(given.channel);
    violations.check(channel.is_ok(), &format!("{at}.channel"), "is none that there is");
    Some(AfterResolution { delay, valid_for, channel: channel.unwrap_or_default() })
}

/// Answers as given; two to one question, and one without a value, are violations.
pub(crate) fn answers(given: &[pb::Answer], field: &str, violations: &mut Violations) -> Answers {
    let mut answers = Answers::new();
    violations.check(given.len() <= MAX_QUESTIONS, field, "has more than any survey asks");
    for (index, one) in given.iter().enumerate().take(MAX_QUESTIONS) {
        let at = format!("{field}[{index}]");
        let answer = match &one.value {
            None => {
                violations.add(&at, "has no value: leave the answer out");
                continue;
            }
            Some(pb::answer::Value::Choice(id)) => Answer::Choice(id.clone()),
            Some(pb::answer::Value::Choices(choices)) => Answer::Choices(choices.ids.clone()),
            Some(pb::answer::Value::Number(number)) => Answer::Number(*number),
            Some(pb::answer::Value::Text(text)) => Answer::Text(text.clone()),
        };
        let is_short = |id: &String| id.len() <= MAX_ID;
        let fits = match &answer {
            Answer::Text(text) => text.chars().count() <= MAX_WORDS,
            Answer::Choices(ids) => ids.len() <= MAX_CHOICES && ids.iter().all(is_short),
            Answer::Choice(id) => is_short(id),
            Answer::Number(_) => true,
        };
        violations.check(fits, &at, "is longer than any question takes");
        let plain = |text: &String| !text.contains('\0');
        let is_plain = match &answer {
            Answer::Text(text) | Answer::Choice(text) => plain(text),
            Answer::Choices(ids) => ids.iter().all(plain),
            Answer::Number(_) => true,
        };
        violations.check(is_plain, &at, "has a NUL, which no text has");
        let before = answers.insert(one.question.clone(), answer);
        violations.check(before.is_none(), &at, "is the second answer to its question");
    }
    answers
}
