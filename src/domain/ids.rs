//! Names and ids, parsed once at the edge and trusted inside. Not here: what they refer to.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A word from outside did not have the form its type demands.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("“{got}” is not {expected}")]
pub struct Malformed {
    /// The text as it came, cut to 80 characters.
    pub got: String,
    /// The form that was expected, as a phrase: "a service name: …".
    pub expected: &'static str,
}

impl Malformed {
    fn new(got: &str, expected: &'static str) -> Self {
        Self { got: got.chars().filter(|c| !c.is_control()).take(80).collect(), expected }
    }
}

/// Defines a string newtype whose only way in is a check.
macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident, $expected:literal, $is_valid:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The text itself.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl std::str::FromStr for $name {
            type Err = Malformed;
            fn from_str(raw: &str) -> Result<Self, Malformed> {
                let is_valid: fn(&str) -> bool = $is_valid;
                if is_valid(raw) { Ok(Self(raw.to_owned())) } else { Err(Malformed::new(raw, $expected)) }
            }
        }
        impl TryFrom<String> for $name {
            type Error = Malformed;
            fn try_from(raw: String) -> Result<Self, Malformed> {
                raw.parse()
            }
        }
        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

fn is_slug(raw: &str, longest: usize) -> bool {
    (1..=longest).contains(&raw.len())
        && !raw.starts_with('-')
        && raw.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

name_type!(
    /// A thing that is deployed.
    ServiceName,
    "a service name: 1 to 40 of a-z, 0-9 and -",
    |raw| is_slug(raw, 40)
);
name_type!(
    /// Where a service goes: `staging`, `production`.
    EnvironmentName,
    "an environment name: 1 to 40 of a-z, 0-9 and -",
    |raw| is_slug(raw, 40)
);
name_type!(
    /// A group of people in the settings.
    GroupName,
    "a group name: 1 to 60 of a-z, 0-9 and -",
    |raw| is_slug(raw, 60)
);
name_type!(
    /// A command that a team added: `restart`. Its file is called like it.
    ActionName,
    "a command name: a letter, then up to 30 of a-z, 0-9 and -",
    |raw| is_slug(raw, 31) && raw.starts_with(|c: char| c.is_ascii_lowercase())
);
name_type!(
    /// One human. The name under `[people]`, or `platform:account` for an account that is linked to nobody.
    PersonId,
    "a person: 1 to 100 letters, digits and . _ : - /",
    |raw| (1..=100).contains(&raw.len())
        && raw.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b':' | b'-' | b'/'))
);
name_type!(
    /// What people type for a version: tag, branch or commit. At most 200 bytes, no leading dash, nothing that a
    /// shell or a workflow could read as more than a word (GitHub Docs, "Script injections").
    Version,
    "a version: at most 200 of letters, digits and . _ / + -, not starting with a dash",
    |raw| (1..=200).contains(&raw.len())
        && !raw.starts_with('-')
        && !raw.contains("..")
        && raw.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'/' | b'+' | b'-'))
);
name_type!(
    /// A full Git commit id: 40 (SHA-1) or 64 (SHA-256) lowercase hex digits.
    CommitId,
    "a full commit id: 40 or 64 lowercase hex digits",
    |raw| matches!(raw.len(), 40 | 64) && raw.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
);
name_type!(
    /// A deploy's id: 26 characters of Crockford's base 32, sorting by time of request.
    DeployId,
    "a deploy id: 26 characters of Crockford's base 32",
    |raw| raw.len() == 26 && raw.bytes().all(|b| CROCKFORD.contains(&b))
);
name_type!(
    /// A run as its CI system names it.
    RunId,
    "a run id: 1 to 100 letters, digits and . _ -",
    |raw| (1..=100).contains(&raw.len())
        && raw.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
);
name_type!(
    /// SHA-256 over all settings that judge a deploy, in hex.
    PolicyVersion,
    "a policy version: 64 hex digits",
    |raw| raw.len() == 64 && raw.bytes().all(|b| b.is_ascii_hexdigit())
);
name_type!(
    /// SHA-256 over everything that was approved, in hex.
    Digest,
    "a digest: 64 hex digits",
    |raw| raw.len() == 64 && raw.bytes().all(|b| b.is_ascii_hexdigit())
);

