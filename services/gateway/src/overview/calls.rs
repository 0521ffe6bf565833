//! What the services answer to a member who looks at the overview: side by side, and each part on its
//! own, so that one service that is away costs its part only.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use contracts::{
    surveys::v1::{
        GetResponseRequest, GetSurveyVersionRequest, ListLoopsRequest, Loop, Questionnaire,
        Response, loop_service_client::LoopServiceClient,
        response_service_client::ResponseServiceClient, survey_service_client::SurveyServiceClient,
    },
    tickets::v1::{
        GetBacklogRequest, GetBacklogResponse, GetFiguresRequest, GetFiguresResponse,
        GetTicketRequest, stats_service_client::StatsServiceClient,
        ticket_service_client::TicketServiceClient,
    },
};
use futures::future::join_all;
use http::header;
use kernel::Locale;
use rpc::{Edge, Link, edge::Known};
use tonic::{Code, Request, Status, metadata::AsciiMetadataValue};

use crate::pages::asked;

/// How many bad answers are shown.
const LATEST: i32 = 8;

/// A part of the page.
#[derive(Clone, Debug)]
pub(super) enum Part<T> {
    /// As it stands.
    Shown(T),
    /// Not for this member.
    Denied,
    /// Nobody can tell now.
    Away,
}

impl<T> From<Result<T, Status>> for Part<T> {
    fn from(answer: Result<T, Status>) -> Self {
        match answer {
            Ok(shown) => Self::Shown(shown),
            Err(status) if status.code() == Code::PermissionDenied => Self::Denied,
            Err(_) => Self::Away,
        }
    }
}

/// What the page is made of.
#[derive(Clone, Debug)]
pub(super) struct Overview {
    pub(super) backlog: Part<GetBacklogResponse>,
    pub(super) figures: Part<GetFiguresResponse>,
    pub(super) answers: Part<Vec<Bad>>,
}

/// A bad answer.
#[derive(Clone, Debug)]
pub(super) struct Bad {
    /// The number of the ticket that follows it up, or else of the one that was asked about; empty where
    /// it cannot be told.
    pub(super) number: String,
    /// What became of it.
    pub(super) opened: Loop,
    /// What was answered, as far as it can be told.
    pub(super) response: Option<Response>,
    /// What was asked.
    pub(super) questionnaire: Option<Questionnaire>,
}

/// Calls of a member.
pub(super) struct Calls<'a> {
    edge: &'a Edge,
    known: &'a Known,
    link: Link,
    locale: Locale,
    /// The first day whose figures are shown; empty for those of a week.
    start_day: String,
}

impl<'a> Calls<'a> {
    /// Calls of this member, for a page in this language, with figures from this day on.
    pub(super) fn new(
        edge: &'a Edge,
        known: &'a Arc<Known>,
        locale: Locale,
        start_day: String,
    ) -> Self {
        Self { edge, known, link: edge.let_in(known.clone()), locale, start_day }
    }

    /// Everything that stands on the page. What this member may not read is not asked for.
    pub(super) async fn overview(&self) -> Overview {
        let (backlog, figures, answers) = tokio::join!(
            self.part("tickets.v1.StatsService/GetBacklog", self.backlog()),
            self.part("tickets.v1.StatsService/GetFigures", self.figures()),
            self.part("surveys.v1.LoopService/ListLoops", self.answers()),
        );
        Overview { backlog, figures, answers }
    }

    async fn part<T>(
        &self,
        method: &str,
        answer: impl Future<Output = Result<T, Status>>,
    ) -> Part<T> {
        if self.edge.may(self.known, &format!("/aftercare.{method}")) {
            answer.await.into()
        } else {
            Part::Denied
        }
    }

    async fn backlog(&self) -> Result<GetBacklogResponse, Status> {
        let mut client = StatsServiceClient::new(self.link.clone());
        let answer = client.get_backlog(self.dressed(GetBacklogRequest::default())).await?;
        Ok(answer.into_inner())
    }

    async fn figures(&self) -> Result<GetFiguresResponse, Status> {
        let mut client = StatsServiceClient::new(self.link.clone());
        let start_day = self.start_day.clone();
        let request = GetFiguresRequest { start_day, ..GetFiguresRequest::default() };
        let answer = client.get_figures(self.dressed(request)).await?;
        Ok(answer.into_inner())
    }

    async fn answers(&self) -> Result<Vec<Bad>, Status> {
        let mut client = LoopServiceClient::new(self.link.clone());
        let request = ListLoopsRequest { page_size: LATEST, ..ListLoopsRequest::default() };
        let loops = client.list_loops(self.dressed(request)).await?.into_inner().loops;
        let (responses, numbers) = tokio::join!(
            join_all(loops.iter().map(|one| self.response(&one.response))),
            join_all(loops.iter().map(|one| self.number(one))),
        );
        let versions: BTreeSet<_> =
            responses.iter().flatten().map(|response| response.version.as_str()).collect();
        let asked = versions.iter().map(async |name| Some((*name, self.asked(name).await?)));
        let asked: BTreeMap<_, _> = join_all(asked).await.into_iter().flatten().collect();
        let of = |response: &Response| asked.get(response.version.as_str()).cloned();
        let bad = |((opened, response), number): ((Loop, &Option<Response>), String)| Bad {
            number,
            opened,
            response: response.clone(),
            questionnaire: response.as_ref().and_then(of),
        };
        Ok(loops.into_iter().zip(&responses).zip(numbers).map(bad).collect())
    }

    /// The number of the ticket that somebody who sees a bad answer looks for.
    async fn number(&self, one: &Loop) -> String {
        let name = if one.follow_up.is_empty() { &one.ticket } else { &one.follow_up };
        if name.is_empty() {
            return String::new();
        }
        let mut client = TicketServiceClient::new(self.link.clone());
        let request = GetTicketRequest { name: name.clone() };
        let ticket = client.get_ticket(self.dressed(request)).await;
        ticket.map_or_else(|_| String::new(), |ticket| ticket.into_inner().number)
    }

    async fn response(&self, name: &str) -> Option<Response> {
        let mut client = ResponseServiceClient::new(self.link.clone());
        let request = GetResponseRequest { name: name.to_owned() };
        Some(client.get_response(self.dressed(request)).await.ok()?.into_inner())
    }

    async fn asked(&self, version: &str) -> Option<Questionnaire> {
        let mut client = SurveyServiceClient::new(self.link.clone());
        let request = GetSurveyVersionRequest { name: version.to_owned() };
        let answer = client.get_survey_version(self.dressed(request)).await.ok()?;
        answer.into_inner().questionnaire
    }

    fn dressed<T>(&self, message: T) -> Request<T> {
        let mut request = asked(message);
        let locale = AsciiMetadataValue::from_static(self.locale.tag());
        request.metadata_mut().insert(header::ACCEPT_LANGUAGE.as_str(), locale);
        request
    }
}
