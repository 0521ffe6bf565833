//! The pages of links as HTML.

mod question;
mod result;
mod survey;

use contracts::{
    surveys::v1::Answer,
    tickets::v1::{CustomerStatus, TicketResult},
};
use http::{HeaderValue, header::InvalidHeaderValue};
use kernel::Locale;
use maud::{Markup, html};

use super::{
    calls::Asking,
    place::{Asked, Page, Place},
    words,
};
use crate::{
    directory::TenantFacts,
    pages::{Frame, Look, Problem, languages},
};

const LOOK: Look = Look { style: include_str!("page.css"), script: None };

/// What is said of what was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Notice {
    /// The customer agreed.
    Confirmed,
    /// The customer objected.
    Objected,
    /// The customer answered.
    Answered,
    /// What the customer saw is no longer what there is.
    Changed,
    /// The form is none of ours, or was shown too long ago.
    Stale,
    /// The form was sent before with something else in it.
    Repeated,
    /// Something else happened at the same moment.
    Lost,
    /// The objection is too long.
    TooLong,
    /// Answers came too fast one after the other to be a person's.
    Doubted,
}

impl Notice {
    /// Whether what was sent is recorded.
    const fn is_good(self) -> bool {
        match self {
            Self::Confirmed | Self::Objected | Self::Answered => true,
            Self::Changed
            | Self::Stale
            | Self::Repeated
            | Self::Lost
            | Self::TooLong
            | Self::Doubted => false,
        }
    }
}

/// What a form was filled in with.
#[derive(Clone, Debug, Default)]
pub(super) struct Filled {
    pub(super) answers: Vec<Answer>,
    /// The questions whose answers are missing or wrong.
    pub(super) faults: Vec<String>,
    /// The first of the questions that the answers have led to.
    pub(super) new: Option<String>,
    /// Whether the questions are shown though they were answered.
    pub(super) again: bool,
    /// What is still wrong with the resolution.
    pub(super) objection: String,
}

/// What a page shows.
pub(super) struct View<'a> {
    pub(super) place: &'a Place,
    pub(super) asked: &'a Asked,
    pub(super) tenant: &'a TenantFacts,
    pub(super) locale: Locale,
    /// The ticket; `None` where the link is none of a ticket.
    pub(super) result: Option<&'a TicketResult>,
    pub(super) survey: &'a Asking,
    pub(super) filled: &'a Filled,
    pub(super) notice: Option<Notice>,
    /// What makes its forms one.
    pub(super) nonce: &'a str,
}

impl View<'_> {
    /// The whole page.
    pub(super) fn page(&self) -> Markup {
        let words = words::of(self.locale);
        let mut title = match self.result {
            Some(result) => format!("{} {}", result.number, result.title),
            None => words.opinion.to_owned(),
        };
        if !self.filled.faults.is_empty() {
            title = format!("{} – {title}", words.to_check);
        }
        frame(Some((self.place, self.asked, self.tenant)), self.locale, &title).with(&html! {
            (self.notices())
            @match self.result {
                Some(result) => (self.of_ticket(result)),
                None => {
                    h1 { (words.opinion) }
                    (survey::survey(self))
                }
            }
        })
    }

    /// What is said of what was sent; where that page begins for who reads it.
    fn notices(&self) -> Markup {
        html! {
            @if let Some(notice) = self.notice {
                @let role = if notice.is_good() { "status" } else { "alert" };
                @let class = if notice.is_good() { "notice" } else { "notice bad" };
                p #next class=(class) role=(role) tabindex="-1" {
                    (words::of(self.locale).notice(notice))
                }
            } @else if !self.filled.faults.is_empty() {
                (survey::faults(self))
            }
        }
    }

    /// The page of a ticket. Once it is settled, what comes next is to be asked about it; so it is for who
    /// comes with an answer.
    fn of_ticket(&self, result: &TicketResult) -> Markup {
        let asks = !matches!(self.survey, Asking::Nothing);
        let survey = html! {
            @if asks {
                section #survey aria-labelledby="survey-title" {
                    h2 #survey-title { (words::of(self.locale).opinion) }
                    (survey::survey(self))
                }
            }
        };
        let first = result.status() == CustomerStatus::Settled || self.filled.again;
        html! {
            (result::title(self, result))
            @if first { (survey) }
            (result::answer(self, result))
            (result::decision(self, result))
            @if !first { (survey) }
            (result::progress(self, result))
        }
    }

    /// The address that a form of the page is sent to.
    fn action(&self, page: Page) -> String {
        format!("{}#next", self.place.at(page, self.locale, &[]))
    }
}

/// The page of a problem; with the tenant where it is known.
pub(super) fn problem(
    problem: Problem,
    of: Option<(&Place, &Asked, &TenantFacts)>,
    locale: Locale,
) -> Markup {
    frame(of, locale, problem.title(locale)).with(&problem.content(locale))
}

fn frame(of: Option<(&Place, &Asked, &TenantFacts)>, locale: Locale, title: &str) -> Frame {
    let name = of.map(|(_, _, tenant)| tenant.title.as_str()).unwrap_or_default();
    let header = html! {
        p.name { strong { (name) } }
        @if let Some((place, asked, _)) = of {
            (languages(locale, |locale| {
                let numbers: Vec<_> = asked
                    .numbers
                    .iter()
                    .map(|(question, number)| (question.as_str(), number.to_string()))
                    .collect();
                let more: Vec<_> = numbers.iter().map(|(key, value)| (*key, value.as_str())).collect();
                place.at(Page::Show, locale, &more)
            }))
        }
    };
    let title = if name.is_empty() { title.to_owned() } else { format!("{title} – {name}") };
    Frame { look: LOOK, locale, title, canonical: None, header }
}

/// The policy of every page: its own style; who may frame it are its own origin and those of the tenant.
pub(super) fn policy(origins: &[String]) -> Result<HeaderValue, InvalidHeaderValue> {
    let all: Vec<_> = ["'self'"].into_iter().chain(origins.iter().map(String::as_str)).collect();
    LOOK.policy(&format!("img-src data:; frame-ancestors {}", all.join(" ")))
}

#[cfg(test)]
mod tests;
