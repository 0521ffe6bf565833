//! `request_id`: the same request twice has one effect and one answer.

use kernel::TenantId;
use prost::Message;
use rpc::{Call, wire};
use store::{
    Tx,
    idempotency::{self, Claim},
};
use uuid::Uuid;

use crate::{App, Error};

/// A request by what makes it the same as another.
#[derive(Debug)]
pub(crate) struct Once {
    tenant: TenantId,
    principal: String,
    method: &'static str,
    /// Empty where the caller does without.
    request_id: String,
    hash: [u8; 32],
}

/// What the same request led to when it came first.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Earlier {
    /// The resource that it made or changed.
    pub(crate) resource: String,
    /// The version that it noted.
    pub(crate) version: i64,
}

impl Once {
    /// The request `body`, from which the request id was taken out.
    pub(crate) fn new(
        app: &App,
        call: &Call,
        method: &'static str,
        request_id: &str,
        body: &impl Message,
    ) -> Self {
        let tenant = call.tenant();
        let key = app.keys.derive("customers/request", tenant.uuid().as_bytes());
        Self {
            tenant,
            principal: call.principal(),
            method,
            request_id: Uuid::try_parse(request_id)
                .map_or_else(|_| String::new(), |id| id.to_string()),
            hash: wire::request_hash(&key, body),
        }
    }

    /// Whether the caller did without.
    pub(crate) fn is_absent(&self) -> bool {
        self.request_id.is_empty()
    }

    /// Claims the request id in the transaction of its effect, which is to make or change
    /// `resource`. `Some` where the same request was carried out before: answer with its resource
    /// and change nothing.
    pub(crate) async fn claim(
        &self,
        app: &App,
        tx: &mut Tx,
        resource: &str,
        version: i64,
    ) -> Result<Option<Earlier>, Error> {
        if self.is_absent() {
            return Ok(None);
        }
        let request = idempotency::Request {
            tenant: self.tenant,
            principal: &self.principal,
            method: self.method,
            request_id: &self.request_id,
            hash: self.hash,
            resource,
            version,
            now: app.clock.real_now(),
        };
        match idempotency::claim(tx, &request).await? {
            Claim::First => Ok(None),
            Claim::Replay { resource, version } => Ok(Some(Earlier { resource, version })),
            Claim::Conflict { resource } => {
                Err(Error::RequestIdReused { request_id: self.request_id.clone(), resource })
            }
        }
    }
}
