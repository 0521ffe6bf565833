//! The gateway in this process: its own services, and the public port in front of all.

use std::{collections::HashMap, sync::Arc, time::Duration};

use ::gateway::{
    door::{Credentials, Fetch, Https, Keeper, Kind, Oidc, Provider, TenantBy, algorithm},
    help::{self, HelpCenter},
    limits::{Overload, Quotas, Rate},
    links::{self, LinkPages},
    overview::{self, OverviewPages},
    port,
    web::{Front, Origins},
    workspace::Workspaces,
};
use anyhow::{Context, Result};
use config::{Config, OidcKind, SERVICES, seed};
use rpc::{Edge, Link, edge, issuer::LocalIssuer, token::Minter};
use store::meta;
use tokio_util::sync::CancellationToken;

use super::{
    Process,
    services::{EDGE, Services, lasting_key},
};

/// How often the origins of the tenants are read again.
const ORIGINS_EVERY: Duration = Duration::from_secs(5);

/// What of the gateway goes on beside the calls.
#[derive(Clone)]
pub(crate) struct Gateway {
    pub(crate) app: gateway::App,
    origins: Origins,
}

impl Gateway {
    /// The gateway on its database, with the tenants and the staff of the seed.
    pub(crate) async fn new(process: &Process<'_>, services: &Services) -> Result<Self> {
        let db = services.databases.of(gateway::NAME)?.clone();
        let app = gateway::App::new(gateway::Parts {
            partitions: meta::partitions(&db).await?,
            lasting: lasting_key(&db, process, gateway::NAME).await?,
            db,
            clock: process.clock.clone(),
            ids: process.ids.clone(),
            keys: process.keys.clone(),
            tasks: services.tasks.clone(),
            grants: process.grants.clone(),
            metrics: process.metrics.clone(),
        });
        let tenants: Vec<_> = process.seed.tenants.iter().map(tenant).collect();
        app.seed(&tenants).await.context("the seed cannot be brought into the database")?;
        Ok(Self { app, origins: Origins::new() })
    }

    /// Its services, those that need others among them.
    pub(crate) fn routes(
        &self,
        process: &Process<'_>,
        services: &Services,
    ) -> Result<tonic::service::Routes> {
        let to = |service: &str| -> Result<_> {
            let way = process.way(service, services.walls.get(service))?;
            Ok(process.outbound(way, gateway::NAME, service))
        };
        let workspaces = Workspaces::new(to("tickets")?, to("customers")?, to("knowledge")?);
        let mut routes = tonic::service::Routes::builder();
        gateway::add_to(&self.app, &mut routes);
        workspaces.add_to(&mut routes);
        Ok(routes.routes())
    }

    /// The public port. `open` are the services that need no credential.
    pub(crate) fn front(
        &self,
        process: &Process<'_>,
        services: &Services,
        open: Link,
    ) -> Result<Front> {
        let config = process.config;
        let local = config.identity.local_issuer;
        let local = local.then(|| LocalIssuer::new(&process.keys, process.clock.clone()));
        let directory = Arc::new(self.app.directory());
        let (clock, metrics) = (process.clock.clone(), process.metrics.clone());
        let keys = process.keys.clone();
        let callers = Credentials::new(directory, local, oidc(process), keys, clock, metrics);
        let limits = &config.limits;
        let of_visitor = Rate::new(limits.visitor_rate, limits.visitor_burst);
        let of_tenant = Rate::new(limits.tenant_rate, limits.tenant_burst);
        let keeper = Keeper::new(
            Quotas::new(of_tenant, Rate::new(limits.credential_rate, limits.credential_burst)),
            Quotas::new(of_tenant, of_visitor),
            Overload::new(limits.calls_at_once),
            self.app.clone(),
            process.grants.clone(),
            &contracts::POOL,
            process.metrics.clone(),
        );
        let edge = Edge::new(edge::Parts {
            services: ways(process, services)?,
            methods: process.methods.clone(),
            grants: process.grants.clone(),
            callers: Arc::new(callers),
            admission: Arc::new(keeper),
            minter: Minter::new(EDGE, &process.keys, process.clock.clone()),
            clock: process.clock.clone(),
            ids: process.ids.clone(),
        });
        let help = HelpCenter::new(help::Parts {
            edge: edge.clone(),
            directory: self.app.directory(),
            ids: process.ids.clone(),
            tasks: services.tasks.clone(),
            proxies: config.server.proxies.into(),
            rate: of_visitor,
        });
        let help = help.context("the help centre cannot be served")?;
        let links = LinkPages::new(links::Parts {
            edge: rpc::link::link(edge.clone()),
            directory: self.app.directory(),
            keys: process.keys.clone(),
            clock: process.clock.clone(),
            ids: process.ids.clone(),
        });
        let overview = OverviewPages::new(overview::Parts {
            edge: edge.clone(),
            directory: self.app.directory(),
            keys: process.keys.clone(),
            clock: process.clock.clone(),
        });
        let version = env!("CARGO_PKG_VERSION");
        let origins = self.origins.clone();
        let (methods, metrics) = (&process.methods, process.metrics.clone());
        let parts =
            port::Parts { edge, links, overview, help, open, origins, methods, version, metrics };
        port::front(parts).context("the public port cannot be made")
    }

