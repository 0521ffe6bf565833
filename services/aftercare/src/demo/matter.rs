//! One message of a set, from the customer's words to the customer's verdict: recorded, judged where it
//! is a complaint, claimed, answered by the article that search finds best, resolved, and confirmed or
//! objected to by the sealed link of its ticket.

use std::collections::BTreeMap;

use contracts::tickets::v1::{
    ConfirmResultRequest, CreateTicketLinkRequest, CreateTicketRequest, Facts, GetTicketRequest,
    Kind, ObjectToResultRequest, Subject, Ticket, Turn,
};
use jiff::tz::TimeZone;
use tonic::Code;

use super::{
    hand::{Crew, Hand, Said},
    play,
    rule::{self, dice},
    set::{Message, Set},
    shelf::Shelf,
    suite::{Suite, Trouble, Voice},
    words::{self, Talk},
};

/// The limit of a title, in characters, as far as it reads well.
const TITLE: usize = 60;
/// How many unfinished matters of a set an agent keeps; the others go back to the queue.
const KEEPS: usize = 2;

/// How the story of a message ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum End {
    /// Nobody has taken it yet.
    Untouched,
    /// The customer was asked and has not answered.
    Asked,
    /// It waits for another department.
    HandedOn,
    /// Resolved; the customer says nothing, and it closes by itself.
    Silent,
    /// The customer objects to the first resolution and confirms the second.
    Objected,
    /// The customer confirms.
    Confirmed,
}

/// A message with its course.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Matter<'a> {
    pub(crate) message: &'a Message,
    pub(crate) end: End,
    /// Which of the agents.
    pub(crate) agent: usize,
    /// Whether nobody gets to it on the first day.
    pub(crate) late: bool,
    /// Whether the agent keeps it where it stays unfinished.
    kept: bool,
}

/// The messages of a set with their courses, which depend on the rows alone. Of 100, five stay untouched,
/// four are asked about, three handed on, 25 silent, twelve objected to and 51 confirmed; every eighth is
/// late.
pub(crate) fn matters(set: &Set, agents: usize) -> Vec<Matter<'_>> {
    let mut kept = vec![0; agents];
    let mut matters = Vec::with_capacity(set.messages.len());
    for message in &set.messages {
        let Message { id, kind, .. } = message;
        let end = match dice(&set.name, id, "end", 100) {
            _ if matches!(kind, Kind::Praise | Kind::Suggestion) => End::Silent,
            0..=4 => End::Untouched,
            5..=8 => End::Asked,
            9..=11 => End::HandedOn,
            12..=36 => End::Silent,
            37..=48 => End::Objected,
            _ => End::Confirmed,
        };
        let agent = dice(&set.name, id, "agent", agents.max(1) as u64);
        let agent = usize::try_from(agent).unwrap_or(0);
        let stays = matches!(end, End::Asked | End::HandedOn) && kept[agent] < KEEPS;
        kept[agent] += usize::from(stays);
        let late = dice(&set.name, id, "late", 8) == 0;
        matters.push(Matter { message, end, agent, late, kept: stays });
    }
    matters
}

/// Where the messages of a set are played.
pub(crate) struct Scene<'a> {
    pub(crate) crew: &'a Crew<'a>,
    pub(crate) set: &'a Set,
    pub(crate) zone: &'a TimeZone,
    /// The names of the customers, by what the set calls them.
    pub(crate) customers: &'a BTreeMap<String, String>,
    pub(crate) shelf: &'a Shelf<'a>,
}

