//! What makes a form one: each page that is shown holds a fresh id, sealed, and what the page sends
//! counts under it, once, however often it is sent. Who has not seen the page has none.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use kernel::{Time, keys::RootKeys, link::Link};
use uuid::Uuid;

/// How long a page may lie open before what it sends counts no more.
const LASTS: Duration = Duration::from_hours(24);

/// Makes and reads nonces.
#[derive(Clone, Debug)]
pub(super) struct Nonces {
    keys: RootKeys,
}

impl Nonces {
    pub(super) fn new(keys: RootKeys) -> Self {
        Self { keys }
    }

    /// A nonce for a page of this link that is shown at the real time `now`.
    pub(super) fn seal(&self, link: &Link, id: Uuid, now: Time) -> String {
        let plain = [&id.as_bytes()[..], &now.micros().to_be_bytes()].concat();
        let sealer = self.keys.sealer(link.tenant, "form");
        URL_SAFE_NO_PAD.encode(sealer.seal(&plain, &link.opens.to_bytes()))
    }

    /// The id in a nonce of this link; `None` where it is none, or too old.
    pub(super) fn open(&self, link: &Link, nonce: &str, now: Time) -> Option<Uuid> {
        let sealed = URL_SAFE_NO_PAD.decode(nonce).ok()?;
        let own = self.keys.sealer(link.tenant, "form");
        let plain = own.open(&sealed, &link.opens.to_bytes()).ok()?;
        let (id, shown) = plain.split_at_checked(16)?;
        let shown = Time::from_micros(i64::from_be_bytes(shown.try_into().ok()?));
        (now <= shown + LASTS).then(|| Uuid::from_slice(id).ok())?
    }
}

#[cfg(test)]
mod tests {
    use kernel::link::Opens;

    use super::*;

    const NOW: Time = Time::from_micros(1_763_770_000_000_000);

    fn link(ticket: u128) -> Link {
        let opens = Opens::Ticket(Uuid::from_u128(ticket).into());
        Link { tenant: Uuid::from_u128(1).into(), opens, expires: NOW }
    }

    #[test]
    fn a_nonce_is_of_one_link_and_of_one_day() {
        let nonces = Nonces::new(RootKeys::parse(&RootKeys::generate(), &[]).unwrap());
        let id = Uuid::from_u128(7);
        let nonce = nonces.seal(&link(2), id, NOW);
        assert_eq!(nonces.open(&link(2), &nonce, NOW), Some(id));
        assert_eq!(nonces.open(&link(2), &nonce, NOW + LASTS), Some(id));
        assert_eq!(nonces.open(&link(2), &nonce, (NOW + LASTS).plus_micros(1)), None);
        assert_eq!(nonces.open(&link(3), &nonce, NOW), None, "another ticket");
        let abroad = Link { tenant: Uuid::from_u128(9).into(), ..link(2) };
        assert_eq!(nonces.open(&abroad, &nonce, NOW), None, "another tenant");
        let invitation = Link { opens: Opens::Invitation(Uuid::from_u128(2).into()), ..link(2) };
        assert_eq!(nonces.open(&invitation, &nonce, NOW), None, "another kind");
        // Another token of the same link is the same link.
        let again = Link { expires: NOW + LASTS, ..link(2) };
        assert_eq!(nonces.open(&again, &nonce, NOW), Some(id));
    }

    #[test]
    fn nothing_else_is_a_nonce() {
        let nonces = Nonces::new(RootKeys::parse(&RootKeys::generate(), &[]).unwrap());
        let nonce = nonces.seal(&link(2), Uuid::from_u128(7), NOW);
        let others = Nonces::new(RootKeys::parse(&RootKeys::generate(), &[]).unwrap());
        let foreign = others.seal(&link(2), Uuid::from_u128(7), NOW);
        for odd in ["", "nonsense!", "AAAA", &nonce[1..], &nonce[..nonce.len() - 2], &foreign] {
            assert_eq!(nonces.open(&link(2), odd, NOW), None, "{odd}");
        }
    }
}
