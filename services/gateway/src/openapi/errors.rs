//! Failures in the document: one schema for all of them, and what each HTTP status stands for.

use prost_reflect::DescriptorPool;
use serde_json::{Map, Value, json};
use tonic_types::pb;

use super::{comments::Comments, schema::Schemas};

/// One HTTP status that a call can end with: its number, the name of its response, the code of gRPC,
/// the reason and the words of its example, and what it means.
struct Meaning(u16, &'static str, i32, &'static str, &'static str, &'static str);

const MEANINGS: [Meaning; 16] = [
    Meaning(
        400,
        "BadRequest",
        3,
        "INVALID_REQUEST",
        "the request is not valid",
        "The request is wrong in itself (code 3), with every fault in `BadRequest`; or the state of things does not allow it (9), with every blocker in `PreconditionFailure`; or a token or an answer is out of range (11).",
    ),
    Meaning(
        401,
        "Unauthenticated",
        16,
        "UNAUTHENTICATED",
        "a bearer token that holds is needed",
        "No credential, or one that does not hold.",
    ),
    Meaning(
        403,
        "PermissionDenied",
        7,
        "PERMISSION_DENIED",
        "this needs the permission `tickets.read`",
        "The caller may not call this.",
    ),
    Meaning(
        404,
        "NotFound",
        5,
        "TICKET_NOT_FOUND",
        "there is no ticket of this name",
        "There is nothing of this name for this caller: missing and foreign things are not told apart.",
    ),
    Meaning(
        409,
        "Conflict",
        10,
        "LOST_RACE",
        "another change came first; try again",
        "Another change came first, or the `etag` is stale (code 10: read again and decide again); or it exists already, or the request id was used with another body (6).",
    ),
    Meaning(
        412,
        "PreconditionFailed",
        10,
        "STALE_ETAG",
        "the resource has changed since",
        "The version that `If-Match` named is stale.",
    ),
    Meaning(
        413,
        "BodyTooLong",
        3,
        "BODY_TOO_LONG",
        "the body is longer than 1048576 bytes",
        "The body is longer than 1 MiB.",
    ),
    Meaning(
        415,
        "MediaTypeNotRead",
        3,
        "MEDIA_TYPE_NOT_READ",
        "the body must be application/json in UTF-8",
        "The body is not plain `application/json` in UTF-8.",
    ),
    Meaning(
        429,
        "QuotaExceeded",
        8,
        "QUOTA_EXCEEDED",
        "too many calls; try again later",
        "A quota is used up. `Retry-After` and `RetryInfo` say when to try again.",
    ),
    Meaning(
        414,
        "UrlTooLong",
        3,
        "URL_TOO_LONG",
        "a URL may have at most 8 KiB",
        "The path with its query is too long.",
    ),
    Meaning(
        431,
        "HeadersTooLong",
        3,
        "HEADERS_TOO_LONG",
        "the headers are too long",
        "The head of the request is too long.",
    ),
    Meaning(499, "Cancelled", 1, "CANCELLED", "the call was cancelled", "The caller hung up."),
    Meaning(
        500,
        "Internal",
        13,
        "INTERNAL",
        "something went wrong on our side",
        "A fault of ours.",
    ),
    Meaning(
        501,
        "Unimplemented",
        12,
        "UNKNOWN_METHOD",
        "no such method is served here",
        "The service that does this does not run here.",
    ),
    Meaning(
        503,
        "Unavailable",
        14,
        "SERVICE_AWAY",
        "the service cannot be reached",
        "Overloaded, or something that is needed is away. Try again, a write with the same request id.",
    ),
    Meaning(
        504,
        "DeadlineExceeded",
        4,
        "DEADLINE_EXCEEDED",
        "the time allowed for the call has passed",
        "The time allowed for the call has passed. Try again, a write with the same request id.",
    ),
];

/// What a method may answer beside its success.
pub(crate) fn of_operation(has_body: bool, has_version: bool) -> Map<String, Value> {
    let applies = |status: u16| match status {
        412 => has_version,
        413 | 415 => has_body,
        _ => true,
    };
    let meanings = MEANINGS.iter().filter(|meaning| applies(meaning.0));
    let refer = |Meaning(status, name, ..): &Meaning| {
        (status.to_string(), json!({"$ref": format!("#/components/responses/{name}")}))
    };
    meanings.map(refer).collect()
}

