//! Signatures of releases: minisign, detached, over name, version and content.
//!
//! In: keys and signatures, as untrusted as any file. Out: a verdict, or a new signature. The signed text names what it
//! is for, so a signature fits one release and no other. Deliberately not here: which key is trusted (`project`: the one
//! that the lock file has pinned).
//!
//! ```text
//! coex-package/1\nNAME\nVERSION\nTREE\n
//! ```

use std::path::Path;

use minisign::{SecretKey, SecretKeyBox};
use minisign_verify::{PublicKey, Signature};

use super::error::PackageError;
use super::identity::PackageId;
use super::store::read_bounded;

pub(super) const MAX_BYTES: u64 = 8 << 10;
/// A public key in the form of the second line of `minisign.pub`.
const KEY_CHARACTERS: usize = 56;

/// A public key, when the text is one.
pub fn key(text: &str) -> Option<String> {
    let is_plain =
        text.len() == KEY_CHARACTERS && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/=".contains(&b));
    (is_plain && PublicKey::from_base64(text).is_ok()).then(|| text.to_owned())
}

fn message(id: &PackageId, tree: &blake3::Hash) -> String {
    format!("coex-package/1\n{}\n{}\n{}\n", id.name, id.version, tree.to_hex())
}

/// A key is trusted when it is first seen, and no other afterwards. `how` says where `known` is known from.
pub(super) fn same_key(
    whose: impl std::fmt::Display,
    (how, known): (&str, Option<&String>),
    found: Option<&String>,
) -> Result<(), PackageError> {
    let Some(known) = known.filter(|known| found != Some(known)) else { return Ok(()) };
    let reason = match found {
        Some(found) => format!("it is signed with the key {found} now, {how} {known}"),
        None => format!("it is not signed any more, {how} the key {known}"),
    };
    Err(PackageError::signature(whose, reason))
}

pub(super) const PINNED: &str = "pinned in coex.lock is";
pub(super) const SEEN: &str = "seen before was";

/// The signature must be of this key, for this release.
pub(super) fn check(id: &PackageId, tree: &blake3::Hash, key: &str, signature: &[u8]) -> Result<(), PackageError> {
    let refuse = |reason: &str| PackageError::signature(format!("package '{id}'"), reason);
    let verified = check_text(message(id, tree).as_bytes(), key, signature);
    verified.map_err(|reason| match reason {
        OTHER => refuse("the signature is not by this key for this name, version and content"),
        reason => refuse(reason),
    })
}

const OTHER: &str = "the signature is not by this key for this content";

/// The signature must be of this key, for this text.
pub(super) fn check_text(text: &[u8], key: &str, signature: &[u8]) -> Result<(), &'static str> {
    let key = PublicKey::from_base64(key).map_err(|_| "the key is none")?;
    let signature = std::str::from_utf8(signature).map_err(|_| "the signature is not UTF-8")?;
    let signature = Signature::decode(signature).map_err(|_| "the signature is not in the form of minisign")?;
    key.verify(text, &signature, false).map_err(|_| OTHER)
}

/// Who publishes.
pub struct Signer {
    secret: SecretKey,
    pub public: String,
}

impl Signer {
    /// A secret key as `minisign -G` writes it. The password of an encrypted one is asked for at the terminal.
    pub fn read(path: &Path) -> Result<Signer, PackageError> {
        let refuse = |reason: String| PackageError::Request {
            reason: format!("Secret key '{}' cannot be used: {reason}", path.display()),
            help: "`minisign -G` makes a pair of keys".to_owned(),
        };
        let bytes = read_bounded(path, MAX_BYTES).map_err(refuse)?;
        let bytes = bytes.ok_or_else(|| refuse("it is not there".to_owned()))?;
        let text = String::from_utf8(bytes).map_err(|_| refuse("it is not UTF-8".to_owned()))?;
        let open = || SecretKeyBox::from_string(&text);
        let plain = open().and_then(SecretKeyBox::into_unencrypted_secret_key);
        let secret = plain.or_else(|_| open().and_then(|key| key.into_secret_key(None)));
        let secret = secret.map_err(|error| refuse(error.to_string()))?;
        let public = minisign::PublicKey::from_secret_key(&secret).map_err(|error| refuse(error.to_string()))?;
        Ok(Signer { secret, public: public.to_base64() })
    }

    pub(super) fn sign(&self, id: &PackageId, tree: &blake3::Hash) -> Result<String, PackageError> {
        self.sign_text(message(id, tree).as_bytes(), &id.to_string())
    }

    /// The comment is signed too, and says nothing that the place does not.
    pub(super) fn sign_text(&self, text: &[u8], comment: &str) -> Result<String, PackageError> {
        let signature = minisign::sign(None, &self.secret, text, Some(comment), None);
        let refuse = |error: minisign::PError| PackageError::signature(format!("'{comment}'"), error.to_string());
        Ok(signature.map_err(refuse)?.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_fits_one_release() {
        let pair = minisign::KeyPair::generate_unencrypted_keypair().expect("keys");
        let signer = Signer { secret: pair.sk, public: pair.pk.to_base64() };
        let other = minisign::KeyPair::generate_unencrypted_keypair().expect("keys").pk.to_base64();
        let id = |name: &str, version: &str| PackageId {
            name: name.to_owned(),
            version: semver::Version::parse(version).expect("version"),
        };
        let (tree, forged) = (blake3::hash(b"a"), blake3::hash(b"b"));
        let text = signer.sign(&id("regex", "1.0.0"), &tree).expect("signs");
        let verdict = |id, tree, key: &str, text: &str| check(&id, tree, key, text.as_bytes()).is_ok();
        assert_eq!(key(&signer.public).as_deref(), Some(signer.public.as_str()));
        assert!(verdict(id("regex", "1.0.0"), &tree, &signer.public, &text));
        assert!(!verdict(id("regex", "1.0.1"), &tree, &signer.public, &text));
        assert!(!verdict(id("regey", "1.0.0"), &tree, &signer.public, &text));
        assert!(!verdict(id("regex", "1.0.0"), &forged, &signer.public, &text));
        assert!(!verdict(id("regex", "1.0.0"), &tree, &other, &text));
        for cut in 0..text.len() - 1 {
            assert!(!verdict(id("regex", "1.0.0"), &tree, &signer.public, &text[..cut]), "{cut}");
        }
        for bad in [
            "",
            "x",
            &"A".repeat(56),
            &format!("{other}="),
            "../../../../../../../../../../../../../../../../etc/passwd!",
        ] {
            assert_eq!(key(bad), None, "{bad}");
        }
    }
}