impl Scene<'_> {
    /// Records what a customer wrote.
    pub(crate) async fn record(&self, message: &Message) -> Result<Ticket, Trouble> {
        let facts = Facts {
            what: message.text.clone(),
            occur_time: message.date.and_then(|date| play::start(date, self.zone)),
            expectation: message.expectation.clone(),
            ..Facts::default()
        };
        let product = message.product.as_ref().map(|id| format!("products/{id}"));
        let ticket = Ticket {
            kind: message.kind.into(),
            channel: message.channel.into(),
            customer: self.customers.get(&message.customer).cloned().unwrap_or_default(),
            subject: product.map(|product| Subject { product, ..Subject::default() }),
            title: title(&message.text),
            facts: Some(facts),
            language: self.set.language.to_owned(),
            ..Ticket::default()
        };
        let request = CreateTicketRequest {
            ticket: Some(ticket),
            request_id: rule::request_id(&self.set.name, &message.id, "create"),
            validate_only: false,
        };
        let call = async |request| self.crew.suite.tickets.clone().create_ticket(request).await;
        self.crew.suite.ask(&self.crew.recorder, &request, call).await
    }

    /// A ticket as staff see it now.
    pub(crate) async fn ticket(&self, name: &str) -> Result<Ticket, Trouble> {
        let request = GetTicketRequest { name: name.to_owned() };
        let call = async |request| self.crew.suite.tickets.clone().get_ticket(request).await;
        self.crew.suite.ask(&self.crew.supervisor, &request, call).await
    }

    /// Works on a ticket to the end of its story.
    pub(crate) async fn work(&self, matter: &Matter<'_>, ticket: &Ticket) -> Result<(), Trouble> {
        let message = matter.message;
        let talk = words::talk(self.set.language);
        let hand = Hand {
            crew: self.crew,
            set: &self.set.name,
            row: &message.id,
            agent: matter.agent,
            ticket: ticket.name.clone(),
        };
        if let Some((nature, severity)) = message.judgement {
            hand.triage(nature, severity, talk.evidence).await?;
        }
        if matter.end == End::Untouched {
            return Ok(());
        }
        let agent = hand.first_agent(&hand.ticket().await?).await?;
        self.answer(&hand, &agent, message).await?;
        match matter.end {
            End::Untouched => Ok(()),
            End::Asked => {
                hand.say(&agent, "question", Said::answer(talk.question, Turn::Customer)).await?;
                if matter.kept { Ok(()) } else { hand.release(&agent).await }
            }
            End::HandedOn => {
                hand.say(&agent, "hand-on", Said::handed_on(talk.handed_on)).await?;
                if matter.kept { Ok(()) } else { hand.release(&agent).await }
            }
            End::Silent => hand.resolve(&agent, "resolve", resolution(talk, message)).await,
            End::Confirmed => {
                hand.resolve(&agent, "resolve", resolution(talk, message)).await?;
                Linked::of(&hand).await?.confirm(&hand, "confirm", 1).await
            }
            End::Objected => {
                hand.resolve(&agent, "resolve", resolution(talk, message)).await?;
                let linked = Linked::of(&hand).await?;
                linked.object(&hand, talk.objection).await?;
                let agent = hand.second_agent(&hand.ticket().await?).await?;
                hand.resolve(&agent, "resolve-again", talk.second_resolution).await?;
                linked.confirm(&hand, "confirm", 2).await
            }
        }
    }

    /// Answers by what search finds best, or in words of courtesy where nothing has to be looked up.
    async fn answer(
        &self,
        hand: &Hand<'_>,
        agent: &Voice,
        message: &Message,
    ) -> Result<(), Trouble> {
        let talk = words::talk(self.set.language);
        let found = match message.article {
            Some(_) => self.shelf.best(self.crew, agent, message).await?,
            None => None,
        };
        let body = match &found {
            Some(found) => format!("{}\n\n{}", talk.reply, found.body),
            None => courtesy(talk, message.kind).to_owned(),
        };
        let answers = found.map(|found| found.answer).into_iter().collect();
        let said = Said::answer(&body, Turn::Unspecified).with(answers);
        match hand.say(agent, "reply", said).await {
            // It was said before, when search found something else.
            Err(Trouble::Refused(status)) if status.code() == Code::AlreadyExists => Ok(()),
            said => said,
        }
    }
}

