//! One request for a page of a link: what it shows, and what becomes of what it sends.

use contracts::{
    surveys::v1::InvitedSurvey,
    tickets::v1::{CloseReason, CustomerStatus, TicketResult},
};
use http::{Method, Response, StatusCode, request::Parts};
use kernel::{Locale, link::Opens};
use tonic::body::Body;
use uuid::Uuid;

use super::{
    LinkPages, Site,
    answers::{Given, begun, brings},
    calls::{Asking, Calls, Refused},
    html,
    place::{Asked, Done, Page, Place},
    view::{Filled, Notice, View},
};
use crate::pages::{self, Fields, Problem, READ, SENT};

/// No form is longer; the front lets no more through.
const LONGEST: usize = 1_024 * 1_024;

/// A request for a page.
pub(super) struct Visit<'a> {
    pub(super) pages: &'a LinkPages,
    pub(super) place: &'a Place,
    pub(super) asked: &'a Asked,
    pub(super) site: &'a Site,
    /// The language that is asked for.
    pub(super) wanted: Option<Locale>,
    pub(super) calls: Calls<'a>,
}

/// What a link leads to.
struct Found {
    result: Option<TicketResult>,
    survey: Asking,
}

impl Found {
    /// The customer's language, where it is known.
    fn locale(&self) -> Option<Locale> {
        let of_result = || Locale::parse(&self.result.as_ref()?.language);
        let of_survey = || match &self.survey {
            Asking::Open(survey) => Locale::parse(&survey.locale),
            Asking::Nothing | Asking::Closed | Asking::Away => None,
        };
        of_result().or_else(of_survey)
    }

    /// What is said of what was done, where it was: an address can claim anything.
    fn notice(&self, done: Done) -> Option<Notice> {
        let result = self.result.as_ref();
        match done {
            Done::Confirmed => {
                let confirmed = result?.close_reason() == CloseReason::Confirmed;
                confirmed.then_some(Notice::Confirmed)
            }
            Done::Objected => {
                let open = !result?.answerable && result?.status() != CustomerStatus::Settled;
                open.then_some(Notice::Objected)
            }
            Done::Answered => match &self.survey {
                Asking::Open(survey) if survey.suspected => Some(Notice::Doubted),
                Asking::Open(survey) => survey.submitted.then_some(Notice::Answered),
                Asking::Nothing | Asking::Closed | Asking::Away => None,
            },
        }
    }
}

