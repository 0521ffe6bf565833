//! Keys: all derive from one root key by HKDF-SHA256 (RFC 5869), each for one purpose.
//!
//! Losing the root key means losing every sealed field, every blind index and every token; it is
//! backed up apart from the data. Rotation: a new root key becomes current, the old ones stay for
//! opening what they sealed; each sealed value names its key. What is compared rather than opened
//! must outlive a rotation: it derives from a [`LastingKey`], which each database keeps sealed.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use ed25519_dalek::{SigningKey, VerifyingKey};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};

use crate::{TenantId, clock::fill_random};

const KEY_ID: usize = 4;
const NONCE: usize = 24;

/// Why something sealed could not be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not in the form of anything sealed here.
    #[error("not a sealed value")]
    Malformed,
    /// Sealed by a root key that is not among ours.
    #[error("sealed by an unknown key")]
    UnknownKey,
    /// Changed since it was sealed, or sealed for another place.
    #[error("the seal is broken")]
    Broken,
}

/// A root key is 32 bytes, written as 64 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a root key is 64 hexadecimal digits")]
pub struct BadRootKey;

#[derive(Clone)]
struct Root {
    id: [u8; KEY_ID],
    secret: [u8; 32],
    /// Whether what is signed under it is believed.
    believed: bool,
}

impl Root {
    fn parse(hex: &str, believed: bool) -> Result<Self, BadRootKey> {
        let secret = parse_hex(hex.trim()).ok_or(BadRootKey)?;
        let mut id = [0_u8; KEY_ID];
        id.copy_from_slice(&expand(&secret, "key id", &[])[..KEY_ID]);
        Ok(Self { id, secret, believed })
    }
}

/// The root keys of an installation: the current one, those that it replaced, and those that its
/// replicas are just changing from or to.
#[derive(Clone)]
pub struct RootKeys {
    roots: Arc<[Root]>,
}

impl std::fmt::Debug for RootKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RootKeys").field("count", &self.roots.len()).finish_non_exhaustive()
    }
}

impl RootKeys {
    /// A fresh root key as 64 hexadecimal digits.
    pub fn generate() -> String {
        hex(&random())
    }

    /// Reads the current root key and the ones it replaced, newest first.
    pub fn parse(current: &str, retired: &[String]) -> Result<Self, BadRootKey> {
        let mut roots = vec![Root::parse(current, true)?];
        for hex in retired {
            roots.push(Root::parse(hex, false)?);
        }
        Ok(Self { roots: roots.into() })
    }

    /// These and others that open what they sealed, as retired ones do, and are also believed: for the
    /// time in which some replicas have one current root key and some another.
    pub fn and_changing(self, changing: &[String]) -> Result<Self, BadRootKey> {
        let mut roots = self.roots.to_vec();
        for hex in changing {
            roots.push(Root::parse(hex, true)?);
        }
        Ok(Self { roots: roots.into() })
    }

    /// The name of the current root key, as sealed values bear it: eight hexadecimal digits, which
    /// tell nothing of the key.
    pub fn id(&self) -> String {
        hex(&self.roots[0].id)
    }

    /// Whether the root key of this name is among these.
    pub fn has(&self, id: &str) -> bool {
        self.roots.iter().any(|root| hex(&root.id) == id)
    }

    /// 32 bytes for one purpose and context, from the current root key.
    pub fn derive(&self, purpose: &str, context: &[u8]) -> [u8; 32] {
        expand(&self.roots[0].secret, purpose, context)
    }

    /// The Ed25519 key for one purpose and context.
    pub fn signing_key(&self, purpose: &str, context: &[u8]) -> SigningKey {
        SigningKey::from_bytes(&self.derive(purpose, context))
    }

