//! What the record says of each row that a gate reads, compared with the row as it is stored. Not here: reading rows
//! (`app::store`), or what a deploy's life was (`replay`).
//!
//! Each entry of the record holds the hashes of the rows that were written together with it. So the record knows every
//! such row to the byte, without holding its content a second time.

use super::finding::{Finding, FindingKind};
use super::{Entry, GENESIS};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;

/// A table that gates read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    /// Deploys, open and over.
    Deploys,
    /// Freezes that were added in chat, running and ended.
    Freezes,
    /// Locks by people, and quarantines.
    Locks,
    /// Small values: only whether anything may be started, who is away, and what calendars of others say.
    Notes,
}

/// All tables that gates read.
pub const TABLES: [Table; 4] = [Table::Deploys, Table::Freezes, Table::Locks, Table::Notes];

impl Table {
    /// Its name in the database and in the record.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Deploys => "deploys",
            Self::Freezes => "freezes",
            Self::Locks => "locks",
            Self::Notes => "notes",
        }
    }

    /// A row of it, for people.
    fn row(self, key: &str) -> String {
        match (self, key.split_once('/')) {
            (Self::Deploys, _) => format!("deploy {key}"),
            (Self::Freezes, _) => format!("the freeze {key}"),
            (Self::Locks, Some((environment, ""))) => format!("the lock of {environment}"),
            (Self::Locks, Some((environment, deploy))) => {
                format!("the quarantine of {environment} for {deploy}")
            }
            (Self::Locks, None) => format!("the lock {key}"),
            (Self::Notes, _) => format!("the note “{key}”"),
        }
    }
}

/// A row as it is stored: the value of each of its columns as text, in the order of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Of which table.
    pub table: Table,
    /// By what it is found.
    pub key: String,
    /// Its columns; nothing for one that is empty.
    pub cells: Vec<Option<String>>,
}

impl Kept {
    /// The hash of everything in the row.
    #[must_use]
    pub fn hash(&self) -> String {
        crate::hex(&self.digest())
    }

    fn digest(&self) -> Hash {
        let mut sha = Sha256::new();
        let mut part = |is_there: u8, text: &str| {
            sha.update([is_there]);
            sha.update((text.len() as u64).to_be_bytes());
            sha.update(text);
        };
        part(1, "shipgate-row-1");
        part(1, self.table.name());
        for cell in &self.cells {
            part(u8::from(cell.is_some()), cell.as_deref().unwrap_or_default());
        }
        sha.finalize().into()
    }

    /// Says in the record that this row is stored so from now on.
    #[must_use]
    pub fn mark(&self) -> Mark {
        Mark { table: self.table, key: self.key.clone(), hash: Some(self.hash()) }
    }
}

/// One written row, as the record tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Of which table.
    pub table: Table,
    /// Which row.
    pub key: String,
    /// The hash of its content; nothing when it was taken away.
    pub hash: Option<String>,
}

/// The rows that one entry tells of: `table/key`, and the hash of the content, or nothing when it was taken away.
pub type Stored = BTreeMap<String, Option<String>>;

/// Gives each of some entries that are written together the rows that it tells of: a deploy's last entry that deploy, the
/// last of all everything else.
#[must_use]
pub fn spread(entries: &[Entry], marks: Vec<Mark>) -> Vec<Stored> {
    let mut told = vec![Stored::new(); entries.len()];
    for mark in marks {
        let is_own = |entry: &Entry| {
            mark.table == Table::Deploys && entry.deploy.as_ref().is_some_and(|id| id.as_str() == mark.key)
        };
        let place = entries.iter().rposition(is_own).or(entries.len().checked_sub(1));
        // What is written without a word stays without: it is found, as it should be.
        if let Some(place) = place {
            told[place].insert(format!("{}/{}", mark.table.name(), mark.key), mark.hash);
        }
    }
    told
}

type Hash = [u8; 32];

/// What was seen of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    /// It is not there.
    Gone,
    /// It is there; nobody looked into it.
    There,
    /// It is there with this content.
    Content(Hash),
}

impl Seen {
    fn fits(self, said: Option<&Hash>) -> bool {
        match (self, said) {
            (Self::Gone, None) | (Self::There, Some(_)) => true,
            (Self::Content(hash), Some(said)) => hash == *said,
            (Self::Gone, Some(_)) | (Self::There | Self::Content(_), None) => false,
        }
    }
}

/// Every row that gates read, by the record alone.
///
/// Whoever compares reads the record to its end, then the rows, then the record to its end again. Whatever a row was
/// when it was read, the record said so at the end of the first reading or said it since: so a row is right when it
/// fits what the record said at any moment from then on, however many write meanwhile.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    rows: BTreeMap<Table, BTreeMap<Box<str>, Hash>>,
    /// What was seen and does not fit yet.
    awaited: BTreeMap<(Table, String), Seen>,
    /// Rows that did not fit, and how often one of them was right again since.
    wrong: BTreeMap<(Table, String), (bool, u32)>,
}

