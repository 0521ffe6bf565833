//! A ticket whose customer is asked about it, and the sealed links that open the one and the other.

use serde_json::{Value, json};

use crate::{
    Client,
    desk::{Desk, name},
    until,
};

/// A resolved ticket with the survey about it.
#[derive(Debug)]
pub struct Linked<'a> {
    desk: &'a Desk<'a>,
    /// The ticket.
    pub ticket: Value,
    /// The token of its link.
    pub token: String,
}

impl<'a> Linked<'a> {
    /// A new one, once its customer is asked; a survey that asks must have been published.
    ///
    /// # Panics
    /// Where nobody is asked.
    pub async fn new(desk: &'a Desk<'a>) -> Self {
        let ticket = desk.resolved().await;
        let token = token(desk, "CreateTicketLink", &name(&ticket)).await;
        let linked = Self { desk, ticket, token };
        // By one survey: where several ask, the others wait for a week.
        until("the customer is asked", async || {
            let all = linked.invitations().await;
            let waits = |one: &Value| one["state"] == "INVITATION_STATE_PENDING";
            all.iter().any(|one| !waits(one)).then_some(())
        })
        .await;
        linked
    }

    /// A client with the link as its credential.
    pub fn holder(&self) -> Client {
        self.desk.holder(&self.token)
    }

    /// The invitation: the newest, where several surveys ask.
    pub async fn invitation(&self) -> Value {
        self.invitations().await.remove(0)
    }

    /// All of them.
    pub async fn invitations(&self) -> Vec<Value> {
        let request = json!({ "ticket": name(&self.ticket) });
        let all = self.desk.system().call("ListInvitations", request).await;
        all["invitations"].as_array().cloned().unwrap_or_default()
    }

    /// The token of a link to the invitation alone.
    pub async fn invitation_token(&self) -> String {
        token(self.desk, "CreateInvitationLink", &name(&self.invitation().await)).await
    }
}

/// The token of a link to what has this name, made by `method`.
///
/// # Panics
/// Where none is made.
pub async fn token(desk: &Desk<'_>, method: &str, name: &str) -> String {
    let link = desk.system().call(method, json!({ "name": name })).await;
    let token = link["token"].as_str().expect("a link has a token");
    assert_eq!(link["path"], format!("/l/{token}"));
    token.to_owned()
}

/// Records a survey and publishes it.
pub async fn publish(desk: &Desk<'_>, survey: Value) -> Value {
    let made = desk.system().call("CreateSurvey", json!({ "survey": survey })).await;
    desk.system().call("PublishSurvey", json!({ "name": name(&made) })).await
}
