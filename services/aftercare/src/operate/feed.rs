//! `feed`: the consumers of a running suite, and the feed of a service that was restored.

use std::{collections::BTreeMap, path::Path};

use anyhow::{Context, Result, bail};
use config::{Config, SERVICES};
use contracts::r#type::v1::{
    ConsumerPosition, ListConsumersRequest, ListDeadLettersRequest, RedriveRequest, RewindRequest,
    feed_admin_service_client::FeedAdminServiceClient,
};
use feed::inspect;
use kernel::{Clock, Ids};
use rpc::Link;
use store::{meta, migrate::State, transact};

use super::reach;
use crate::{
    print::told,
    serve::{Databases, chosen},
    verify,
};

/// Arguments of `feed`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The admin port, such as `127.0.0.1:9090`; the configured ones where it is left out.
    #[arg(long, global = true, value_name = "HOST:PORT")]
    address: Option<String>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List the consumers, how far they are, and why they stand still if they do.
    List,
    /// List the events that a consumer could not take.
    DeadLetters {
        /// For instance `customers.timeline`.
        consumer: String,
        /// How many at most.
        #[arg(long, default_value_t = 100)]
        limit: i32,
    },
    /// Try a consumer's dead letters again, in order.
    Redrive {
        /// For instance `customers.timeline`.
        consumer: String,
    },
    /// Set a consumer back, never forward, for one that stood still because its source was restored.
    Rewind {
        /// For instance `customers.timeline`.
        consumer: String,
        /// The position after which it goes on in every partition that has come so far; 0 for all
        /// that is kept.
        #[arg(long, default_value_t = 0)]
        position: i64,
    },
    /// Give a service's feed a new incarnation: part of restoring its database from a backup, before
    /// it is served again. Its consumers then stand still until they are rewound, and streams of its
    /// events begin anew, since the feed will give positions again that they have seen.
    Renew {
        /// The service whose database was restored.
        #[arg(value_parser = clap::builder::PossibleValuesParser::new(SERVICES))]
        #[arg(required_unless_present = "all")]
        service: Option<String>,
        /// All databases were restored to one instant: their consumers go on where they are.
        #[arg(long, conflicts_with = "service")]
        all: bool,
    },
}

type Client = FeedAdminServiceClient<Link>;

/// Runs one of them.
pub(crate) async fn run(config: &Config, args: Args) -> Result<()> {
    match args.command {
        Command::List => list(config, args.address).await,
        Command::DeadLetters { consumer, limit } => {
            let mut client = client(config, args.address, &consumer).await?;
            dead_letters(&mut client, consumer, limit).await
        }
        Command::Redrive { consumer } => {
            let mut client = client(config, args.address, &consumer).await?;
            let done = client
                .redrive(RedriveRequest { consumer })
                .await
                .map_err(|status| told(&status))?;
            let done = done.into_inner();
            println!("{} taken, {} left", done.taken, done.left);
            Ok(())
        }
        Command::Rewind { consumer, position } => {
            let mut client = client(config, args.address, &consumer).await?;
            let request = RewindRequest { consumer, position };
            let done = client.rewind(request).await.map_err(|status| told(&status))?;
            places(done.into_inner().consumers);
            Ok(())
        }
        Command::Renew { service: Some(service), .. } => renew(config, &service).await,
        Command::Renew { service: None, .. } => {
            renew_all(config).await?;
            println!("every feed has a new incarnation; the consumers go on where they are");
            Ok(())
        }
    }
}

/// The admin port of the process that runs a consumer: it is named after its service.
async fn client(config: &Config, address: Option<String>, consumer: &str) -> Result<Client> {
    let service = consumer.split('.').next().unwrap_or_default();
    let addresses = address.map_or_else(|| reach::admin(config, service), |address| vec![address]);
    Ok(Client::new(reach::first(&addresses).await?))
}

/// Works on the database itself: what was restored is renewed before anybody serves it.
async fn renew(config: &Config, service: &str) -> Result<()> {
    let url = config.database_url(service);
    if let Some(file) = url.strip_prefix("sqlite:").filter(|file| !Path::new(file).exists()) {
        bail!("there is no {file}: restore it first");
    }
    let databases = Databases::open(config, &chosen(&[service.to_owned()])).await?;
    databases.must_be_ready().await?;
    let db = databases.of(service)?;
    let (before, after) = (meta::incarnation(db).await?, Ids::random(Clock::system()).next());
    transact!(db, "feed.renew", |tx| {
        meta::renew_incarnation(tx, after).await?;
        // Who reads it from within this very database came back with it.
        inspect::follow_renewed(tx, service, before, after).await
    })?;
    databases.close().await;
    println!("the feed of {service} has a new incarnation; rewind who reads it (`feed rewind`)");
    Ok(())
}

