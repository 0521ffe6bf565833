//! `GetMember`: one person of the staff, as the caller may see them.

use contracts::gateway::v1::{GetMemberRequest, Member as Answer};
use kernel::Violations;
use rpc::Call;

use crate::{
    App, Error, authority::reaches_staff, convert, domain::member, error::Kind, store::members,
};

pub(crate) async fn handle(
    app: App,
    call: Call,
    request: GetMemberRequest,
) -> Result<Answer, Error> {
    let mut violations = Violations::new();
    let id = convert::id_in(&request.name, "members", "name", &mut violations);
    violations.finish(())?;
    by_id(&app, &call, &id).await
}

/// The person of this id, if the caller reaches them.
pub(crate) async fn by_id(app: &App, call: &Call, id: &str) -> Result<Answer, Error> {
    let sealer = app.sealer(call.tenant());
    let found = if reaches_staff(call) {
        members::get(&app.db, call.tenant(), &sealer, id).await?
    } else {
        None
    };
    found
        .map(|member| convert::member(&member, call))
        .ok_or_else(|| Error::missing(Kind::Member, &member::name(id)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rpc::{
        create_member,
        fixture::{
            self, Fixture, admin, agent, fields, login, narrow_reaches, narrowed, operator,
            stranger, supervisor, system,
        },
    };

    #[tokio::test]
    async fn names_are_for_colleagues_and_logins_for_whom_they_concern() {
        let fixture = Fixture::new().await;
        let mut request = fixture::create_member("lin", &["agent"]);
        request.member.as_mut().unwrap().login =
            Some(login("https://id.example", "lin@example.com"));
        create_member::handle(fixture.app.clone(), admin(), request).await.unwrap();
        let seen = async |call| {
            let member = by_id(&fixture.app, &call, "lin").await.unwrap();
            (member.display_name, member.login.unwrap().subject)
        };
        let (name, subject) = ("Person lin".to_owned(), "lin@example.com".to_owned());
        assert_eq!(seen(admin()).await, (name.clone(), subject.clone()));
        assert_eq!(seen(supervisor()).await, (name.clone(), subject.clone()));
        assert_eq!(seen(agent()).await, (name.clone(), "l****@example.com".to_owned()));
        assert_eq!(seen(system(&["*"])).await, (name, subject), "it has `pii.read`");
        let masked = ("P**".to_owned(), "l****@example.com".to_owned());
        assert_eq!(seen(system(&["members.read"])).await, masked);
    }

    #[tokio::test]
    async fn missing_foreign_and_out_of_reach_are_the_same() {
        let fixture = Fixture::new().await;
        fixture.member("lin", &["agent"]).await;
        let get = async |call, name: &str| {
            handle(fixture.app.clone(), call, GetMemberRequest { name: name.to_owned() }).await
        };
        assert!(get(agent(), "members/lin").await.is_ok());
        let mut refused = vec![get(admin(), "members/wu").await.unwrap_err()];
        let mut calls = narrow_reaches().map(|reach| narrowed(admin(), reach)).to_vec();
        calls.extend([operator(), stranger()]);
        for call in calls {
            refused.push(get(call, "members/lin").await.unwrap_err());
        }
        for error in refused {
            let Error::Missing { kind: Kind::Member, name } = &error else { panic!("{error:?}") };
            assert_eq!(error.to_string(), format!("there is no member `{name}`"));
        }
        for name in ["", "lin", "members/", "members/Lin", "teams/lin"] {
            assert_eq!(fields(&get(admin(), name).await.unwrap_err()), ["name"]);
        }
    }
}
