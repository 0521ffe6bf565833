//! `DeactivateMember`: a person signs in no more; the record stays, since history names it.

use contracts::gateway::v1::{DeactivateMemberRequest, Member as Answer, gateway_event::Change};
use kernel::{Violations, etag::Demand};
use rpc::{Call, wire};

use crate::{
    App, Error,
    command::{self, Command},
    convert, events,
};

const METHOD: &str = "aftercare.gateway.v1.MemberService/DeactivateMember";

pub(crate) async fn handle(
    app: App,
    call: Call,
    mut request: DeactivateMemberRequest,
) -> Result<Answer, Error> {
    let request_id = std::mem::take(&mut request.request_id);
    let mut violations = Violations::new();
    wire::check_request_id(&request_id, &mut violations);
    let id = convert::id_in(&request.name, "members", "name", &mut violations);
    violations.finish(())?;
    let once = app.once(&call, METHOD, &request_id, &request);
    let command = Command { id, etag: Demand::parse(&request.etag), once };
    let gone = command::on_member(&app, &call, &command, |member, own, at| {
        let gone = member.deactivate(own, at);
        let gone = gone.map_err(|refusal| Error::refused(&request.name, refusal))?;
        let change = Change::MemberDeactivated(events::member(&gone));
        Ok(Some((gone, change)))
    });
    Ok(convert::member(&gone.await?, &call))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        error::Kind,
        rpc::fixture::{
            Fixture, admin, admin_called, beyond, blocker, fields, operator, request_id, stranger,
            supervisor, tenant,
        },
    };

    fn request(id: &str) -> DeactivateMemberRequest {
        let name = format!("members/{id}");
        DeactivateMemberRequest { name, etag: String::new(), request_id: String::new() }
    }

    #[tokio::test]
    async fn a_person_is_gone_but_not_forgotten() {
        let fixture = Fixture::new().await;
        let mut asked = request("amy");
        (asked.etag, asked.request_id) = ("v1".to_owned(), request_id(1));
        let gone = handle(fixture.app.clone(), admin(), asked.clone()).await.unwrap();
        assert_eq!((gone.active, gone.etag.as_str()), (false, "v2"));
        assert_eq!(handle(fixture.app.clone(), admin(), asked).await.unwrap(), gone);
        assert_eq!(fixture.read("amy").await, gone);
        let facts = fixture.app.directory().member(tenant(1), "amy").await.unwrap().unwrap();
        assert!(!facts.active);
        let theirs = fixture.app.directory().member(tenant(2), "amy").await.unwrap().unwrap();
        assert!(theirs.active);
        let events = fixture.events_of("amy").await;
        let Change::MemberDeactivated(told) = &events[1].2 else { panic!("{events:?}") };
        assert_eq!((events[1].0.as_str(), told.active), ("member.deactivated", false));
        let error = handle(fixture.app.clone(), admin(), request("amy")).await.unwrap_err();
        assert_eq!(blocker(&error), "STATE");
    }

    #[tokio::test]
    async fn nobody_deactivates_themselves_the_last_admin_or_who_holds_more() {
        let fixture = Fixture::new().await;
        let deactivate =
            async |call, id: &str| handle(fixture.app.clone(), call, request(id)).await;
        let error = deactivate(admin(), "grace").await.unwrap_err();
        assert_eq!(blocker(&error), "SELF");
        let error = deactivate(supervisor(), "grace").await.unwrap_err();
        assert_eq!(beyond(&error), "admin");
        fixture.member("boss", &["admin"]).await;
        deactivate(admin(), "boss").await.unwrap();
        // An admin who is gone does not count: somebody whose token still holds for a moment is
        // refused by the count, not by who they are.
        let error = deactivate(admin_called("boss"), "grace").await.unwrap_err();
        assert_eq!(blocker(&error), "LAST_ADMIN");
        assert!(fixture.read("grace").await.active);
    }

    #[tokio::test]
    async fn stale_foreign_missing_and_malformed_are_refused() {
        let fixture = Fixture::new().await;
        fixture.member("lin", &["agent"]).await;
        let stale = DeactivateMemberRequest { etag: "v9".to_owned(), ..request("lin") };
        let error = handle(fixture.app.clone(), admin(), stale).await.unwrap_err();
        assert!(matches!(error, Error::StaleEtag { .. }), "{error:?}");
        for (call, id) in [(stranger(), "lin"), (operator(), "lin"), (admin(), "wu")] {
            let error = handle(fixture.app.clone(), call, request(id)).await.unwrap_err();
            assert!(matches!(error, Error::Missing { kind: Kind::Member, .. }), "{error:?}");
        }
        let wrong = DeactivateMemberRequest { name: "lin".to_owned(), ..request("lin") };
        let error = handle(fixture.app.clone(), admin(), wrong).await.unwrap_err();
        assert_eq!(fields(&error), ["name"]);
    }
}
