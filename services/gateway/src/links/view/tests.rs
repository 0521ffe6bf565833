//! Pages as text: what is said, in which language, and what belongs to what.

use contracts::{
    gateway::v1::TenantState,
    surveys::v1::{
        Choice, Choices, InvitedSurvey, Question, QuestionKind, Questionnaire, Scale, SurveyStep,
        Text, answer::Value,
    },
    tickets::v1::ResultStep,
};
use kernel::TenantId;
use uuid::Uuid;

use super::*;

fn texts(all: &[(&str, &str)]) -> Vec<Text> {
    let text = |(locale, text): &(&str, &str)| Text {
        locale: (*locale).to_owned(),
        text: (*text).to_owned(),
    };
    all.iter().map(text).collect()
}

fn question(id: &str, kind: QuestionKind, title: &[(&str, &str)]) -> Question {
    let (id, kind, title) = (id.to_owned(), kind.into(), texts(title));
    Question { id, kind, title, ..Question::default() }
}

fn choice(id: &str, title: &str) -> Choice {
    Choice { id: id.to_owned(), title: texts(&[("en", title)]) }
}

/// A question of each kind, of which the first must be answered.
fn survey() -> InvitedSurvey {
    let ends = (texts(&[("en", "Bad")]), texts(&[("en", "Good")]));
    let questions = vec![
        Question {
            scale: Some(Scale { min: 1, max: 5, low: ends.0, high: ends.1, direction: 0 }),
            help: texts(&[("en", "Be frank.")]),
            ..question("overall", QuestionKind::Csat, &[("en", "How?"), ("zh", "怎么样？")])
        },
        question("recommend", QuestionKind::Nps, &[("en", "Likely?")]),
        Question {
            choices: vec![choice("a", "One"), choice("b", "<Two>")],
            max_choices: 1,
            ..question("some", QuestionKind::MultipleChoice, &[("en", "Which?")])
        },
        Question {
            choices: vec![choice("a", "One"), choice("b", "Two")],
            ..question("one", QuestionKind::SingleChoice, &[("en", "Which one?")])
        },
        question("line", QuestionKind::ShortText, &[("en", "Where?")]),
        question("lines", QuestionKind::LongText, &[("en", "Why?")]),
    ];
    let step = |question: &Question| SurveyStep {
        question: question.id.clone(),
        visible: question.id != "one",
        required: question.id == "overall",
        ..SurveyStep::default()
    };
    let steps = questions.iter().map(step).collect();
    let default_locale = "en".to_owned();
    let questionnaire =
        Some(Questionnaire { default_locale, questions, ..Questionnaire::default() });
    InvitedSurvey { questionnaire, steps, ..InvitedSurvey::default() }
}

fn answer(question: &str, value: Value) -> Answer {
    Answer { question: question.to_owned(), value: Some(value) }
}

fn page(
    locale: Locale,
    result: Option<&TicketResult>,
    filled: &Filled,
    notice: Option<Notice>,
) -> String {
    let place = Place { token: "ln_a".to_owned(), page: Page::Show };
    let asked = Asked { numbers: vec![("overall".to_owned(), 4)], ..Asked::default() };
    let tenant = TenantFacts {
        id: TenantId::from(Uuid::from_u128(1)),
        slug: "acme".to_owned(),
        title: "Acme & Sons".to_owned(),
        time_zone: "Asia/Shanghai".to_owned(),
        state: TenantState::Active,
        locale: Locale::En,
        origins: Vec::new(),
        quota: None,
    };
    let view = View {
        place: &place,
        asked: &asked,
        tenant: &tenant,
        locale,
        result,
        survey: &Asking::Open(Box::new(survey())),
        filled,
        notice,
        nonce: "nonce",
    };
    view.page().into_string()
}

#[test]
fn a_text_of_another_language_is_marked_as_such() {
    let zh = page(Locale::Zh, None, &Filled::default(), None);
    assert!(zh.contains("<legend>怎么样？<span class=\"kind\">（必填）</span></legend>"), "{zh}");
    assert!(zh.contains("<legend><span lang=\"en\">Likely?</span></legend>"));
    let en = page(Locale::En, None, &Filled::default(), None);
    assert!(en.contains("<legend>How?<span class=\"kind\"> (required)</span></legend>"));
    assert!(!en.contains("<span lang"));
    // What an NPS means is the same wherever it is asked.
    assert!(en.contains("<span>0 = Not at all likely</span>") && zh.contains("完全不可能"));
}

