//! A check of the whole record, row by row: the chain, the anchors, and what the rows say. Not here: reading the rows.

use super::finding::{Finding, FindingKind};
use super::stops::Stops;
use super::{Ledger, Replay, Row, Verifier};
use crate::deploy::Deploy;
use std::collections::{BTreeMap, BTreeSet};

/// More findings that nobody accepted are not kept. What is found at every look is found again once these are accepted.
const MOST: usize = 20_000;

/// A running check. It may go on for as long as the record grows.
#[derive(Clone, Debug, Default)]
pub struct Inspector {
    verifier: Verifier,
    replay: Replay,
    /// Hashes that were written down elsewhere, by number of the row.
    anchors: BTreeMap<u64, String>,
    /// What people were told and accepted so far.
    stops: Stops,
    findings: Vec<Finding>,
    /// The mark of each of them.
    marks: Vec<String>,
    /// The same marks, to be looked up.
    found: BTreeSet<String>,
    /// How many of them nobody accepted.
    open: usize,
    /// What is so now without a row that shows it, by kind, and the row at which it was seen first. None for a kind that
    /// was not looked at yet.
    now: BTreeMap<FindingKind, BTreeMap<String, u64>>,
}

impl Inspector {
    /// Expects this row to have this hash. Two anchors that disagree are a finding: one of them is forged, or the
    /// record was rewritten between them.
    pub fn expect_anchor(&mut self, seq: u64, hash: &str) {
        let earlier = self.anchors.insert(seq, hash.to_owned());
        if earlier.is_some_and(|earlier| earlier != hash) {
            self.add(FindingKind::Anchor, seq, format!("two anchors of row {seq} have different hashes"));
        }
    }

    /// Takes in the next row.
    pub fn take(&mut self, row: &Row) {
        if let Err(broken) = self.verifier.check(row) {
            // The row is named by what it is now: edited once more, it is another finding.
            let what = format!("{broken} (found {})", &row.digest()[..12]);
            self.add(FindingKind::Chain, row.seq, what);
            self.verifier.go_on_after(row);
        } else if self.stops.take(row) {
            self.count_open();
        }
        if self.anchors.get(&row.seq).is_some_and(|hash| *hash != row.hash) {
            let what = format!(
                "row {} is not the one that was anchored: it, or a row before it, was rewritten since",
                row.seq
            );
            self.add(FindingKind::Anchor, row.seq, what);
        }
        let mut found = Vec::new();
        self.replay.take(row, &mut found);
        self.extend(found);
    }

    /// Looks again at the row that was the last one: it must still be there and be the same. If it is not, this record is
    /// another one than was read: says so, and is to be given all of it again, from its first row.
    pub fn is_another(&mut self, last: Option<&Row>) -> bool {
        let (seq, hash) = self.verifier.head();
        let what = match last.filter(|row| row.seq == seq) {
            _ if seq == 0 => return false,
            None => format!("row {seq} was there and is gone: the end of the record was cut off"),
            Some(row) if row.hash != hash => format!("row {seq} was replaced after it was checked"),
            Some(_) => return false,
        };
        self.add(FindingKind::Chain, seq, what);
        // What was found stays found. What people were told and accepted is what this record says.
        self.verifier = Verifier::default();
        self.replay = Replay::default();
        self.stops = Stops::default();
        self.now.clear();
        self.count_open();
        true
    }

    /// The record ends here: anchors of later rows are of rows that are gone.
    pub fn end(&mut self) {
        let head = self.verifier.head().0;
        let beyond = self.anchors.range(head + 1..).next_back().map(|(seq, _)| *seq);
        if let Some(seq) = beyond {
            let gone = seq - head;
            let what =
                format!("the record ends with row {head}, and row {seq} was anchored: {gone} are gone");
            self.add(FindingKind::Anchor, head, what);
        }
    }

