//! Connections that grow old and processes that go down: calls in flight finish, streams end in
//! order, and there is a hard end.

use std::time::Duration;

use aftercare_rpc::server::Ages;
use contracts::tickets::v1::{
    CreateTicketRequest, GetTicketRequest, WatchTicketsRequest, WatchTicketsResponse,
    ticket_service_client::TicketServiceClient,
};
use kernel::Role;
use tonic::{Code, Streaming};
use tonic_types::StatusExt as _;

use crate::scene::{Scene, soon};

const LONG: Duration = Duration::from_hours(1);
const SHORT: Duration = Duration::from_millis(200);

/// A stream that has said its first thing.
async fn watched(scene: &Scene) -> Streaming<WatchTicketsResponse> {
    let mut tickets = TicketServiceClient::new(scene.caller(Role::Agent));
    let items = tickets.watch_tickets(WatchTicketsRequest::default()).await;
    let mut items = items.unwrap().into_inner();
    assert_eq!(items.message().await.unwrap().unwrap().resume_token, "first");
    scene.entered().await;
    items
}

/// The stream ends so that its reader knows to go on elsewhere.
async fn ends_in_order(mut items: Streaming<WatchTicketsResponse>) {
    let end = soon(items.message()).await.unwrap_err();
    assert_eq!(end.code(), Code::Unavailable, "{end:?}");
    assert_eq!(end.get_details_error_info().unwrap().reason, "GOING_AWAY");
    assert!(end.get_details_retry_info().unwrap().retry_delay.is_some());
}

#[tokio::test]
async fn an_old_connection_is_told_to_go_away_and_its_calls_are_finished() {
    let scene =
        Scene::listening(false, Ages { age: Duration::from_millis(500), grace: LONG }).await;
    let items = watched(&scene).await;
    let mut tickets = TicketServiceClient::new(scene.caller(Role::Agent));
    let mut waiting = tickets.clone();
    let call = tokio::join!(waiting.create_ticket(CreateTicketRequest::default()), async {
        scene.entered().await;
        ends_in_order(items).await;
        // Whoever meets the GOAWAY is told that nothing was sent; the next call takes another
        // connection.
        if let Err(unsent) = tickets.get_ticket(GetTicketRequest::default()).await {
            assert_eq!(unsent.get_details_error_info().unwrap().reason, "NOT_SENT", "{unsent:?}");
            tickets.get_ticket(GetTicketRequest::default()).await.unwrap();
        }
        scene.fake.gate.add_permits(1);
    });
    assert_eq!(call.0.unwrap().into_inner().title, "it leaks");
}

#[tokio::test]
async fn what_does_not_finish_within_the_grace_is_cut_off() {
    let scene = Scene::listening(false, Ages { age: LONG, grace: SHORT }).await;
    let mut tickets = TicketServiceClient::new(scene.caller(Role::Agent));
    let (call, ()) = tokio::join!(tickets.create_ticket(CreateTicketRequest::default()), async {
        scene.entered().await;
        scene.stop.cancel();
        soon(scene.serving.wait()).await;
    });
    let cut = call.unwrap_err();
    assert_eq!(cut.code(), Code::Unavailable, "{cut:?}");
}

#[tokio::test]
async fn a_stop_finishes_calls_and_ends_an_endless_stream() {
    let scene = Scene::listening(false, Ages { age: LONG, grace: LONG }).await;
    let items = watched(&scene).await;
    let mut tickets = TicketServiceClient::new(scene.caller(Role::Agent));
    let (call, ()) = tokio::join!(tickets.create_ticket(CreateTicketRequest::default()), async {
        scene.entered().await;
        scene.stop.cancel();
        ends_in_order(items).await;
        scene.fake.gate.add_permits(1);
        soon(scene.serving.wait()).await;
    });
    assert_eq!(call.unwrap().into_inner().title, "it leaks");
    assert!(tokio::net::TcpStream::connect(scene.at.unwrap()).await.is_err());
}
