//! Anchors in a file: signed, appended, read back, and compared with a database before it is worked on. Not here: when
//! an anchor is due (`selfcheck`), or what an anchor is (`domain::audit`).

use anyhow::Context as _;
use jiff::Timestamp;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use shipgate_app::ports::Store;
use shipgate_domain::audit::Anchor;
use shipgate_domain::audit::Verifier;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

/// The newest anchor is within so many bytes of the file's end.
const TAIL: u64 = 64 * 1024;

/// One line of the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
enum Line {
    /// A head.
    Anchor {
        #[serde(flatten)]
        anchor: Anchor,
        /// The public key, in hex.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signature: Option<String>,
    },
    /// A backup was restored with the knowledge of people: earlier anchors of later rows are void.
    Restored { seq: u64, hash: String, at: Timestamp },
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
        shipgate_domain::hex(self.pair.sign(anchor.signed_text().as_bytes()).as_ref())
    }
}

fn is_signed(anchor: &Anchor, key: &str, signature: &str) -> bool {
    let (Some(key), Some(signature)) = (unhex(key), unhex(signature)) else { return false };
    UnparsedPublicKey::new(&ED25519, key).verify(anchor.signed_text().as_bytes(), &signature).is_ok()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) || !text.is_ascii() {
        return None;
    }
    (0..digits.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).ok()).collect()
}

/// A file to which anchors are appended.
#[derive(Clone, Debug)]
pub struct AnchorFile {
    path: PathBuf,
}

/// What a whole file says.
#[derive(Debug, Default)]
pub struct Anchors {
    /// Every anchor that counts.
    pub anchors: Vec<Anchor>,
    /// Lines that are no anchors, or whose signature is wrong.
    pub problems: Vec<String>,
    /// How many are signed by the key that was asked for, or by the one they name.
    pub signed: usize,
}

impl AnchorFile {
    /// Makes sure that the file can be appended to.
    ///
    /// # Errors
    /// It cannot; the message says what to do.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        let file = Self { path: path.to_owned() };
        file.appending().with_context(|| {
            format!(
                "cannot append to the anchor file {}: give Shipgate the right to, or correct `audit.anchor_file`",
                path.display()
            )
        })?;
        Ok(file)
    }

    fn appending(&self) -> io::Result<File> {
        OpenOptions::new().append(true).create(true).open(&self.path)
    }

    /// Appends an anchor; it is on disk when this returns.
    pub fn append(&self, anchor: &Anchor, seal: Option<&Seal>) -> io::Result<()> {
        self.append_line(&Line::Anchor {
            anchor: anchor.clone(),
            key: seal.map(Seal::public_key),
            signature: seal.map(|seal| seal.sign(anchor)),
        })
    }

    /// Writes down that people restored a backup whose head is this, so that anchors of rows it lost are void.
    pub fn append_restored(&self, seq: u64, hash: &str, at: Timestamp) -> io::Result<()> {
        self.append_line(&Line::Restored { seq, hash: hash.to_owned(), at })
    }

    fn append_line(&self, line: &Line) -> io::Result<()> {
        let mut text = serde_json::to_string(line).map_err(io::Error::other)?;
        text.push('\n');
        // A line that a crash cut off stays alone.
        if self.tail(1).is_ok_and(|last| !last.is_empty() && last != "\n") {
            text.insert(0, '\n');
        }
        let mut file = self.appending()?;
        file.write_all(text.as_bytes())?;
        file.sync_data()
    }

    fn tail(&self, bytes: u64) -> io::Result<String> {
        let mut file = File::open(&self.path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(bytes)))?;
        let mut text = Vec::new();
        file.read_to_end(&mut text)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    /// The newest anchor that counts, if there is one.
    pub fn newest(&self) -> io::Result<Option<Anchor>> {
        let tail = self.tail(TAIL)?;
        let newest = tail.lines().rev().find_map(|line| serde_json::from_str::<Line>(line).ok());
        Ok(match newest {
            Some(Line::Anchor { anchor, .. }) => Some(anchor),
            Some(Line::Restored { seq, hash, at }) => {
                (seq > 0).then_some(Anchor { seq, hash, count: seq, at })
            }
            None => None,
        })
    }

    /// Reads a whole file. With `key`, only what it signed counts.
    pub fn read(path: &Path, key: Option<&str>) -> anyhow::Result<Anchors> {
        let file =
            File::open(path).with_context(|| format!("cannot read the anchors in {}", path.display()))?;
        let mut read = Anchors::default();
        for (number, line) in (1..).zip(BufReader::new(file).lines()) {
            let line = line.with_context(|| format!("cannot read the anchors in {}", path.display()))?;
            if line.trim().is_empty() {
                continue;
            }
            match serde_json::from_str::<Line>(&line) {
                Ok(Line::Restored { seq, .. }) => read.anchors.retain(|anchor| anchor.seq <= seq),
                Ok(Line::Anchor { anchor, key: own, signature }) => {
                    match (key.or(own.as_deref()), &signature) {
                        (Some(key), Some(signature)) if is_signed(&anchor, key, signature) => {
                            read.signed += 1
                        }
                        (None, _) => {}
                        (Some(_), _) => {
                            read.problems.push(format!(
                                "line {number}: the anchor of row {} is not signed by the key it should be",
                                anchor.seq
                            ));
                            continue;
                        }
                    }
                    read.anchors.push(anchor);
                }
                Err(error) => read.problems.push(format!("line {number} is no anchor ({error})")),
            }
        }
        Ok(read)
    }
}

