//! What a browser keeps of a member: the token that they signed in with, sealed, in a cookie that no
//! script sees and that goes nowhere but to the overview.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderMap, HeaderValue, header};
use kernel::{TenantId, Time, keys::RootKeys};
use uuid::Uuid;

const NAME: &str = "aftercare_overview";
const PLACE: &[u8] = b"1";
/// Browsers keep cookies of 4 096 bytes, with their names and attributes.
const LONGEST: usize = 3_900;

/// Seals and opens what browsers keep.
#[derive(Clone, Debug)]
pub(super) struct Sessions {
    keys: RootKeys,
}

impl Sessions {
    pub(super) fn new(keys: RootKeys) -> Self {
        Self { keys }
    }

    /// A token, sealed until a real time; `None` where it is too long for a browser to keep.
    pub(super) fn seal(&self, token: &str, until: Time) -> Option<String> {
        let plain = [&until.micros().to_be_bytes()[..], token.as_bytes()].concat();
        let sealed = self.sealer().seal(&plain, PLACE);
        Some(URL_SAFE_NO_PAD.encode(sealed)).filter(|sealed| sealed.len() <= LONGEST)
    }

    /// The token that a browser sends at the real time `now`; `None` where it sends none that holds.
    pub(super) fn open(&self, headers: &HeaderMap, now: Time) -> Option<String> {
        let sealed = URL_SAFE_NO_PAD.decode(sent(headers)?).ok()?;
        let plain = self.sealer().open(&sealed, PLACE).ok()?;
        let (until, token) = plain.split_at_checked(8)?;
        let until = Time::from_micros(i64::from_be_bytes(until.try_into().ok()?));
        (now < until).then(|| String::from_utf8(token.to_vec()).ok())?
    }

    fn sealer(&self) -> kernel::keys::Sealer {
        self.keys.sealer(TenantId::from(Uuid::nil()), "overview session")
    }
}

/// The cookie of a request.
fn sent(headers: &HeaderMap) -> Option<&str> {
    let values = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = values.flat_map(|value| value.split(';'));
    pairs.find_map(|pair| pair.trim().strip_prefix(NAME)?.strip_prefix('='))
}

/// A cookie that a browser is to keep.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cookie<'a> {
    pub(super) value: &'a str,
    /// For how long; 0 to forget it.
    pub(super) seconds: i64,
}

impl Cookie<'_> {
    /// It as a header of the answer to a form that came with these headers. Only a page of this machine
    /// is told it without TLS.
    pub(super) fn header(self, headers: &HeaderMap) -> HeaderValue {
        let Self { value, seconds } = self;
        let secure = if is_here(headers) { "" } else { "; Secure" };
        let text = format!(
            "{NAME}={value}; Path=/overview; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}"
        );
        let mut header =
            HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static(""));
        header.set_sensitive(true);
        header
    }
}

/// Whether a form came from a page of this machine without TLS, as its browser says: the name that a
/// proxy asks by would say nothing.
fn is_here(headers: &HeaderMap) -> bool {
    let origin = headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
    let Some(host) = origin.and_then(|origin| origin.strip_prefix("http://")) else { return false };
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    matches!(name, "localhost" | "127.0.0.1" | "[::1]")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const NOW: Time = Time::from_micros(1_763_770_000_000_000);

    fn with(name: header::HeaderName, value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        headers
    }

    #[test]
    fn a_browser_brings_back_what_it_was_given_while_it_holds() {
        let sessions = Sessions::new(RootKeys::parse(&RootKeys::generate(), &[]).unwrap());
        let until = NOW + Duration::from_hours(1);
        let sealed = sessions.seal("ey.token", until).unwrap();
        assert!(!sealed.contains("token"));
        let headers = with(header::COOKIE, &format!("a=b; {NAME}={sealed}; c=d"));
        assert_eq!(sessions.open(&headers, NOW).as_deref(), Some("ey.token"));
        assert_eq!(sessions.open(&headers, until), None);
        let others = Sessions::new(RootKeys::parse(&RootKeys::generate(), &[]).unwrap());
        assert_eq!(others.open(&headers, NOW), None);
        for odd in
            [format!("{NAME}="), format!("{NAME}x={sealed}"), format!("{NAME}={}", &sealed[2..])]
        {
            assert_eq!(sessions.open(&with(header::COOKIE, &odd), NOW), None, "{odd}");
        }
        assert_eq!(sessions.open(&HeaderMap::new(), NOW), None);
        assert_eq!(sessions.seal(&"t".repeat(3_000), until), None);
    }

    #[test]
    fn only_this_machine_is_told_it_without_tls() {
        let cookie = Cookie { value: "x", seconds: 60 };
        let set = |origin: &str| cookie.header(&with(header::ORIGIN, origin));
        let here = "aftercare_overview=x; Path=/overview; Max-Age=60; HttpOnly; SameSite=Lax";
        for host in ["localhost", "localhost:8080", "127.0.0.1:8080", "[::1]:8080"] {
            assert_eq!(set(&format!("http://{host}")), here, "{host}");
            assert_eq!(set(&format!("https://{host}")), format!("{here}; Secure"), "{host}");
        }
        for host in ["service.example.com", "10.0.0.5:8080", "localhost.example.com"] {
            assert_eq!(set(&format!("http://{host}")), format!("{here}; Secure"), "{host}");
        }
        assert_eq!(cookie.header(&HeaderMap::new()), format!("{here}; Secure"));
    }
}