    /// The Ed25519 keys for one purpose and context by which signatures are believed: the current
    /// one's first. What a retired one signed is not: it may be retired because it is known to others.
    pub fn verifying_keys(&self, purpose: &str, context: &[u8]) -> Vec<VerifyingKey> {
        let believed = self.roots.iter().filter(|root| root.believed);
        believed
            .map(|root| SigningKey::from_bytes(&expand(&root.secret, purpose, context)))
            .map(|key| key.verifying_key())
            .collect()
    }

    /// Seals and opens values of one tenant for one purpose.
    pub fn sealer(&self, tenant: TenantId, purpose: &str) -> Sealer {
        let ciphers = self
            .roots
            .iter()
            .map(|root| {
                let key = expand(&root.secret, purpose, tenant.uuid().as_bytes());
                (root.id, XChaCha20Poly1305::new(&key.into()))
            })
            .collect();
        Sealer { ciphers }
    }

    /// What seals a lasting key, which is no tenant's.
    fn lasting_sealer(&self) -> Sealer {
        self.sealer(TenantId::from(uuid::Uuid::nil()), "lasting key")
    }
}

/// What blind indexes and hashes of requests derive from: made once for each database, kept there
/// sealed under the root key, and the same for ever, whatever becomes of the root keys.
#[derive(Clone, PartialEq, Eq)]
pub struct LastingKey {
    secret: [u8; 32],
}

impl std::fmt::Debug for LastingKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LastingKey").finish_non_exhaustive()
    }
}

impl LastingKey {
    /// A fresh one.
    pub fn generate() -> Self {
        let mut secret = [0_u8; 32];
        fill_random(&mut secret);
        Self { secret }
    }

    /// The key under the current root key, as text.
    pub fn sealed(&self, roots: &RootKeys) -> String {
        URL_SAFE_NO_PAD.encode(roots.lasting_sealer().seal(&self.secret, b"meta"))
    }

    /// Opens a key that was sealed, and says whether the current root key sealed it; one that an
    /// earlier root key sealed is to be sealed again.
    pub fn open(sealed: &str, roots: &RootKeys) -> Result<(Self, bool), KeyError> {
        let sealed = URL_SAFE_NO_PAD.decode(sealed).map_err(|_| KeyError::Malformed)?;
        let secret = roots.lasting_sealer().open(&sealed, b"meta")?;
        let secret = secret.try_into().map_err(|_| KeyError::Malformed)?;
        Ok((Self { secret }, sealed.starts_with(&roots.roots[0].id)))
    }

    /// 32 bytes for one purpose and context.
    pub fn derive(&self, purpose: &str, context: &[u8]) -> [u8; 32] {
        expand(&self.secret, purpose, context)
    }

    /// The blind index of one tenant for one purpose.
    pub fn blind_index(&self, tenant: TenantId, purpose: &str) -> BlindIndex {
        BlindIndex { key: self.derive(purpose, tenant.uuid().as_bytes()) }
    }
}

fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| char::from_digit(u32::from(digit), 16)).collect()
}

fn parse_hex(hex: &str) -> Option<[u8; 32]> {
    if hex.len() != 64 || !hex.is_ascii() {
        return None;
    }
    let mut secret = [0_u8; 32];
    for (i, byte) in secret.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).ok()?;
    }
    Some(secret)
}

/// HKDF-SHA256 of the secret; `info` is the purpose, a zero byte and the context.
fn expand(secret: &[u8; 32], purpose: &str, context: &[u8]) -> [u8; 32] {
    let info = [b"aftercare/", purpose.as_bytes(), &[0], context].concat();
    let mut out = [0_u8; 32];
    // Fails for more than 255 hash lengths only; this is one.
    let done = Hkdf::<Sha256>::new(None, secret).expand(&info, &mut out);
    debug_assert!(done.is_ok());
    out
}

/// Seals values (XChaCha20-Poly1305) so that they can be read only by who holds the root key, and
/// only in the place that they were sealed for.
#[derive(Clone)]
pub struct Sealer {
    ciphers: Vec<([u8; KEY_ID], XChaCha20Poly1305)>,
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sealer").finish_non_exhaustive()
    }
}