impl CommitId {
    /// The first seven digits, for people.
    #[must_use]
    pub fn short(&self) -> &str {
        &self.0[..7]
    }
}

impl Digest {
    /// The first eight digits: shown on the card and repeated in the result.
    #[must_use]
    pub fn short(&self) -> &str {
        &self.0[..8]
    }
}

const CROCKFORD: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

impl DeployId {
    /// Builds an id from the time of the request (milliseconds since 1970, 48 bits are used) and 80 random bits.
    #[must_use]
    pub fn new(at: jiff::Timestamp, random: [u8; 10]) -> Self {
        let millis = u64::try_from(at.as_millisecond()).unwrap_or(0);
        let mut bytes = [0u8; 16];
        bytes[..6].copy_from_slice(&millis.to_be_bytes()[2..]);
        bytes[6..].copy_from_slice(&random);
        Self(base32(u128::from_be_bytes(bytes)))
    }

    /// The last six characters: what people type.
    #[must_use]
    pub fn short(&self) -> &str {
        &self.0[20..]
    }
}

/// 128 bits as 26 characters of Crockford's base 32, most significant first.
#[must_use]
pub fn base32(mut bits: u128) -> String {
    let mut text = [0u8; 26];
    for place in text.iter_mut().rev() {
        *place = CROCKFORD[(bits & 31) as usize];
        bits >>= 5;
    }
    text.iter().map(|b| char::from(*b)).collect()
}

/// A chat or code-host platform on which people have accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Platform {
    /// Slack.
    Slack,
    /// Discord.
    Discord,
    /// GitHub.
    Github,
    /// The page of `shipgate demo`.
    Playground,
}

impl Platform {
    /// The word used in settings and ids.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Slack => "slack",
            Self::Discord => "discord",
            Self::Github => "github",
            Self::Playground => "playground",
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One account on one platform, by the platform's own id, never by a display name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Account {
    /// Where the account lives.
    pub platform: Platform,
    /// The platform's id of it: `U0ADA`.
    pub id: String,
}

impl Account {
    /// A GitHub account by its number: unlike its name, nobody else ever gets it.
    #[must_use]
    pub fn github_number(number: u64) -> Self {
        Self { platform: Platform::Github, id: format!("#{number}") }
    }

    /// The person that this account is when it is linked to nobody.
    #[must_use]
    pub fn as_unlinked_person(&self) -> PersonId {
        let id: String = self
            .id
            .chars()
            .filter(|c| c.is_ascii_alphanumeric() || *c == '_' || *c == '-')
            .take(80)
            .collect();
        PersonId(format!("{}:{id}", self.platform))
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.platform, self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deploy_id_sorts_by_time_and_reads_back() {
        let early = DeployId::new(jiff::Timestamp::from_millisecond(1_000).unwrap(), [255; 10]);
        let late = DeployId::new(jiff::Timestamp::from_millisecond(1_001).unwrap(), [0; 10]);
        assert!(early < late);
        assert_eq!(early.as_str().parse::<DeployId>().unwrap(), early);
        assert_eq!(early.short().len(), 6);
    }

    #[test]
    fn a_version_is_one_harmless_word() {
        for good in ["v1.2.3", "main", "feature/x", "1.2.3+build-7", "deadbeef"] {
            assert!(good.parse::<Version>().is_ok(), "{good}");
        }
        for bad in ["", "-f", "a b", "$(x)", "v1;rm", "a..b", "v\u{202e}1", "zzz\";echo"] {
            assert!(bad.parse::<Version>().is_err(), "{bad}");
        }
        assert!("x".repeat(201).parse::<Version>().is_err());
    }

    #[test]
    fn only_full_lowercase_commit_ids_are_commit_ids() {
        assert!("a".repeat(40).parse::<CommitId>().is_ok());
        assert!("A".repeat(40).parse::<CommitId>().is_err());
        assert!("a".repeat(39).parse::<CommitId>().is_err());
    }
}
