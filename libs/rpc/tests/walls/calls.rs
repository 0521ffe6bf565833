//! One call at a time: deadlines, panics, and what is refused by whom.

use std::time::Duration;

use aftercare_rpc::status;
use contracts::tickets::v1::{
    CreateTicketRequest, GetTicketRequest, ResolveTicketRequest, WatchTicketsRequest,
    ticket_service_client::TicketServiceClient,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use kernel::Role;
use tonic::{Code, Request, Status, body::Body};
use tonic_types::StatusExt as _;
use tower::ServiceExt as _;

use crate::scene::{Scene, Stowaway, each_way, soon};

const SHORT: Duration = Duration::from_millis(100);

fn reason(status: &Status) -> String {
    status.get_details_error_info().map(|info| info.reason).unwrap_or_default()
}

fn short<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(SHORT);
    request
}

#[tokio::test]
async fn a_head_that_comes_too_late_is_told_by_the_caller_and_by_the_wall() {
    each_way(false, async |scene| {
        let mut dressed = TicketServiceClient::new(scene.caller(Role::Agent));
        let late = dressed.create_ticket(short(CreateTicketRequest::default()));
        let late = soon(late).await.unwrap_err();
        assert_eq!(
            (late.code(), reason(&late).as_str()),
            (Code::DeadlineExceeded, "DEADLINE_EXCEEDED")
        );

        let mut bare = TicketServiceClient::new(scene.link.clone());
        let mut request = short(CreateTicketRequest::default());
        let token = scene.token("edge", "tickets", Role::Agent);
        request.metadata_mut().insert("authorization", token.parse().unwrap());
        let late = soon(bare.create_ticket(request)).await.unwrap_err();
        assert_eq!(
            (late.code(), reason(&late).as_str()),
            (Code::DeadlineExceeded, "DEADLINE_EXCEEDED")
        );
    })
    .await;
}

#[tokio::test]
async fn a_stream_that_goes_on_too_long_ends_in_order() {
    each_way(false, async |scene| {
        let mut tickets = TicketServiceClient::new(scene.caller(Role::Agent));
        let items = tickets.watch_tickets(short(WatchTicketsRequest::default())).await;
        let mut items = items.unwrap().into_inner();
        assert_eq!(items.message().await.unwrap().unwrap().resume_token, "first");
        let end = soon(items.message()).await.unwrap_err();
        assert_eq!(
            (end.code(), reason(&end).as_str()),
            (Code::DeadlineExceeded, "DEADLINE_EXCEEDED")
        );
    })
    .await;
}

#[tokio::test]
async fn a_panic_is_internal_wherever_it_is_and_hurts_no_other_call() {
    each_way(true, async |scene| {
        let mut tickets = TicketServiceClient::new(scene.caller(Role::Agent));
        let broken = tickets.resolve_ticket(ResolveTicketRequest::default()).await.unwrap_err();
        assert_eq!((broken.code(), reason(&broken).as_str()), (Code::Internal, "INTERNAL"));
        let items = tickets.watch_tickets(WatchTicketsRequest::default()).await;
        let mut items = items.unwrap().into_inner();
        items.message().await.unwrap().unwrap();
        let broken = soon(items.message()).await.unwrap_err();
        assert_eq!((broken.code(), reason(&broken).as_str()), (Code::Internal, "INTERNAL"));
        tickets.get_ticket(GetTicketRequest::default()).await.unwrap();
    })
    .await;
}

/// Each layer refuses before the next one is asked, and the handler is never reached.
#[tokio::test]
async fn the_layers_refuse_in_their_order_and_refusals_are_counted() {
    each_way(false, async |scene| {
        let good = scene.token("edge", "tickets", Role::Agent);
        let auditor = scene.token("edge", "tickets", Role::Auditor);
        let other_audience = scene.token("edge", "customers", Role::Agent);
        let other_issuer = scene.token("nobody", "tickets", Role::Agent);
        for (method, timeout, token, code) in [
            ("Nothing", "x", "", Code::Unimplemented),
            ("CreateTicket", "x", "", Code::InvalidArgument),
            ("CreateTicket", "1S", "", Code::Unauthenticated),
            ("CreateTicket", "1S", &good.replacen("Call ", "Bearer ", 1), Code::Unauthenticated),
            ("CreateTicket", "1S", &other_audience, Code::Unauthenticated),
            ("CreateTicket", "1S", &other_issuer, Code::Unauthenticated),
            ("CreateTicket", "1S", &auditor, Code::PermissionDenied),
        ] {
            let path = format!("/aftercare.tickets.v1.TicketService/{method}");
            let request = http::Request::post(path)
                .header("content-type", "application/grpc")
                .header("grpc-timeout", timeout)
                .header("authorization", token)
                .body(Body::empty())
                .unwrap();
            let response = soon(scene.link.clone().oneshot(request)).await.unwrap();
            let status = Status::from_header_map(response.headers()).unwrap();
            assert_eq!(status.code(), code, "{method} {timeout} {token}");
        }
        assert!(scene.fake.seen.lock().unwrap().is_empty(), "nothing was looked up");
        let text = scene.metrics.text();
        for code in ["INVALID_ARGUMENT", "UNAUTHENTICATED", "PERMISSION_DENIED"] {
            assert!(text.contains(code), "{code} is counted");
        }
    })
    .await;
}

#[tokio::test]
async fn a_handler_sees_the_call_and_nothing_that_rode_along() {
    each_way(false, async |scene| {
        let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        for sent in [trace, "made up"] {
            let mut tickets = TicketServiceClient::new(scene.caller(Role::Agent));
            let mut request = short(GetTicketRequest::default());
            request.set_timeout(Duration::from_secs(7));
            request.extensions_mut().insert(Stowaway);
            request.metadata_mut().insert("traceparent", sent.parse().unwrap());
            tickets.get_ticket(request).await.unwrap();
            let seen = scene.fake.seen.lock().unwrap().pop().unwrap();
            let call = seen.call.unwrap();
            assert_eq!((call.caller.subject.as_str(), &*call.method), ("lin", "GetTicket"));
            // The caller's own trace goes on, not what its request happens to carry.
            assert!(telemetry::Trace::parse(&call.traceparent).is_some(), "{}", call.traceparent);
            assert!(!call.traceparent.contains("0af7651916cd43dd8448eb211c80319c"));
            assert!(call.deadline <= tokio::time::Instant::now() + Duration::from_secs(7));
            assert!(!seen.stowaway);
            assert!(!seen.headers.contains_key("grpc-timeout"), "the transport's would race ours");
        }
    })
    .await;
}

#[tokio::test]
async fn a_request_that_was_never_sent_is_told_from_a_service_that_is_away() {
    let (io, _kept) = tokio::io::duplex(1_024);
    let shaken = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(io));
    let (mut sender, connection) = shaken.await.unwrap();
    drop(connection);
    let error = sender.send_request(http::Request::new(Body::empty())).await.unwrap_err();
    let unsent = status::transport(error.into());
    assert_eq!((unsent.code(), reason(&unsent).as_str()), (Code::Unavailable, "NOT_SENT"));

    let away = Scene::listening(false, aftercare_rpc::server::Ages::default()).await;
    away.stop.cancel();
    soon(away.serving.wait()).await;
    let mut tickets = TicketServiceClient::new(away.caller(Role::Agent));
    let away = soon(tickets.get_ticket(GetTicketRequest::default())).await.unwrap_err();
    assert_eq!((away.code(), reason(&away).as_str()), (Code::Unavailable, "SERVICE_AWAY"));
}