impl Sealer {
    /// Seals `plain` for the place that `place` names (table, column and row, or a query). The
    /// result is key id, nonce, ciphertext and tag: 44 bytes more than the plain text.
    #[expect(clippy::expect_used, reason = "sealing fails only for messages of 256 GiB and more")]
    pub fn seal(&self, plain: &[u8], place: &[u8]) -> Vec<u8> {
        let (id, cipher) = &self.ciphers[0];
        let mut nonce = [0_u8; NONCE];
        fill_random(&mut nonce);
        let sealed = cipher
            .encrypt(&XNonce::from(nonce), Payload { msg: plain, aad: place })
            .expect("sealed values are far smaller than the cipher's limit");
        [id.as_slice(), &nonce, &sealed].concat()
    }

    /// Opens what was sealed for the same tenant, purpose and place.
    pub fn open(&self, sealed: &[u8], place: &[u8]) -> Result<Vec<u8>, KeyError> {
        let (id, rest) = sealed.split_at_checked(KEY_ID).ok_or(KeyError::Malformed)?;
        let (nonce, body) = rest.split_at_checked(NONCE).ok_or(KeyError::Malformed)?;
        let nonce: [u8; NONCE] = nonce.try_into().map_err(|_| KeyError::Malformed)?;
        let (_, cipher) =
            self.ciphers.iter().find(|(known, _)| known == id).ok_or(KeyError::UnknownKey)?;
        cipher
            .decrypt(&XNonce::from(nonce), Payload { msg: body, aad: place })
            .map_err(|_| KeyError::Broken)
    }
}

/// A keyed hash by which a sealed value is found again without being readable.
#[derive(Clone)]
pub struct BlindIndex {
    key: [u8; 32],
}

impl std::fmt::Debug for BlindIndex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BlindIndex").finish_non_exhaustive()
    }
}

impl BlindIndex {
    /// The index of a normalised value: HMAC-SHA256.
    pub fn of(&self, normalised: &str) -> [u8; 32] {
        keyed_hash(&self.key, normalised.as_bytes())
    }
}

/// HMAC-SHA256.
#[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
pub fn keyed_hash(key: &[u8; 32], message: &[u8]) -> [u8; 32] {
    let mut mac = <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(key).expect("32 bytes are a key");
    mac.update(message);
    mac.finalize().into_bytes().into()
}

/// 32 random bytes: a secret that nobody can guess.
pub fn random() -> [u8; 32] {
    let mut secret = [0_u8; 32];
    fill_random(&mut secret);
    secret
}

