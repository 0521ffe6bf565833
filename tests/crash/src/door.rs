//! Where clients call, and in whose name.

use std::{net::SocketAddr, time::Duration};

use aftercare_e2e::{
    Suite, Tenant,
    suite::{At, channel},
};
use contracts::r#type::v1::{
    AdvanceClockRequest, GetClockRequest, clock_service_client::ClockServiceClient,
};
use kernel::CallerKind;
use rpc::issuer::Principal;
use tonic::{
    Request, Status,
    metadata::{Ascii, MetadataValue},
    transport::Channel,
};

/// The tenant that all of this happens in.
pub const TENANT: Tenant = Tenant::North;
/// The company's own system: it records what comes in, and speaks for customers.
pub const SYSTEM: &str = "recorder";
/// Agents who take whatever is next.
pub const TAKERS: [&str; 2] = ["amy", "ben"];
/// Who takes a certain ticket.
pub const CLAIMER: &str = "erin";
/// Who gives tickets to others.
pub const SUPERVISOR: &str = "frank";

/// How long one attempt may take on a slow machine.
const ATTEMPT: Duration = Duration::from_secs(15);

/// The way in.
#[derive(Clone, Debug)]
pub struct Door {
    /// To tickets.
    pub tickets: Channel,
    /// To customers.
    pub customers: Channel,
    voices: Vec<(&'static str, MetadataValue<Ascii>)>,
}

impl Door {
    /// To the public ports of a suite.
    pub fn of(suite: &Suite) -> Self {
        Self::through(suite, suite.at("tickets").public)
    }

    /// The same with tickets reached by another address, behind which a network may fail.
    pub fn through(suite: &Suite, tickets: SocketAddr) -> Self {
        let staff = TAKERS.into_iter().chain([CLAIMER, SUPERVISOR]);
        let mut voices: Vec<_> =
            staff.map(|member| (member, token(suite, CallerKind::Member, member))).collect();
        voices.push((SYSTEM, token(suite, CallerKind::Integration, SYSTEM)));
        let customers = channel(suite.at("tickets").public);
        Self { tickets: channel(tickets), customers, voices }
    }

    /// A request in somebody's name, which gives up after a while.
    ///
    /// # Panics
    /// Where nobody has that name.
    pub fn request<M>(&self, voice: &str, message: M) -> Request<M> {
        let token = self.voices.iter().find(|(name, _)| *name == voice);
        let (_, token) = token.expect("the voice is one of ours");
        let mut request = Request::new(message);
        request.set_timeout(ATTEMPT);
        request.metadata_mut().insert("authorization", token.clone());
        request
    }
}

fn token(suite: &Suite, kind: CallerKind, subject: &str) -> MetadataValue<Ascii> {
    let (tenant, subject) = (TENANT.id(), subject.to_owned());
    let token =
        suite.token(&Principal { tenant, kind, subject, roles: Vec::new(), customer: None });
    format!("Bearer {token}").parse().expect("a token is plain text")
}

/// Moves the clock of the process that listens here. What is leased in its databases to processes
/// that are dead is free then, and what falls due on the way is done.
pub async fn advance(at: At, by: Duration) -> Result<(), Status> {
    let mut clock = ClockServiceClient::new(channel(at.admin));
    let now = clock.get_clock(GetClockRequest {}).await?.into_inner().time.unwrap_or_default();
    let seconds = now.seconds + i64::try_from(by.as_secs()).unwrap_or(0);
    let to_time = Some(prost_types::Timestamp { seconds, ..now });
    clock.advance_clock(AdvanceClockRequest { to_time }).await.map(drop)
}
