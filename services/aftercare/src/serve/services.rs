//! Puts the services of this process together: each behind its wall, each with its ways to others.

use std::{collections::HashMap, sync::Arc};

use anyhow::{Context, Result};
use contracts::r#type::v1::feed_service_server::FeedServiceServer;
use customers::{domain::contact::Policy, tenants::Home, timeline};
use feed::{Consumer, FeedServer, Handler, Managed, Site, Source};
use kernel::{TenantId, keys::LastingKey};
use knowledge::index::{self, Indexes};
use rpc::{
    Inbound, Link, Outbound,
    inbound::Trust,
    token::{Minter, Verifier},
};
use store::{Db, meta};
use tokio_util::task::TaskTracker;
use tonic::service::Routes;
use uuid::Uuid;

use super::{Background, Databases, Process, gateway::Gateway, tenants};

/// Who mints call tokens besides the services: the wall of the public port.
pub(crate) const EDGE: &str = "edge";

/// The services of a process.
pub(crate) struct Services {
    /// Each behind its wall, by name.
    pub(crate) walls: HashMap<String, Link>,
    /// The feeds of all of them, behind one wall.
    pub(crate) feeds: Link,
    /// The feeds themselves.
    pub(crate) sources: Vec<Source>,
    /// Where writes run.
    pub(crate) tasks: TaskTracker,
    pub(crate) databases: Databases,
    pub(crate) tickets: Option<tickets::App>,
    pub(crate) gateway: Option<Gateway>,
    pub(crate) customers: Option<customers::App>,
    pub(crate) knowledge: Option<(knowledge::App, Indexes)>,
    pub(crate) surveys: Option<surveys::App>,
    /// What follows the feeds of others.
    pub(crate) consumers: Vec<Arc<dyn Managed>>,
}

/// Builds what runs here, each after those that it calls.
pub(crate) async fn build(process: &Process<'_>, databases: &Databases) -> Result<Services> {
    let tasks = TaskTracker::new();
    let sources: Vec<_> =
        databases.iter().map(|(service, db)| Source::new(service, db.clone())).collect();
    let feed = FeedServer::new(sources.iter().cloned());
    let feeds = process.wall(Routes::new(FeedServiceServer::new(feed)), &process.running);
    let mut services = Services {
        walls: HashMap::new(),
        feeds,
        sources,
        tasks,
        databases: databases.clone(),
        tickets: None,
        gateway: None,
        customers: None,
        knowledge: None,
        surveys: None,
        consumers: Vec::new(),
    };
    if !process.knows(::gateway::NAME) {
        tracing::warn!(
            "no gateway runs here and `services.gateway.link` names none: tenants and staff are those \
             of the seed"
        );
    }
    if process.running.contains(&"customers") {
        services.add_customers(process).await?;
    }
    if process.running.contains(&"tickets") {
        services.add_tickets(process).await?;
    }
    if process.running.contains(&"knowledge") {
        services.add_knowledge(process).await?;
    }
    if process.running.contains(&"surveys") {
        services.add_surveys(process).await?;
    }
    if process.running.contains(&::gateway::NAME) {
        services.add_gateway(process).await?;
    }
    Ok(services)
}

impl Services {
    async fn add_customers(&mut self, process: &Process<'_>) -> Result<()> {
        let db = self.databases.of("customers")?.clone();
        let app = customers::App::new(customers::Parts {
            lasting: lasting_key(&db, process, "customers").await?,
            partitions: meta::partitions(&db).await?,
            db,
            clock: process.clock.clone(),
            ids: process.ids.clone(),
            keys: process.keys.clone(),
            tasks: self.tasks.clone(),
            homes: process.seed.tenants.iter().map(home).collect(),
            contact: contact_policy(&process.config.contact),
        });
        app.load().await.context("what is known of the tenants cannot be read")?;
        let wall = process.wall(customers::routes(&app), &["customers"]);
        self.walls.insert("customers".to_owned(), wall);
        let (name, source) = (timeline::CONSUMER, timeline::SOURCE);
        self.follow(process, "customers", name, source, timeline::Timeline)?;
        if process.knows(::gateway::NAME) {
            let (name, source) = (customers::tenants::CONSUMER, customers::tenants::SOURCE);
            self.follow(process, "customers", name, source, customers::tenants::Tenants)?;
        }
        self.customers = Some(app);
        Ok(())
    }

