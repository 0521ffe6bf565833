//! What became of the whole case, by what the suite itself says, and where to look.

use std::{collections::BTreeMap, fmt::Write as _, time::Duration};

use config::seed::Tenant;
use contracts::{surveys::v1::LoopState, tickets::v1::Ticket};
use serde::Serialize;

use super::{
    AT_ONCE,
    case::Played,
    in_lanes, matter,
    suite::Trouble,
    summary::{Summary, short, table},
    texts::Texts,
};
use crate::progress::Progress;

/// How many of the articles that most was asked about are told.
const MOST: usize = 5;

/// What became of all that was played. In JSON it names rows and states, no ids and no times, so that
/// two runs can be compared.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    /// The complaints, by file.
    pub(crate) complaints: Vec<Complaints>,
    pub(crate) sets: Vec<Ending>,
    /// Whether the suite's clock could be moved.
    pub(crate) moved: bool,
    /// The rows that were not played to their end, and why.
    pub(crate) refused: Vec<(String, String)>,
}

/// What became of a file of complaints.
#[derive(Debug, Serialize)]
pub(crate) struct Complaints {
    tenant: String,
    left_out: usize,
    summary: Summary,
    #[serde(skip)]
    look: Look,
}

/// What became of a set.
#[derive(Debug, Serialize)]
pub(crate) struct Ending {
    name: String,
    tenant: String,
    summary: Summary,
    kinds: BTreeMap<String, u64>,
    channels: BTreeMap<String, u64>,
    /// What was asked about most, by title.
    articles: Vec<(String, u64)>,
    found: Found,
    satisfaction: Option<Satisfaction>,
    /// The loops that bad answers opened, by state.
    loops: BTreeMap<String, u64>,
    #[serde(skip)]
    look: Look,
}

/// How often search finds the right article.
#[derive(Debug, Default, Serialize)]
struct Found {
    messages: u64,
    first: u64,
    in_three: u64,
}

/// How satisfied the customers are.
#[derive(Debug, Serialize)]
struct Satisfaction {
    answers: i64,
    satisfied: i64,
    percent: f64,
    low: f64,
    high: f64,
}

/// What to look at.
#[derive(Debug, Default)]
struct Look {
    slug: String,
    /// A ticket with much in it, and its customer.
    ticket: String,
    customer: String,
    agent: String,
    /// The path of the result page of a ticket.
    page: String,
}

/// Where the suite is, for whoever looks.
pub(crate) struct Where<'a> {
    /// How this program is called.
    pub(crate) myself: &'a str,
    /// The address that it was given.
    pub(crate) address: Option<&'a str>,
    /// The public port.
    pub(crate) public: Option<String>,
}

impl Report {
    pub(crate) fn add_complaints(
        &mut self,
        tenant: &Tenant,
        texts: &Texts,
        tickets: &[(String, Ticket)],
    ) {
        self.complaints.push(Complaints {
            tenant: format!("{} (`{}`)", tenant.title, tenant.slug),
            left_out: texts.left_out,
            summary: Summary::of(tickets),
            look: Look { slug: tenant.slug.clone(), ..Look::of(tickets) },
        });
    }

    /// The report for people.
    pub(crate) fn text(&self, took: Duration, at: &Where<'_>) -> String {
        let mut text = String::new();
        // Writing to a text cannot fail.
        for one in &self.complaints {
            let _ = writeln!(text, "{} complaints at {}", one.summary.tickets, one.tenant);
            if one.left_out > 0 {
                let _ = writeln!(text, "{} rows have no text and were left out", one.left_out);
            }
            let _ = writeln!(text, "\n{}", one.summary.text());
        }
        for one in &self.sets {
            text.push_str(&one.text());
        }
        let _ = writeln!(text, "Played in {:.1} s.", took.as_secs_f64());
        if !self.sets.is_empty() && !self.moved {
            let _ =
                writeln!(text, "The suite's clock cannot be moved, so this is the first day only.");
        }
        text.push_str(&self.look_further(at));
        text
    }