/// The responses that all operations share.
pub(crate) fn responses() -> Map<String, Value> {
    MEANINGS.iter().map(|meaning| (meaning.1.to_owned(), response(meaning))).collect()
}

fn response(Meaning(status, _, code, reason, message, about): &Meaning) -> Value {
    let example = json!({
        "code": code,
        "message": message,
        "details": [{
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": reason, "domain": "aftercare", "metadata": {},
        }],
    });
    let schema = json!({"$ref": "#/components/schemas/Status"});
    let mut response = json!({
        "description": about,
        "content": {"application/json": {"schema": schema, "example": example}},
    });
    if matches!(status, 429 | 503) {
        let schema = json!({"type": "integer", "minimum": 1});
        let header =
            json!({"description": "Seconds to wait before trying again.", "schema": schema});
        response["headers"] = json!({"Retry-After": header});
    }
    response
}

const DETAILS: [(&str, &str); 7] = [
    ("ErrorInfo", "Why, for programs. Every error has one."),
    ("BadRequest", "What is wrong with the request, field by field."),
    ("PreconditionFailure", "What stands in the way, one by one."),
    ("ResourceInfo", "Which resource is missing or taken."),
    ("RetryInfo", "When to try again."),
    ("QuotaFailure", "Which quota is used up."),
    (
        "LocalizedMessage",
        "What happened, in the language of `Accept-Language`: English or Chinese.",
    ),
];

/// Adds the schema of a failure, with those of its details.
pub(crate) fn add_schemas(
    schemas: &mut Schemas<'_>,
    contracts: &DescriptorPool,
    comments: &Comments,
) {
    let mut kinds = Vec::new();
    if let Ok(google) = DescriptorPool::decode(pb::FILE_DESCRIPTOR_SET) {
        for (name, about) in DETAILS {
            let full = format!("google.rpc.{name}");
            let Some(message) = google.get_message_by_name(&full) else { continue };
            let reference = schemas.message(&message);
            let tag = json!({"const": format!("type.googleapis.com/{full}")});
            kinds.push(json!({
                "allOf": [reference, {"properties": {"@type": tag}, "required": ["@type"]}],
                "title": name, "description": about,
            }));
        }
    }
    let other = json!({"type": "string", "description": "What kind of detail it is."});
    kinds.push(json!({
        "title": "Other", "type": "object", "properties": {"@type": other}, "required": ["@type"],
        "description": "Any other detail; readers skip what they do not know.",
    }));
    schemas.add("Status", json!({
        "type": "object",
        "description": "Why a call failed, in one shape for every failure: `google.rpc.Status`.",
        "required": ["code", "message", "details"],
        "properties": {
            "code": {"type": "integer", "format": "int32", "description": "The code of gRPC, such as 5 for NOT_FOUND."},
            "message": {"type": "string", "description": "What happened, in English."},
            "details": {"type": "array", "items": {"anyOf": kinds}, "description": reasons(contracts, comments)},
        },
    }));
}

/// What each service's errors are called, and what they mean.
fn reasons(contracts: &DescriptorPool, comments: &Comments) -> String {
    let mut text =
        "More about it. `ErrorInfo` gives the `reason`, in the `domain` of who refused:".to_owned();
    for values in contracts.all_enums().filter(|values| values.name() == "ErrorReason") {
        let owner = values.package_name().trim_start_matches("aftercare.").trim_end_matches(".v1");
        text.extend(["\n\n`", owner, ".aftercare`:"]);
        for value in values.values().filter(|value| value.number() != 0) {
            text.extend(["\n- `", value.name(), "`: ", comments.value(&value)]);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_method_may_answer_depends_on_what_it_takes() {
        let all = of_operation(true, true);
        assert_eq!(all.len(), MEANINGS.len());
        let few = of_operation(false, false);
        assert_eq!(few.len(), MEANINGS.len() - 3);
        let named = responses();
        for reference in all.values() {
            let name = reference["$ref"].as_str().unwrap().rsplit('/').next().unwrap();
            assert!(named.contains_key(name));
        }
    }
}
