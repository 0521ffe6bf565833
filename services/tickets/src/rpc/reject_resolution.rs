//! `RejectResolution`: the customer objects, and the ticket is open again.

use ::rpc::Call;
use contracts::tickets::v1::{self as pb, AuthorRole, Turn, Visibility};
use kernel::{EntryId, Violations};

use crate::{
    app::App,
    command::{Command, Decision, run_with},
    domain::{Refusal, entry::Said, ticket::Context},
    error::Error,
    rpc::add_entry::Spoken,
    store::tickets::Stored,
};

/// The longest objection, in characters.
pub(crate) const OBJECTION: usize = 8_000;

pub(crate) async fn handle(
    app: App,
    call: Call,
    mut request: pb::RejectResolutionRequest,
) -> Result<pb::Ticket, Error> {
    let mut v = Violations::new();
    let command = Command::parse(&app, &call, &mut request, &mut v);
    v.text("objection", &request.objection, 0, OBJECTION);
    v.finish(())?;

    let objection = Objection::new(&app, &call, &request.objection);
    run_with(
        &app,
        &call,
        &command,
        true,
        |stored, keep, cx| objection.decide(stored, keep, cx),
        objection.spoken.clone(),
    )
    .await
}

/// An objection of the customer's, with words or without.
pub(crate) struct Objection {
    /// The words, as the entry that they become.
    pub(crate) spoken: Option<Spoken>,
}

impl Objection {
    pub(crate) fn new(app: &App, call: &Call, words: &str) -> Self {
        let words = words.trim();
        let spoken =
            (!words.is_empty()).then(|| Spoken::new(call, EntryId::from(app.ids().next()), words));
        Self { spoken }
    }

    pub(crate) fn decide(
        &self,
        stored: &Stored,
        keep: bool,
        cx: &Context<'_>,
    ) -> Result<Decision, Refusal> {
        let mut changed = stored.ticket.clone().reject(keep, cx)?;
        if let Some(spoken) = &self.spoken {
            let said = Said {
                id: spoken.id(),
                role: AuthorRole::Customer,
                visibility: Visibility::Public,
                turn: Turn::Unspecified,
                // The objection itself opens the ticket; its words are only recorded.
                thanks: true,
            };
            changed = changed.and_say(&said, cx)?;
        }
        Ok(Decision::from(changed))
    }
}

#[cfg(test)]
mod tests {
    use kernel::CustomerId;

    use super::*;
    use crate::fixture::*;

    #[tokio::test]
    async fn an_objection_opens_it_again_with_new_clocks_and_its_words_are_kept() {
        let house = House::new().await;
        let lin = house.agent("lin");
        let ticket = house
            .client(system(1))
            .create(pb::Ticket {
                customer: house.known().await.name(),
                contact: Some(contact()),
                ..inquiry()
            })
            .await;
        let customer = house.customer(CustomerId::parse_name(&ticket.customer).unwrap());
        lin.claim(&ticket.name).await.unwrap();
        assert_eq!(blockers(customer.reject(&ticket.name).await), blocker("STATE", "OPEN"));
        lin.resolve(&ticket.name).await.unwrap();
        let request = pb::RejectResolutionRequest {
            name: ticket.name.clone(),
            objection: "It broke again. ".to_owned(),
            request_id: request_id(1),
            ..<_>::default()
        };
        let rejected = customer.reject_resolution(request.clone()).await.unwrap();
        assert_eq!(customer.reject_resolution(request).await.unwrap(), rejected);
        let open = lin.get(&ticket.name).await.unwrap();
        assert_eq!(
            (open.category(), open.reopen_count, open.entry_count),
            (pb::Category::Open, 1, 1)
        );
        assert_eq!(open.assignee, "members/lin");
        assert_eq!(house.used("lin").await, 1);
        let running: Vec<_> =
            open.clocks.iter().filter(|c| c.state() == pb::ClockState::Running).collect();
        assert_eq!((running.len(), running[0].instance), (1, 2));
        let said = pb::ListEntriesRequest { parent: ticket.name.clone(), ..<_>::default() };
        let entries = lin.list_entries(said).await.unwrap().entries;
        assert_eq!(
            (entries[0].body.as_str(), entries[0].author_role()),
            ("It broke again.", AuthorRole::Customer)
        );
        assert!(
            house.history(&ticket.name).await.ends_with(
                &["ticket.rejected", "ticket.reopened", "clock.started", "entry.added"]
                    .map(str::to_owned)
            )
        );
    }

    #[tokio::test]
    async fn where_the_owner_has_no_room_it_waits_again() {
        let house = House::new().await;
        let (tiny, lin) = (house.agent("tiny"), house.agent("lin"));
        let (one, two) = (lin.create(inquiry()).await, lin.create(inquiry()).await);
        tiny.claim(&one.name).await.unwrap();
        tiny.resolve(&one.name).await.unwrap();
        tiny.claim(&two.name).await.unwrap();
        let open = lin.reject(&one.name).await.unwrap();
        assert_eq!((open.assignee.as_str(), open.category()), ("", pb::Category::Open));
        assert_eq!(house.used("tiny").await, 1);
        assert_eq!(lin.claim_next().await.unwrap().unwrap().name, one.name);
    }
}
