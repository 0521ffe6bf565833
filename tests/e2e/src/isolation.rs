//! What a stranger gets to see of a tenant: nothing, and not even whether it is there.
//!
//! A scenario is prepared in the owner's tenant, and its request sent by callers of another, with
//! every role that may call the method. The answer must be a refusal or empty; it must hold none of
//! the owner's canaries, those apart that the request itself names; and it must be, byte by byte,
//! the one for a name that nobody has, the name itself apart. Afterwards the owner's own request
//! must still succeed, and the stranger still be told the same: a request id that the owner used is
//! no key to the owner's answer.

use kernel::Role;
use rpc::Grants;
use serde_json::Value;
use tonic::Code;

use crate::{
    Desk, Outcome,
    client::{json_of, method, reason},
    contract::{access, methods::holds},
    scenario::{Abroad, Prepared, Scenario},
};

/// The roles that may call a method, of those that somebody outside can have.
pub fn roles_with(name: &str) -> Vec<Role> {
    let (permission, _) = access(method(name)).expect("a method has a permission");
    let grants = Grants::shipped();
    Desk::roles().into_iter().filter(|role| holds(*role, &permission, &grants)).collect()
}

/// Prepares a scenario at the owner's and returns what the stranger got to see.
pub async fn check(scenario: &Scenario, owner: &Desk<'_>, stranger: &Desk<'_>) -> Vec<String> {
    let prepared = scenario.prepare(owner).await;
    let mut found = look(scenario, &prepared, stranger).await;

    let mine =
        prepared.caller(owner, scenario.role).await.send(scenario.method, &prepared.request).await;
    if let Some(refusal) = mine.refusal() {
        let method = scenario.method;
        found.push(format!("{method}: refused to its owner after a stranger tried: {refusal:?}"));
    }
    found.extend(look(scenario, &prepared, stranger).await);
    found
}

/// What a stranger gets to see of a prepared scenario, by every role.
pub async fn look(scenario: &Scenario, prepared: &Prepared, stranger: &Desk<'_>) -> Vec<String> {
    let mut found = Vec::new();
    // Whoever runs the platform is a stranger to no tenant.
    for role in roles_with(scenario.method).into_iter().filter(|role| *role != Role::Operator) {
        let caller = stranger.caller(role).await;
        let foreign = caller.send(scenario.method, &prepared.request).await;
        let mut tell = |what: String| {
            found.push(format!(
                "{} by a stranger who is {}: {what}",
                scenario.method,
                role.as_str()
            ));
        };
        if let Some(what) = unexpected(scenario.abroad, role, &foreign) {
            tell(what);
        }
        for canary in seen(prepared, &foreign) {
            tell(format!("the answer holds `{canary}`"));
        }
        let missing = instead(&prepared.request, &prepared.names);
        if prepared.names.is_empty() {
            continue;
        }
        let names: Vec<_> = prepared.names.iter().map(|name| nobodys(name)).collect();
        let other = caller.send(scenario.method, &missing).await;
        if blank(foreign.bytes(), &prepared.names) != blank(other.bytes(), &names) {
            tell(format!("foreign and missing differ: {foreign:?} and {other:?}"));
        }
    }
    found
}

/// Canaries in an answer that the request did not name.
pub fn seen<'a>(prepared: &'a Prepared, outcome: &Outcome) -> Vec<&'a str> {
    let (request, bytes) = (prepared.request.to_string(), outcome.bytes());
    let in_bytes = |text: &str| bytes.windows(text.len()).any(|part| part == text.as_bytes());
    let canaries = prepared.canaries.iter().map(String::as_str);
    canaries.filter(|canary| !request.contains(canary) && in_bytes(canary)).collect()
}

