//! The overview as HTML.

mod bars;

use contracts::{
    surveys::v1::{Question, answer::Value},
    tickets::v1::{DayFigures, GetBacklogResponse, Kept, QueueBacklog},
};
use http::{HeaderValue, header::InvalidHeaderValue};
use jiff::Zoned;
use kernel::Locale;
use maud::{Markup, html};

use self::bars::Bars;
use super::{
    FOUR_WEEKS, PATH, SIGN_IN, SIGN_OUT, at,
    calls::{Bad, Overview, Part},
    words,
};
use crate::{
    directory::TenantFacts,
    pages::{Frame, Look, Problem, Tongue, languages, local},
};

const LOOK: Look = Look { style: include_str!("page.css"), script: None };
/// Above this a count of the backlog is not exact.
const EXACT: i32 = 1_000;
/// How much of a comment is shown.
const COMMENT: usize = 280;

/// What is said of what was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Notice {
    /// The token holds not.
    NoToken,
    /// It is none of a member.
    NoMember,
    /// No browser keeps it.
    TooLong,
    /// The browser has not kept it.
    NotKept,
}

/// What the page shows.
pub(super) struct View<'a> {
    /// Whether the figures are of four weeks, and not of one.
    pub(super) four_weeks: bool,
    pub(super) locale: Locale,
    pub(super) tenant: &'a TenantFacts,
    /// Who looks.
    pub(super) subject: &'a str,
    pub(super) by_cookie: bool,
    pub(super) overview: &'a Overview,
}