    /// Lets a service's handler follow another's feed.
    fn follow(
        &mut self,
        process: &Process<'_>,
        service: &'static str,
        name: &'static str,
        source: &'static str,
        handler: impl Handler,
    ) -> Result<()> {
        let site = Site {
            db: self.databases.of(service)?.clone(),
            clock: process.clock.clone(),
            holder: process.holder.clone(),
            metrics: process.metrics.clone(),
        };
        let feeds = process.way(source, Some(&self.feeds))?;
        let link = process
            .outbound(feeds, service, source)
            // A feed is of all tenants.
            .as_service(service, TenantId::from(Uuid::nil()));
        let consumer = Consumer::new(name, source, link, site, handler);
        self.consumers.push(Arc::new(consumer));
        Ok(())
    }

    /// A service's own feed.
    fn source(&self, service: &str) -> Result<Source> {
        let own = self.sources.iter().find(|source| source.name() == service);
        own.cloned().with_context(|| format!("{service} has no feed"))
    }

    async fn add_knowledge(&mut self, process: &Process<'_>) -> Result<()> {
        let db = self.databases.of("knowledge")?.clone();
        let folder = process.config.search_folder();
        let indexes = Indexes::open(index::Parts {
            folder: folder.clone(),
            db: db.clone(),
            source: self.source("knowledge")?,
            clock: process.clock.clone(),
            metrics: process.metrics.clone(),
        });
        let indexes = indexes.with_context(|| {
            format!("the folder of indexes, {}, cannot be used (`search.folder`)", folder.display())
        })?;
        let parts = knowledge::Parts {
            lasting: lasting_key(&db, process, "knowledge").await?,
            partitions: meta::partitions(&db).await?,
            db,
            clock: process.clock.clone(),
            ids: process.ids.clone(),
            keys: process.keys.clone(),
            tasks: self.tasks.clone(),
        };
        let app = knowledge::App::new(parts, indexes.clone());
        let wall = process.wall(knowledge::routes(&app), &["knowledge"]);
        self.walls.insert("knowledge".to_owned(), wall);
        self.knowledge = Some((app, indexes));
        Ok(())
    }

    async fn add_surveys(&mut self, process: &Process<'_>) -> Result<()> {
        let db = self.databases.of("surveys")?.clone();
        let customers = process.way("customers", self.walls.get("customers"))?;
        let zone = |tenant: &config::seed::Tenant| (tenant.id, tenant.time_zone.clone());
        let app = surveys::App::new(surveys::Parts {
            lasting: lasting_key(&db, process, "surveys").await?,
            partitions: meta::partitions(&db).await?,
            db,
            clock: process.clock.clone(),
            ids: process.ids.clone(),
            keys: process.keys.clone(),
            tasks: self.tasks.clone(),
            customers: process.outbound(customers, "surveys", "customers"),
            homes: process.seed.tenants.iter().map(zone).collect(),
            metrics: process.metrics.clone(),
        });
        let wall = process.wall(surveys::routes(&app), &["surveys"]);
        self.walls.insert("surveys".to_owned(), wall);
        let (name, source) = (surveys::scores::CONSUMER, surveys::scores::SOURCE);
        let handler = surveys::scores::Scores(app.clone());
        self.follow(process, "surveys", name, source, handler)?;
        let (name, source) = (surveys::tickets::CONSUMER, surveys::tickets::SOURCE);
        if process.knows(source) {
            let handler = surveys::tickets::Tickets(app.clone());
            self.follow(process, "surveys", name, source, handler)?;
        }
        if process.knows(::gateway::NAME) {
            let (name, source) = (surveys::tenants::CONSUMER, surveys::tenants::SOURCE);
            self.follow(process, "surveys", name, source, surveys::tenants::Tenants)?;
        }
        self.surveys = Some(app);
        Ok(())
    }