fn unexpected(abroad: Abroad, role: Role, outcome: &Outcome) -> Option<String> {
    match outcome {
        Outcome::Answer(answer) => {
            let empty = json_of(answer).as_object().is_some_and(serde_json::Map::is_empty);
            match abroad {
                Abroad::Own => None,
                Abroad::Empty if empty => None,
                Abroad::Empty | Abroad::Missing | Abroad::Invalid => {
                    Some(format!("it was answered: {:#}", json_of(answer)))
                }
            }
        }
        Outcome::Refused(status) => {
            let expected = match (abroad, status.code()) {
                (_, Code::PermissionDenied)
                | (Abroad::Missing | Abroad::Own, Code::NotFound)
                | (Abroad::Invalid, Code::InvalidArgument)
                // What the stranger has made of its own under the same key stands in the way.
                | (Abroad::Own, Code::AlreadyExists) => true,
                // What the caller itself lacks, whatever is there.
                (_, Code::FailedPrecondition) => reason(status).1 == "NOT_AN_AGENT",
                // A customer may not so much as name another.
                (Abroad::Missing | Abroad::Empty, Code::InvalidArgument) => role == Role::Customer,
                _ => false,
            };
            (!expected).then(|| format!("it was refused with {:?}: {status:?}", reason(status)))
        }
    }
}

/// A name of the same form and length that nobody has.
pub fn nobodys(name: &str) -> String {
    const NOBODY: [&str; 2] = ["0123456789ab", "ba9876543210"];
    // A revision is named by its number within an article, a version within a survey.
    for numbered in ["/revisions/", "/versions/"] {
        if let Some((whole, number)) = name.rsplit_once(numbered) {
            return format!("{}{numbered}{number}", nobodys(whole));
        }
    }
    let kept = &name[..name.len() - NOBODY[0].len()];
    let end = if name.ends_with(NOBODY[0]) { NOBODY[1] } else { NOBODY[0] };
    format!("{kept}{end}")
}

/// The request with names that nobody has instead of these.
pub fn instead(request: &Value, names: &[String]) -> Value {
    let mut text = request.to_string();
    for name in names {
        text = text.replace(name, &nobodys(name));
    }
    serde_json::from_str(&text).expect("names hold nothing that JSON escapes")
}

/// The bytes with these names blanked out.
pub fn blank(mut bytes: Vec<u8>, names: &[String]) -> Vec<u8> {
    for name in names {
        let name = name.as_bytes();
        let mut at = 0;
        while at + name.len() <= bytes.len() {
            if &bytes[at..at + name.len()] == name {
                bytes[at..at + name.len()].fill(b'*');
            }
            at += 1;
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_name_that_nobody_has_looks_like_the_one_that_somebody_has() {
        let name = "tickets/019ab000-0000-7000-8000-00000000000a";
        let other = nobodys(name);
        assert_eq!(other, "tickets/019ab000-0000-7000-8000-0123456789ab");
        assert_ne!(nobodys(&other), other);
        assert_eq!(nobodys(&format!("{name}/revisions/7")), format!("{other}/revisions/7"));
        let request = instead(&json!({ "name": name, "more": [name] }), &[name.to_owned()]);
        assert_eq!(request, json!({ "name": other, "more": [other] }));
    }

    #[test]
    fn names_are_blanked_wherever_they_stand() {
        let bytes = b"no tickets/1 here, tickets/1".to_vec();
        assert_eq!(
            blank(bytes, &["tickets/1".to_owned()]),
            b"no ********* here, *********".to_vec()
        );
    }

    #[test]
    fn canaries_are_seen_unless_the_request_names_them() {
        let prepared = Prepared {
            request: json!({ "name": "canary-1" }),
            names: Vec::new(),
            canaries: vec!["canary-1".to_owned(), "canary-2".to_owned()],
            owner: None,
            link: None,
        };
        let status = rpc::status::plain(kernel::Code::NotFound, "X", "no canary-1, no canary-2");
        let refused = Outcome::Refused(Box::new(status));
        assert_eq!(seen(&prepared, &refused), ["canary-2"]);
    }
}
