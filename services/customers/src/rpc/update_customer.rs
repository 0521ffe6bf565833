//! `UpdateCustomer`: writes what a customer is called and how to address them.

use contracts::customers::v1::{
    Customer as Answer, CustomerUpdated, UpdateCustomerRequest, customer_event::Change,
};
use kernel::{CustomerId, RowScope, Violations, etag, mask::Mask};
use rpc::{Call, wire};
use store::{Tx, events::monotone, idempotency::Once, transact};

use crate::{
    App, Error, convert,
    domain::customer::{Customer, Profile, WRITABLE, reaches},
    events::{self, Place},
    rpc::get_customer,
    store::customers,
};

const METHOD: &str = "aftercare.customers.v1.CustomerService/UpdateCustomer";
/// The field that is the company's to write and not the customer's own.
const COMPANYS: &str = "segment";

/// What is to be written.
#[derive(Debug)]
struct Update {
    id: CustomerId,
    demand: etag::Demand,
    mask: Mask,
    profile: Profile,
}

pub(crate) async fn handle(
    app: App,
    call: Call,
    mut request: UpdateCustomerRequest,
) -> Result<Answer, Error> {
    let request_id = std::mem::take(&mut request.request_id);
    let change = parse(&call, &request, &request_id)?;
    let name = change.id.name();
    if !reaches(&call.scope, change.id) {
        return Err(Error::CustomerNotFound { name });
    }
    let once = app.once(&call, METHOD, &request_id, &request);
    let updated = transact!(app.db, "customer.update", |tx| {
        write(&app, &call, tx, &once, &change).await
    })?;
    match updated {
        Some(customer) => Ok(convert::customer(&customer, &call)),
        None => get_customer::by_name(&app, &call, &name).await,
    }
}

/// The customer after the update; `None` where the same request was carried out before.
async fn write(
    app: &App,
    call: &Call,
    tx: &mut Tx,
    once: &Once,
    change: &Update,
) -> Result<Option<Customer>, Error> {
    let (tenant, name) = (call.tenant(), change.id.name());
    let sealer = app.sealer(tenant);
    let locked = customers::lock(tx, tenant, &sealer, change.id).await?;
    let mut customer = locked.ok_or_else(|| Error::CustomerNotFound { name: name.clone() })?;
    if once.claim(tx, &name, customer.version + 1).await?.is_some() {
        return Ok(None);
    }
    if !change.demand.admits(customer.version) {
        return Err(Error::StaleEtag { name });
    }
    let profile = customer.profile.updated(&change.profile, &change.mask);
    let paths = customer.profile.differences(&profile);
    if paths.is_empty() {
        return Ok(Some(customer));
    }
    if !profile.has_name() && customer.identifiers.is_empty() {
        let mut violations = Violations::new();
        violations.add("customer.display_name", "is all that the customer is known by");
        return Err(violations.into());
    }
    let at = monotone(app.clock.now(), customer.last_at);
    customer.profile = profile;
    customer.version += 1;
    customer.sequence += 1;
    (customer.last_at, customer.updated_at) = (at, at);
    customers::update(tx, tenant, &sealer, &customer).await?;
    let paths = paths.into_iter().map(str::to_owned).collect();
    let place = Place { aggregate: change.id.uuid(), sequence: customer.sequence, at };
    events::append(app, call, tx, place, Change::Updated(CustomerUpdated { paths })).await?;
    Ok(Some(customer))
}

fn parse(
    call: &Call,
    request: &UpdateCustomerRequest,
    request_id: &str,
) -> Result<Update, Violations> {
    let mut violations = Violations::new();
    wire::check_request_id(request_id, &mut violations);
    let given = request.customer.clone().unwrap_or_default();
    let id = convert::customer_id(&given.name, "customer.name", &mut violations);
    let profile = convert::profile(&given, &mut violations);
    let own = matches!(call.scope, RowScope::Own(_));
    let writable: Vec<_> =
        WRITABLE.iter().copied().filter(|path| !(own && *path == COMPANYS)).collect();
    let populated = profile.differences(&Profile::default());
    let paths = request.update_mask.as_ref().map(|mask| mask.paths.as_slice());
    let mask = Mask::parse(paths, &writable, |path| populated.contains(&path), &mut violations);
    violations.check(!mask.is_empty() || !violations.is_empty(), "update_mask", "names no field");
    profile.check(|path| mask.has(path), &mut violations);
    let demand = etag::Demand::parse(&given.etag);
    let id = id.unwrap_or_else(|| CustomerId::from(uuid::Uuid::nil()));
    violations.finish(Update { id, demand, mask, profile })
}

#[cfg(test)]
mod tests {
    use prost_types::FieldMask;

    use super::*;
    use crate::rpc::fixture::{Fixture, agent, fields, id_of, own, request_id, stranger, system};

    fn request(
        name: &str,
        paths: Option<&[&str]>,
        change: impl FnOnce(&mut Answer),
    ) -> UpdateCustomerRequest {
        let mut customer = Answer { name: name.to_owned(), ..Answer::default() };
        change(&mut customer);
        let update_mask = paths.map(|paths| FieldMask {
            paths: paths.iter().map(|path| (*path).to_owned()).collect(),
        });
        UpdateCustomerRequest { customer: Some(customer), update_mask, request_id: String::new() }
    }

