//! `UpdateTenant`: writes what is known of a tenant.

use contracts::gateway::v1::{Tenant as Answer, UpdateTenantRequest, gateway_event::Change};
use kernel::{TenantId, Violations, etag::Demand, mask::Mask};
use rpc::{Call, wire};

use crate::{
    App, Error, authority,
    command::{self, Command},
    convert,
    domain::tenant::{Profile, WRITABLE},
    events,
};

const METHOD: &str = "aftercare.gateway.v1.TenantService/UpdateTenant";
/// The field that is the platform's to write and not the tenant's own.
const PLATFORMS: &str = "quota";

/// What is to be written.
#[derive(Debug)]
struct Update {
    id: TenantId,
    etag: Demand,
    mask: Mask,
    profile: Profile,
}

pub(crate) async fn handle(
    app: App,
    call: Call,
    mut request: UpdateTenantRequest,
) -> Result<Answer, Error> {
    let request_id = std::mem::take(&mut request.request_id);
    let Update { id, etag, mask, profile } = parse(&request, &request_id)?;
    let once = app.once(&call, METHOD, &request_id, &request);
    let command = Command { id, etag, once };
    let updated = command::on_tenant(&app, &call, &command, |tenant, at| {
        if mask.has(PLATFORMS) && !authority::runs_platform(&call) {
            return Err(Error::BeyondAuthority { what: PLATFORMS.to_owned() });
        }
        let updated = tenant.update(&profile, &mask, at);
        Ok(updated.map(|tenant| {
            let change = Change::TenantUpdated(events::tenant(&tenant));
            (tenant, change)
        }))
    });
    Ok(convert::tenant(&updated.await?))
}

fn parse(request: &UpdateTenantRequest, request_id: &str) -> Result<Update, Violations> {
    let mut violations = Violations::new();
    wire::check_request_id(request_id, &mut violations);
    let given = request.tenant.clone().unwrap_or_default();
    let id = convert::tenant_id(&given.name, "tenant.name", &mut violations);
    let profile = convert::tenant_profile(&given);
    let paths = request.update_mask.as_ref().map(|mask| mask.paths.as_slice());
    let mask = Mask::parse(paths, WRITABLE, |path| profile.says(path), &mut violations);
    violations.check(!mask.is_empty() || !violations.is_empty(), "update_mask", "names no field");
    profile.check(|path| mask.has(path), &mut violations);
    let etag = Demand::parse(&given.etag);
    violations.finish(Update { id, etag, mask, profile })
}

#[cfg(test)]
mod tests {
    use contracts::gateway::v1::Quota;
    use prost_types::FieldMask;

    use super::*;
    use crate::{
        error::Kind,
        rpc::fixture::{Fixture, admin, beyond, fields, operator, request_id, stranger, tenant},
    };

    fn request(paths: Option<&[&str]>, change: impl FnOnce(&mut Answer)) -> UpdateTenantRequest {
        let mut given = Answer { name: tenant(1).name(), ..Answer::default() };
        change(&mut given);
        let update_mask = paths.map(|paths| FieldMask {
            paths: paths.iter().map(|path| (*path).to_owned()).collect(),
        });
        UpdateTenantRequest { tenant: Some(given), update_mask, request_id: String::new() }
    }

