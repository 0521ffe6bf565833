//! The one place that builds a `tonic::Status`. Every status carries `ErrorInfo`; messages of
//! internal and unavailable errors are fixed, and their causes are logged here, once.
#![expect(clippy::disallowed_methods, reason = "the one place that builds a status")]

use std::{error::Error, time::Duration};

use kernel::{Code, Fault, Locale};
use tonic::{
    Code as Wire, Status,
    body::Body,
    metadata::{MetadataMap, MetadataValue},
};
use tonic_types::{ErrorDetails, StatusExt};

/// How many bytes the details of a status have at most: clients drop trailers beyond some 8 KiB, and
/// these travel as base64.
const MAX_DETAILS: usize = 4_096;
/// What a detail takes besides its texts: its type's name, tags and lengths.
const AROUND: usize = 96;
/// What a violation, a blocker or an entry of the metadata takes besides its texts.
const AROUND_ONE: usize = 12;
const MAX_VIOLATIONS: usize = 20;
/// The longest text of a detail, in bytes.
const MAX_WORDS: usize = 240;
/// The longest message, in bytes. It may hold two names of entries, each of two ids, and say
/// something about them.
const MAX_MESSAGE: usize = 480;

/// What is left of [`MAX_DETAILS`].
struct Room(usize);

impl Room {
    /// Takes room for these texts and what is around them, where there is so much.
    fn take(&mut self, texts: &[&str], around: usize) -> bool {
        let needed = around + texts.iter().map(|text| text.len()).sum::<usize>();
        let left = self.0.checked_sub(needed);
        self.0 = left.unwrap_or(self.0);
        left.is_some()
    }
}

/// By what header a server says when to try again; a negative number or nonsense means never.
pub const PUSHBACK: &str = "grpc-retry-pushback-ms";
/// The reason of a call that was never sent.
const NOT_SENT: &str = "NOT_SENT";

/// The status of a fault, with a message in English and, for callers who ask for it, in Chinese.
pub fn of(fault: &impl Fault, locale: Locale) -> Status {
    let code = fault.code();
    let hidden = matches!(code, Code::Internal | Code::Unavailable);
    if hidden {
        log_chain(fault, code);
    }
    let message =
        if hidden { fixed(code).to_owned() } else { cut_to(MAX_MESSAGE, &fault.to_string()) };

    let mut details = ErrorDetails::new();
    // The message stands in the status and, in the caller's language, among the details.
    let mut room = Room(MAX_DETAILS - 2 * MAX_MESSAGE - 6 * AROUND);
    room.take(&[fault.reason(), fault.domain()], 0);
    if let Some((kind, name)) = fault.resource() {
        let name = cut(&name);
        room.take(&[kind, &name], 0);
        details.set_resource_info(kind, name, "", "");
    }
    let metadata = fault.metadata().into_iter().map(|(key, value)| (key.to_owned(), cut(&value)));
    let metadata = metadata.take_while(|(key, value)| room.take(&[key, value], AROUND_ONE));
    let metadata: std::collections::HashMap<_, _> = metadata.collect();
    details.set_error_info(fault.reason(), fault.domain(), metadata);
    for violation in fault.violations().iter().take(MAX_VIOLATIONS) {
        let (field, description) = (cut(&violation.field), cut(&violation.description));
        if !room.take(&[&field, &description], AROUND_ONE) {
            break;
        }
        details.add_bad_request_violation(field, description);
    }
    for blocker in fault.blockers().iter().take(MAX_VIOLATIONS) {
        let (subject, description) = (cut(&blocker.subject), cut(&blocker.description));
        if !room.take(&[blocker.kind, &subject, &description], AROUND_ONE) {
            break;
        }
        details.add_precondition_failure_violation(blocker.kind, subject, description);
    }
    if let Some((subject, description)) = fault.quota() {
        details.add_quota_failure_violation(cut(&subject), cut(&description));
    }
    if let Some(after) = fault.retry_after() {
        details.set_retry_info(Some(after));
    }
    let localized = match locale {
        Locale::Zh if hidden => Some(fixed_zh(code).to_owned()),
        Locale::Zh => fault.message_zh().map(|text| cut_to(MAX_MESSAGE, &text)),
        Locale::En => None,
    };
    let (tag, text) = match localized {
        Some(text) => (Locale::Zh.tag(), text),
        None => (Locale::En.tag(), message.clone()),
    };
    details.set_localized_message(tag, text);
    Status::with_error_details(wire(code), message, details)
}

