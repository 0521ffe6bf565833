//! Tickets to measure with, made through the public API as a company's day would leave them.

use anyhow::Result;
use bytes::Bytes;
use contracts::{
    customers::v1::{CreateCustomerRequest, Customer, Identifier, IdentifierKind},
    tickets::v1::{
        AssignTicketRequest, Channel, ConfirmResolutionRequest, CreateTicketRequest, Facts, Kind,
        Nature, ResolveTicketRequest, Stage, Subject, Ticket, Triage, TriageTicketRequest,
    },
};
use kernel::{Clock, Ids};
use prost::Message;

use crate::{
    load::{Call, Voice},
    suite::{AGENTS, Suite},
};

const SERVICE: &str = "aftercare.tickets.v1.TicketService";
/// How many calls of the preparation are under way at once.
const AT_ONCE: usize = 8;

/// Some 0.8 KiB, as long as a complaint is.
const WHAT: &str = "I noticed two identical charges on my card statement for one purchase that I made on the \
    third of the month. I called the number on the back of the card the same day and was told that one of them \
    was only pending and would fall off within five working days. It did not. When I called again I was asked to \
    send copies of the receipt and of the statement, which I did by mail and by fax. Two weeks later I received a \
    letter saying that the dispute had been closed because no documents had been received. I have the confirmation \
    of the fax and the tracking number of the letter. I called a third time and the agent could see neither. In the \
    meantime interest has been charged on the second amount, and my payment of the first was reported as late.";
const EXPECTATION: &str = "The second charge and the interest on it are to be refunded, and the report of a late payment \
    is to be taken back.";

/// A method of the tickets' service.
pub(crate) fn method(name: &str) -> String {
    format!("{SERVICE}/{name}")
}

/// A request to record the n-th ticket, of this customer.
pub(crate) fn create(n: usize, customer: &str, request_id: String) -> CreateTicketRequest {
    // Channels that are worth one unit of an agent each, and whose clocks run for hours.
    let channel = [Channel::Email, Channel::Review, Channel::SelfService][n % 3];
    let kind = [Kind::Complaint, Kind::Inquiry, Kind::OrderMatter][n / 3 % 3];
    CreateTicketRequest {
        ticket: Some(Ticket {
            kind: kind.into(),
            stage: Stage::AfterSale.into(),
            channel: channel.into(),
            customer: customer.to_owned(),
            subject: Some(Subject {
                lot: format!("L-{}", n % 50),
                component: "card".to_owned(),
                fault_code: format!("F-{}", n % 200),
                ..Subject::default()
            }),
            title: "Charged twice for one purchase".to_owned(),
            facts: Some(Facts {
                who: "The holder of the card".to_owned(),
                what: WHAT.to_owned(),
                occur_time: None,
                expectation: EXPECTATION.to_owned(),
            }),
            language: "en".to_owned(),
            ..Ticket::default()
        }),
        request_id,
        validate_only: false,
    }
}

/// New ids from the machine's clock.
pub(crate) fn ids() -> Ids {
    Ids::random(Clock::system())
}

/// Records customers and gives their names.
pub(crate) async fn customers(suite: &Suite, count: usize) -> Result<Vec<String>> {
    let mut calls = Vec::new();
    for n in 0..count {
        let request = CreateCustomerRequest {
            customer: Some(Customer {
                display_name: format!("Customer {n}"),
                identifiers: vec![Identifier {
                    kind: IdentifierKind::Email.into(),
                    value: format!("customer-{n}@example.com"),
                    ..Identifier::default()
                }],
                ..Customer::default()
            }),
            ..CreateCustomerRequest::default()
        };
        let method = "aftercare.customers.v1.CustomerService/CreateCustomer";
        calls.push(Call::new(method, &suite.admin, &request)?);
    }
    let made: Vec<Customer> = suite.target.all(calls, AT_ONCE).await?;
    Ok(made.into_iter().map(|customer| customer.name).collect())
}

/// Records `count` tickets of these customers and takes them as far as a day would: seven of twenty
/// wait, three are being worked on, four are resolved and six closed. Gives their names.
pub(crate) async fn worked_on(
    suite: &Suite,
    customers: &[String],
    count: usize,
) -> Result<Vec<String>> {
    let admin = &suite.admin;
    let mut calls = Vec::new();
    for n in 0..count {
        let request = create(n, &customers[n % customers.len()], String::new());
        calls.push(Call::new(&method("CreateTicket"), admin, &request)?);
    }
    let made: Vec<Ticket> = suite.target.all(calls, AT_ONCE).await?;
    let names: Vec<String> = made.into_iter().map(|ticket| ticket.name).collect();

    let from = |share: usize| names.iter().enumerate().filter(move |(n, _)| n % 20 >= share);
    let mut steps: [Vec<Call>; 4] = Default::default();
    for (n, name) in from(7) {
        steps[0].push(triage(name, admin)?);
        let assignee = format!("members/agent-{}", n / 20 % AGENTS + 1);
        let request =
            AssignTicketRequest { name: name.clone(), assignee, ..AssignTicketRequest::default() };
        steps[1].push(Call::new(&method("AssignTicket"), admin, &request)?);
    }
    for (_, name) in from(10) {
        let answer = "The second charge and the interest have been refunded.".to_owned();
        let request =
            ResolveTicketRequest { name: name.clone(), answer, ..ResolveTicketRequest::default() };
        steps[2].push(Call::new(&method("ResolveTicket"), admin, &request)?);
    }
    for (_, name) in from(14) {
        let request =
            ConfirmResolutionRequest { name: name.clone(), ..ConfirmResolutionRequest::default() };
        steps[3].push(Call::new(&method("ConfirmResolution"), admin, &request)?);
    }
    for calls in steps {
        suite.target.all::<Ticket>(calls, AT_ONCE).await?;
    }
    Ok(names)
}

fn triage(name: &str, voice: &Voice) -> Result<Call> {
    let triage = Triage {
        nature: Nature::Billing.into(),
        severity: 3,
        cause: "The terminal sent the booking twice.".to_owned(),
        evidence: "Two bookings with one reference.".to_owned(),
        triage_time: None,
    };
    let request = TriageTicketRequest {
        name: name.to_owned(),
        triage: Some(triage),
        ..TriageTicketRequest::default()
    };
    Call::new(&method("TriageTicket"), voice, &request)
}

/// A serialised `CreateTicketRequest` without a request id, given one: fields of a message may follow
/// in any order.
pub(crate) fn with_request_id(message: &[u8], request_id: &str) -> Bytes {
    let id = CreateTicketRequest { request_id: request_id.to_owned(), ..Default::default() };
    [message, id.encode_to_vec().as_slice()].concat().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_id_is_added_to_a_serialised_request() {
        let request = create(4, "customers/1", String::new());
        let message = with_request_id(&request.encode_to_vec(), "abc");
        let expected = CreateTicketRequest { request_id: "abc".to_owned(), ..request };
        assert_eq!(CreateTicketRequest::decode(message).unwrap(), expected);
    }
}