/// Gives every feed a new incarnation and lets the consumers go on in it, for databases of one instant
/// that nobody serves yet.
pub(crate) async fn renew_all(config: &Config) -> Result<()> {
    verify::must_be_there(config)?;
    let databases = Databases::open(config, &SERVICES).await?;
    for (service, state) in databases.states().await? {
        if state == State::Newer {
            bail!("the data of {service} is of a later release; use that one");
        }
    }
    let ids = Ids::random(Clock::system());
    let mut incarnations = BTreeMap::new();
    for (service, db) in databases.iter() {
        incarnations.insert(service, (meta::incarnation(db).await?, ids.next()));
    }
    // Nothing is committed before all of it is done: half of it could not be done again.
    let mut open = databases.begin().await?;
    for (service, tx) in &mut open {
        meta::renew_incarnation(tx, incarnations[service].1).await?;
        for (source, (before, after)) in &incarnations {
            inspect::follow_renewed(tx, source, *before, *after).await?;
        }
    }
    for tx in open.into_values() {
        tx.commit().await?;
    }
    databases.close().await;
    Ok(())
}

async fn list(config: &Config, address: Option<String>) -> Result<()> {
    let addresses = address.map_or_else(|| reach::admins(config), |address| vec![address]);
    let mut consumers = Vec::new();
    let mut answered = false;
    for address in &addresses {
        let Some(link) = reach::open(address).await? else { continue };
        answered = true;
        let found = Client::new(link).list_consumers(ListConsumersRequest {}).await;
        consumers.extend(found.map_err(|status| told(&status))?.into_inner().consumers);
    }
    if !answered {
        bail!("nothing answers at {}", addresses.join(" or "));
    }
    places(consumers);
    Ok(())
}

/// Prints how far consumers are.
fn places(consumers: Vec<ConsumerPosition>) {
    let mut rows = vec![["CONSUMER", "SOURCE", "PARTITION", "POSITION", ""].map(str::to_owned)];
    for found in consumers {
        let state = if found.stopped.is_empty() {
            "runs".to_owned()
        } else {
            format!("STOPPED: {}", found.stopped)
        };
        let (partition, position) = (found.partition.to_string(), found.position.to_string());
        rows.push([found.consumer, found.source, partition, position, state]);
    }
    table(&rows);
}

async fn dead_letters(client: &mut Client, consumer: String, limit: i32) -> Result<()> {
    let request = ListDeadLettersRequest { consumer, limit };
    let letters = client
        .list_dead_letters(request)
        .await
        .map_err(|status| told(&status))?
        .into_inner()
        .dead_letters;
    if letters.is_empty() {
        println!("none");
        return Ok(());
    }
    let mut rows = vec![["AGGREGATE", "SEQUENCE", "EVENT", "WHY"].map(str::to_owned)];
    for letter in letters {
        let event = letter.event.context("the answer has no event")?;
        let why =
            if letter.error.is_empty() { "waits behind another".to_owned() } else { letter.error };
        rows.push([event.aggregate, event.sequence.to_string(), event.r#type, why]);
    }
    table(&rows);
    Ok(())
}

/// Columns as wide as their widest cell.
fn table<const N: usize>(rows: &[[String; N]]) {
    let mut widths = [0; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    for row in rows {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        println!("{}", cells.collect::<Vec<_>>().join("  ").trim_end());
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use store::{Sql, args};

    use super::*;

    const DAMAGE: Sql = Sql::both("DROP TABLE cursors");

    #[tokio::test]
    async fn what_fails_half_way_has_renewed_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let config = Config::load(None, HashMap::new()).unwrap();
        let config = config.at_database(&verify::url(folder.path()));
        let databases = Databases::open(&config, &SERVICES).await.unwrap();
        databases.migrate(&Ids::random(Clock::system())).await.unwrap();
        let first = databases.of("customers").unwrap();
        let before = meta::incarnation(first).await.unwrap();
        renew_all(&config).await.unwrap();
        let renewed = meta::incarnation(first).await.unwrap();
        assert_ne!(before, renewed);

        let last = databases.of("tickets").unwrap();
        transact!(last, "test", |tx| tx.execute(DAMAGE, args![]).await).unwrap();
        renew_all(&config).await.unwrap_err();
        assert_eq!(meta::incarnation(first).await.unwrap(), renewed);
    }
}
