//! One line of an anchor file, and the key that signs it. Not here: which lines count.

use jiff::Timestamp;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use shipgate_domain::audit::Anchor;
use std::fmt;

/// What a line says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub(super) enum What {
    /// A head.
    Anchor(Anchor),
    /// A backup was restored with the knowledge of people: earlier anchors of later rows are void.
    Restored { seq: u64, hash: String, at: Timestamp },
}

/// One line of the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Line {
    #[serde(flatten)]
    pub(super) what: What,
    /// The public key, in hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) key: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signature: Option<String>,
}

/// Whether a line is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signed {
    /// By the key that was asked for, or by the one that it names.
    Yes,
    /// Nobody asked for it, and it does not say that it is.
    Not,
    /// It should be and is not.
    Wrong,
}

impl What {
    /// The head of the record that it tells of; none when the record was empty.
    pub(super) fn head(self) -> Option<Anchor> {
        match self {
            What::Anchor(anchor) => Some(anchor),
            What::Restored { seq, hash, at } => (seq > 0).then_some(Anchor { seq, hash, count: seq, at }),
        }
    }

    fn signed_text(&self) -> String {
        match self {
            What::Anchor(anchor) => anchor.signed_text(),
            What::Restored { seq, hash, at } => format!("shipgate-restored-1\n{seq}\n{hash}\n{at}"),
        }
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            What::Anchor(anchor) => write!(f, "the anchor of row {}", anchor.seq),
            What::Restored { seq, .. } => write!(f, "the word that a backup was restored to row {seq}"),
        }
    }
}

impl Line {
    pub(super) fn new(what: What, seal: Option<&Seal>) -> Self {
        let signature = seal.map(|seal| seal.sign_text(&what.signed_text()));
        Self { key: seal.map(Seal::public_key), signature, what }
    }

    /// When it was written.
    pub(super) fn at(&self) -> Timestamp {
        match &self.what {
            What::Anchor(anchor) => anchor.at,
            What::Restored { at, .. } => *at,
        }
    }

    /// Whether it is signed: by `key`, and without one by the key that it names itself.
    pub(super) fn signed(&self, key: Option<&str>) -> Signed {
        match (key.or(self.key.as_deref()), &self.signature) {
            (Some(key), Some(signature)) if is_signed(&self.what.signed_text(), key, signature) => {
                Signed::Yes
            }
            (None, _) => Signed::Not,
            (Some(_), _) => Signed::Wrong,
        }
    }
}

/// The key that signs anchors.
pub struct Seal {
    pair: Ed25519KeyPair,
}

impl Seal {
    /// From 32 bytes in hex; the settings have checked the form.
    pub fn from_seed(seed: &SecretString) -> Option<Self> {
        let seed = unhex(seed.expose_secret())?;
        Some(Self { pair: Ed25519KeyPair::from_seed_unchecked(&seed).ok()? })
    }

    /// The public half, in hex: for those who verify.
    pub fn public_key(&self) -> String {
        shipgate_domain::hex(self.pair.public_key().as_ref())
    }

    /// The signature of an anchor, in hex.
    pub fn sign(&self, anchor: &Anchor) -> String {
        self.sign_text(&anchor.signed_text())
    }

    fn sign_text(&self, text: &str) -> String {
        shipgate_domain::hex(self.pair.sign(text.as_bytes()).as_ref())
    }
}

fn is_signed(text: &str, key: &str, signature: &str) -> bool {
    let (Some(key), Some(signature)) = (unhex(key), unhex(signature)) else { return false };
    UnparsedPublicKey::new(&ED25519, key).verify(text.as_bytes(), &signature).is_ok()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) || !text.is_ascii() {
        return None;
    }
    (0..digits.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).ok()).collect()
}