    #[tokio::test]
    async fn what_is_populated_is_written_and_told() {
        let fixture = Fixture::new().await;
        let made = fixture.customer("王芳", &["13800138001"]).await;
        fixture.later();
        let asked = request(&made.name, None, |customer| {
            customer.language = "zh".to_owned();
            customer.segment = "key-account".to_owned();
        });
        let updated = handle(fixture.app.clone(), system(), asked.clone()).await.unwrap();
        assert_eq!((updated.language.as_str(), updated.display_name.as_str()), ("zh", "王芳"));
        assert_eq!(updated.etag, "v2");
        assert_eq!(updated.identifiers, made.identifiers);
        assert_ne!(updated.update_time, made.update_time);
        let read = get_customer::by_name(&fixture.app, &system(), &made.name).await.unwrap();
        assert_eq!(read, updated);

        let events = fixture.events(id_of(&made.name).uuid()).await;
        let kinds: Vec<_> = events.iter().map(|(kind, n, _)| (kind.as_str(), *n)).collect();
        assert_eq!(kinds, [("customer.created", 1), ("customer.updated", 2)]);
        let Some(Change::Updated(change)) = &events[1].2.change else { panic!("{events:?}") };
        assert_eq!(change.paths, ["language", "segment"]);

        // The same values again change nothing and tell nothing.
        let same = handle(fixture.app.clone(), system(), asked).await.unwrap();
        assert_eq!(same.etag, "v2");
        assert_eq!(fixture.events(id_of(&made.name).uuid()).await.len(), 2);
    }

    #[tokio::test]
    async fn a_stale_etag_is_refused() {
        let fixture = Fixture::new().await;
        let made = fixture.customer("王芳", &[]).await;
        let with = |etag: &str, segment: &str| {
            request(&made.name, None, |customer| {
                customer.etag = etag.to_owned();
                customer.segment = segment.to_owned();
            })
        };
        assert!(handle(fixture.app.clone(), system(), with(&made.etag, "a")).await.is_ok());
        for etag in [made.etag.as_str(), "W/\"1\""] {
            let error = handle(fixture.app.clone(), system(), with(etag, "b")).await.unwrap_err();
            assert!(matches!(error, Error::StaleEtag { .. }), "{error:?}");
        }
        assert!(handle(fixture.app.clone(), system(), with("v2", "b")).await.is_ok());
    }

    #[tokio::test]
    async fn the_same_request_twice_has_one_effect() {
        let fixture = Fixture::new().await;
        let made = fixture.customer("王芳", &[]).await;
        let mut asked = request(&made.name, None, |customer| {
            customer.etag = made.etag.clone();
            customer.segment = "a".to_owned();
        });
        asked.request_id = request_id(1);
        let first = handle(fixture.app.clone(), system(), asked.clone()).await.unwrap();
        // Its etag is stale by now, but it was carried out.
        assert_eq!(handle(fixture.app.clone(), system(), asked.clone()).await.unwrap(), first);
        asked.customer.as_mut().unwrap().segment = "b".to_owned();
        let error = handle(fixture.app.clone(), system(), asked).await.unwrap_err();
        assert!(matches!(error, Error::RequestIdReused { .. }), "{error:?}");
    }

    #[tokio::test]
    async fn what_is_masked_is_never_written_back() {
        let fixture = Fixture::new().await;
        let made = fixture.customer("王小明", &["13800138001"]).await;
        let masked = get_customer::by_name(&fixture.app, &agent(), &made.name).await.unwrap();
        let asked = UpdateCustomerRequest { customer: Some(masked), ..Default::default() };
        let error = handle(fixture.app.clone(), agent(), asked).await.unwrap_err();
        assert_eq!(fields(&error), ["customer.display_name"]);
    }

    #[tokio::test]
    async fn the_last_thing_a_customer_is_known_by_stays() {
        let fixture = Fixture::new().await;
        let bare = fixture.customer("王芳", &[]).await;
        let asked = request(&bare.name, Some(&["display_name"]), |_| {});
        let error = handle(fixture.app.clone(), system(), asked).await.unwrap_err();
        assert_eq!(fields(&error), ["customer.display_name"]);
        let known = fixture.customer("王芳", &["13800138001"]).await;
        let asked = request(&known.name, Some(&["display_name"]), |_| {});
        assert_eq!(handle(fixture.app.clone(), system(), asked).await.unwrap().display_name, "");
    }

    #[tokio::test]
    async fn masks_name_fields_that_may_be_written() {
        let fixture = Fixture::new().await;
        let made = fixture.customer("王芳", &[]).await;
        for (paths, field) in [
            (Some(["kind"].as_slice()), "update_mask"),
            (Some(&["identifiers"]), "update_mask"),
            (Some(&[]), "update_mask"),
            (None, "update_mask"),
        ] {
            let asked = request(&made.name, paths, |_| {});
            let error = handle(fixture.app.clone(), system(), asked).await.unwrap_err();
            assert_eq!(fields(&error), [field]);
        }
    }

    #[tokio::test]
    async fn customers_write_themselves_but_not_their_segment() {
        let fixture = Fixture::new().await;
        let made = fixture.customer("王芳", &[]).await;
        let other = fixture.customer("李娜", &[]).await;
        let call = own(id_of(&made.name));
        let asked = request(&made.name, None, |customer| customer.language = "en".to_owned());
        assert!(handle(fixture.app.clone(), call.clone(), asked).await.is_ok());
        let asked = request(&made.name, Some(&["segment"]), |_| {});
        let error = handle(fixture.app.clone(), call.clone(), asked).await.unwrap_err();
        assert_eq!(fields(&error), ["update_mask"]);
        for (call, name) in [(call, &other.name), (stranger(), &made.name)] {
            let asked = request(name, None, |customer| customer.language = "en".to_owned());
            let error = handle(fixture.app.clone(), call, asked).await.unwrap_err();
            assert_eq!(error.to_string(), format!("there is no customer `{name}`"));
        }
    }
}