    /// Keeps the origins of the tenants as they are in the database, until `stop`.
    pub(crate) async fn follow_origins(self, stop: CancellationToken) {
        loop {
            match self.app.directory().all_origins().await {
                Ok(origins) => self.origins.replace(origins.iter().map(String::as_str)),
                Err(error) => tracing::warn!(%error, "the origins of the tenants cannot be read"),
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(ORIGINS_EVERY) => {}
            }
        }
    }
}

/// The way to each service: its wall where it runs here, else its replicas, tried again where that
/// is safe.
fn ways(process: &Process<'_>, services: &Services) -> Result<HashMap<String, Link>> {
    let way = |service: &str| -> Result<(String, Link)> {
        let here = services.walls.get(service);
        let link = process.way(service, here)?;
        let link = match here {
            Some(_) => link,
            None => rpc::retry::link(link, process.methods.clone(), process.metrics.clone()),
        };
        Ok((service.to_owned(), link))
    };
    SERVICES.into_iter().map(way).collect()
}

/// The identity providers of the configuration, which keep their keys fresh from now on.
fn oidc(process: &Process<'_>) -> Oidc {
    let config = process.config;
    let fetch: Arc<dyn Fetch> = Arc::new(Https::new());
    let (clock, metrics) = (process.clock.clone(), process.metrics.clone());
    let oidc = Oidc::new(providers(config), &fetch, clock, metrics);
    oidc.start(&process.background.tasks, &process.background.stop);
    oidc
}

fn providers(config: &Config) -> Vec<Provider> {
    let provider = |one: &config::Oidc| Provider {
        issuer: one.issuer.clone(),
        audience: one.audience.clone(),
        jwks_uri: one.jwks_uri.clone(),
        algorithms: one.algorithms.0.iter().filter_map(|name| algorithm(name)).collect(),
        tenant: match &one.tenant {
            Some(name) => TenantBy::Name(name.clone()),
            None => TenantBy::Claim(one.tenant_claim.clone()),
        },
        kind: match one.kind {
            OidcKind::Member => Kind::Member,
            OidcKind::Customer => Kind::Customer { claim: one.customer_claim.clone() },
        },
        subject_claim: one.subject_claim.clone(),
        operators: one.operators.0.clone(),
        leeway: one.leeway,
    };
    config.identity.oidc.iter().map(provider).collect()
}

/// A tenant of the seed, in the words of the gateway.
fn tenant(tenant: &seed::Tenant) -> gateway::seed::Tenant {
    let team =
        |team: &seed::Team| gateway::seed::Team { id: team.id.clone(), title: team.title.clone() };
    let member = |member: &seed::Member| gateway::seed::Member {
        id: member.id.clone(),
        title: member.title.clone(),
        roles: member.roles.clone(),
        teams: member.teams.clone(),
        locale: member.locale,
    };
    gateway::seed::Tenant {
        id: tenant.id,
        slug: tenant.slug.clone(),
        title: tenant.title.clone(),
        locale: tenant.locale,
        phone_region: tenant.phone_region.clone(),
        time_zone: tenant.time_zone.clone(),
        teams: tenant.teams.iter().map(team).collect(),
        members: tenant.members.iter().map(member).collect(),
    }
}