/// A status of the layers themselves, whose reasons have the domain `aftercare`.
pub fn plain(code: Code, reason: &'static str, message: &str) -> Status {
    plain_wire(wire(code), reason, message)
}

fn plain_wire(code: Wire, reason: &'static str, message: &str) -> Status {
    let mut details = ErrorDetails::new();
    details.set_error_info(reason, "aftercare", std::collections::HashMap::new());
    Status::with_error_details(code, message, details)
}

/// The status of a call whose caller lacks the permission.
pub(crate) fn denied(permission: &str) -> Status {
    let message = format!("this needs the permission `{permission}`");
    plain(Code::PermissionDenied, "PERMISSION_DENIED", &message)
}

/// The status of a method that is not served here.
pub fn unknown_method() -> Status {
    plain_wire(Wire::Unimplemented, "UNKNOWN_METHOD", "no such method is served here")
}

/// The status of a call that is refused because there are too many at once: with the time after
/// which to try again, as a detail and as gRPC's push-back. Not logged, since refusing must be cheap.
pub fn overloaded(after: Duration) -> Status {
    let mut details = ErrorDetails::new();
    details.set_error_info("OVERLOADED", "aftercare", std::collections::HashMap::new());
    details.set_retry_info(Some(after));
    let mut metadata = MetadataMap::new();
    let millis = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
    metadata.insert(PUSHBACK, MetadataValue::from(millis));
    let message = "there are too many calls at the moment; try again";
    Status::with_error_details_and_metadata(Wire::Unavailable, message, details, metadata)
}

/// The status of a call that was never sent: nothing was done, whatever the method.
pub fn unsent() -> Status {
    plain(Code::Unavailable, NOT_SENT, "the service cannot be reached; nothing was sent")
}

/// Whether this is the status of a call that was never sent.
pub fn is_unsent(status: &Status) -> bool {
    status.code() == Wire::Unavailable
        && status.get_details_error_info().is_some_and(|info| info.reason == NOT_SENT)
}

/// A refusal that came from the codec and not from us, as our own. Every status of ours has details;
/// one without is what the codec says of a message that it could not read: INTERNAL, which it is not.
pub fn explain(response: &mut http::Response<Body>) {
    let headers = response.headers();
    if !headers.contains_key("grpc-status") || headers.contains_key("grpc-status-details-bin") {
        return;
    }
    let Some(status) = Status::from_header_map(headers) else { return };
    let ours = match status.code() {
        Wire::Internal => malformed(),
        Wire::OutOfRange | Wire::ResourceExhausted => too_large(),
        Wire::Unimplemented => plain_wire(Wire::Unimplemented, "UNIMPLEMENTED", status.message()),
        _ => return,
    };
    // Which encodings would have been understood stands beside the status.
    let accepted = headers.get("grpc-accept-encoding").cloned();
    *response = ours.into_http();
    if let Some(accepted) = accepted {
        response.headers_mut().insert("grpc-accept-encoding", accepted);
    }
}

/// The status of a message that cannot be read.
pub fn malformed() -> Status {
    let message = "the request is not a message of this method, or is cut off";
    plain(Code::InvalidArgument, "MALFORMED_MESSAGE", message)
}

/// The status of a message that is too large, as it came or inflated.
pub fn too_large() -> Status {
    plain(Code::ResourceExhausted, "MESSAGE_TOO_LARGE", "a message may have at most 4 MiB")
}

/// The status of a service that cannot be reached, or not in time.
pub fn away() -> Status {
    plain(Code::Unavailable, "SERVICE_AWAY", "the service cannot be reached")
}

/// The status of a stream whose connection is told to go away: another one is to be had at once, and
/// a resume token goes on there.
pub fn going_away() -> Status {
    let mut details = ErrorDetails::new();
    details.set_error_info("GOING_AWAY", "aftercare", std::collections::HashMap::new());
    details.set_retry_info(Some(std::time::Duration::from_millis(100)));
    let message = "the connection is going away; go on over another one";
    Status::with_error_details(Wire::Unavailable, message, details)
}

/// The end of a body that has this status.
pub(crate) fn trailers(status: &Status) -> Result<http_body::Frame<bytes::Bytes>, Status> {
    let mut trailers = http::HeaderMap::new();
    status.add_header(&mut trailers)?;
    Ok(http_body::Frame::trailers(trailers))
}

