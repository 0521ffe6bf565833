//! The send gate: what a contact is asked for with, and what it is decided by. One function decides for
//! the reservation and for its dry run.

use contracts::customers::v1::ConsentState;
use kernel::{CustomerId, TenantId, Time, Violations};
use rpc::wire;

use crate::{
    App, Error, convert,
    domain::{
        consent::{Consent, Subject},
        contact::{self, AHEAD, Circumstances, Verdict, is_held_back},
    },
    store::contacts::Places,
};

/// A contact as it is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask {
    pub(crate) customer: CustomerId,
    pub(crate) subject: Subject,
    /// The instant that is decided for.
    pub(crate) at: Time,
    /// Now.
    pub(crate) now: Time,
}

/// Reads what both requests say of a contact.
pub(crate) fn parse(
    app: &App,
    customer: &str,
    (purpose, channel): (i32, i32),
    earliest: Option<&prost_types::Timestamp>,
    violations: &mut Violations,
) -> Ask {
    let now = app.clock.now();
    let customer = convert::customer_id(customer, "customer", violations);
    let subject = convert::subject(purpose, channel, "", violations);
    let earliest = earliest.map_or(Some(now), wire::time);
    let near = earliest.is_some_and(|earliest| earliest <= now + AHEAD);
    violations.check(near, "earliest_time", "must be at most 30 days ahead");
    let at = earliest.map_or(now, |earliest| earliest.max(now));
    let customer = customer.unwrap_or_else(|| CustomerId::from(uuid::Uuid::nil()));
    Ask { customer, subject, at, now }
}

impl Ask {
    /// The instant before which contacts cannot matter.
    pub(crate) fn horizon(&self, app: &App) -> Time {
        self.at - app.contact.period
    }

    /// What is decided, for a customer of this time zone.
    pub(crate) fn decide(
        &self,
        app: &App,
        tenant: TenantId,
        zone: &str,
        consent: Option<&Consent>,
        places: &Places,
    ) -> Result<Verdict, Error> {
        let purpose = self.subject.purpose;
        let quiet = if is_held_back(purpose) { app.quiet(tenant, zone)? } else { None };
        let circumstances = Circumstances {
            consent: consent.map_or(ConsentState::Unknown, |consent| consent.state),
            counted: &places.taken,
            quiet: quiet.as_ref(),
        };
        contact::decide(purpose, self.at, &circumstances, &app.contact)
            .map_err(|_| Error::Corrupt("time"))
    }
}
