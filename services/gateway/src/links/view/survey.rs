//! The questions of a survey, as far as they are asked, and what becomes of them.

use contracts::surveys::v1::{InvitedSurvey, Question, Questionnaire};
use maud::{Markup, html};

use super::{Notice, View, question};
use crate::{
    links::{
        answers::{self, SHOWN, questions},
        calls::Asking,
        place::Page,
        words,
    },
    pages::{Tongue, local},
};

/// What a link asks.
pub(super) fn survey(view: &View<'_>) -> Markup {
    let words = words::of(view.locale);
    match view.survey {
        Asking::Nothing => html! {},
        Asking::Closed => html! { p { (words.survey_closed) } },
        Asking::Away => html! { p { (words.survey_away) } },
        Asking::Open(survey) => open(view, survey),
    }
}

fn open(view: &View<'_>, survey: &InvitedSurvey) -> Markup {
    let words = words::of(view.locale);
    let Some(questionnaire) = &survey.questionnaire else { return html! {} };
    let tongue = Tongue { locale: view.locale, default: &questionnaire.default_locale };
    let said = |texts| {
        let shown = tongue.of(texts);
        html! { @if let Some(shown) = shown { p.words lang=[shown.lang] { (shown.text) } } }
    };
    if !survey.submitted {
        return html! {
            (said(&questionnaire.welcome))
            (form(view, survey, questionnaire))
        };
    }
    html! {
        @if view.notice != Some(Notice::Answered) { p { (words.answered) } }
        (said(&questionnaire.thanks))
        details open[view.filled.again] {
            summary { (words.change_answers) }
            (form(view, survey, questionnaire))
        }
    }
}

fn form(view: &View<'_>, survey: &InvitedSurvey, questionnaire: &Questionnaire) -> Markup {
    let words = words::of(view.locale);
    let until = local(survey.expire_time.as_ref(), &view.tenant.time_zone);
    // Where something is wrong, the page begins with that.
    let begins = |question: &Question| {
        view.filled.faults.is_empty()
            && view.notice.is_none()
            && view.filled.new.as_ref() == Some(&question.id)
    };
    html! {
        form method="post" action=(view.action(Page::Answers)) {
            input type="hidden" name="nonce" value=(view.nonce);
            @for (question, required) in asked(survey) {
                @if begins(question) {
                    p #next.notice role="status" tabindex="-1" { (words.more_follow) }
                }
                input type="hidden" name=(SHOWN) value=(question.id);
                (question::question(view, questionnaire, question, required))
            }
            @if let Some(until) = until {
                p.kind { (words.until(&words.instant(&until))) }
            }
            button { (words.send) }
        }
    }
}

/// The questions that are asked, and whether they must be answered.
fn asked(survey: &InvitedSurvey) -> impl Iterator<Item = (&Question, bool)> {
    let steps = survey.steps.iter().filter(|step| step.visible);
    steps.filter_map(|step| {
        let question = questions(survey).iter().find(|question| question.id == step.question)?;
        Some((question, step.required))
    })
}

/// What is wrong, with the way to each.
pub(super) fn faults(view: &View<'_>) -> Markup {
    let words = words::of(view.locale);
    let Asking::Open(survey) = view.survey else { return html! {} };
    let Some(questionnaire) = &survey.questionnaire else { return html! {} };
    let tongue = Tongue { locale: view.locale, default: &questionnaire.default_locale };
    let wrong = || {
        let is_wrong = |question: &&Question| view.filled.faults.contains(&question.id);
        asked(survey).map(|(question, _)| question).filter(is_wrong)
    };
    html! {
        div #next.notice.bad role="alert" tabindex="-1" {
            p { strong { (words.to_check) } }
            ul {
                @for question in wrong() {
                    li {
                        a href={ "#" (answers::field(&question.id)) } {
                            @if let Some(title) = tongue.of(&question.title) { (title.inline()) }
                            " – "
                            (question::fault(view, question))
                        }
                    }
                }
            }
        }
    }
}