#[test]
fn what_explains_a_question_belongs_to_it() {
    let filled =
        Filled { faults: vec!["overall".to_owned(), "line".to_owned()], ..Filled::default() };
    let page = page(Locale::En, None, &filled, None);
    let described =
        "aria-describedby=\"answers.overall-help answers.overall-error answers.overall-ends\"";
    assert!(page.contains(described), "{page}");
    for id in ["help", "error", "ends"] {
        assert_eq!(page.matches(&format!("id=\"answers.overall-{id}\"")).count(), 1);
    }
    assert!(page.contains("aria-describedby=\"answers.line-error\" aria-invalid=\"true\""));
    assert!(
        page.contains("<title>Please check these answers – Your opinion – Acme &amp; Sons</title>")
    );
    for question in ["overall", "line"] {
        assert!(page.contains(&format!("<a href=\"#answers.{question}\">")));
        assert_eq!(page.matches(&format!("id=\"answers.{question}\"")).count(), 1);
    }
    // Only what is asked is there, and named.
    assert_eq!(page.matches("name=\"shown\"").count(), 5);
    assert!(!page.contains("answers.one"));
}

#[test]
fn what_was_answered_is_filled_in_and_lets_nothing_through() {
    let some = Choices { ids: vec!["b".to_owned()] };
    let answers = vec![
        answer("overall", Value::Number(2)),
        answer("some", Value::Choices(some)),
        answer("line", Value::Text("\"><b>".to_owned())),
        answer("lines", Value::Text("</textarea><b>".to_owned())),
    ];
    let page = page(Locale::En, None, &Filled { answers, ..Filled::default() }, None);
    assert_eq!(page.matches(" checked").count(), 2);
    assert!(page.contains("value=\"2\" checked") && page.contains("value=\"b\" checked"));
    assert!(page.contains("value=\"&quot;&gt;&lt;b&gt;\" maxlength=\"200\""), "{page}");
    assert!(page.contains("&lt;/textarea&gt;&lt;b&gt;</textarea>") && !page.contains("<b>"));
    assert!(page.contains("&lt;Two&gt;"));
    // What need not be answered can be left out again.
    assert_eq!(page.matches("No answer").count(), 1);
}

#[test]
fn the_other_language_keeps_what_the_address_brought() {
    let page = page(Locale::En, None, &Filled::default(), None);
    let href = "<a href=\"/l/ln_a?lang=zh&amp;overall=4\" lang=\"zh\" hreflang=\"zh\">";
    assert!(page.contains(href), "{page}");
}

#[test]
fn a_ticket_is_told_where_the_tenant_is() {
    let step = |status: CustomerStatus, seconds| ResultStep {
        status: status.into(),
        time: Some(prost_types::Timestamp { seconds, nanos: 0 }),
    };
    let result = TicketResult {
        number: "100001".to_owned(),
        title: "门坏了".to_owned(),
        language: "zh".to_owned(),
        status: CustomerStatus::InProgress.into(),
        steps: vec![
            step(CustomerStatus::Received, 1_772_990_000),
            step(CustomerStatus::InProgress, 1_772_993_600),
        ],
        ..TicketResult::default()
    };
    let page = page(Locale::En, Some(&result), &Filled::default(), Some(Notice::Objected));
    assert!(page.contains("<h1 lang=\"zh\">门坏了</h1>"), "{page}");
    let time = "<time datetime=\"2026-03-09T02:13:20+08:00\">9 March 2026, 02:13</time>";
    assert!(page.contains(time), "{page}");
    assert_eq!(page.matches("aria-current=\"step\"").count(), 1);
    assert!(page.contains("<p id=\"next\" class=\"notice\" role=\"status\" tabindex=\"-1\">"));
    // Nothing was proposed, so that there is nothing to agree to.
    assert!(!page.contains("/confirm") && !page.contains("answer-title"));
}
