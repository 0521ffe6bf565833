//! Between the wire's types and ours: what every conversion needs.

use std::time::Duration;

use contracts::r#type::v1 as shared;
use kernel::{Caller, CallerKind, Time, Violations, keys, page};
use prost::Message;

/// A time on the wire.
pub fn timestamp(time: Time) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds: time.seconds(), nanos: time.subsec_nanos() }
}

/// A time from the wire; `None` where it is out of range.
pub fn time(timestamp: &prost_types::Timestamp) -> Option<Time> {
    Time::from_parts(timestamp.seconds, timestamp.nanos)
}

/// A length of time on the wire, from microseconds.
pub fn duration(micros: i64) -> prost_types::Duration {
    let nanos = i32::try_from(micros % 1_000_000).unwrap_or(0) * 1_000;
    prost_types::Duration { seconds: micros / 1_000_000, nanos }
}

/// A length of time from the wire; `None` where it is negative, or not written as one. The conversion
/// of `prost_types` overflows on the least of them.
pub fn length(duration: &prost_types::Duration) -> Option<Duration> {
    let seconds = u64::try_from(duration.seconds).ok()?;
    let nanos = u32::try_from(duration.nanos).ok().filter(|nanos| *nanos < 1_000_000_000)?;
    Some(Duration::new(seconds, nanos))
}

/// Notes a violation unless `request_id` is empty or a UUID.
pub fn check_request_id(request_id: &str, violations: &mut Violations) {
    let right = request_id.is_empty() || uuid::Uuid::try_parse(request_id).is_ok();
    violations.check(right, "request_id", "must be a UUID");
}

/// The keyed hash by which a repeated request is compared with the first. The caller blanks the
/// request id first, since it is the key and not the body.
pub fn request_hash(key: &[u8; 32], request: &impl Message) -> [u8; 32] {
    keys::keyed_hash(key, &request.encode_to_vec())
}

/// Who did something, for history: members and customers by resource name.
pub fn actor(kind: &str, subject: &str) -> shared::Actor {
    use shared::ActorKind as Kind;
    let kind = match CallerKind::parse(kind) {
        Some(CallerKind::Customer) => Kind::Customer,
        Some(CallerKind::Member) => Kind::Member,
        Some(CallerKind::Integration) => Kind::Integration,
        Some(CallerKind::Service) => Kind::Service,
        Some(CallerKind::Operator) => Kind::Operator,
        Some(CallerKind::Anonymous) => Kind::Anonymous,
        None => Kind::Unspecified,
    };
    shared::Actor { kind: kind.into(), subject: subject.to_owned() }
}

/// What history keeps of a caller: the kind, and the subject as `members/{id}` or `customers/{id}`
/// where it is one. Of a visitor nothing but that it was one: what they are known by at the door is to
/// be forgotten.
pub fn actor_parts(caller: &Caller) -> (&'static str, String) {
    let subject = match caller.kind {
        CallerKind::Member => format!("members/{}", caller.subject),
        CallerKind::Customer => {
            caller.customer.map_or_else(|| caller.subject.clone(), kernel::CustomerId::name)
        }
        CallerKind::Anonymous => String::new(),
        CallerKind::Integration | CallerKind::Service | CallerKind::Operator => {
            caller.subject.clone()
        }
    };
    (caller.kind.as_str(), subject)
}

/// A page of rows, of which one more than `size` was read where there are more: what is shown of them,
/// and the row after which the next page starts.
pub fn page_of<T, M: Message>(
    rows: &[T],
    size: i64,
    show: impl Fn(&T) -> M,
) -> (Vec<M>, Option<&T>) {
    let mut shown: Vec<M> = rows.iter().map(show).collect();
    let more = page::cut(&mut shown, size, Message::encoded_len);
    let last = rows[..shown.len()].last().filter(|_| more);
    (shown, last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_round_trip() {
        let time_ = Time::from_micros(-1);
        assert_eq!(time(&timestamp(time_)), Some(time_));
        assert_eq!(duration(-1_500_000).seconds, -1);
        assert_eq!(duration(-1_500_000).nanos, -500_000_000);
    }

    #[test]
    fn a_page_ends_where_there_is_more_and_says_after_which_row() {
        let show = |number: &i64| *number;
        assert_eq!(page_of(&[1, 2, 3], 2, show), (vec![1, 2], Some(&2)));
        assert_eq!(page_of(&[1, 2], 2, show), (vec![1, 2], None));
        let large = ["a", "b"].map(|letter| letter.repeat(page::MOST_BYTES));
        assert_eq!(page_of(&large, 2, String::clone), (large[..1].to_vec(), Some(&large[0])));
    }

    #[test]
    fn no_length_of_time_is_too_long_or_too_short_to_be_looked_at() {
        let of = |seconds, nanos| length(&prost_types::Duration { seconds, nanos });
        assert_eq!(of(1, 500_000_000), Some(Duration::from_millis(1_500)));
        assert_eq!(
            of(i64::MAX, 999_999_999).map(|length| length.subsec_nanos()),
            Some(999_999_999)
        );
        for (seconds, nanos) in [
            (-1, 0),
            (0, -1),
            (1, -1),
            (0, 1_000_000_000),
            (i64::MIN, i32::MIN),
            (i64::MAX, i32::MAX),
        ] {
            assert_eq!(of(seconds, nanos), None, "{seconds} {nanos}");
        }
    }
}