/// What a failure of the transport means to a caller: UNAVAILABLE, and whether it was sent at all; a
/// deadline that the channel noticed first is a deadline.
pub fn transport(error: tower::BoxError) -> Status {
    let mut cause: Option<&(dyn Error + 'static)> = Some(&*error);
    while let Some(here) = cause {
        if let Some(hyper) = here.downcast_ref::<hyper::Error>()
            && hyper.is_canceled()
        {
            return unsent();
        }
        // The channel's own timer, which runs a little behind ours.
        if here.is::<tonic::TimeoutExpired>() {
            return crate::deadline::exceeded();
        }
        cause = here.source();
    }
    let status = Status::from_error(error);
    match status.code() {
        // A status with details was made by us further in; the others are the transport's guesses.
        Wire::Unknown | Wire::Unavailable | Wire::Internal | Wire::Cancelled
            if status.details().is_empty() =>
        {
            away()
        }
        _ => status,
    }
}

fn wire(code: Code) -> Wire {
    match code {
        Code::InvalidArgument => Wire::InvalidArgument,
        Code::FailedPrecondition => Wire::FailedPrecondition,
        Code::Unauthenticated => Wire::Unauthenticated,
        Code::PermissionDenied => Wire::PermissionDenied,
        Code::NotFound => Wire::NotFound,
        Code::Aborted => Wire::Aborted,
        Code::AlreadyExists => Wire::AlreadyExists,
        Code::OutOfRange => Wire::OutOfRange,
        Code::ResourceExhausted => Wire::ResourceExhausted,
        Code::DeadlineExceeded => Wire::DeadlineExceeded,
        Code::Unavailable => Wire::Unavailable,
        Code::Internal => Wire::Internal,
    }
}

fn fixed(code: Code) -> &'static str {
    if code == Code::Internal {
        "something went wrong on our side"
    } else {
        "something that is needed is away for the moment; try again"
    }
}

fn fixed_zh(code: Code) -> &'static str {
    if code == Code::Internal {
        "系统内部出错"
    } else {
        "服务暂时不可用，请稍后再试"
    }
}

fn log_chain(fault: &impl Fault, code: Code) {
    let mut chain = fault.to_string();
    let mut cause = fault.source();
    while let Some(here) = cause {
        chain.push_str(": ");
        chain.push_str(&here.to_string());
        cause = here.source();
    }
    if code == Code::Internal {
        tracing::error!(reason = fault.reason(), %chain, "call failed");
    } else {
        tracing::warn!(reason = fault.reason(), %chain, "call could not be served");
    }
}

fn cut(text: &str) -> String {
    cut_to(MAX_WORDS, text)
}

/// A text of at most so many bytes.
fn cut_to(most: usize, text: &str) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(most - '…'.len_utf8());
    format!("{}…", &text[..end])
}