    /// Pages to open, and a few calls to go on with.
    fn look_further(&self, at: &Where<'_>) -> String {
        let mut text = "\nLook further:\n".to_owned();
        let address = at.address.map(|address| format!(" --address {address}"));
        let call = format!("{} call{}", at.myself, address.unwrap_or_default());
        let public = at.public.as_deref().unwrap_or("127.0.0.1:8080");
        // Writing to a text cannot fail.
        for one in &self.sets {
            let Look { slug, page, .. } = &one.look;
            let help = format!("http://{public}/t/{slug}  the help centre of `{slug}`");
            if !text.contains(&help) {
                let _ = writeln!(text, "{help}");
            }
            let _ = writeln!(text, "http://{public}{page}\n    a customer's page");
        }
        if let Some(one) = self.sets.last() {
            let (myself, slug) = (at.myself, &one.look.slug);
            let _ = writeln!(
                text,
                "http://{public}/overview?days=28  how it stands, for who signs in with the token of\n    \
                 {myself} token --role supervisor --tenant {slug}\n\
                 http://{public}/docs  every call that there is"
            );
        }
        for look in self.sets.iter().map(|one| &one.look).rev().take(1) {
            let Look { slug, ticket, .. } = look;
            let _ = writeln!(
                text,
                "{call} GetTicketWorkspace --tenant {slug} '{{\"name\": \"{ticket}\"}}'"
            );
        }
        for look in self.complaints.iter().map(|one| &one.look).take(1) {
            let Look { slug, ticket, customer, .. } = look;
            let _ = writeln!(
                text,
                "{call} ListTickets --tenant {slug} '{{\"category\": \"CATEGORY_NEW\", \"pageSize\": 3}}'\n\
                 {call} ListTicketHistory --tenant {slug} '{{\"parent\": \"{ticket}\"}}'\n\
                 {call} ListTimeline --tenant {slug} '{{\"parent\": \"{customer}\"}}'\n\
                 {call} ClaimNextTicket --tenant {slug} --member {agent}",
                agent = look.agent
            );
        }
        if self.moved {
            text.push_str(
                "The suite's clock is some weeks ahead now and stays so; a new data folder has its own.\n",
            );
        }
        if !self.moved {
            let myself = at.myself;
            let _ = writeln!(
                text,
                "Let time pass, so that what the customers left silent closes by itself:\n\
                 {myself} clock advance --by 7d"
            );
        }
        text
    }
}

impl Look {
    /// A ticket that was objected to, where there is one.
    fn of(tickets: &[(String, Ticket)]) -> Self {
        let objected = tickets.iter().find(|(_, ticket)| ticket.reopen_count > 0);
        let (_, ticket) = objected.or(tickets.first()).cloned().unwrap_or_default();
        let agents =
            tickets.iter().filter_map(|(_, ticket)| ticket.assignee.strip_prefix("members/"));
        Self {
            agent: agents.min().unwrap_or_default().to_owned(),
            ticket: ticket.name,
            customer: ticket.customer,
            ..Self::default()
        }
    }
}

