//! Customers are asked how it was: a survey after each resolution, answers by the invitation's link and
//! by telephone, and one bad answer followed up until it is a good one.
//!
//! A customer is asked once in seven days, whichever of their matters comes first, so what is answered
//! goes by the customer alone.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::anyhow;
use contracts::{
    surveys::v1::{
        AfterResolution, Answer, CreateInvitationLinkRequest, CreateSurveyRequest, Disposition,
        GetInvitationRequest, GetScoresRequest, Interview, Invitation, InvitationBlock,
        InvitationState, ListInvitationsRequest, ListLoopsRequest, ListSurveysRequest, Loop,
        LoopState, Period, PublishSurveyRequest, Question, QuestionKind, Questionnaire,
        RecordInterviewRequest, Scale, Score, SubmitResponseRequest, Survey, SurveyState, Text,
        answer::Value,
    },
    tickets::v1::{Nature, Ticket, Turn},
};
use kernel::Time;
use tokio::time::Instant;

use super::{
    AT_ONCE,
    hand::{Crew, Hand, Said},
    in_lanes,
    matter::Linked,
    rule::{self, dice},
    set::Set,
    suite::{PATIENCE, Suite, Trouble},
    words,
};
use crate::progress::Progress;

const PAGE: i32 = 1_000;
/// How long after a resolution a customer is asked, in seconds.
const DELAY: i64 = 2 * 3_600;
/// How long the customer may answer from then on, in seconds.
const VALID: i64 = 60 * 24 * 3_600;
/// An answer so low is followed up.
const BAD: i32 = 2;
/// How often it is looked whether surveys have come as far.
const LOOK: std::time::Duration = std::time::Duration::from_millis(200);

/// The survey of a set, as its staff see it.
pub(crate) struct Asking<'a> {
    crew: &'a Crew<'a>,
    set: &'a Set,
    /// The name of the survey.
    pub(crate) survey: String,
    /// What the set calls its customers, by their names.
    customers: BTreeMap<String, &'a str>,
}

/// How a customer answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mood {
    /// Not at all.
    Silent,
    /// By the link, with this number.
    Link(i32),
    /// On the telephone, with this number.
    Phone(i32),
}

impl<'a> Asking<'a> {
    /// The live survey; made and published where there is none.
    pub(crate) async fn publish(
        crew: &'a Crew<'a>,
        set: &'a Set,
        customers: &'a BTreeMap<String, String>,
    ) -> Result<Self, Trouble> {
        let title = words::talk(set.language).survey;
        let request = ListSurveysRequest {
            state: SurveyState::Live.into(),
            page_size: PAGE,
            ..ListSurveysRequest::default()
        };
        let call = async |request| crew.suite.surveys.clone().list_surveys(request).await;
        let live = crew.suite.ask(&crew.recorder, &request, call).await?.surveys;
        let survey = match live.into_iter().find(|survey| survey.title == title) {
            Some(live) => live.name,
            None => make(crew, set, title).await?,
        };
        let customers = customers.iter().map(|(id, name)| (name.clone(), id.as_str())).collect();
        Ok(Self { crew, set, survey, customers })
    }

    /// Waits until everybody who is to be asked by `now` has been, and lets the customers answer.
    pub(crate) async fn answer(&self, tickets: &[Ticket], now: Time) -> Result<(), Trouble> {
        let asked = self.asked(tickets, now).await?;
        let progress = Progress::start("answers", asked.len());
        let answer = async |(who, invitation): &(&str, Invitation)| {
            self.answered(who, invitation).await?;
            progress.step();
            Ok(())
        };
        in_lanes(&asked, AT_ONCE, answer).await?;
        progress.end();
        Ok(())
    }

    /// Waits until surveys has heard of the last resolution of each ticket, and so of what was reopened
    /// before: when the clock is moved further, it asks about what holds.
    pub(crate) async fn hears(&self, tickets: &[Ticket]) -> Result<(), Trouble> {
        let resolved = |ticket: &Ticket| {
            let instance = ticket.resolution.as_ref().map(|resolution| resolution.instance)?;
            Some((ticket.name.clone(), instance))
        };
        let resolved: BTreeSet<_> = tickets.iter().filter_map(resolved).collect();
        until("heard what was resolved", async || {
            let all = self.invitations().await?.into_iter();
            let heard: BTreeSet<_> = all.map(|one| (one.ticket, one.instance)).collect();
            Ok(resolved.is_subset(&heard).then_some(()))
        })
        .await
    }