    /// Compares a stored deploy with the record: see [`Replay::expect`].
    pub fn expect(&mut self, deploy: &Deploy) {
        let mut found = Vec::new();
        self.replay.expect(deploy, &mut found);
        self.extend(found);
    }

    /// The record was read to its end after the deploys that were expected: see [`Replay::settle`].
    pub fn settle(&mut self) {
        let mut found = Vec::new();
        self.replay.settle(&mut found);
        self.extend(found);
    }

    /// Takes in what somebody else found.
    pub fn add_found(&mut self, finding: Finding) {
        self.extend(vec![finding]);
    }

    /// Takes in everything of a kind that is so now, one clause for people each. It has no row that shows it: one time is
    /// told from another by the head of the record when it was seen first. What is mended and comes again is another
    /// time. So is what a new process sees, unless people were told and nobody let deploys go on since.
    pub fn see_now(&mut self, kind: FindingKind, clauses: Vec<String>) {
        let head = self.head().0;
        let before = self.now.remove(&kind);
        // Another replica may have seen it first, and people may have accepted that.
        let is_first_look = before.is_none();
        let before = before.unwrap_or_default();
        self.stops.keep_seen(kind, &clauses);
        let mut now = BTreeMap::new();
        for what in clauses {
            let told = || self.stops.first_seen(kind, &what, is_first_look);
            let seq = before.get(&what).copied().or_else(told).unwrap_or(head);
            now.insert(what.clone(), seq);
            self.add(kind, seq, what);
        }
        self.now.insert(kind, now);
    }

    /// Number and hash of the last row that was taken in.
    #[must_use]
    pub fn head(&self) -> (u64, &str) {
        self.verifier.head()
    }

    /// The lives of all deploys so far.
    pub fn replay(&mut self) -> &mut Replay {
        &mut self.replay
    }

    /// Every row that gates read, as the record has it: to be compared with what is stored before [`Self::settle`].
    pub fn ledger(&mut self) -> &mut Ledger {
        &mut self.replay.ledger
    }

    /// Everything that was found, accepted or not, in the order in which it was.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// What was found and nobody has accepted, as the record tells.
    pub fn open(&self) -> impl Iterator<Item = &Finding> {
        self.those(|mark| !self.stops.is_accepted(mark))
    }

    /// What was found and people were not told, as the record tells.
    pub fn untold(&self) -> impl Iterator<Item = &Finding> {
        self.those(|mark| !self.stops.is_told(mark))
    }

    /// How often a person let deploys go on, as the record tells.
    #[must_use]
    pub fn resumptions(&self) -> u64 {
        self.stops.resumptions()
    }

    fn those(&self, is_wanted: impl Fn(&str) -> bool) -> impl Iterator<Item = &Finding> {
        let all = self.findings.iter().zip(&self.marks);
        all.filter(move |(_, mark)| is_wanted(mark)).map(|(finding, _)| finding)
    }

    fn add(&mut self, kind: FindingKind, seq: u64, what: String) {
        self.extend(vec![Finding { kind, seq: Some(seq), deploy: None, what }]);
    }

    fn extend(&mut self, found: Vec<Finding>) {
        for finding in found {
            let mark = finding.mark();
            if self.found.contains(&mark) {
                continue;
            }
            if self.open < MOST {
                self.keep(finding, mark);
            } else if self.open == MOST {
                let what =
                    format!("more was found than the {MOST} findings before this one, and is not listed");
                let more = Finding { seq: None, deploy: None, what, ..finding };
                let mark = more.mark();
                self.keep(more, mark);
            }
        }
    }

    fn keep(&mut self, finding: Finding, mark: String) {
        if self.found.insert(mark.clone()) {
            self.open += usize::from(!self.stops.is_accepted(&mark));
            self.findings.push(finding);
            self.marks.push(mark);
        }
    }

    fn count_open(&mut self) {
        self.open = self.marks.iter().filter(|mark| !self.stops.is_accepted(mark)).count();
    }
}
