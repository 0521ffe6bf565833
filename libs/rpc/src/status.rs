//! The one place that builds a `tonic::Status`. Every status carries `ErrorInfo`; messages of
//! internal and unavailable errors are fixed, and their causes are logged here, once.
#![expect(clippy::disallowed_methods, reason = "the one place that builds a status")]

use std::error::Error;

use kernel::{Code, Fault, Locale};
use tonic::{Code as Wire, Status};
use tonic_types::{ErrorDetails, StatusExt};

/// Trailers beyond some 8 KiB are dropped by clients; details stay well below.
const MAX_VIOLATIONS: usize = 20;
const MAX_WORDS: usize = 160;
/// A message may hold two names of entries, each of two ids, and say something about them.
const MAX_MESSAGE: usize = 320;

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
    let metadata: Vec<(String, String)> =
        fault.metadata().into_iter().map(|(key, value)| (key.to_owned(), cut(&value))).collect();
    details.set_error_info(
        fault.reason(),
        fault.domain(),
        metadata.into_iter().collect::<std::collections::HashMap<_, _>>(),
    );
    for violation in fault.violations().iter().take(MAX_VIOLATIONS) {
        details.add_bad_request_violation(cut(&violation.field), cut(&violation.description));
    }
    for blocker in fault.blockers().iter().take(MAX_VIOLATIONS) {
        details.add_precondition_failure_violation(
            blocker.kind,
            cut(&blocker.subject),
            cut(&blocker.description),
        );
    }
    if let Some((kind, name)) = fault.resource() {
        details.set_resource_info(kind, cut(&name), "", "");
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
    let mut details = ErrorDetails::new();
    details.set_error_info(reason, "aftercare", std::collections::HashMap::new());
    Status::with_error_details(wire(code), message, details)
}

/// The status of a method that is not served here.
pub fn unknown_method() -> Status {
    let mut details = ErrorDetails::new();
    details.set_error_info("UNKNOWN_METHOD", "aftercare", std::collections::HashMap::new());
    Status::with_error_details(Wire::Unimplemented, "no such method is served here", details)
}

/// What a failure of the transport means to a caller: UNAVAILABLE, and whether it was sent at all.
pub fn transport(error: tower::BoxError) -> Status {
    let mut cause: Option<&(dyn Error + 'static)> = Some(&*error);
    while let Some(here) = cause {
        if let Some(hyper) = here.downcast_ref::<hyper::Error>()
            && hyper.is_canceled()
        {
            return plain(Code::Unavailable, "NOT_SENT", "not sent");
        }
        cause = here.source();
    }
    let status = Status::from_error(error);
    match status.code() {
        Wire::Unknown | Wire::Unavailable => {
            plain(Code::Unavailable, "SERVICE_AWAY", "the service cannot be reached")
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

fn cut_to(most: usize, text: &str) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most - 1).chain(['…']).collect()
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
    fn a_message_about_two_entries_is_whole() {
        let entry = format!("tickets/{0}/entries/{0}", "019ab000-0000-7000-8000-00000000000a");
        let names = format!("`{entry}` and `{entry}`");
        let fault = Sample(names.clone(), Vec::new(), Vec::new(), Code::InvalidArgument);
        assert!(of(&fault, Locale::En).message().contains(&names));
    }

    #[test]
    fn details_stay_small_whatever_the_fault() {
        let violation = Violation { field: "f".repeat(9_999), description: "很长".repeat(9_999) };
        let fault =
            Sample("t".repeat(9_999), vec![violation; 500], Vec::new(), Code::InvalidArgument);
        assert!(of(&fault, Locale::Zh).details().len() < 16_384);
    }
}