impl Ending {
    /// Asks the suite what became of a set.
    pub(crate) async fn of(played: &Played<'_>) -> Result<Self, Trouble> {
        let (open, house) = (&played.open, played.open.house);
        let mut kinds = BTreeMap::new();
        let mut channels = BTreeMap::new();
        let mut asked: BTreeMap<&str, u64> = BTreeMap::new();
        for matter in &open.matters {
            let message = matter.message;
            *kinds.entry(short(message.kind.as_str_name(), "KIND_")).or_default() += 1;
            *channels.entry(short(message.channel.as_str_name(), "CHANNEL_")).or_default() += 1;
            if let Some(article) = &message.article {
                *asked.entry(open.shelf.title(article)).or_default() += 1;
            }
        }
        let mut articles: Vec<_> =
            asked.into_iter().map(|(title, count)| (title.to_owned(), count)).collect();
        articles.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
        articles.truncate(MOST);

        let mut loops = BTreeMap::new();
        for one in open.asking.loops().await? {
            let state: LoopState = one.state();
            *loops.entry(short(state.as_str_name(), "LOOP_STATE_")).or_default() += 1;
        }
        let mut look = Look { slug: house.tenant.slug.clone(), ..Look::of(&played.tickets) };
        if !look.ticket.is_empty() {
            look.page = matter::link(&house.crew, &look.ticket).await?.1;
        }
        Ok(Self {
            name: house.set.name.clone(),
            tenant: format!("{} (`{}`)", house.tenant.title, house.tenant.slug),
            summary: Summary::of(&played.tickets),
            kinds,
            channels,
            articles,
            found: Found::of(played).await?,
            satisfaction: Satisfaction::of(played).await?,
            loops,
            look,
        })
    }

    fn text(&self) -> String {
        let mut text = String::new();
        let Found { messages, first, in_three } = self.found;
        // Writing to a text cannot fail.
        let _ = writeln!(
            text,
            "{} messages of `{}` at {}\n\n{}",
            self.summary.tickets,
            self.name,
            self.tenant,
            self.summary.text()
        );
        table(&mut text, "messages by kind", &self.kinds);
        table(&mut text, "messages by channel", &self.channels);
        let _ = writeln!(text, "asked about most");
        for (title, count) in &self.articles {
            let _ = writeln!(text, "  {count:>3}  {title}");
        }
        let _ = writeln!(
            text,
            "\nsearch finds the right article first for {} of {messages} messages, among the first \
             three for {}",
            share(first, messages),
            share(in_three, messages)
        );
        match &self.satisfaction {
            Some(Satisfaction { answers, satisfied, percent, low, high }) => {
                let _ = writeln!(
                    text,
                    "satisfied are {satisfied} of {answers} who answered: {percent:.1} % (95 % interval \
                     {low:.1} to {high:.1})"
                );
            }
            None => {
                let _ = writeln!(text, "nobody has answered how satisfied they are");
            }
        }
        for (state, count) in &self.loops {
            let _ = writeln!(text, "bad answers followed up, {state}: {count}");
        }
        text.push('\n');
        text
    }
}

fn share(part: u64, whole: u64) -> String {
    let tenths = part * 1_000 / whole.max(1);
    format!("{part} ({}.{} %)", tenths / 10, tenths % 10)
}

impl Found {
    /// Searches with every message that has a right article.
    async fn of(played: &Played<'_>) -> Result<Self, Trouble> {
        let (open, crew) = (&played.open, &played.open.house.crew);
        let asked = open.matters.iter().map(|matter| matter.message);
        let asked: Vec<_> =
            asked.filter_map(|message| Some((message, message.article.as_ref()?))).collect();
        let progress = Progress::start("searches", asked.len());
        let places = in_lanes(&asked, AT_ONCE, async |(message, right)| {
            let place = open.shelf.place(crew, message, right).await?;
            progress.step();
            Ok(place)
        })
        .await?;
        progress.end();
        let within = |most: usize| {
            places.iter().filter(|place| place.is_some_and(|place| place < most)).count() as u64
        };
        Ok(Self { messages: places.len() as u64, first: within(1), in_three: within(3) })
    }
}

impl Satisfaction {
    async fn of(played: &Played<'_>) -> Result<Option<Self>, Trouble> {
        let Some(score) = played.open.asking.score().await? else { return Ok(None) };
        let Some(percent) = score.score else { return Ok(None) };
        let interval = score.interval.unwrap_or_default();
        Ok(Some(Self {
            answers: score.n,
            satisfied: score.numerator,
            percent,
            low: interval.low,
            high: interval.high,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_told_in_percent() {
        assert_eq!(share(2, 3), "2 (66.6 %)");
        assert_eq!(share(0, 0), "0 (0.0 %)");
    }
}