    /// The first invitation of each customer.
    async fn asked(
        &self,
        tickets: &[Ticket],
        now: Time,
    ) -> Result<Vec<(&str, Invitation)>, Trouble> {
        let own: BTreeSet<_> = tickets.iter().map(|ticket| ticket.name.as_str()).collect();
        let all = until("asked its customers", async || {
            let all = self.invitations().await?;
            let waits = |one: &Invitation| own.contains(one.ticket.as_str()) && is_due(one, now);
            Ok((!all.iter().any(waits)).then_some(all))
        })
        .await?;
        let mut first: BTreeMap<&str, Invitation> = BTreeMap::new();
        for one in all {
            let Some(who) = self.customers.get(&one.customer) else { continue };
            let Some(at) = one.request_time.as_ref().and_then(rpc::wire::time) else { continue };
            if !own.contains(one.ticket.as_str()) {
                continue;
            }
            let earlier = first.get(who).and_then(|other| other.request_time.as_ref());
            if earlier.and_then(rpc::wire::time).is_none_or(|earlier| at < earlier) {
                first.insert(*who, one);
            }
        }
        Ok(first.into_iter().collect())
    }

    async fn answered(&self, who: &str, invitation: &Invitation) -> Result<(), Trouble> {
        let open =
            [InvitationState::Requested, InvitationState::Delivered, InvitationState::Started];
        if !open.contains(&invitation.state()) {
            return Ok(());
        }
        match mood(self.set, who) {
            Mood::Silent => Ok(()),
            Mood::Link(number) => self.submit(&invitation.name, who, "answer", number).await,
            Mood::Phone(number) => {
                let interview = Interview {
                    disposition: Disposition::Completed.into(),
                    ..Interview::default()
                };
                let request = RecordInterviewRequest {
                    name: invitation.name.clone(),
                    interview: Some(interview),
                    answers: self.answers(number),
                    response_id: rule::request_id(&self.set.name, who, "answer"),
                    request_id: rule::request_id(&self.set.name, who, "interview"),
                };
                let suite = self.crew.suite;
                let call =
                    async |request| suite.invitations.clone().record_interview(request).await;
                suite.ask(&self.crew.supervisor, &request, call).await.map(drop)
            }
        }
    }

    /// Answers by the link of an invitation.
    async fn submit(
        &self,
        invitation: &str,
        row: &str,
        step: &str,
        number: i32,
    ) -> Result<(), Trouble> {
        let suite = self.crew.suite;
        let request = CreateInvitationLinkRequest { name: invitation.to_owned() };
        let call = async |request| suite.invitations.clone().create_invitation_link(request).await;
        let link = suite.ask(&self.crew.recorder, &request, call).await?;
        let request = SubmitResponseRequest {
            response_id: rule::request_id(&self.set.name, row, step),
            answers: self.answers(number),
            locale: self.set.language.to_owned(),
        };
        let call = async |request| suite.responses.clone().submit_response(request).await;
        suite.ask(&Suite::holder(&link.token)?, &request, call).await.map(drop)
    }

    fn answers(&self, number: i32) -> Vec<Answer> {
        let answer =
            |question: &str, value| Answer { question: question.to_owned(), value: Some(value) };
        let mut answers = vec![answer("overall", Value::Number(number))];
        if number <= BAD {
            let why = words::talk(self.set.language).dissatisfied;
            answers.push(answer("why", Value::Text(why.to_owned())));
        }
        answers
    }

