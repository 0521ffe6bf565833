//! The complaints: each is recorded, judged, claimed, answered, resolved, and confirmed or objected to,
//! by rules that go by the row alone.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicUsize, Ordering},
};

use anyhow::{Result, anyhow};
use contracts::{
    customers::v1::{CreateProductRequest, Product},
    tickets::v1::{Category, GetTicketRequest, Ticket},
};
use futures::future::try_join_all;

use super::{
    AT_ONCE, TOO_MANY,
    asking::until,
    in_lanes, people,
    play::Players,
    rule,
    staff::{Case, Staff},
    suite::Trouble,
    texts::Texts,
};
use crate::{print::told, progress::Progress};

/// Plays all complaints of a file.
pub(crate) async fn perform(
    players: &Players<'_>,
    staff: &Staff,
    texts: &Texts,
) -> Result<Played, Trouble> {
    catalogue(players, texts).await?;
    play(players, staff, texts).await
}

/// Records the products that the complaints are about; those that are there already are fine.
async fn catalogue(players: &Players<'_>, texts: &Texts) -> Result<(), Trouble> {
    let products: BTreeSet<_> = texts.rows.iter().map(|text| &text.product).collect();
    let products: Vec<_> = products.into_iter().collect();
    let progress = Progress::start("products", products.len());
    in_lanes(&products, AT_ONCE, async |product| {
        let recorded = Product {
            title: product.title.clone(),
            model: product.model.clone(),
            brand: product.brand.clone(),
            ..Product::default()
        };
        let request = CreateProductRequest {
            product: Some(recorded),
            product_id: product.id.clone(),
            request_id: rule::request_id(players.form.name(), &product.id, "product"),
        };
        people::product(&players.crew, request).await?;
        progress.step();
        Ok(())
    })
    .await?;
    progress.end();
    Ok(())
}

/// What became of the stories.
pub(crate) struct Played {
    /// The rows with their tickets' names.
    names: Vec<(String, String)>,
    /// The rows that were not played to their end, and why.
    pub(crate) refused: Vec<(String, String)>,
}

/// Plays every complaint: each agent a few at a time, all agents at once.
async fn play(players: &Players<'_>, staff: &Staff, texts: &Texts) -> Result<Played, Trouble> {
    let cases = staff.cases(texts);
    let progress = Progress::start("complaints", cases.len());
    let refusals = AtomicUsize::new(0);
    let agents = staff.agents.iter().enumerate().map(|(number, agent)| {
        let own: Vec<_> = cases.iter().filter(|case| case.agent == number).collect();
        let (progress, refusals) = (&progress, &refusals);
        async move {
            let lanes = usize::try_from(agent.at_once).unwrap_or(1);
            in_lanes(&own, lanes, async |case| {
                let ended = end(players, case, refusals).await?;
                progress.step();
                Ok(ended)
            })
            .await
        }
    });
    let ended = try_join_all(agents).await?;
    progress.end();
    let mut played = Played { names: Vec::new(), refused: Vec::new() };
    for (row, ended) in ended.into_iter().flatten() {
        match ended {
            Ok(name) => played.names.push((row, name)),
            Err(why) => played.refused.push((row, why)),
        }
    }
    Ok(played)
}

/// The row of a case, and its ticket's name or why it was not played to its end.
async fn end(
    players: &Players<'_>,
    case: &Case<'_>,
    refusals: &AtomicUsize,
) -> Result<(String, Result<String, String>), Trouble> {
    let row = case.text.id.clone();
    match players.play(case).await {
        Ok(name) => Ok((row, Ok(name))),
        Err(Trouble::Refused(status)) => {
            let why = told(&status).to_string();
            if refusals.fetch_add(1, Ordering::Relaxed) + 1 >= TOO_MANY {
                let error = anyhow!("{TOO_MANY} complaints were refused; the last, {row}: {why}");
                return Err(Trouble::Over(error));
            }
            Ok((row, Err(why)))
        }
        Err(over) => Err(over),
    }
}

/// The tickets as the suite has them, each with its row; where so much time has passed that whoever is
/// silent agrees, once they are closed.
pub(crate) async fn read(
    players: &Players<'_>,
    played: &Played,
    settled: bool,
) -> Result<Vec<(String, Ticket)>, Trouble> {
    until("closed what customers left silent", async || {
        let tickets = tickets(players, &played.names).await?;
        let still = tickets.iter().any(|(_, ticket)| ticket.category() == Category::Resolved);
        Ok((!(settled && still)).then_some(tickets))
    })
    .await
}

async fn tickets(
    players: &Players<'_>,
    names: &[(String, String)],
) -> Result<Vec<(String, Ticket)>, Trouble> {
    let progress = Progress::start("reading", names.len());
    let tickets = in_lanes(names, AT_ONCE, async |(row, name)| {
        let request = GetTicketRequest { name: name.clone() };
        let call = async |request| players.crew.suite.tickets.clone().get_ticket(request).await;
        let ticket = players.crew.suite.ask(&players.crew.supervisor, &request, call).await?;
        progress.step();
        Ok((row.clone(), ticket))
    })
    .await?;
    progress.end();
    Ok(tickets)
}
