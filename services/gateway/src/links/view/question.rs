//! One question, as what it takes to answer it.

use contracts::surveys::v1::{Choice, Question, QuestionKind, Questionnaire, Text, answer::Value};
use maud::{Markup, html};

use super::View;
use crate::{
    links::{
        answers::{field, scale, value},
        words,
    },
    pages::Tongue,
};

/// How long a line of text may be, and how long some lines.
const LINE: usize = 200;
const LINES: usize = 5_000;

/// A question as a page shows it.
struct Asked<'a> {
    view: &'a View<'a>,
    question: &'a Question,
    tongue: Tongue<'a>,
    required: bool,
    /// The name of its field, and the id of the first thing to answer it with.
    name: String,
}

/// A question, with what was answered.
pub(super) fn question(
    view: &View<'_>,
    questionnaire: &Questionnaire,
    question: &Question,
    required: bool,
) -> Markup {
    let tongue = Tongue { locale: view.locale, default: &questionnaire.default_locale };
    let asked = Asked { view, question, tongue, required, name: field(&question.id) };
    match question.kind() {
        QuestionKind::Unspecified => html! {},
        QuestionKind::SingleChoice => asked.group(&asked.choices("radio")),
        QuestionKind::MultipleChoice => asked.group(&asked.choices("checkbox")),
        QuestionKind::Rating | QuestionKind::Nps | QuestionKind::Csat | QuestionKind::Ces => {
            asked.group(&asked.numbers())
        }
        QuestionKind::ShortText | QuestionKind::LongText => asked.text(),
    }
}

/// What is wrong with the answer to a question.
pub(super) fn fault(view: &View<'_>, question: &Question) -> String {
    let words = words::of(view.locale);
    let given = value(&view.filled.answers, &question.id).is_some();
    match question.kind() {
        QuestionKind::MultipleChoice if given => {
            let counted = words.choose(question.min_choices, question.max_choices);
            counted.unwrap_or_else(|| words.please_choose.to_owned())
        }
        QuestionKind::ShortText if given => words.shorter(LINE),
        QuestionKind::LongText if given => words.shorter(LINES),
        QuestionKind::SingleChoice
        | QuestionKind::Rating
        | QuestionKind::Nps
        | QuestionKind::Csat
        | QuestionKind::Ces
            if given =>
        {
            words.please_choose.to_owned()
        }
        QuestionKind::Unspecified
        | QuestionKind::SingleChoice
        | QuestionKind::MultipleChoice
        | QuestionKind::Rating
        | QuestionKind::Nps
        | QuestionKind::Csat
        | QuestionKind::Ces
        | QuestionKind::ShortText
        | QuestionKind::LongText => words.please_answer.to_owned(),
    }
}

