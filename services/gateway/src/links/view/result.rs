//! A ticket as its customer sees it: where it stands, what was answered, and whether that settles it.

use contracts::tickets::v1::{Resolution, ResultStep, TicketResult};
use jiff::Zoned;
use maud::{Markup, html};

use super::View;
use crate::{
    links::{place::Page, words},
    pages::{local, speaks},
};

/// The longest objection.
const LONGEST: usize = 8_000;

/// What it is about.
pub(super) fn title(view: &View<'_>, result: &TicketResult) -> Markup {
    html! {
        p.kind.number { (result.number) " · " (words::of(view.locale).status(result.status())) }
        h1 lang=[lang(view, result)] { (result.title) }
    }
}

/// What was proposed last.
pub(super) fn answer(view: &View<'_>, result: &TicketResult) -> Markup {
    let Some(resolution) = &result.resolution else { return html! {} };
    html! {
        section aria-labelledby="answer-title" {
            h2 #answer-title { (words::of(view.locale).our_answer) }
            p.kind { (instant(view, resolution.resolve_time.as_ref())) }
            div.words lang=[lang(view, result)] { (resolution.answer) }
        }
    }
}

/// Whether that settles it: to be said while it can be.
pub(super) fn decision(view: &View<'_>, result: &TicketResult) -> Markup {
    let Some(resolution) = result.resolution.as_ref().filter(|_| result.answerable) else {
        return html! {};
    };
    let words = words::of(view.locale);
    let closes = local(resolution.silent_close_time.as_ref(), &view.tenant.time_zone);
    let objection = &view.filled.objection;
    html! {
        section.decision aria-labelledby="decision-title" {
            h2 #decision-title { (words.is_it_settled) }
            form method="post" action=(view.action(Page::Confirm)) {
                (hidden(view, resolution))
                button { (words.it_is) }
            }
            details open[!objection.is_empty()] {
                summary { (words.it_is_not) }
                form method="post" action=(view.action(Page::Object)) {
                    (hidden(view, resolution))
                    label for="objection" { (words.what_is_wrong) }
                    p.kind #objection-hint { (words.wrong_hint) }
                    textarea #objection name="objection" rows="4" maxlength=(LONGEST)
                        aria-describedby="objection-hint" { (objection) }
                    button { (words.object) }
                }
            }
            @if let Some(closes) = closes {
                p.kind { (words.closes(&words.instant(&closes))) }
            }
        }
    }
}

fn hidden(view: &View<'_>, resolution: &Resolution) -> Markup {
    html! {
        input type="hidden" name="nonce" value=(view.nonce);
        input type="hidden" name="instance" value=(resolution.instance);
    }
}

/// Where it stands, and how it came there.
pub(super) fn progress(view: &View<'_>, result: &TicketResult) -> Markup {
    let words = words::of(view.locale);
    let last = result.steps.len().saturating_sub(1);
    html! {
        section aria-labelledby="progress-title" {
            h2 #progress-title { (words.progress) }
            @if let Some(why) = words.closed(result.close_reason()) {
                p { (why) }
            }
            @if result.steps.is_empty() {
                p { (words.status(result.status())) }
            } @else {
                ol.steps {
                    @for (index, step) in result.steps.iter().enumerate() {
                        (self::step(view, step, index == last))
                    }
                }
                p.kind { (words.zone(&view.tenant.time_zone)) }
            }
        }
    }
}

fn step(view: &View<'_>, step: &ResultStep, is_last: bool) -> Markup {
    html! {
        li aria-current=[is_last.then_some("step")] {
            span.status { (words::of(view.locale).status(step.status())) }
            " "
            span.kind { (instant(view, step.time.as_ref())) }
        }
    }
}

fn instant(view: &View<'_>, at: Option<&prost_types::Timestamp>) -> Markup {
    let machine = |at: &Zoned| at.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string();
    html! {
        @if let Some(at) = local(at, &view.tenant.time_zone) {
            time datetime=(machine(&at)) { (words::of(view.locale).instant(&at)) }
        }
    }
}

/// The language of a ticket's words, where it is known and not the page's.
fn lang<'a>(view: &View<'_>, result: &'a TicketResult) -> Option<&'a str> {
    let tag = result.language.as_str();
    (!tag.is_empty() && !speaks(view.locale, tag)).then_some(tag)
}