/// SHA-256, for what need not be secret.
pub fn digest(message: &[u8]) -> [u8; 32] {
    Sha256::digest(message).into()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn tenant(n: u128) -> TenantId {
        TenantId::from(Uuid::from_u128(n))
    }

    #[test]
    fn what_is_sealed_opens_only_in_its_place() {
        let keys = RootKeys::parse(&RootKeys::generate(), &[]).unwrap();
        let sealed = keys.sealer(tenant(1), "identifiers").seal(b"+8613800138000", b"row 1");
        let open =
            |tenant, purpose, place: &[u8]| keys.sealer(tenant, purpose).open(&sealed, place);
        assert_eq!(open(tenant(1), "identifiers", b"row 1").unwrap(), b"+8613800138000");
        assert_eq!(open(tenant(2), "identifiers", b"row 1"), Err(KeyError::Broken));
        assert_eq!(open(tenant(1), "names", b"row 1"), Err(KeyError::Broken));
        assert_eq!(open(tenant(1), "identifiers", b"row 2"), Err(KeyError::Broken));
        assert_eq!(keys.sealer(tenant(1), "x").open(&sealed[..20], b""), Err(KeyError::Malformed));
    }

    #[test]
    fn a_rotated_key_still_opens_and_a_lost_one_does_not() {
        let (old, new) = (RootKeys::generate(), RootKeys::generate());
        let before = RootKeys::parse(&old, &[]).unwrap();
        let sealed = before.sealer(tenant(1), "names").seal("王芳".as_bytes(), b"");
        let rotated = RootKeys::parse(&new, &[old]).unwrap();
        assert_eq!(
            rotated.sealer(tenant(1), "names").open(&sealed, b"").unwrap(),
            "王芳".as_bytes()
        );
        let lost = RootKeys::parse(&new, &[]).unwrap();
        assert_eq!(lost.sealer(tenant(1), "names").open(&sealed, b""), Err(KeyError::UnknownKey));
    }

    #[test]
    fn the_current_root_key_and_those_that_change_are_believed_and_no_retired_one() {
        let (old, new, older) = (RootKeys::generate(), RootKeys::generate(), RootKeys::generate());
        let by =
            |root: &String| RootKeys::parse(root, &[]).unwrap().signing_key("token", b"tickets");
        let keys = RootKeys::parse(&old, std::slice::from_ref(&older)).unwrap();
        let keys = keys.and_changing(std::slice::from_ref(&new)).unwrap();
        let believed = keys.verifying_keys("token", b"tickets");
        assert_eq!(believed, [by(&old).verifying_key(), by(&new).verifying_key()]);
        assert!(!believed.contains(&by(&older).verifying_key()));
        // What a replica with the other current key sealed opens here too.
        let other = RootKeys::parse(&new, &[]).unwrap();
        let sealed = other.sealer(tenant(1), "page").seal(b"7", b"");
        assert_eq!(keys.sealer(tenant(1), "page").open(&sealed, b"").unwrap(), b"7");
    }

    #[test]
    fn a_root_key_has_a_name_that_its_successor_still_knows() {
        let (old, new) = ("ab".repeat(32), "cd".repeat(32));
        let before = RootKeys::parse(&old, &[]).unwrap();
        let rotated = RootKeys::parse(&new, &[old]).unwrap();
        assert_eq!(before.id().len(), 2 * KEY_ID);
        assert_ne!(before.id(), rotated.id());
        assert!(rotated.has(&before.id()) && rotated.has(&rotated.id()));
        assert!(!before.has(&rotated.id()) && !before.has(""));
    }

    #[test]
    fn a_lasting_key_outlives_the_root_key_that_sealed_it() {
        let (old, new) = (RootKeys::generate(), RootKeys::generate());
        let before = RootKeys::parse(&old, &[]).unwrap();
        let key = LastingKey::generate();
        let sealed = key.sealed(&before);
        assert_eq!(LastingKey::open(&sealed, &before).unwrap(), (key.clone(), true));
        let rotated = RootKeys::parse(&new, &[old]).unwrap();
        assert_eq!(LastingKey::open(&sealed, &rotated).unwrap(), (key.clone(), false));
        let again = key.sealed(&rotated);
        assert_eq!(LastingKey::open(&again, &rotated).unwrap(), (key, true));
        let lost = RootKeys::parse(&new, &[]).unwrap();
        assert_eq!(LastingKey::open(&sealed, &lost), Err(KeyError::UnknownKey));
        assert_eq!(LastingKey::open("nonsense!", &lost), Err(KeyError::Malformed));
    }

    #[test]
    fn a_blind_index_differs_by_tenant_and_purpose() {
        let key = LastingKey::generate();
        let of = |t, purpose| key.blind_index(tenant(t), purpose).of("+8613800138000");
        assert_eq!(of(1, "phone"), of(1, "phone"));
        assert_ne!(of(1, "phone"), of(2, "phone"));
        assert_ne!(of(1, "phone"), of(1, "email"));
    }

    #[test]
    fn bad_root_keys_are_refused() {
        for bad in ["", "zz", &"g".repeat(64), &"a".repeat(63), &"é".repeat(32)] {
            assert!(RootKeys::parse(bad, &[]).is_err());
        }
    }
}