impl Asked<'_> {
    fn given(&self) -> Option<&Value> {
        value(&self.view.filled.answers, &self.question.id)
    }

    fn is_wrong(&self) -> bool {
        self.view.filled.faults.contains(&self.question.id)
    }

    /// The id of a part of it.
    fn id(&self, part: &str) -> String {
        format!("{}-{part}", self.name)
    }

    fn hint(&self) -> Option<String> {
        let question = self.question;
        let counted = question.kind() == QuestionKind::MultipleChoice;
        let words = words::of(self.view.locale);
        counted.then(|| words.choose(question.min_choices, question.max_choices))?
    }

    /// The ids of what says more of it; `ends` where its scale is explained.
    fn described_by(&self, ends: bool) -> Option<String> {
        let help = self.tongue.of(&self.question.help).is_some() || self.hint().is_some();
        let all = [("help", help), ("error", self.is_wrong()), ("ends", ends)];
        let ids: Vec<_> =
            all.iter().filter(|(_, is_there)| *is_there).map(|(part, _)| self.id(part)).collect();
        (!ids.is_empty()).then(|| ids.join(" "))
    }

    fn title(&self) -> Markup {
        let words = words::of(self.view.locale);
        html! {
            @if let Some(title) = self.tongue.of(&self.question.title) { (title.inline()) }
            @if self.required { span.kind { (words.bracket(words.required)) } }
        }
    }

    /// What stands below the title: help, and what is wrong.
    fn below(&self) -> Markup {
        let (help, hint) = (self.tongue.of(&self.question.help), self.hint());
        html! {
            @if help.is_some() || hint.is_some() {
                p.kind id=(self.id("help")) {
                    @if let Some(help) = &help { (help.inline()) " " }
                    @if let Some(hint) = hint { (hint) }
                }
            }
            @if self.is_wrong() {
                p.wrong id=(self.id("error")) { (fault(self.view, self.question)) }
            }
        }
    }

    /// A question that is answered by something of several.
    fn group(&self, content: &Markup) -> Markup {
        let has_ends = scale(self.question).is_some() && self.ends().is_some();
        html! {
            fieldset aria-describedby=[self.described_by(has_ends)] {
                legend { (self.title()) }
                (self.below())
                (content)
            }
        }
    }

    fn choices(&self, kind: &str) -> Markup {
        let question = self.question;
        let is_given = |choice: &Choice| match self.given() {
            Some(Value::Choice(id)) => *id == choice.id,
            Some(Value::Choices(some)) => some.ids.contains(&choice.id),
            Some(Value::Number(_) | Value::Text(_)) | None => false,
        };
        html! {
            div.choices {
                @for (index, choice) in question.choices.iter().enumerate() {
                    label {
                        input type=(kind) id=[(index == 0).then_some(&self.name)] name=(self.name)
                            value=(choice.id) checked[is_given(choice)];
                        span {
                            @if let Some(title) = self.tongue.of(&choice.title) { (title.inline()) }
                        }
                    }
                }
                @if kind == "radio" { (self.no_answer()) }
            }
        }
    }

    fn numbers(&self) -> Markup {
        let Some((min, max)) = scale(self.question) else { return html! {} };
        let is_given = |number| self.given() == Some(&Value::Number(number));
        // More numbers than a phone has room for stand in two rows.
        let class = if max - min < 7 { "scale" } else { "scale long" };
        html! {
            div class=(class) {
                @for number in min..=max {
                    label {
                        input type="radio" id=[(number == min).then_some(&self.name)]
                            name=(self.name) value=(number) checked[is_given(number)];
                        span { (number) }
                    }
                }
            }
            @if let Some((low, high)) = self.ends() {
                p.kind.ends id=(self.id("ends")) {
                    span { (min) " = " (low) }
                    " "
                    span { (max) " = " (high) }
                }
            }
            div.choices { (self.no_answer()) }
        }
    }

    /// What the lowest and the highest number mean.
    fn ends(&self) -> Option<(Markup, Markup)> {
        let words = words::of(self.view.locale);
        let texts = |texts: &[Text]| self.tongue.of(texts).map(|shown| shown.inline());
        let scale = self.question.scale.as_ref();
        let told = scale.and_then(|scale| Some((texts(&scale.low)?, texts(&scale.high)?)));
        let is_nps = self.question.kind() == QuestionKind::Nps;
        told.or_else(|| is_nps.then(|| (html! { (words.unlikely) }, html! { (words.likely) })))
    }

    /// What takes an answer back where none is needed.
    fn no_answer(&self) -> Markup {
        html! {
            @if !self.required {
                label.none {
                    input type="radio" name=(self.name) value="";
                    span { (words::of(self.view.locale).no_answer) }
                }
            }
        }
    }

    fn text(&self) -> Markup {
        let text = match self.given() {
            Some(Value::Text(text)) => text.as_str(),
            Some(Value::Choice(_) | Value::Choices(_) | Value::Number(_)) | None => "",
        };
        let (described_by, wrong) = (self.described_by(false), self.is_wrong().then_some("true"));
        html! {
            div.text {
                label for=(self.name) { (self.title()) }
                (self.below())
                @if self.question.kind() == QuestionKind::ShortText {
                    input id=(self.name) name=(self.name) value=(text) maxlength=(LINE)
                        autocomplete="off" aria-describedby=[described_by] aria-invalid=[wrong];
                } @else {
                    textarea id=(self.name) name=(self.name) rows="4" maxlength=(LINES)
                        aria-describedby=[described_by] aria-invalid=[wrong] { (text) }
                }
            }
        }
    }
}
