//! A failed call, for people.

use std::fmt::Write as _;

use tonic::Status;
use tonic_types::StatusExt;

/// Code, reason and message; then what is wrong field by field, what stands in the way, and when to
/// try again.
pub(crate) fn text(status: &Status) -> String {
    let details = status.get_error_details();
    let code = rpc::status::code_name(status.code());
    let mut text = code.to_owned();
    let put = |text: &mut String, line: std::fmt::Arguments<'_>| {
        // Writing to a text cannot fail.
        let _ = text.write_fmt(line);
    };
    if let Some(info) = details.error_info() {
        let reason = if info.reason == code { String::new() } else { format!(" {}", info.reason) };
        put(&mut text, format_args!("{reason} ({})", info.domain));
    }
    put(&mut text, format_args!("\n{}\n", status.message()));
    if let Some(local) = details.localized_message()
        && local.message != status.message()
    {
        put(&mut text, format_args!("{}\n", local.message));
    }
    let violations = details.bad_request().map_or(&[][..], |bad| &bad.field_violations);
    for violation in violations {
        put(&mut text, format_args!("  {}: {}\n", violation.field, violation.description));
    }
    let blockers = details.precondition_failure().map_or(&[][..], |failure| &failure.violations);
    for blocker in blockers {
        let (kind, subject) = (&blocker.r#type, &blocker.subject);
        put(&mut text, format_args!("  {kind} {subject}: {}\n", blocker.description));
    }
    if let Some(resource) = details.resource_info() {
        put(&mut text, format_args!("  {} {}\n", resource.resource_type, resource.resource_name));
    }
    if let Some(delay) = details.retry_info().and_then(|retry| retry.retry_delay) {
        put(&mut text, format_args!("  try again in {}\n", config::duration::format(delay)));
    }
    text
}

#[cfg(test)]
mod tests {
    use std::{error::Error, fmt, time::Duration};

    use kernel::{Blocker, Fault, Locale, Violation};

    use super::*;

    #[derive(Debug)]
    struct Everything {
        violations: Vec<Violation>,
        blockers: Vec<Blocker>,
    }

    impl fmt::Display for Everything {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("the ticket cannot be closed")
        }
    }

    impl Error for Everything {}

    impl Fault for Everything {
        fn code(&self) -> kernel::Code {
            kernel::Code::FailedPrecondition
        }

        fn domain(&self) -> &'static str {
            "tickets.aftercare"
        }

        fn reason(&self) -> &'static str {
            "TRANSITION_REFUSED"
        }

        fn violations(&self) -> &[Violation] {
            &self.violations
        }

        fn blockers(&self) -> &[Blocker] {
            &self.blockers
        }

        fn resource(&self) -> Option<(&'static str, String)> {
            Some(("Ticket", "tickets/7".to_owned()))
        }

        fn retry_after(&self) -> Option<Duration> {
            Some(Duration::from_secs(2))
        }

        fn message_zh(&self) -> Option<String> {
            Some("工单不能关闭".to_owned())
        }
    }

    #[test]
    fn everything_that_a_status_says_is_printed() {
        let fault = Everything {
            violations: vec![Violation {
                field: "etag".to_owned(),
                description: "is stale".to_owned(),
            }],
            blockers: vec![Blocker {
                kind: "STATE",
                subject: "category".to_owned(),
                description: "must be RESOLVED".to_owned(),
            }],
        };
        assert_eq!(
            text(&rpc::status::of(&fault, Locale::Zh)),
            "FAILED_PRECONDITION TRANSITION_REFUSED (tickets.aftercare)\n\
             the ticket cannot be closed\n\
             工单不能关闭\n  \
             etag: is stale\n  \
             STATE category: must be RESOLVED\n  \
             Ticket tickets/7\n  \
             try again in 2s\n"
        );
    }

    #[test]
    fn a_status_without_details_is_printed_too() {
        let status = rpc::status::transport("connection refused".into());
        let text = text(&status);
        assert!(text.starts_with("UNAVAILABLE SERVICE_AWAY (aftercare)\n"), "{text}");
    }
}
