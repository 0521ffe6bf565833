//! Keys of other systems, and their secrets.
//!
//! A credential is `ak_{id}_{secret}`: the key's id as 32 hexadecimal digits, and 32 random bytes as
//! 43 characters of base64url. The secret has more entropy than anybody can search, so that its plain
//! SHA-256 is kept; a slow hash would only slow down every request. Credentials go by real time.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use kernel::{ApiKeyId, Time, Violations, keys};
use rpc::access::is_scope;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use uuid::Uuid;

use super::Refusal;

const PREFIX: &str = "ak_";
const ID_LENGTH: usize = 32;
const SECRET_LENGTH: usize = 43;
/// What is shown of a secret.
const HINT_LENGTH: usize = 4;
const MAX_TITLE: usize = 200;
const MOST_SCOPES: usize = 50;
/// How long the secret before a new one still holds, if nobody says.
pub const OVERLAP: Duration = Duration::from_hours(24);
/// How long it may be made to hold at most.
pub const LONGEST_OVERLAP: Duration = Duration::from_hours(30 * 24);

/// What another system calls with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// Its id, by which history names the system.
    pub id: ApiKeyId,
    /// The etag's number.
    pub version: i64,
    /// The sequence of its last event.
    pub sequence: i64,
    /// When that was.
    pub last_at: Time,
    /// Whose it is.
    pub title: String,
    /// What it may do.
    pub scopes: Vec<String>,
    /// Its secrets, newest first; at most two.
    pub secrets: Vec<Secret>,
    /// When it stops to hold, by real time.
    pub expires_at: Option<Time>,
    /// When it was revoked.
    pub revoked_at: Option<Time>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Time>,
    /// When it was made.
    pub created_at: Time,
}

/// What is kept of one secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secret {
    /// The SHA-256 of its text.
    pub hash: [u8; 32],
    /// Its last characters.
    pub hint: String,
    /// When it was made, by real time.
    pub created_at: Time,
    /// When it stops to hold, by real time.
    pub expires_at: Option<Time>,
}

impl Secret {
    /// The secret of these random bytes: its text, to be told once, and what is kept of it.
    pub fn new(random: &[u8; 32], now: Time) -> (String, Self) {
        let text = URL_SAFE_NO_PAD.encode(random);
        let hint = text[SECRET_LENGTH - HINT_LENGTH..].to_owned();
        let hash = keys::digest(text.as_bytes());
        (text, Self { hash, hint, created_at: now, expires_at: None })
    }

    /// Whether this is its text, in a time that tells nothing, and whether it still holds.
    pub fn admits(&self, text: &str, now: Time) -> bool {
        let same: bool = self.hash.ct_eq(&keys::digest(text.as_bytes())).into();
        same && self.expires_at.is_none_or(|expires| now < expires)
    }
}

/// What a system calls with.
pub fn credential(id: ApiKeyId, secret: &str) -> String {
    format!("{PREFIX}{}_{secret}", id.uuid().simple())
}

/// The key and the secret in a credential; `None` where it is none of a key's. One key has one
/// spelling.
pub fn read_credential(credential: &str) -> Option<(ApiKeyId, &str)> {
    let (id, rest) = credential.strip_prefix(PREFIX)?.split_at_checked(ID_LENGTH)?;
    let secret = rest.strip_prefix('_')?;
    let hexadecimal = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    let text = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    let right =
        id.bytes().all(hexadecimal) && secret.len() == SECRET_LENGTH && secret.bytes().all(text);
    let id = Uuid::try_parse(id).ok().filter(|_| right)?;
    Some((ApiKeyId::from(id), secret))
}

impl ApiKey {
    /// A new key with its first secret.
    pub fn new(
        id: ApiKeyId,
        title: String,
        scopes: Vec<String>,
        secret: Secret,
        now: Time,
    ) -> Self {
        Self {
            id,
            version: 1,
            sequence: 1,
            last_at: now,
            title,
            scopes,
            secrets: vec![secret],
            expires_at: None,
            revoked_at: None,
            last_used_at: None,
            created_at: now,
        }
    }

