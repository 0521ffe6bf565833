//! `ReactivateMember`: a person may sign in again.

use contracts::gateway::v1::{Member as Answer, ReactivateMemberRequest, gateway_event::Change};
use kernel::{Violations, etag::Demand};
use rpc::{Call, wire};

use crate::{
    App, Error,
    command::{self, Command},
    convert, events,
};

const METHOD: &str = "aftercare.gateway.v1.MemberService/ReactivateMember";

pub(crate) async fn handle(
    app: App,
    call: Call,
    mut request: ReactivateMemberRequest,
) -> Result<Answer, Error> {
    let request_id = std::mem::take(&mut request.request_id);
    let mut violations = Violations::new();
    wire::check_request_id(&request_id, &mut violations);
    let id = convert::id_in(&request.name, "members", "name", &mut violations);
    violations.finish(())?;
    let once = app.once(&call, METHOD, &request_id, &request);
    let command = Command { id, etag: Demand::parse(&request.etag), once };
    let back = command::on_member(&app, &call, &command, |member, _, at| {
        let back = member.reactivate(at);
        let back = back.map_err(|refusal| Error::refused(&request.name, refusal))?;
        let change = Change::MemberReactivated(events::member(&back));
        Ok(Some((back, change)))
    });
    Ok(convert::member(&back.await?, &call))
}

#[cfg(test)]
mod tests {
    use contracts::gateway::v1::DeactivateMemberRequest;

    use super::*;
    use crate::rpc::{
        deactivate_member,
        fixture::{Fixture, admin, beyond, blocker, request_id, stranger, supervisor},
    };

    fn request(id: &str) -> ReactivateMemberRequest {
        let (name, request_id) = (format!("members/{id}"), request_id(1));
        ReactivateMemberRequest { name, etag: String::new(), request_id }
    }

    async fn deactivate(fixture: &Fixture, id: &str) -> Result<Answer, Error> {
        let name = format!("members/{id}");
        let request = DeactivateMemberRequest { name, ..Default::default() };
        deactivate_member::handle(fixture.app.clone(), admin(), request).await
    }

    #[tokio::test]
    async fn a_person_comes_back_as_they_were() {
        let fixture = Fixture::new().await;
        let before = fixture.read("amy").await;
        deactivate(&fixture, "amy").await.unwrap();
        let back = handle(fixture.app.clone(), admin(), request("amy")).await.unwrap();
        assert_eq!((back.active, back.etag.as_str()), (true, "v3"));
        assert_eq!((back.roles, back.teams), (before.roles, before.teams));
        let again = handle(fixture.app.clone(), admin(), request("amy")).await.unwrap();
        assert_eq!(again.etag, "v3", "the same request");
        let events = fixture.events_of("amy").await;
        assert_eq!((events[2].0.as_str(), events[2].1), ("member.reactivated", 3));
    }

    #[tokio::test]
    async fn an_admin_who_is_back_counts_again() {
        let fixture = Fixture::new().await;
        fixture.member("boss", &["admin"]).await;
        deactivate(&fixture, "boss").await.unwrap();
        let error = handle(fixture.app.clone(), supervisor(), request("boss")).await.unwrap_err();
        assert_eq!(beyond(&error), "admin");
        handle(fixture.app.clone(), admin(), request("boss")).await.unwrap();
        deactivate(&fixture, "boss").await.unwrap();
    }

    #[tokio::test]
    async fn who_is_active_is_refused_and_a_foreign_one_is_nobody() {
        let fixture = Fixture::new().await;
        let error = handle(fixture.app.clone(), admin(), request("amy")).await.unwrap_err();
        assert_eq!(blocker(&error), "STATE");
        fixture.member("lin", &["agent"]).await;
        let error = handle(fixture.app.clone(), stranger(), request("lin")).await.unwrap_err();
        assert!(matches!(error, Error::Missing { .. }), "{error:?}");
    }
}
