//! Where a tenant is reached on the web: host names of its public pages, and the origins (RFC 6454)
//! whose pages may call.

use std::net::{Ipv4Addr, Ipv6Addr};

/// The longest name that DNS has, and the longest part of one (RFC 1035).
const LONGEST_NAME: usize = 253;
const LONGEST_LABEL: usize = 63;

/// What is wrong with a host name, if anything: a DNS name in lower case, no address.
pub fn check_host(host: &str) -> Result<(), &'static str> {
    if is_dns_name(host) {
        Ok(())
    } else {
        Err("must be a host name in lower case, such as `help.example.com`")
    }
}

/// What is wrong with an origin, if anything: `scheme://host[:port]` as browsers write it, in lower
/// case, without the scheme's own port. `http` is for this machine only.
pub fn check_origin(origin: &str) -> Result<(), &'static str> {
    const FORM: &str =
        "must be `https://host` or `https://host:port`, in lower case and nothing more";
    let (scheme, rest) = origin.split_once("://").ok_or(FORM)?;
    let own_port = match scheme {
        "https" => 443,
        "http" => 80,
        _ => return Err(FORM),
    };
    let (host, port) = split_port(rest).ok_or(FORM)?;
    let host = read_host(host).ok_or(FORM)?;
    if scheme == "http" && host != Host::Loopback {
        return Err("must be `https`, except on this machine");
    }
    match port {
        None => Ok(()),
        // A sign would be read, too.
        Some(port) if !port.starts_with(|c: char| matches!(c, '1'..='9')) => Err(FORM),
        Some(port) => match port.parse::<u16>() {
            Ok(port) if port == own_port => {
                Err("must not name the port that its scheme has anyway")
            }
            Ok(_) => Ok(()),
            Err(_) => Err(FORM),
        },
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Host {
    /// This machine itself.
    Loopback,
    Other,
}

/// The host and what follows its colon, if there is one.
fn split_port(text: &str) -> Option<(&str, Option<&str>)> {
    let end = match text.strip_prefix('[') {
        Some(inside) => inside.find(']')? + 2,
        None => text.find(':').unwrap_or(text.len()),
    };
    let (host, rest) = text.split_at(end);
    match rest.strip_prefix(':') {
        Some(port) => Some((host, Some(port))),
        None => rest.is_empty().then_some((host, None)),
    }
}

fn read_host(host: &str) -> Option<Host> {
    let of = |loopback: bool| if loopback { Host::Loopback } else { Host::Other };
    if let Some(inside) = host.strip_prefix('[') {
        let text = inside.strip_suffix(']')?;
        let address: Ipv6Addr = text.parse().ok()?;
        return (address.to_string() == text).then(|| of(address.is_loopback()));
    }
    if let Ok(address) = host.parse::<Ipv4Addr>() {
        return Some(of(address.is_loopback()));
    }
    is_dns_name(host).then(|| of(host == "localhost" || host.ends_with(".localhost")))
}

/// Labels of letters, digits and inner hyphens; the last is no number, which would be an address.
fn is_dns_name(name: &str) -> bool {
    let label = |label: &str| {
        (1..=LONGEST_LABEL).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let last = name.rsplit('.').next().unwrap_or_default();
    name.len() <= LONGEST_NAME
        && name.split('.').all(label)
        && !last.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hosts_are_dns_names() {
        for right in
            ["help.example.com", "a", "localhost", "xn--fsq.example", "1.example", "a-b.c1"]
        {
            assert_eq!(check_host(right), Ok(()), "{right}");
        }
        let long = "a".repeat(64);
        for wrong in [
            "",
            ".",
            "a.",
            ".a",
            "a..b",
            "Help.example.com",
            "-a.b",
            "a-.b",
            "a_b.c",
            "127.0.0.1",
            "a.1",
            "a b",
            "a:80",
            "https://a.b",
            "münchen.example",
            &long,
        ] {
            assert!(check_host(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn origins_are_what_browsers_send() {
        for right in [
            "https://desk.example.com",
            "https://desk.example.com:8443",
            "http://localhost",
            "http://localhost:5173",
            "http://app.localhost:5173",
            "http://127.0.0.1:3000",
            "http://[::1]:3000",
            "https://[2001:db8::1]",
            "https://192.0.2.7",
            "https://a:80",
        ] {
            assert_eq!(check_origin(right), Ok(()), "{right}");
        }
        for wrong in [
            "",
            "null",
            "*",
            "desk.example.com",
            "https://",
            "https:///",
            "https://*.example.com",
            "https://desk.example.com/",
            "https://desk.example.com/x",
            "https://u@desk.example.com",
            "HTTPS://desk.example.com",
            "https://Desk.example.com",
            "https://a:443",
            "http://a.b",
            "http://192.0.2.7",
            "http://localhost:80",
            "https://a:",
            "https://a:0",
            "https://a:08",
            "https://a:65536",
            "https://a:+1",
            "https://[::1",
            "https://[::1]x",
            "https://[1]",
            "https://[2001:DB8::1]",
            "ws://localhost",
            "https://a?b",
            "https://a#b",
            "https://127.1",
        ] {
            assert!(check_origin(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn nothing_makes_them_panic(text in "(https?://)?[\\PC:\\[\\]./]{0,40}") {
            let _ = (check_host(&text), check_origin(&text));
        }

        #[test]
        fn a_right_origin_has_no_path_and_no_capital(text in "https?://[a-zA-Z0-9.:/\\[\\]-]{0,30}") {
            if check_origin(&text).is_ok() {
                let rest = text.split_once("://").unwrap().1;
                prop_assert!(!rest.contains('/') && !text.contains(char::is_uppercase));
            }
        }
    }
}