    /// With a new secret, made at the real time `now`. The newest one before it holds for `overlap`
    /// more, if nobody said less; one still older is gone.
    pub fn rotate(
        self,
        secret: Secret,
        overlap: Duration,
        now: Time,
        at: Time,
    ) -> Result<Self, Refusal> {
        self.check_not_revoked()?;
        if self.expires_at.is_some_and(|expires| expires <= now) {
            return Err(Refusal::one(
                "EXPIRED",
                &self.id.name(),
                "the key has expired; make another one",
            ));
        }
        let ends = now + overlap;
        let before = self.secrets.first().cloned().map(|before| Secret {
            expires_at: Some(before.expires_at.map_or(ends, |expires| expires.min(ends))),
            ..before
        });
        let before = before.filter(|before| before.expires_at > Some(now));
        let secrets = std::iter::once(secret).chain(before).collect();
        Ok(Self { secrets, ..self.changed(at) })
    }

    /// Lets it hold no more, for good.
    pub fn revoke(self, at: Time) -> Result<Self, Refusal> {
        self.check_not_revoked()?;
        Ok(Self { revoked_at: Some(at), secrets: Vec::new(), ..self.changed(at) })
    }

    fn check_not_revoked(&self) -> Result<(), Refusal> {
        if self.revoked_at.is_none() {
            return Ok(());
        }
        Err(Refusal::one("STATE", &self.id.name(), "the key is revoked, for good"))
    }

    /// The same with a new version and one event more.
    fn changed(self, at: Time) -> Self {
        Self { version: self.version + 1, sequence: self.sequence + 1, last_at: at, ..self }
    }
}