/// The link of a ticket in the hands of its customer.
pub(crate) struct Linked {
    holder: Voice,
}

impl Linked {
    pub(crate) async fn of(hand: &Hand<'_>) -> Result<Self, Trouble> {
        let token = link(hand.crew, &hand.ticket).await?.0;
        Ok(Self { holder: Suite::holder(&token)? })
    }

    pub(crate) async fn confirm(
        &self,
        hand: &Hand<'_>,
        step: &str,
        instance: i32,
    ) -> Result<(), Trouble> {
        let request = ConfirmResultRequest { instance, request_id: hand.request_id(step) };
        let suite = hand.crew.suite;
        let call = async |request| suite.results.clone().confirm_result(request).await;
        suite.ask(&self.holder, &request, call).await.map(drop)
    }

    async fn object(&self, hand: &Hand<'_>, objection: &str) -> Result<(), Trouble> {
        let request = ObjectToResultRequest {
            instance: 1,
            objection: objection.to_owned(),
            request_id: hand.request_id("object"),
        };
        let suite = hand.crew.suite;
        let call = async |request| suite.results.clone().object_to_result(request).await;
        suite.ask(&self.holder, &request, call).await.map(drop)
    }
}

/// The token of a link to a ticket, and the path of its page.
pub(crate) async fn link(crew: &Crew<'_>, ticket: &str) -> Result<(String, String), Trouble> {
    let request = CreateTicketLinkRequest { name: ticket.to_owned() };
    let call = async |request| crew.suite.results.clone().create_ticket_link(request).await;
    let link = crew.suite.ask(&crew.recorder, &request, call).await?;
    Ok((link.token, link.path))
}

fn courtesy(talk: &Talk, kind: Kind) -> &'static str {
    match kind {
        Kind::Praise => talk.praised,
        Kind::Suggestion => talk.suggested,
        Kind::Unspecified
        | Kind::Inquiry
        | Kind::Complaint
        | Kind::Fault
        | Kind::OrderMatter
        | Kind::ServiceRequest
        | Kind::NegativeReview => talk.heard,
    }
}

fn resolution(talk: &Talk, message: &Message) -> &'static str {
    match message.kind {
        Kind::Complaint | Kind::NegativeReview => talk.made_good,
        Kind::Fault | Kind::ServiceRequest | Kind::OrderMatter => talk.done,
        Kind::Unspecified | Kind::Inquiry | Kind::Suggestion | Kind::Praise => talk.answered,
    }
}

/// A message in one line: its first sentence, cut where it is long.
fn title(text: &str) -> String {
    let sentence = text.trim().split(['\n', '。', '？', '！']).find(|part| !part.trim().is_empty());
    let sentence = sentence.unwrap_or(text).trim();
    if sentence.chars().count() <= TITLE {
        return sentence.to_owned();
    }
    let cut: String = sentence.chars().take(TITLE - 1).collect();
    format!("{cut}…")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::demo::set;

    #[test]
    fn the_shipped_messages_take_every_course() {
        for set in [set::shop().unwrap(), set::banking().unwrap()] {
            let mut ends = BTreeMap::new();
            let mut kept = [0; 4];
            for matter in matters(&set, 4) {
                *ends.entry(matter.end).or_insert(0) += 1;
                kept[matter.agent] += usize::from(matter.kept);
            }
            assert_eq!(ends.len(), 6, "{ends:?}");
            assert!(kept.iter().all(|kept| *kept <= KEEPS));
        }
    }

    #[test]
    fn a_title_is_the_first_sentence_or_a_part_of_it() {
        assert_eq!(title("冰箱不凉了。才买两个月。"), "冰箱不凉了");
        assert_eq!(title("？"), "？");
        assert_eq!(title(&"a".repeat(80)).chars().count(), TITLE);
    }
}
