//! What an installation starts with: tenants, their teams and their staff, brought into the database
//! once. What is there stays as it is; what is new in the seed is added.

use std::time::Duration;

use contracts::gateway::v1::gateway_event::Change;
use kernel::{Locale, Role, TenantId};
use rpc::Call;
use store::{Tx, transact};

use crate::{
    App, Error, NAME,
    domain::{
        member::{self, Team as Part},
        tenant::{self, Profile},
    },
    error::Kind,
    events::{self, Place},
    store::{
        members::{self, Conflict},
        names::{self, NameKind},
        teams, tenants,
    },
};

/// A tenant of the seed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenant {
    /// Its id.
    pub id: TenantId,
    /// Its short name.
    pub slug: String,
    /// Its name to people.
    pub title: String,
    /// The language of its customers.
    pub locale: Locale,
    /// The region of its telephone numbers, as ISO 3166.
    pub phone_region: String,
    /// Its time zone, as an IANA name.
    pub time_zone: String,
    /// Its teams.
    pub teams: Vec<Team>,
    /// Its staff.
    pub members: Vec<Member>,
}

/// A team of the seed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Team {
    /// Its id.
    pub id: String,
    /// Its name to people.
    pub title: String,
}

/// A person of the seed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Their id.
    pub id: String,
    /// Their name to people.
    pub title: String,
    /// What they may do.
    pub roles: Vec<Role>,
    /// The teams that they belong to, by id.
    pub teams: Vec<String>,
    /// The language of messages to them.
    pub locale: Locale,
}

/// Brings the tenants into the database, each with all that it has in one transaction. Replicas that
/// do so at the same time wait for each other on the tenant's row.
pub(crate) async fn run(app: &App, tenants: &[Tenant]) -> Result<(), Error> {
    for seed in tenants {
        let call = Call::of_service(NAME, seed.id, Duration::ZERO);
        transact!(app.db, "tenant.seed", |tx| {
            add_tenant(app, &call, tx, seed).await?;
            for team in &seed.teams {
                add_team(app, &call, tx, team).await?;
            }
            for member in &seed.members {
                add_member(app, &call, tx, member).await?;
            }
            Ok::<_, Error>(())
        })?;
    }
    Ok(())
}

async fn add_tenant(app: &App, call: &Call, tx: &mut Tx, seed: &Tenant) -> Result<(), Error> {
    let profile = Profile {
        title: seed.title.clone(),
        locale: seed.locale.tag().to_owned(),
        phone_region: seed.phone_region.clone(),
        time_zone: seed.time_zone.clone(),
        ..Profile::default()
    };
    let tenant = tenant::Tenant::new(seed.id, seed.slug.clone(), profile, app.clock.now());
    if !tenants::insert(tx, &tenant).await? {
        return Ok(());
    }
    names::take(tx, tenant.id, NameKind::Slug, std::slice::from_ref(&tenant.slug)).await?;
    let created = Change::TenantCreated(events::tenant(&tenant));
    events::append(app, call, tx, Place::of_tenant(&tenant), created).await
}

async fn add_team(app: &App, call: &Call, tx: &mut Tx, seed: &Team) -> Result<(), Error> {
    let (tenant, now) = (call.tenant(), app.clock.now());
    let team = Part::new(seed.id.clone(), app.ids.next(), seed.title.clone(), now);
    if !teams::insert(tx, tenant, &team).await? {
        return Ok(());
    }
    let created = Change::TeamCreated(events::team(&team));
    events::append(app, call, tx, Place::of_team(tenant, &team), created).await
}

async fn add_member(app: &App, call: &Call, tx: &mut Tx, seed: &Member) -> Result<(), Error> {
    let profile = member::Profile {
        display_name: seed.title.clone(),
        login: None,
        roles: seed.roles.clone(),
        teams: seed.teams.clone(),
        locale: seed.locale.tag().to_owned(),
    };
    let (tenant, now) = (call.tenant(), app.clock.now());
    let member = member::Member::new(seed.id.clone(), app.ids.next(), profile, now);
    if let Some(missing) = teams::first_missing(tx, tenant, &member.profile.teams).await? {
        return Err(Error::missing(Kind::Team, &member::team_name(missing)));
    }
    match members::insert(tx, tenant, &app.secrets(tenant), &member).await? {
        Some(Conflict::Id | Conflict::Login { .. }) => Ok(()),
        None => {
            tenants::count_admins(tx, tenant, i64::from(member.runs_tenant())).await?;
            let created = Change::MemberCreated(events::member(&member));
            events::append(app, call, tx, Place::of_member(tenant, &member), created).await
        }
    }
}

