//! `CreateTenant`: records a tenant, for whoever runs the platform.

use contracts::gateway::v1::{CreateTenantRequest, Tenant as Answer, gateway_event::Change};
use kernel::{TenantId, Violations, id::is_slug};
use rpc::{Call, wire};
use store::transact;

use crate::{
    App, Error, authority, convert,
    domain::tenant::Tenant,
    events::{self, Place},
    rpc::get_tenant,
    store::{
        names::{self, NameKind},
        tenants,
    },
};

const METHOD: &str = "aftercare.gateway.v1.TenantService/CreateTenant";

pub(crate) async fn handle(
    app: App,
    call: Call,
    mut request: CreateTenantRequest,
) -> Result<Answer, Error> {
    let request_id = std::mem::take(&mut request.request_id);
    let tenant = parse(&app, &request, &request_id)?;
    if !authority::runs_platform(&call) {
        return Err(Error::BeyondAuthority { what: "tenants".to_owned() });
    }
    let once = app.once(&call, METHOD, &request_id, &request);
    let name = tenant.id.name();
    let earlier = transact!(app.db, "tenant.create", |tx| {
        let earlier = once.claim(tx, &name, 1).await?;
        if earlier.is_some() {
            return Ok(earlier);
        }
        if !tenants::insert(tx, &tenant).await? {
            return Err(Error::Corrupt("id"));
        }
        names::take(tx, tenant.id, NameKind::Slug, std::slice::from_ref(&tenant.slug)).await?;
        names::take(tx, tenant.id, NameKind::Host, &tenant.profile.hosts).await?;
        let created = Change::TenantCreated(events::tenant(&tenant));
        events::append(&app, &call, tx, Place::of_tenant(&tenant), created).await?;
        Ok::<_, Error>(None)
    })?;
    match earlier {
        None => Ok(convert::tenant(&tenant)),
        Some(earlier) => get_tenant::by_name(&app, &call, &earlier.resource).await,
    }
}

fn parse(app: &App, request: &CreateTenantRequest, request_id: &str) -> Result<Tenant, Violations> {
    let mut violations = Violations::new();
    wire::check_request_id(request_id, &mut violations);
    let given = request.tenant.clone().unwrap_or_default();
    let profile = convert::tenant_profile(&given);
    if request.tenant.is_some() {
        violations.check(given.name.is_empty(), "tenant.name", "must be left out");
        let form =
            "must be a letter, then letters, digits and `-`, in lower case, at most 63 characters";
        violations.check(is_slug(&given.slug), "tenant.slug", form);
        profile.check(|_| true, &mut violations);
    } else {
        violations.add("tenant", "must be given");
    }
    let id = TenantId::from(app.ids.next());
    violations.finish(Tenant::new(id, given.slug, profile, app.clock.now()))
}

#[cfg(test)]
mod tests {
    use contracts::gateway::v1::{Quota, TenantState};

    use super::*;
    use crate::rpc::fixture::{
        Fixture, START, admin, beyond, create_tenant, fields, operator, request_id,
    };

    #[tokio::test]
    async fn a_tenant_is_recorded_under_its_own_id_with_one_event() {
        let fixture = Fixture::new().await;
        let mut request = create_tenant("qingfeng");
        let given = request.tenant.as_mut().unwrap();
        given.hosts = vec!["help.example.com".to_owned()];
        given.origins = vec!["https://desk.example.com".to_owned()];
        given.quota = Some(Quota { calls_per_second: 5, burst: 9 });
        let made = handle(fixture.app.clone(), operator(), request).await.unwrap();
        assert_eq!((made.slug.as_str(), made.locale.as_str()), ("qingfeng", "en"));
        assert_eq!(made.state(), TenantState::Active);
        assert_eq!((made.etag.as_str(), made.create_time), ("v1", Some(wire::timestamp(START))));
        assert_eq!(made.quota, Some(Quota { calls_per_second: 5, burst: 9 }));

        let read = get_tenant::by_name(&fixture.app, &operator(), &made.name).await.unwrap();
        assert_eq!(read, made);
        let id = TenantId::parse_name(&made.name).unwrap();
        let events = fixture.events(id, id.uuid()).await;
        assert_eq!((events.len(), events[0].0.as_str()), (1, "tenant.created"));
        let directory = fixture.app.directory();
        let by_host = directory.tenant_by_host("help.example.com").await.unwrap().unwrap();
        assert_eq!(Some(by_host), directory.tenant_by_slug("qingfeng").await.unwrap());
        assert_eq!(directory.all_origins().await.unwrap(), ["https://desk.example.com"]);
    }