    /// Follows up the first bad answer: the ticket that it led to is worked on and confirmed. `None`
    /// where nobody was asked who answers badly.
    pub(crate) async fn follow_up(&self) -> Result<Option<Loop>, Trouble> {
        let all = self.invitations().await?;
        let mut asked: BTreeMap<&str, usize> = BTreeMap::new();
        for one in all.iter().filter(|one| one.r#loop.is_empty()) {
            *asked.entry(one.customer.as_str()).or_default() += 1;
        }
        // Who has other matters may be asked about those first, and then not again for a week.
        let bad = |one: &Invitation| {
            let who = *self.customers.get(&one.customer)?;
            let answered = one.state() == InvitationState::Completed && one.r#loop.is_empty();
            let others = asked.get(one.customer.as_str()).copied();
            (answered && mood(self.set, who).is_bad()).then(|| (others, who, one.response.clone()))
        };
        let Some((_, _, response)) = all.iter().filter_map(bad).min() else { return Ok(None) };
        let opened = until("opened a loop", async || {
            let mut loops = self.loops().await?.into_iter();
            Ok(loops.find(|one| one.response == response && !one.follow_up.is_empty()))
        })
        .await?;
        let talk = words::talk(self.set.language);
        let ticket = opened.follow_up.clone();
        let hand = Hand { crew: self.crew, set: &self.set.name, row: "loop", agent: 0, ticket };
        hand.triage(Nature::ServiceFailing, 2, talk.evidence).await?;
        let agent = hand.first_agent(&hand.ticket().await?).await?;
        hand.say(&agent, "reply", Said::answer(talk.sorry, Turn::Unspecified)).await?;
        hand.resolve(&agent, "resolve", talk.followed_up).await?;
        Linked::of(&hand).await?.confirm(&hand, "confirm", 1).await?;
        let closed = until("closed the loop", async || {
            let mut loops = self.loops().await?.into_iter();
            let closed = |one: &Loop| one.name == opened.name && one.state() != LoopState::Open;
            Ok(loops.find(closed))
        })
        .await?;
        Ok(Some(closed))
    }

    /// The customer of a loop is asked again, and is satisfied; `false` where that has to wait, since the
    /// customer was asked about something else less than a week before `now`.
    pub(crate) async fn ask_again(&self, closed: &Loop, now: Time) -> Result<bool, Trouble> {
        let suite = self.crew.suite;
        let request = GetInvitationRequest { name: closed.invitation.clone() };
        let invitation = until("asked again", async || {
            let call = async |request| suite.invitations.clone().get_invitation(request).await;
            let one = suite.ask(&self.crew.recorder, &request, call).await?;
            Ok((!is_due(&one, now)).then_some(one))
        })
        .await?;
        match invitation.state() {
            InvitationState::Pending => return Ok(false),
            InvitationState::Requested | InvitationState::Delivered | InvitationState::Started => {
                self.submit(&invitation.name, "loop", "again", 5).await?;
            }
            InvitationState::Completed => {}
            // Consent or time stands in the way.
            InvitationState::Unspecified
            | InvitationState::Expired
            | InvitationState::Cancelled
            | InvitationState::Suppressed
            | InvitationState::Revoked => return Ok(true),
        }
        until("heard that it was made good", async || {
            let mut loops = self.loops().await?.into_iter();
            let ended = |one: &Loop| {
                one.name == closed.name
                    && matches!(one.state(), LoopState::Recovered | LoopState::NotRecovered)
            };
            Ok(loops.find(ended).map(|_| true))
        })
        .await
    }

    async fn invitations(&self) -> Result<Vec<Invitation>, Trouble> {
        let suite = self.crew.suite;
        let mut request = ListInvitationsRequest {
            survey: self.survey.clone(),
            page_size: PAGE,
            ..ListInvitationsRequest::default()
        };
        let mut all = Vec::new();
        loop {
            let call = async |request| suite.invitations.clone().list_invitations(request).await;
            let page = suite.ask(&self.crew.recorder, &request, call).await?;
            all.extend(page.invitations);
            if page.next_page_token.is_empty() {
                return Ok(all);
            }
            request.page_token = page.next_page_token;
        }
    }

    /// The loops of this survey.
    pub(crate) async fn loops(&self) -> Result<Vec<Loop>, Trouble> {
        let suite = self.crew.suite;
        let request = ListLoopsRequest { page_size: PAGE, ..ListLoopsRequest::default() };
        let call = async |request| suite.loops.clone().list_loops(request).await;
        let all = suite.ask(&self.crew.recorder, &request, call).await?.loops;
        Ok(all.into_iter().filter(|one| one.survey == self.survey).collect())
    }

    /// How satisfied the customers are, once every answer is counted; `None` where nobody answered.
    pub(crate) async fn score(&self) -> Result<Option<Score>, Trouble> {
        let all = self.invitations().await?;
        let completed = all.iter().filter(|one| one.state() == InvitationState::Completed).count();
        let suite = self.crew.suite;
        let request = GetScoresRequest {
            survey: self.survey.clone(),
            period: Period::All.into(),
            ..GetScoresRequest::default()
        };
        until("counted the answers", async || {
            let call = async |request| suite.scores.clone().get_scores(request).await;
            let scores = suite.ask(&self.crew.recorder, &request, call).await?.scores;
            let score = scores.into_iter().next();
            let n = score.as_ref().map_or(0, |score| score.n + score.excluded + score.suspected);
            Ok((usize::try_from(n).unwrap_or(0) >= completed).then_some(score))
        })
        .await
    }
}