    async fn add_tickets(&mut self, process: &Process<'_>) -> Result<()> {
        let db = self.databases.of("tickets")?.clone();
        let source = self.source("tickets")?;
        let customers = process.way("customers", self.walls.get("customers"))?;
        let app = tickets::App::new(tickets::Parts {
            lasting: lasting_key(&db, process, "tickets").await?,
            partitions: meta::partitions(&db).await?,
            db,
            clock: process.clock.clone(),
            ids: process.ids.clone(),
            keys: process.keys.clone(),
            tasks: self.tasks.clone(),
            customers: process.outbound(customers, "tickets", "customers"),
            tenants: process.seed.tenants.iter().map(tenants::of).collect::<Result<_>>()?,
            source,
            metrics: process.metrics.clone(),
        })?;
        app.load().await.context("the tenants and their agents cannot be brought up to date")?;
        let wall = process.wall(tickets::routes(&app), &["tickets"]);
        self.walls.insert("tickets".to_owned(), wall);
        if process.knows(::gateway::NAME) {
            let (name, source) = (tickets::directory::CONSUMER, tickets::directory::SOURCE);
            let handler = tickets::directory::Directory(app.clone());
            self.follow(process, "tickets", name, source, handler)?;
        }
        let (name, source) = (tickets::figures::CONSUMER, tickets::figures::SOURCE);
        let handler = tickets::figures::Figures(app.clone());
        self.follow(process, "tickets", name, source, handler)?;
        let (name, source) = (tickets::loops::CONSUMER, tickets::loops::SOURCE);
        if process.knows(source) {
            self.follow(process, "tickets", name, source, tickets::loops::Loops(app.clone()))?;
        }
        self.tickets = Some(app);
        Ok(())
    }
}

impl Services {
    async fn add_gateway(&mut self, process: &Process<'_>) -> Result<()> {
        let gateway = Gateway::new(process, self).await?;
        let wall = process.wall(gateway.routes(process, self)?, &[::gateway::NAME]);
        self.walls.insert(::gateway::NAME.to_owned(), wall);
        self.gateway = Some(gateway);
        Ok(())
    }
}

/// Where a tenant of the seed is at home.
fn home(tenant: &config::seed::Tenant) -> (TenantId, Home) {
    let (phone_region, time_zone) = (tenant.phone_region.clone(), tenant.time_zone.clone());
    (tenant.id, Home { phone_region, time_zone })
}

/// When customers may be contacted.
fn contact_policy(contact: &config::Contact) -> Policy {
    Policy {
        cap: usize::from(contact.cap),
        period: contact.cap_period,
        quiet_hours: contact.quiet_hours(),
        grant: contact.grant,
    }
}

/// The key that blind indexes and hashes of requests of a service derive from.
pub(crate) async fn lasting_key(
    db: &Db,
    process: &Process<'_>,
    service: &str,
) -> Result<LastingKey> {
    meta::lasting_key(db, &process.keys).await.with_context(|| {
        format!(
            "{service} cannot open its lasting key; is a former root key missing in `keys.retired`?"
        )
    })
}

impl Process<'_> {
    /// The wall around these routes, for call tokens to one of `audiences`.
    fn wall(&self, routes: Routes, audiences: &[&str]) -> Link {
        let trusted = [[EDGE].as_slice(), &config::SERVICES].concat();
        let verifier = Verifier::new(&trusted, audiences, &self.keys, self.clock.clone());
        self.wall_of(routes, Trust::CallTokens(verifier))
    }

    /// The wall around these routes.
    pub(crate) fn wall_of(&self, routes: Routes, trust: Trust) -> Link {
        let (methods, grants) = (self.methods.clone(), self.grants.clone());
        rpc::link::link(Inbound::new(routes, methods, grants, trust, self.metrics.clone()))
    }

    /// Whether there is this service, here or elsewhere.
    fn knows(&self, service: &str) -> bool {
        self.running.contains(&service) || self.config.link(service).is_some()
    }

    /// The way to a service: `here` where it runs in this process, its link otherwise.
    pub(crate) fn way(&self, service: &str, here: Option<&Link>) -> Result<Link> {
        if let Some(link) = here.filter(|_| self.running.contains(&service)) {
            return Ok(link.clone());
        }
        let uri = self.config.link(service).with_context(|| {
            format!("{service} does not run in this process: say where it is (`services.{service}.link`)")
        })?;
        let Background { tasks, stop } = &self.background;
        rpc::balance::channel(uri, tasks, stop)
            .with_context(|| format!("`services.{service}.link`"))
    }

    pub(crate) fn outbound(&self, link: Link, from: &str, to: &str) -> Outbound {
        Outbound::new(link, Minter::new(from, &self.keys, self.clock.clone()), to)
    }
}