/// Notes what is wrong with the title and the scopes of a new key.
pub fn check(title: &str, scopes: &[String], violations: &mut Violations) {
    violations.text("api_key.title", title, 1, MAX_TITLE);
    let right = (1..=MOST_SCOPES).contains(&scopes.len());
    violations.check(right, "api_key.scopes", "must be 1 to 50");
    for (index, scope) in scopes.iter().take(MOST_SCOPES).enumerate() {
        let path = format!("api_key.scopes[{index}]");
        violations.check(is_scope(scope), &path, "must be like `tickets.read` or `tickets.*`");
        violations.check(!scopes[..index].contains(scope), &path, "is given twice");
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Time = Time::from_micros(1_763_770_000_000_000);

    fn id() -> ApiKeyId {
        ApiKeyId::from(Uuid::from_u128(0xab))
    }

    fn key() -> ApiKey {
        let (_, secret) = Secret::new(&[0; 32], NOW);
        ApiKey::new(id(), "Shop".to_owned(), vec!["tickets.read".to_owned()], secret, NOW)
    }

    fn rotated(key: ApiKey, number: u8, overlap: Duration, now: Time) -> ApiKey {
        let (_, secret) = Secret::new(&[number; 32], now);
        key.rotate(secret, overlap, now, now).unwrap()
    }

    /// Which of the secrets made of these bytes still hold.
    fn holding(key: &ApiKey, now: Time) -> Vec<u8> {
        let admits = |number: &u8| {
            let (text, _) = Secret::new(&[*number; 32], NOW);
            key.secrets.iter().any(|secret| secret.admits(&text, now))
        };
        (0..9).filter(admits).collect()
    }

    #[test]
    fn a_credential_is_read_back_and_nothing_else_is() {
        let (text, kept) = Secret::new(&[0xfb; 32], NOW);
        let whole = credential(id(), &text);
        assert_eq!(whole.len(), 3 + 32 + 1 + 43);
        assert_eq!(read_credential(&whole), Some((id(), text.as_str())));
        assert!(text.contains('_'), "a secret may hold what separates it");
        assert!(kept.admits(&text, NOW) && text.ends_with(&kept.hint));
        assert!(!kept.admits(&text[1..], NOW));
        for wrong in [
            "",
            "ak_",
            &whole[1..],
            &whole[..whole.len() - 1],
            &format!("{whole}x"),
            &whole.to_uppercase(),
            &whole.replacen("00ab", "00AB", 1),
            &whole.replace("ak_", "ak-"),
            &format!("ak_{}_{text}", id()),
            &whole.replace('7', "é"),
            &format!(" {whole}"),
        ] {
            assert_eq!(read_credential(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_newest_two_secrets_hold_and_the_older_one_not_for_long() {
        let hour = Duration::from_hours(1);
        let key = rotated(key(), 1, hour, NOW);
        assert_eq!(holding(&key, NOW), [0, 1]);
        assert_eq!(holding(&key, NOW + hour), [1], "its time is over");
        let key = rotated(key, 2, hour * 5, NOW);
        assert_eq!(holding(&key, NOW), [1, 2], "the oldest stops at once");
        let key = rotated(key, 3, Duration::ZERO, NOW);
        assert_eq!(holding(&key, NOW), [3]);
        assert_eq!((key.version, key.sequence), (4, 4));
    }

    #[test]
    fn revoked_is_final_and_expired_keys_get_no_secret() {
        let revoked = key().revoke(NOW).unwrap();
        assert!(holding(&revoked, NOW).is_empty());
        assert_eq!(revoked.clone().revoke(NOW).unwrap_err().0[0].kind, "STATE");
        let (_, secret) = Secret::new(&[1; 32], NOW);
        let refused = revoked.rotate(secret.clone(), OVERLAP, NOW, NOW).unwrap_err();
        assert_eq!(refused.0[0].kind, "STATE");
        let expired = ApiKey { expires_at: Some(NOW), ..key() };
        let refused = expired.clone().rotate(secret, OVERLAP, NOW, NOW).unwrap_err();
        assert_eq!(refused.0[0].kind, "EXPIRED");
        assert!(expired.revoke(NOW).is_ok());
    }

    #[test]
    fn every_fault_of_a_new_key_is_found() {
        let mut violations = Violations::new();
        let scopes = ["tickets.*", "*", "tickets.read@own", "tickets.*"].map(str::to_owned);
        check("", &scopes, &mut violations);
        let fields: Vec<_> = violations.as_slice().iter().map(|one| one.field.as_str()).collect();
        assert_eq!(
            fields,
            ["api_key.title", "api_key.scopes[1]", "api_key.scopes[2]", "api_key.scopes[3]"]
        );
        let mut violations = Violations::new();
        check("Shop", &[], &mut violations);
        assert_eq!(violations.as_slice().len(), 1);
    }

    proptest! {
        #[test]
        fn never_more_than_two_secrets_hold_and_the_newest_always_does(
            steps in prop::collection::vec((0_u64..100, 0_u64..100), 0..12)
        ) {
            let mut now = NOW;
            let mut key = key();
            let mut newest = 0;
            for (waits, overlap) in steps {
                now = now + Duration::from_hours(waits);
                newest = (newest + 1) % 9;
                key = rotated(key, newest, Duration::from_hours(overlap), now);
                let holding = holding(&key, now);
                prop_assert!(holding.len() <= 2 && key.secrets.len() <= 2);
                prop_assert!(holding.contains(&newest));
                let ends = now + LONGEST_OVERLAP;
                prop_assert_eq!(self::holding(&key, ends), [newest]);
            }
        }

        #[test]
        fn whatever_comes_as_a_credential_is_read_or_refused(text in "(ak_)?\\PC{0,90}") {
            if let Some((id, secret)) = read_credential(&text) {
                prop_assert_eq!(credential(id, secret), text);
            }
        }
    }
}