/// Whether it is still to be decided by `now` whether the customer is asked. Where only customers was
/// away, it is tried again soon after.
fn is_due(invitation: &Invitation, now: Time) -> bool {
    let due = invitation.due_time.as_ref().and_then(rpc::wire::time);
    let away = invitation.blocks().any(|block| block == InvitationBlock::CustomersAway);
    let by = if away { now + PATIENCE } else { now };
    invitation.state() == InvitationState::Pending && due.is_none_or(|due| due <= by)
}

impl Mood {
    fn is_bad(self) -> bool {
        matches!(self, Self::Link(number) | Self::Phone(number) if number <= BAD)
    }
}

/// How a customer answers, by the customer alone.
fn mood(set: &Set, who: &str) -> Mood {
    let number = match dice(&set.name, who, "mood", 30) {
        0 => 1,
        1 => 2,
        2..=4 => 3,
        5..=15 => 4,
        _ => 5,
    };
    match dice(&set.name, who, "answers", 10) {
        _ if number <= BAD => Mood::Link(number),
        0..=5 => Mood::Link(number),
        6..=7 => Mood::Phone(number),
        _ => Mood::Silent,
    }
}

async fn make(crew: &Crew<'_>, set: &Set, title: &str) -> Result<String, Trouble> {
    let suite = crew.suite;
    let text = |zh: &str, en: &str| {
        let text =
            |locale: &str, text: &str| Text { locale: locale.to_owned(), text: text.to_owned() };
        vec![text("zh", zh), text("en", en)]
    };
    let questions = vec![
        Question {
            id: "overall".to_owned(),
            kind: QuestionKind::Csat.into(),
            title: text("您对这次服务满意吗？", "How satisfied are you with our service?"),
            required: true,
            scale: Some(Scale { min: 1, max: 5, ..Scale::default() }),
            ..Question::default()
        },
        Question {
            id: "why".to_owned(),
            kind: QuestionKind::LongText.into(),
            title: text("哪里没有做好？", "What went wrong?"),
            visible_if: format!("answers.overall <= {BAD}"),
            ..Question::default()
        },
    ];
    let survey = Survey {
        title: title.to_owned(),
        after_resolution: Some(AfterResolution {
            delay: Some(prost_types::Duration { seconds: DELAY, nanos: 0 }),
            valid_for: Some(prost_types::Duration { seconds: VALID, nanos: 0 }),
            ..AfterResolution::default()
        }),
        draft: Some(Questionnaire {
            default_locale: set.language.to_owned(),
            questions,
            thanks: text("谢谢您的评价。", "Thank you for telling us."),
            follow_up_if: format!("answers.overall <= {BAD}"),
            ..Questionnaire::default()
        }),
        ..Survey::default()
    };
    let request = CreateSurveyRequest {
        survey: Some(survey),
        request_id: rule::request_id(&set.name, "survey", "create"),
    };
    let call = async |request| suite.surveys.clone().create_survey(request).await;
    let name = suite.ask(&crew.recorder, &request, call).await?.name;
    let request = PublishSurveyRequest {
        name: name.clone(),
        request_id: rule::request_id(&set.name, "survey", "publish"),
        ..PublishSurveyRequest::default()
    };
    let call = async |request| suite.surveys.clone().publish_survey(request).await;
    suite.ask(&crew.recorder, &request, call).await?;
    Ok(name)
}

/// Looks until there is something, or patience ends.
pub(crate) async fn until<T>(
    what: &str,
    look: impl AsyncFn() -> Result<Option<T>, Trouble>,
) -> Result<T, Trouble> {
    let start = Instant::now();
    loop {
        if let Some(found) = look().await? {
            return Ok(found);
        }
        if start.elapsed() > PATIENCE {
            return Err(Trouble::Over(anyhow!("the suite has not {what} for a minute")));
        }
        tokio::time::sleep(LOOK).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::set;

    #[test]
    fn customers_of_each_shipped_set_answer_in_every_way() {
        for set in [set::shop().unwrap(), set::banking().unwrap()] {
            let moods: Vec<_> = set.people.iter().map(|who| mood(&set, &who.id)).collect();
            assert!(moods.iter().any(|mood| mood.is_bad()));
            assert!(moods.contains(&Mood::Silent) && moods.contains(&Mood::Link(5)));
            assert!(moods.iter().any(|mood| matches!(mood, Mood::Phone(_))));
        }
    }
}
