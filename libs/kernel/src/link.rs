//! Sealed links: what a customer gets by message or on paper, and what lets whoever holds it see and do
//! one thing, without an account.
//!
//! A token is sealed by a root key (XChaCha20-Poly1305): nobody can make one, change one, or read from
//! one what it opens. It names its key, so that those of a retired root key still open. It goes by real
//! time, as every credential does.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use uuid::Uuid;

use crate::{
    TenantId, Time,
    id::{InvitationId, TicketId},
    keys::RootKeys,
};

/// What every token starts with, by which it is told from other credentials.
pub const PREFIX: &str = "ln_";

const SIZE: usize = 41;
const PLACE: &[u8] = b"1";

/// What a link opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Opens {
    /// The result page of a ticket, and the survey about its last resolution.
    Ticket(TicketId),
    /// The survey of an invitation.
    Invitation(InvitationId),
}

impl Opens {
    /// The resource name of what it opens.
    pub fn name(self) -> String {
        match self {
            Self::Ticket(id) => id.name(),
            Self::Invitation(id) => id.name(),
        }
    }

    /// It as bytes, as tokens hold it.
    pub fn to_bytes(self) -> [u8; 17] {
        let (kind, id) = match self {
            Self::Ticket(id) => (1, id.uuid()),
            Self::Invitation(id) => (2, id.uuid()),
        };
        let mut bytes = [kind; 17];
        bytes[1..].copy_from_slice(id.as_bytes());
        bytes
    }

    /// The same again; `None` for other bytes.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (kind, id) = bytes.split_first()?;
        let id = Uuid::from_slice(id).ok()?;
        match kind {
            1 => Some(Self::Ticket(id.into())),
            2 => Some(Self::Invitation(id.into())),
            _ => None,
        }
    }
}

/// A link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// Whose it is.
    pub tenant: TenantId,
    /// What it opens.
    pub opens: Opens,
    /// From when on, in real time, it opens nothing any more.
    pub expires: Time,
}

impl Link {
    /// The token of the link; another one each time.
    pub fn seal(&self, keys: &RootKeys) -> String {
        let mut plain = Vec::with_capacity(SIZE);
        plain.extend_from_slice(&self.opens.to_bytes());
        plain.extend_from_slice(self.tenant.uuid().as_bytes());
        plain.extend_from_slice(&self.expires.micros().to_be_bytes());
        let sealed = keys.sealer(TenantId::from(Uuid::nil()), "link").seal(&plain, PLACE);
        format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(sealed))
    }

    /// The link of a token; `None` where none of these keys sealed it. Whether it has expired is for the
    /// caller to see.
    pub fn open(token: &str, keys: &RootKeys) -> Option<Self> {
        let sealed = URL_SAFE_NO_PAD.decode(token.strip_prefix(PREFIX)?).ok()?;
        let plain = keys.sealer(TenantId::from(Uuid::nil()), "link").open(&sealed, PLACE).ok()?;
        let (opens, rest) = plain.split_at_checked(17)?;
        let (tenant, expires) = rest.split_at_checked(16)?;
        Some(Self {
            tenant: Uuid::from_slice(tenant).ok()?.into(),
            opens: Opens::from_bytes(opens)?,
            expires: Time::from_micros(i64::from_be_bytes(expires.try_into().ok()?)),
        })
    }

    /// The path of its page on the gateway.
    pub fn path(token: &str) -> String {
        format!("/l/{token}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link() -> Link {
        Link {
            tenant: Uuid::from_u128(1).into(),
            opens: Opens::Invitation(Uuid::from_u128(2).into()),
            expires: Time::from_micros(1_763_770_000_000_000),
        }
    }

    #[test]
    fn a_token_opens_what_it_was_made_for_and_tells_nothing() {
        let (old, new) = (RootKeys::generate(), RootKeys::generate());
        let keys = RootKeys::parse(&old, &[]).unwrap();
        let ticket = Link { opens: Opens::Ticket(Uuid::from_u128(3).into()), ..link() };
        for link in [link(), ticket] {
            let token = link.seal(&keys);
            assert_eq!(Link::open(&token, &keys), Some(link));
            assert_ne!(link.seal(&keys), token, "it is sealed anew each time");
            let rotated = RootKeys::parse(&new, std::slice::from_ref(&old)).unwrap();
            assert_eq!(Link::open(&token, &rotated), Some(link));
            assert_eq!(Link::open(&token, &RootKeys::parse(&new, &[]).unwrap()), None);
        }
    }

    #[test]
    fn no_token_can_be_changed_into_another() {
        let keys = RootKeys::parse(&RootKeys::generate(), &[]).unwrap();
        let token = link().seal(&keys);
        for at in PREFIX.len()..token.len() {
            let mut bytes = token.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            assert_eq!(Link::open(&changed, &keys), None, "{at}");
        }
        for odd in ["", "ln_", "ln_AAAA", &token[3..], &token[..token.len() - 1]] {
            assert_eq!(Link::open(odd, &keys), None, "{odd}");
        }
    }
}