impl View<'_> {
    /// The whole page.
    pub(super) fn page(&self) -> Markup {
        let words = words::of(self.locale);
        let header = html! {
            p.name { strong { (self.tenant.title) } " · " (self.subject) }
            @if self.by_cookie {
                form method="post" action=(at(SIGN_OUT, Some(self.locale), &[])) {
                    button.quiet { (words.sign_out) }
                }
            }
        };
        let title = format!("{} – {}", words.overview, self.tenant.title);
        frame(self.locale, title, PATH, &header).with(&html! {
            h1 { (words.overview) }
            (self.queues())
            (self.figures())
            (self.answers())
        })
    }

    fn queues(&self) -> Markup {
        let words = words::of(self.locale);
        section("queues", words.queues, self.locale, &self.overview.backlog, |backlog| {
            html! {
                @if backlog.queues.is_empty() {
                    p { (words.no_queue) }
                } @else {
                    (self.backlog(backlog))
                }
                @if let Some(now) = local(backlog.time.as_ref(), &self.tenant.time_zone) {
                    p.kind {
                        (words.as_of(&words.instant(&now), &self.tenant.time_zone)) " "
                        a href=(at(PATH, Some(self.locale), &[])) { (words.refresh) }
                    }
                }
            }
        })
    }

    fn backlog(&self, backlog: &GetBacklogResponse) -> Markup {
        let words = words::of(self.locale);
        html! {
            div.wide tabindex="0" role="group" aria-labelledby="queues" {
                table {
                    thead {
                        tr {
                            th scope="col" { (words.queue) }
                            th.n scope="col" { (words.breached) }
                            th.n scope="col" { (words.due_soon) }
                            th.n scope="col" { (words.new) }
                            th.n scope="col" { (words.in_progress) }
                            th.n scope="col" { (words.with_customer) }
                            th.n scope="col" { (words.next_due) }
                        }
                    }
                    tbody { @for queue in &backlog.queues { (self.queue(queue)) } }
                }
            }
        }
    }

    fn queue(&self, queue: &QueueBacklog) -> Markup {
        let due = local(queue.next_due_time.as_ref(), &self.tenant.time_zone);
        html! {
            tr {
                th scope="row" { (queue.title) }
                td.n.bad[queue.breached > 0] { (count(queue.breached)) }
                td.n.soon[queue.due_soon > 0] { (count(queue.due_soon)) }
                td.n { (count(queue.new)) }
                td.n { (count(queue.in_progress)) }
                td.n { (count(queue.with_customer)) }
                td.n { @if let Some(due) = due { (self.instant(&due)) } @else { "–" } }
            }
        }
    }

    fn figures(&self) -> Markup {
        let words = words::of(self.locale);
        section("figures", words.figures, self.locale, &self.overview.figures, |figures| {
            let days = &figures.days;
            let today = self.told(&days.last().cloned().unwrap_or_default());
            let week = self.told(&sum(days));
            html! {
                table.plain {
                    thead {
                        tr {
                            th scope="col" { (words.measure) }
                            th.n scope="col" { (words.today) }
                            th.n scope="col" { (words.days(days.len())) }
                        }
                    }
                    tbody {
                        @for ((name, today), (_, week)) in today.iter().zip(&week) {
                            tr {
                                th scope="row" { (name) }
                                td.n { (today) }
                                td.n { (week) }
                            }
                        }
                    }
                }
                (self.chart(days))
                p.kind {
                    @let other = if self.four_weeks { "7" } else { FOUR_WEEKS };
                    a href=(at(PATH, Some(self.locale), &[("days", other)])) {
                        (words.last(other))
                    }
                }
            }
        })
    }

    /// What is told of a day or of a week.
    fn told(&self, of: &DayFigures) -> [(&'static str, String); 9] {
        let words = words::of(self.locale);
        let share = |kept: Option<Kept>| {
            let Kept { numerator, denominator } = kept.unwrap_or_default();
            words.share(numerator, denominator)
        };
        [
            (words.created, of.created.to_string()),
            (words.complaints, of.complaints.to_string()),
            (words.resolved, of.resolved.to_string()),
            (words.rejected, of.rejected.to_string()),
            (words.reopened, of.reopened.to_string()),
            (words.closed, of.closed.to_string()),
            (words.confirmed, of.confirmed.to_string()),
            (words.first_response, share(of.first_response)),
            (words.resolution, share(of.resolution)),
        ]
    }

    fn chart(&self, days: &[DayFigures]) -> Markup {
        let words = words::of(self.locale);
        let name = |day: &DayFigures| {
            day.day.parse().map_or_else(|_| day.day.clone(), |date| words.short(date))
        };
        let names: Vec<String> = days.iter().map(name).collect();
        let rows: Vec<[i64; 3]> =
            days.iter().map(|day| [day.created, day.resolved, day.closed]).collect();
        let series = [words.created, words.resolved, words.closed];
        html! {
            figure {
                figcaption { (words.by_day) }
                (Bars { names: &names, series, rows: &rows })
                details {
                    summary { (words.as_table) }
                    table {
                        thead {
                            tr {
                                th scope="col" { (words.day) }
                                @for name in series { th.n scope="col" { (name) } }
                            }
                        }
                        tbody {
                            @for (name, row) in names.iter().zip(&rows) {
                                tr {
                                    th scope="row" { (name) }
                                    @for n in row { td.n { (n) } }
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    fn answers(&self) -> Markup {
        let words = words::of(self.locale);
        section("answers", words.bad_answers, self.locale, &self.overview.answers, |answers| {
            html! {
                @if answers.is_empty() {
                    p { (words.no_bad_answer) }
                } @else {
                    ul.answers { @for bad in answers { li { (self.bad(bad)) } } }
                }
            }
        })
    }

    fn bad(&self, bad: &Bad) -> Markup {
        let words = words::of(self.locale);
        let at = local(bad.opened.open_time.as_ref(), &self.tenant.time_zone);
        html! {
            p.kind {
                @if let Some(at) = at { (self.instant(&at)) " · " }
                @if !bad.number.is_empty() { (words.ticket) " " (bad.number) " · " }
                (words.state(bad.opened.state()))
            }
            @match &bad.response {
                None => p { (words.not_told) },
                Some(response) => {
                    @for answer in &response.answers {
                        @match &answer.value {
                            Some(Value::Number(number)) => p {
                                (self.question(bad, &answer.question)) " "
                                strong { (number) }
                                @if let Some(max) = top(bad, &answer.question) { " / " (max) }
                            },
                            Some(Value::Text(text)) => blockquote {
                                (text.chars().take(COMMENT).collect::<String>())
                                @if text.chars().nth(COMMENT).is_some() { "…" }
                            },
                            Some(Value::Choice(_) | Value::Choices(_)) | None => {}
                        }
                    }
                }
            }
        }
    }

    /// A question in the language of the page, or its id.
    fn question(&self, bad: &Bad, id: &str) -> Markup {
        let shown = bad.questionnaire.as_ref().and_then(|asked| {
            let tongue = Tongue { locale: self.locale, default: &asked.default_locale };
            let question = asked.questions.iter().find(|question| question.id == id)?;
            Some(tongue.of(&question.title)?.inline())
        });
        shown.unwrap_or_else(|| html! { (id) })
    }

    fn instant(&self, at: &Zoned) -> Markup {
        let machine = at.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string();
        html! { time datetime=(machine) { (words::of(self.locale).instant(at)) } }
    }
}

/// A part of the page under its title; nothing of one that is not for this member.
fn section<T>(
    id: &str,
    title: &str,
    locale: Locale,
    part: &Part<T>,
    content: impl FnOnce(&T) -> Markup,
) -> Markup {
    let content = match part {
        Part::Denied => return html! {},
        Part::Away => html! { p.notice { (words::of(locale).away) } },
        Part::Shown(shown) => content(shown),
    };
    html! {
        section aria-labelledby=(id) {
            h2 id=(id) { (title) }
            (content)
        }
    }
}

/// A count of the backlog.
fn count(n: i32) -> String {
    if n > EXACT { format!("> {EXACT}") } else { n.to_string() }
}

/// The highest number that a question takes.
fn top(bad: &Bad, id: &str) -> Option<i32> {
    let questions = &bad.questionnaire.as_ref()?.questions;
    let question: &Question = questions.iter().find(|question| question.id == id)?;
    Some(question.scale.as_ref().map_or(10, |scale| scale.max))
}

/// What some days came to together.
fn sum(days: &[DayFigures]) -> DayFigures {
    let add = |sum: &mut Option<Kept>, more: Option<Kept>| {
        let (sum, more) = (sum.get_or_insert_default(), more.unwrap_or_default());
        sum.numerator += more.numerator;
        sum.denominator += more.denominator;
    };
    let mut week = DayFigures::default();
    for day in days {
        week.created += day.created;
        week.complaints += day.complaints;
        week.resolved += day.resolved;
        week.rejected += day.rejected;
        week.reopened += day.reopened;
        week.closed += day.closed;
        week.confirmed += day.confirmed;
        add(&mut week.first_response, day.first_response);
        add(&mut week.resolution, day.resolution);
    }
    week
}

/// The form by which a member signs in.
pub(super) fn sign_in(locale: Locale, notice: Option<Notice>) -> Markup {
    let words = words::of(locale);
    let title = format!("{} – {}", words.sign_in, words.overview);
    frame(locale, title, SIGN_IN, &html! { p.name { strong { (words.overview) } } }).with(&html! {
        h1 { (words.sign_in) }
        @if let Some(notice) = notice {
            p #notice .notice.bad role="alert" { (words.notice(notice)) }
        }
        form method="post" action=(at(SIGN_IN, Some(locale), &[])) {
            label for="token" { (words.token) }
            p.kind #token-hint { (words.token_hint) }
            input #token name="token" type="password" required autocomplete="off" spellcheck="false"
                aria-describedby="token-hint";
            button { (words.sign_in) }
        }
        p.kind { (words.trial) }
        pre { code { "aftercare token --role supervisor" } }
    })
}

/// The page of a problem.
pub(super) fn problem(problem: Problem, locale: Locale) -> Markup {
    let title = problem.title(locale).to_owned();
    frame(locale, title, PATH, &html! { p.name { strong { (words::of(locale).overview) } } })
        .with(&problem.content(locale))
}

fn frame(locale: Locale, title: String, path: &str, header: &Markup) -> Frame {
    let header = html! {
        (header)
        (languages(locale, |locale| at(path, Some(locale), &[])))
    };
    Frame { look: LOOK, locale, title, canonical: None, header }
}

/// The policy of every page: its own style, and nobody frames it.
pub(super) fn policy() -> Result<HeaderValue, InvalidHeaderValue> {
    LOOK.policy("img-src data:; frame-ancestors 'none'")
}
