//! What the wall reads from a client's headers, and which of them go further.

use http::{HeaderMap, HeaderName, HeaderValue, header};
use kernel::{Locale, link};
use tonic::Status;

use super::callers::unauthenticated;

/// The header that names one request through all that it causes.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// What a client's headers may carry further. Everything else stops here.
const PASSED: [HeaderName; 9] = [
    header::CONTENT_TYPE,
    header::TE,
    header::USER_AGENT,
    header::ACCEPT_LANGUAGE,
    HeaderName::from_static("traceparent"),
    HeaderName::from_static("tracestate"),
    HeaderName::from_static("grpc-timeout"),
    HeaderName::from_static("grpc-encoding"),
    HeaderName::from_static("grpc-accept-encoding"),
];
const BEARER: &str = "bearer";
const LINK: &str = "link";
/// No credential that is longer is looked at.
const LONGEST_TOKEN: usize = 8 * 1_024;
/// No header that is longer goes further.
const LONGEST_VALUE: usize = 1_024;
const LONGEST_REQUEST_ID: usize = 128;

/// The credential: of exactly one `authorization`, a bearer token in the form of RFC 6750, or a sealed
/// link, which is told by its scheme and by how it begins.
pub(super) fn credential(headers: &HeaderMap) -> Result<&str, Status> {
    let mut values = headers.get_all(http::header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(unauthenticated());
    };
    let (scheme, token) =
        value.to_str().ok().and_then(|value| value.split_once(' ')).ok_or_else(unauthenticated)?;
    let wanted = if token.starts_with(link::PREFIX) { LINK } else { BEARER };
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~+/=".contains(&b);
    let right = scheme.eq_ignore_ascii_case(wanted)
        && (1..=LONGEST_TOKEN).contains(&token.len())
        && token.bytes().all(plain);
    if right { Ok(token) } else { Err(unauthenticated()) }
}

/// The language that the client asks for; `None` where it says nothing.
pub(super) fn locale(headers: &HeaderMap) -> Option<Locale> {
    let languages = headers.get(http::header::ACCEPT_LANGUAGE)?.to_str().ok()?;
    Some(Locale::accept(languages))
}

/// The request's id where it came with one of 1 to 128 letters, digits and `-._`.
pub(super) fn request_id(headers: &HeaderMap) -> Option<HeaderValue> {
    let mut values = headers.get_all(REQUEST_ID).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    let plain = |b: &u8| b.is_ascii_alphanumeric() || b"-._".contains(b);
    let right =
        (1..=LONGEST_REQUEST_ID).contains(&value.len()) && value.as_bytes().iter().all(plain);
    right.then(|| value.clone())
}

/// The headers that go further, each with its first value.
pub(super) fn passed(mut headers: HeaderMap) -> HeaderMap {
    // Most requests repeat none.
    if headers.len() != headers.keys_len() {
        for name in PASSED {
            if let Some(first) = headers.remove(&name) {
                headers.insert(name, first);
            }
        }
    }
    let stops = |(name, value): &(&HeaderName, &HeaderValue)| {
        !PASSED.contains(name) || value.len() > LONGEST_VALUE
    };
    let foreign: Vec<_> = headers.iter().filter(stops).map(|(name, _)| name.clone()).collect();
    for name in foreign {
        headers.remove(name);
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        headers
    }

    #[test]
    fn one_bearer_token_is_taken_whatever_the_case_of_the_scheme() {
        for right in ["Bearer abc", "bearer abc", "BEARER abc"] {
            assert_eq!(credential(&with(&[("authorization", right)])).unwrap(), "abc");
        }
        for right in ["Link ln_abc", "link ln_abc"] {
            assert_eq!(credential(&with(&[("authorization", right)])).unwrap(), "ln_abc");
        }
        let long = format!("Bearer {}", "a".repeat(LONGEST_TOKEN + 1));
        for wrong in [
            "",
            "Bearer",
            "Bearer ln_abc",
            "Link abc",
            "Link ",
            "Bearer ",
            "Bearer  abc",
            "Bearer abc ",
            "Bearer a b",
            "Bearer\tabc",
            "Basic YTpi",
            "Call abc",
            "abc",
            "Bearer a,b",
            "Bearer é",
            &long,
        ] {
            assert!(credential(&with(&[("authorization", wrong)])).is_err(), "{wrong:?}");
        }
        assert!(credential(&HeaderMap::new()).is_err());
        let twice = [("authorization", "Bearer abc"), ("authorization", "Bearer abc")];
        assert!(credential(&with(&twice)).is_err());
    }

    #[test]
    fn a_language_is_known_where_the_client_names_one() {
        assert_eq!(locale(&HeaderMap::new()), None);
        assert_eq!(locale(&with(&[("accept-language", "zh-CN")])), Some(Locale::Zh));
        assert_eq!(locale(&with(&[("accept-language", "fr")])), Some(Locale::En));
    }

    #[test]
    fn a_request_id_is_short_and_plain_or_none() {
        let of = |value: &str| request_id(&with(&[("x-request-id", value)]));
        for right in ["a", "019ab000-0000-7000-8000-000000000001", "A.b_c-9", &"x".repeat(128)] {
            assert_eq!(of(right).unwrap(), right);
        }
        for wrong in ["", "a b", "a/b", "<script>", "a\"", "é", &"x".repeat(129)] {
            assert_eq!(of(wrong), None, "{wrong}");
        }
        assert_eq!(request_id(&with(&[("x-request-id", "a"), ("x-request-id", "b")])), None);
    }

    #[test]
    fn only_named_headers_go_further() {
        let all = with(&[
            ("te", "trailers"),
            ("traceparent", "00-1-2-01"),
            ("user-agent", "curl"),
            ("authorization", "Bearer abc"),
            ("cookie", "a=b"),
            ("x-tenant-id", "other"),
            ("x-forwarded-for", "10.0.0.1"),
            ("grpc-previous-rpc-attempts", "3"),
            ("tracestate", &"a".repeat(LONGEST_VALUE + 1)),
        ]);
        let passed = passed(all);
        let mut names: Vec<_> = passed.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["te", "traceparent", "user-agent"]);
    }

    #[test]
    fn of_a_repeated_header_the_first_value_goes_further() {
        let long = "a".repeat(LONGEST_VALUE + 1);
        let twice = [
            ("user-agent", "curl"),
            ("user-agent", "other"),
            ("cookie", "a=b"),
            ("cookie", "c=d"),
            ("tracestate", &long),
            ("tracestate", "a=b"),
        ];
        let passed = passed(with(&twice));
        let all: Vec<_> = passed.iter().map(|(name, value)| (name.as_str(), value)).collect();
        assert_eq!(all, [("user-agent", &HeaderValue::from_static("curl"))]);
    }
}