/// What the newest anchor says of a database that is behind it, or is another one.
///
/// # Errors
/// The database or the file cannot be read.
pub async fn behind(store: &dyn Store, file: &AnchorFile) -> anyhow::Result<Option<String>> {
    let newest =
        file.newest().with_context(|| format!("cannot read the anchor file {}", file.path.display()))?;
    let Some(anchor) = newest else { return Ok(None) };
    let rows = store.audit(anchor.seq.saturating_sub(1), 1).await?;
    Ok(match rows.first().filter(|row| row.seq == anchor.seq) {
        Some(row) if row.hash == anchor.hash => None,
        Some(_) => Some(format!(
            "the record in the database is another one than was anchored at {}: row {} has another hash",
            anchor.at, anchor.seq
        )),
        None => Some(format!(
            "the record in the database ends before row {}, which was anchored at {}",
            anchor.seq, anchor.at
        )),
    })
}

/// Ends the start of a database that is behind its anchors.
///
/// # Errors
/// It is, and the message says what to do; or something cannot be read.
pub async fn refuse_if_behind(store: &dyn Store, file: &AnchorFile) -> anyhow::Result<()> {
    let Some(why) = behind(store, file).await? else { return Ok(()) };
    anyhow::bail!(
        "{why}. The database was restored from a backup, cut, or rewritten, and does not know what was started since. \
         Nothing was started. If a backup was restored on purpose, follow “After restoring a backup” in \
         docs/operating.md and start with `shipgate serve --restored`; if not, keep the database as it is and run \
         `shipgate audit verify` on it"
    )
}

/// Writes down that people begin again from this database, if it is behind its anchors: those of rows that it lost are
/// void from now on.
///
/// # Errors
/// Its own chain is broken, or something cannot be read or written.
pub async fn accept_restored(store: &dyn Store, file: &AnchorFile, now: Timestamp) -> anyhow::Result<()> {
    const PAGE: u32 = 1000;
    let Some(why) = behind(store, file).await? else { return Ok(()) };
    let mut verifier = Verifier::default();
    loop {
        let rows = store.audit(verifier.head().0, PAGE).await?;
        for row in &rows {
            verifier.check(row)?;
        }
        if rows.len() < PAGE as usize {
            break;
        }
    }
    let (seq, hash) = verifier.head();
    file.append_restored(seq, hash, now)?;
    tracing::warn!("begun again from a database that was restored to row {seq}: {why}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn anchor(seq: u64) -> Anchor {
        let hash = shipgate_domain::hex(&[u8::try_from(seq).unwrap(); 32]);
        Anchor { seq, hash, count: seq, at: "2026-11-21T12:00:00Z".parse().unwrap() }
    }

    fn seal(digit: &str) -> Seal {
        Seal::from_seed(&SecretString::from(digit.repeat(64))).unwrap()
    }

    #[test]
    fn what_was_appended_is_read_back_and_a_cut_line_stays_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("anchors.jsonl");
        let file = AnchorFile::open(&path).unwrap();
        assert_eq!(file.newest().unwrap(), None);
        file.append(&anchor(3), Some(&seal("1"))).unwrap();
        std::fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"what\":\"anc").unwrap();
        file.append(&anchor(5), Some(&seal("1"))).unwrap();
        assert_eq!(file.newest().unwrap(), Some(anchor(5)));
        let read = AnchorFile::read(&path, Some(&seal("1").public_key())).unwrap();
        assert_eq!(read.anchors, [anchor(3), anchor(5)]);
        assert_eq!((read.signed, read.problems.len()), (2, 1), "{read:?}");
    }

    #[test]
    fn an_anchor_of_another_key_or_an_edited_one_does_not_count() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("anchors.jsonl");
        let file = AnchorFile::open(&path).unwrap();
        file.append(&anchor(3), Some(&seal("1"))).unwrap();
        file.append(&anchor(4), Some(&seal("2"))).unwrap();
        file.append(&anchor(5), None).unwrap();
        let read = AnchorFile::read(&path, Some(&seal("1").public_key())).unwrap();
        assert_eq!((read.anchors, read.problems.len()), (vec![anchor(3)], 2));
        let text = std::fs::read_to_string(&path).unwrap().replacen("\"seq\":3", "\"seq\":2", 1);
        std::fs::write(&path, text).unwrap();
        let read = AnchorFile::read(&path, None).unwrap();
        assert_eq!((read.anchors, read.problems.len()), (vec![anchor(4), anchor(5)], 1));
    }

    #[test]
    fn a_restored_backup_makes_later_anchors_void() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("anchors.jsonl");
        let file = AnchorFile::open(&path).unwrap();
        file.append(&anchor(3), None).unwrap();
        file.append(&anchor(9), None).unwrap();
        file.append_restored(5, &anchor(5).hash, anchor(5).at).unwrap();
        assert_eq!(file.newest().unwrap(), Some(anchor(5)));
        file.append(&anchor(7), None).unwrap();
        assert_eq!(AnchorFile::read(&path, None).unwrap().anchors, [anchor(3), anchor(7)]);
    }
}