    #[tokio::test]
    async fn slugs_and_hosts_are_given_once() {
        let fixture = Fixture::new().await;
        let mut request = create_tenant("one");
        request.tenant.as_mut().unwrap().hosts = vec!["a.example".to_owned()];
        handle(fixture.app.clone(), operator(), request.clone()).await.unwrap();
        let again = handle(fixture.app.clone(), operator(), request.clone()).await.unwrap_err();
        assert!(matches!(again, Error::NameTaken { what: "slug", .. }), "{again:?}");
        let given = request.tenant.as_mut().unwrap();
        given.slug = "two".to_owned();
        given.hosts.insert(0, "b.example".to_owned());
        let error = handle(fixture.app.clone(), operator(), request.clone()).await.unwrap_err();
        let Error::NameTaken { what, value } = &error else { panic!("{error:?}") };
        assert_eq!((*what, value.as_str()), ("host", "a.example"));
        // Nothing of the refused one stayed.
        let directory = fixture.app.directory();
        assert_eq!(directory.tenant_by_slug("two").await.unwrap(), None);
        request.tenant.as_mut().unwrap().hosts = vec!["b.example".to_owned()];
        assert!(handle(fixture.app.clone(), operator(), request).await.is_ok());
        // A slug is no host.
        assert_eq!(directory.tenant_by_host("two").await.unwrap(), None);
    }

    #[tokio::test]
    async fn the_same_request_twice_makes_one_tenant() {
        let fixture = Fixture::new().await;
        let mut request = create_tenant("one");
        request.request_id = request_id(7);
        let first = handle(fixture.app.clone(), operator(), request.clone()).await.unwrap();
        let again = handle(fixture.app.clone(), operator(), request.clone()).await.unwrap();
        assert_eq!(again, first);
        request.tenant.as_mut().unwrap().title = "Other".to_owned();
        let error = handle(fixture.app.clone(), operator(), request).await.unwrap_err();
        assert!(matches!(error, Error::RequestIdReused { .. }), "{error:?}");
    }

    #[tokio::test]
    async fn only_the_platform_makes_tenants() {
        let fixture = Fixture::new().await;
        let error = handle(fixture.app.clone(), admin(), create_tenant("one")).await.unwrap_err();
        assert_eq!(beyond(&error), "tenants");
    }

    #[tokio::test]
    async fn every_fault_is_told_at_once() {
        let fixture = Fixture::new().await;
        let mut request = create_tenant("One");
        request.request_id = "x".to_owned();
        let given = request.tenant.as_mut().unwrap();
        given.name = "tenants/x".to_owned();
        given.title.clear();
        given.time_zone = "Mars/Olympus".to_owned();
        given.origins = vec!["desk.example.com".to_owned()];
        let error = handle(fixture.app.clone(), operator(), request).await.unwrap_err();
        assert_eq!(
            fields(&error),
            [
                "request_id",
                "tenant.name",
                "tenant.slug",
                "tenant.title",
                "tenant.time_zone",
                "tenant.origins[0]",
            ]
        );
        let nothing = CreateTenantRequest::default();
        let error = handle(fixture.app.clone(), operator(), nothing).await.unwrap_err();
        assert_eq!(fields(&error), ["tenant"]);
    }
}