#[cfg(test)]
mod tests {
    use contracts::gateway::v1::UpdateMemberRequest;
    use futures::future::join_all;

    use super::*;
    use crate::rpc::{
        fixture::{Fixture, admin, in_tenant, tenant},
        get_member, update_member,
    };

    fn harbor() -> Tenant {
        let person = |id: &str, roles: &[Role], teams: &[&str]| Member {
            id: id.to_owned(),
            title: format!("Person {id}"),
            roles: roles.to_vec(),
            teams: teams.iter().map(|team| (*team).to_owned()).collect(),
            locale: Locale::Zh,
        };
        Tenant {
            id: tenant(5),
            slug: "harbor-5".to_owned(),
            title: "Harbor".to_owned(),
            locale: Locale::En,
            phone_region: "US".to_owned(),
            time_zone: "America/New_York".to_owned(),
            teams: vec![Team { id: "resolution".to_owned(), title: "Resolution".to_owned() }],
            members: vec![
                person("grace", &[Role::Admin], &[]),
                person("amy", &[Role::Agent], &["resolution"]),
            ],
        }
    }

    #[tokio::test]
    async fn what_the_seed_names_is_there_once_with_its_events() {
        let fixture = Fixture::new().await;
        let app = &fixture.app;
        let outcomes = join_all((0..4).map(|_| app.seed(&[]))).await;
        assert!(outcomes.into_iter().all(|one| one.is_ok()));
        let seed = [harbor()];
        let outcomes = join_all((0..4).map(|_| app.seed(&seed))).await;
        assert!(outcomes.into_iter().all(|one| one.is_ok()));
        let directory = app.directory();
        let facts = directory.tenant_by_slug("harbor-5").await.unwrap().unwrap();
        assert_eq!((facts.id, facts.locale), (tenant(5), Locale::En));
        let amy = directory.member(tenant(5), "amy").await.unwrap().unwrap();
        assert_eq!((amy.roles, amy.teams), (vec![Role::Agent], vec!["resolution".to_owned()]));
        assert_eq!((amy.locale, amy.active), (Some(Locale::Zh), true));
        let kinds = fixture.event_kinds(tenant(5)).await;
        assert_eq!(kinds, ["member.created", "member.created", "team.created", "tenant.created"]);
    }

    #[tokio::test]
    async fn what_was_changed_since_is_not_overwritten_and_what_is_new_is_added() {
        let fixture = Fixture::new().await;
        let app = &fixture.app;
        app.seed(&[harbor()]).await.unwrap();
        let call = in_tenant(5, admin());
        let read = get_member::by_id(app, &call, "amy").await.unwrap();
        let mut changed = read.clone();
        changed.display_name = "Amy Lee".to_owned();
        let request = UpdateMemberRequest { member: Some(changed), ..Default::default() };
        update_member::handle(app.clone(), call.clone(), request).await.unwrap();
        let mut seed = harbor();
        seed.title = "Another".to_owned();
        seed.members[1].roles = vec![Role::Admin];
        let mut ben = seed.members[1].clone();
        ben.id = "ben".to_owned();
        seed.members.push(ben);
        app.seed(&[seed]).await.unwrap();
        let amy = get_member::by_id(app, &call, "amy").await.unwrap();
        assert_eq!((amy.display_name.as_str(), amy.roles), ("Amy Lee", read.roles));
        assert!(get_member::by_id(app, &call, "ben").await.is_ok());
    }

    #[tokio::test]
    async fn a_slug_of_another_tenant_is_refused_with_all_that_came_with_it() {
        let fixture = Fixture::new().await;
        let app = &fixture.app;
        app.seed(&[harbor()]).await.unwrap();
        let other = Tenant { id: tenant(6), ..harbor() };
        let error = app.seed(&[other]).await.unwrap_err();
        assert!(matches!(error, Error::NameTaken { what: "slug", .. }), "{error:?}");
        assert_eq!(app.directory().tenant(tenant(6)).await.unwrap(), None);
    }
}