impl Ledger {
    /// Takes in what the next entry says.
    pub(super) fn take(&mut self, stored: &Stored) {
        for (name, hash) in stored {
            let Some((table, key)) = name.split_once('/') else { continue };
            let Some(table) = TABLES.into_iter().find(|known| known.name() == table) else { continue };
            let hash = hash.as_deref().map(read);
            let rows = self.rows.entry(table).or_default();
            match hash {
                Some(hash) => _ = rows.insert(key.into(), hash),
                None => _ = rows.remove(key),
            }
            if self.awaited.is_empty() {
                continue;
            }
            let at = (table, key.to_owned());
            if self.awaited.get(&at).is_some_and(|seen| seen.fits(hash.as_ref())) {
                self.awaited.remove(&at);
            }
        }
    }

    /// Compares rows as they are stored.
    pub fn expect(&mut self, rows: &[Kept]) {
        for row in rows {
            self.see(row.table, &row.key, Seen::Content(row.digest()));
        }
    }

    /// These are all keys of a table after `after`, up to the last of them, or to the end of the table: others that the
    /// record knows are gone.
    pub fn expect_all(&mut self, table: Table, after: Option<&str>, keys: &[&str], is_last: bool) {
        use std::ops::Bound::{Excluded, Included, Unbounded};
        let from = after.map_or(Unbounded, Excluded);
        let to = if is_last { Unbounded } else { keys.last().map_or(Unbounded, |last| Included(*last)) };
        let mut there: Vec<&str> = keys.to_vec();
        there.sort_unstable();
        let is_empty = matches!((from, to), (Excluded(from), Included(to)) if from >= to);
        let known = self.rows.get(&table).filter(|_| !is_empty);
        let gone: Vec<String> = known
            .into_iter()
            .flat_map(|rows| rows.range::<str, _>((from, to)))
            .filter(|(key, _)| there.binary_search(&&***key).is_err())
            .map(|(key, _)| key.to_string())
            .collect();
        for key in gone {
            self.see(table, &key, Seen::Gone);
        }
        for key in there {
            self.see(table, key, Seen::There);
        }
    }

    fn see(&mut self, table: Table, key: &str, seen: Seen) {
        if !seen.fits(self.rows.get(&table).and_then(|rows| rows.get(key))) {
            self.awaited.insert((table, key.to_owned()), seen);
        } else if seen != Seen::There
            && !self.wrong.is_empty()
            && let Some((is_wrong, mended)) = self.wrong.get_mut(&(table, key.to_owned()))
            && std::mem::take(is_wrong)
        {
            *mended += 1;
        }
    }

    /// Everything had its chance: the record was read to its end after the rows were.
    pub(super) fn settle(&mut self, findings: &mut Vec<Finding>) {
        // Locks before deploys: there are few of them, and many of these.
        for ((table, key), seen) in std::mem::take(&mut self.awaited).into_iter().rev() {
            let row = table.row(&key);
            let told = self.rows.get(&table).and_then(|rows| rows.get(key.as_str()));
            let what = match (seen, told) {
                (Seen::Gone, _) => format!("{row} is in the record and no longer stored"),
                (Seen::There | Seen::Content(_), None) => {
                    format!("{row} is stored, and the record knows of none")
                }
                (Seen::There | Seen::Content(_), Some(_)) => format!(
                    "{row} is stored with another content than the record says: its text or a column beside it was changed"
                ),
            };
            // Contents are named: what people accepted of this row today is not what is done to it next month.
            let seen = if let Seen::Content(hash) = seen { Some(hash) } else { None };
            let names = [("recorded", told.copied()), ("stored", seen)];
            let names: Vec<String> = names
                .into_iter()
                .filter_map(|(name, hash)| Some(format!("{name} {}", crate::hex(&hash?[..6]))))
                .collect();
            let what = if names.is_empty() { what } else { format!("{what} ({})", names.join(", ")) };
            // Put right and done once more, it is another time, which nobody accepted.
            let (is_wrong, mended) = self.wrong.entry((table, key.clone())).or_default();
            *is_wrong = true;
            let what =
                if *mended == 0 { what } else { format!("{what}, again after it was put right ({mended})") };
            let deploy = (table == Table::Deploys).then(|| key.parse().ok()).flatten();
            findings.push(Finding { kind: FindingKind::State, seq: None, deploy, what });
        }
    }
}

/// A hash of the record. One that is none fits no row.
fn read(hex: &str) -> Hash {
    let mut hash = [0; 32];
    if hex.len() != GENESIS.len() {
        return hash;
    }
    for (place, byte) in hash.iter_mut().enumerate() {
        let Some(read) = hex.get(place * 2..place * 2 + 2).and_then(|two| u8::from_str_radix(two, 16).ok())
        else {
            return [0; 32];
        };
        *byte = read;
    }
    hash
}