impl Visit<'_> {
    /// Answers it.
    pub(super) async fn answer(&self, head: &Parts, body: Body) -> Result<Response<Body>, Problem> {
        let is_ticket = matches!(self.site.link.opens, Opens::Ticket(_));
        let sends = match self.place.page {
            Page::Show => false,
            Page::Answers => true,
            Page::Confirm | Page::Object if is_ticket => true,
            Page::Confirm | Page::Object | Page::Unknown => return Err(Problem::NotFound),
        };
        if !sends {
            return match head.method {
                Method::GET | Method::HEAD => self.look().await,
                _ => Err(Problem::NotSo(READ)),
            };
        }
        if head.method != Method::POST {
            return Err(Problem::NotSo(SENT));
        }
        let fields = Fields::read(head, body, LONGEST, &self.site.tenant.origins).await?;
        match self.place.page {
            Page::Answers => self.answers(&fields).await,
            Page::Show | Page::Confirm | Page::Object | Page::Unknown => self.decide(&fields).await,
        }
    }

    /// The page as it stands.
    async fn look(&self) -> Result<Response<Body>, Problem> {
        let found = match self.site.link.opens {
            Opens::Invitation(_) => self.found(self.calls.survey().await?).await?,
            Opens::Ticket(_) => {
                let (result, survey) = tokio::join!(self.calls.result(), self.calls.survey());
                Found { result: Some(result?), survey: survey? }
            }
        };
        let mut filled = Filled::default();
        if let Asking::Open(survey) = &found.survey {
            filled.answers = begun(survey, &self.asked.numbers);
            filled.again = brings(survey, &self.asked.numbers);
        }
        let notice = self.asked.done.and_then(|done| found.notice(done));
        Ok(self.page(StatusCode::OK, &found, &filled, notice))
    }

    /// What else there is of the link, beside what it asks.
    async fn found(&self, survey: Asking) -> Result<Found, Problem> {
        match (self.site.link.opens, survey) {
            (Opens::Ticket(_), survey) => {
                Ok(Found { result: Some(self.calls.result().await?), survey })
            }
            (Opens::Invitation(_), Asking::Nothing) => Err(Problem::NoLink),
            (Opens::Invitation(_), Asking::Closed) => Err(Problem::Closed),
            (Opens::Invitation(_), Asking::Away) => Err(Problem::Away),
            (Opens::Invitation(_), survey @ Asking::Open(_)) => Ok(Found { result: None, survey }),
        }
    }

    /// The customer's word on the resolution.
    async fn decide(&self, fields: &Fields) -> Result<Response<Body>, Problem> {
        let objection = fields.text("objection");
        let instance = fields.value("instance").and_then(|instance| instance.parse().ok());
        let (Some(id), Some(instance)) = (self.nonce(fields), instance) else {
            return self
                .undecided(StatusCode::UNPROCESSABLE_ENTITY, Notice::Stale, objection)
                .await;
        };
        let (sent, done) = if self.place.page == Page::Object {
            (self.calls.object(instance, objection.clone(), id).await, Done::Objected)
        } else {
            (self.calls.confirm(instance, id).await, Done::Confirmed)
        };
        let (status, notice) = match sent {
            Ok(()) => return Ok(self.done(done)),
            Err(Refused::Problem(problem)) => return Err(problem),
            Err(Refused::Faulty(_)) => (StatusCode::UNPROCESSABLE_ENTITY, Notice::TooLong),
            Err(Refused::State | Refused::Repeated) => (StatusCode::CONFLICT, Notice::Changed),
            Err(Refused::Lost) => (StatusCode::CONFLICT, Notice::Lost),
        };
        self.undecided(status, notice, objection).await
    }

    /// The page again, with the objection that was not recorded.
    async fn undecided(
        &self,
        status: StatusCode,
        notice: Notice,
        objection: String,
    ) -> Result<Response<Body>, Problem> {
        let found = self.found(self.calls.survey().await?).await?;
        let mut filled = Filled { objection, ..Filled::default() };
        if let Asking::Open(survey) = &found.survey {
            filled.answers.clone_from(&survey.answers);
        }
        Ok(self.page(status, &found, &filled, Some(notice)))
    }

    /// Answers to the survey: kept, and submitted once they are whole.
    async fn answers(&self, fields: &Fields) -> Result<Response<Body>, Problem> {
        let mut survey = match self.calls.survey().await? {
            Asking::Open(survey) => survey,
            other => {
                let found = self.found(other).await?;
                let filled = Filled::default();
                return Ok(self.page(StatusCode::CONFLICT, &found, &filled, Some(Notice::Changed)));
            }
        };
        let given = Given::read(fields, &survey);
        let Some(id) = self.nonce(fields) else {
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            return self.unanswered(status, survey, given.into(), Some(Notice::Stale)).await;
        };
        if !given.is_kept(&survey) {
            match self.calls.save(given.answers.clone()).await {
                Ok(kept) => *survey = kept,
                Err(refused) => return self.refused(survey, given, refused).await,
            }
        }
        let (faults, new) = (given.faults(&survey.steps), given.new_question(&survey.steps));
        if !faults.is_empty() || new.is_some() {
            let whole = faults.is_empty();
            let status = if whole { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
            let filled = Filled { faults, new, ..Filled::from(given) };
            return self.unanswered(status, survey, filled, None).await;
        }
        match self.calls.submit(given.answers.clone(), self.locale(None), id).await {
            Ok(()) => Ok(self.done(Done::Answered)),
            Err(refused) => self.refused(survey, given, refused).await,
        }
    }

    /// The page again, with answers that were refused.
    async fn refused(
        &self,
        survey: Box<InvitedSurvey>,
        given: Given,
        refused: Refused,
    ) -> Result<Response<Body>, Problem> {
        let (status, notice) = match refused {
            Refused::Problem(problem) => return Err(problem),
            Refused::Faulty(faults) if faults.is_empty() => return Err(Problem::NotRead),
            Refused::Faulty(faults) => {
                let filled = Filled { faults, ..Filled::from(given) };
                let status = StatusCode::UNPROCESSABLE_ENTITY;
                return self.unanswered(status, survey, filled, None).await;
            }
            Refused::State => {
                let found = self.found(Asking::Closed).await?;
                let (status, filled) = (StatusCode::CONFLICT, Filled::default());
                return Ok(self.page(status, &found, &filled, Some(Notice::Changed)));
            }
            Refused::Repeated => (StatusCode::CONFLICT, Notice::Repeated),
            Refused::Lost => (StatusCode::CONFLICT, Notice::Lost),
        };
        self.unanswered(status, survey, given.into(), Some(notice)).await
    }

    /// The page again, with answers that are not submitted.
    async fn unanswered(
        &self,
        status: StatusCode,
        survey: Box<InvitedSurvey>,
        filled: Filled,
        notice: Option<Notice>,
    ) -> Result<Response<Body>, Problem> {
        let found = self.found(Asking::Open(survey)).await?;
        let filled = Filled { again: true, ..filled };
        Ok(self.page(status, &found, &filled, notice))
    }

    fn page(
        &self,
        status: StatusCode,
        found: &Found,
        filled: &Filled,
        notice: Option<Notice>,
    ) -> Response<Body> {
        let (pages, tenant) = (self.pages, &self.site.tenant);
        let id = pages.ids.next();
        let locale = self.locale(found.locale());
        let view = View {
            place: self.place,
            asked: self.asked,
            tenant,
            locale,
            result: found.result.as_ref(),
            survey: &found.survey,
            filled,
            notice,
            nonce: &pages.nonces.seal(&self.site.link, id, pages.clock.real_now()),
        };
        html(status, locale, &tenant.origins, view.page())
    }

    /// To the page, which says what was done.
    fn done(&self, done: Done) -> Response<Body> {
        let to = self.place.at(Page::Show, self.locale(None), &[("done", done.as_str())]);
        pages::redirect(StatusCode::SEE_OTHER, &format!("{to}#next"))
    }

    /// The language of the page: the one asked for, else the customer's, else the tenant's.
    fn locale(&self, of_customer: Option<Locale>) -> Locale {
        self.wanted.or(of_customer).unwrap_or(self.site.tenant.locale)
    }

    /// The id of a form that is ours, and not too old.
    fn nonce(&self, fields: &Fields) -> Option<Uuid> {
        let pages = self.pages;
        pages.nonces.open(&self.site.link, fields.value("nonce")?, pages.clock.real_now())
    }
}

impl From<Given> for Filled {
    fn from(given: Given) -> Self {
        Self { answers: given.answers, ..Self::default() }
    }
}