    fn hosts(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[tokio::test]
    async fn what_is_populated_is_written_and_told() {
        let fixture = Fixture::new().await;
        fixture.later();
        let asked = request(None, |tenant| {
            tenant.title = "Harbor".to_owned();
            tenant.quota = Some(Quota { calls_per_second: 1, burst: 2 });
        });
        let updated = handle(fixture.app.clone(), operator(), asked.clone()).await.unwrap();
        assert_eq!((updated.title.as_str(), updated.phone_region.as_str()), ("Harbor", "US"));
        assert_eq!((updated.etag.as_str(), updated.slug.as_str()), ("v2", "tenant-1"));
        assert_eq!(fixture.tenant(1).await, updated);
        let events = fixture.events(tenant(1), tenant(1).uuid()).await;
        let kinds: Vec<_> = events.iter().map(|(kind, n, _)| (kind.as_str(), *n)).collect();
        assert_eq!(kinds, [("tenant.created", 1), ("tenant.updated", 2)]);

        // The same values again change nothing and tell nothing.
        let same = handle(fixture.app.clone(), operator(), asked).await.unwrap();
        assert_eq!(same.etag, "v2");
        assert_eq!(fixture.events(tenant(1), tenant(1).uuid()).await.len(), 2);
        // A mask that names what is not set clears it.
        let cleared = handle(fixture.app.clone(), operator(), request(Some(&["quota"]), |_| {}));
        assert_eq!(cleared.await.unwrap().quota, None);
    }

    #[tokio::test]
    async fn hosts_move_from_one_tenant_to_another_once_they_are_free() {
        let fixture = Fixture::new().await;
        let (app, directory) = (&fixture.app, fixture.app.directory());
        let write = async |number: u128, names: &[&str]| {
            let mut asked = request(Some(&["hosts"]), |tenant| tenant.hosts = hosts(names));
            asked.tenant.as_mut().unwrap().name = tenant(number).name();
            handle(app.clone(), operator(), asked).await
        };
        write(1, &["a.example", "b.example"]).await.unwrap();
        let error = write(2, &["c.example", "b.example"]).await.unwrap_err();
        assert!(matches!(error, Error::NameTaken { what: "host", .. }), "{error:?}");
        assert_eq!(directory.tenant_by_host("c.example").await.unwrap(), None);
        write(1, &["a.example"]).await.unwrap();
        write(2, &["c.example", "b.example"]).await.unwrap();
        let owner =
            async |host: &str| directory.tenant_by_host(host).await.unwrap().map(|facts| facts.id);
        assert_eq!(owner("a.example").await, Some(tenant(1)));
        assert_eq!(owner("b.example").await, Some(tenant(2)));
        assert_eq!(owner("c.example").await, Some(tenant(2)));
    }

    #[tokio::test]
    async fn a_stale_etag_is_refused_and_the_same_request_is_not() {
        let fixture = Fixture::new().await;
        let mut asked = request(None, |tenant| {
            tenant.etag = "v1".to_owned();
            tenant.title = "A".to_owned();
        });
        asked.request_id = request_id(1);
        let first = handle(fixture.app.clone(), operator(), asked.clone()).await.unwrap();
        // Its etag is stale by now, but it was carried out.
        assert_eq!(handle(fixture.app.clone(), operator(), asked.clone()).await.unwrap(), first);
        asked.request_id.clear();
        let error = handle(fixture.app.clone(), operator(), asked).await.unwrap_err();
        assert!(matches!(error, Error::StaleEtag { .. }), "{error:?}");
    }

    #[tokio::test]
    async fn who_does_not_reach_it_finds_none_and_a_tenant_does_not_raise_its_quota() {
        let fixture = Fixture::new().await;
        let renamed = request(None, |tenant| tenant.title = "A".to_owned());
        let error = handle(fixture.app.clone(), stranger(), renamed.clone()).await.unwrap_err();
        assert!(matches!(error, Error::Missing { kind: Kind::Tenant, .. }), "{error:?}");
        // Where the configuration lets a tenant write itself.
        assert!(handle(fixture.app.clone(), admin(), renamed).await.is_ok());
        let more = request(None, |tenant| {
            tenant.quota = Some(Quota { calls_per_second: 100_000, burst: 1 });
        });
        let error = handle(fixture.app.clone(), admin(), more).await.unwrap_err();
        assert_eq!(beyond(&error), "quota");
    }

    #[tokio::test]
    async fn masks_name_fields_that_may_be_written() {
        let fixture = Fixture::new().await;
        for paths in [Some(["slug"].as_slice()), Some(&["state"]), Some(&[]), None] {
            let asked = request(paths, |_| {});
            let error = handle(fixture.app.clone(), operator(), asked).await.unwrap_err();
            assert_eq!(fields(&error), ["update_mask"]);
        }
        let asked = request(Some(&["title", "hosts"]), |tenant| tenant.hosts = hosts(&["A"]));
        let error = handle(fixture.app.clone(), operator(), asked).await.unwrap_err();
        assert_eq!(fields(&error), ["tenant.title", "tenant.hosts[0]"]);
    }
}