/// The canonical name of a code, such as `NOT_FOUND`.
pub const fn code_name(code: Wire) -> &'static str {
    match code {
        Wire::Ok => "OK",
        Wire::Cancelled => "CANCELLED",
        Wire::Unknown => "UNKNOWN",
        Wire::InvalidArgument => "INVALID_ARGUMENT",
        Wire::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Wire::NotFound => "NOT_FOUND",
        Wire::AlreadyExists => "ALREADY_EXISTS",
        Wire::PermissionDenied => "PERMISSION_DENIED",
        Wire::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Wire::FailedPrecondition => "FAILED_PRECONDITION",
        Wire::Aborted => "ABORTED",
        Wire::OutOfRange => "OUT_OF_RANGE",
        Wire::Unimplemented => "UNIMPLEMENTED",
        Wire::Internal => "INTERNAL",
        Wire::Unavailable => "UNAVAILABLE",
        Wire::DataLoss => "DATA_LOSS",
        Wire::Unauthenticated => "UNAUTHENTICATED",
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use kernel::{Blocker, Violation};
    use tonic_types::StatusExt;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("ticket {0} cannot be resolved")]
    struct Sample(String, Vec<Violation>, Vec<Blocker>, Code);

    impl Fault for Sample {
        fn code(&self) -> Code {
            self.3
        }
        fn domain(&self) -> &'static str {
            "tickets.aftercare"
        }
        fn reason(&self) -> &'static str {
            "TRANSITION_REFUSED"
        }
        fn metadata(&self) -> Vec<(&'static str, String)> {
            vec![("ticket", self.0.clone())]
        }
        fn violations(&self) -> &[Violation] {
            &self.1
        }
        fn blockers(&self) -> &[Blocker] {
            &self.2
        }
        fn resource(&self) -> Option<(&'static str, String)> {
            Some(("ticket", self.0.clone()))
        }
        fn retry_after(&self) -> Option<Duration> {
            Some(Duration::from_secs(1))
        }
        fn message_zh(&self) -> Option<String> {
            Some(format!("工单 {} 不能解决", self.0))
        }
    }

    #[test]
    fn everything_that_a_fault_says_is_in_the_details() {
        let blocker =
            Blocker { kind: "STATE", subject: "CLOSED".into(), description: "it is closed".into() };
        let fault = Sample("tickets/1".into(), Vec::new(), vec![blocker], Code::FailedPrecondition);
        let status = of(&fault, Locale::Zh);
        assert_eq!(status.code(), Wire::FailedPrecondition);
        assert_eq!(status.message(), "ticket tickets/1 cannot be resolved");
        let details = status.get_error_details();
        assert_eq!(details.error_info().unwrap().metadata["ticket"], "tickets/1");
        assert_eq!(details.precondition_failure().unwrap().violations[0].subject, "CLOSED");
        assert_eq!(details.localized_message().unwrap().message, "工单 tickets/1 不能解决");
        assert_eq!(details.retry_info().unwrap().retry_delay, Some(Duration::from_secs(1)));
    }

    #[test]
    fn an_internal_fault_says_nothing_of_its_cause() {
        let fault = Sample("secret".into(), Vec::new(), Vec::new(), Code::Internal);
        assert_eq!(of(&fault, Locale::En).message(), "something went wrong on our side");
    }

    #[test]
    fn an_overloaded_process_says_when_to_come_again() {
        let status = overloaded(Duration::from_millis(1_500));
        assert_eq!(status.code(), Wire::Unavailable);
        assert_eq!(status.metadata().get(PUSHBACK).unwrap(), "1500");
        let details = status.get_error_details();
        assert_eq!(details.error_info().unwrap().reason, "OVERLOADED");
        assert_eq!(details.retry_info().unwrap().retry_delay, Some(Duration::from_millis(1_500)));
        assert!(is_unsent(&unsent()) && !is_unsent(&status));
    }

    #[test]
    fn what_the_codec_says_is_told_as_ours() {
        let told = |status: Status| {
            let mut response = status.into_http();
            explain(&mut response);
            Status::from_header_map(response.headers()).unwrap()
        };
        let reason = |status: &Status| status.get_details_error_info().unwrap().reason;
        let unreadable = told(Status::internal("invalid wire type"));
        assert_eq!(unreadable.code(), Wire::InvalidArgument);
        assert_eq!(reason(&unreadable), "MALFORMED_MESSAGE");
        assert_eq!(reason(&told(Status::out_of_range("too large"))), "MESSAGE_TOO_LARGE");
        let own = plain(Code::Internal, "INTERNAL", "something went wrong on our side");
        assert_eq!(told(own).code(), Wire::Internal);
    }

    #[test]
    fn a_message_about_two_entries_is_whole() {
        let entry = format!("tickets/{0}/entries/{0}", "019ab000-0000-7000-8000-00000000000a");
        let names = format!("`{entry}` and `{entry}`");
        let fault = Sample(names.clone(), Vec::new(), Vec::new(), Code::InvalidArgument);
        assert!(of(&fault, Locale::En).message().contains(&names));
    }

    #[test]
    fn details_stay_small_whatever_the_fault() {
        for words in ["f", "很长", "𠮷"] {
            let (field, long) = (words.repeat(9_999), words.repeat(9_999));
            let violation = Violation { field, description: long.clone() };
            let blocker =
                Blocker { kind: "STATE", subject: long.clone(), description: long.clone() };
            let (violations, blockers) = (vec![violation; 500], vec![blocker; 500]);
            let fault = Sample(long, violations, blockers, Code::InvalidArgument);
            for locale in [Locale::En, Locale::Zh] {
                let status = of(&fault, locale);
                let long = status.details().len();
                assert!((2_048..=MAX_DETAILS).contains(&long), "{long}");
                assert!(
                    !status.get_error_details().bad_request().unwrap().field_violations.is_empty()
                );
            }
        }
    }
}
