//! Whoever changes the record is found out. Not here: where the head of the chain is kept safe.

mod ledger;
mod register;
mod replay;
mod stops;

use super::{Actor, Entry, GENESIS, Row, Verifier, link};
use crate::samples::{at, parsed, slack};
use jiff::SignedDuration;
use proptest::prelude::*;
use proptest::sample::Index;

fn entry(index: usize) -> Entry {
    let person = Actor::Person { person: parsed("grace"), account: slack("U0GRACE") };
    Entry {
        at: at("2026-11-19T15:00:00Z") + SignedDuration::from_secs(i64::try_from(index).unwrap()),
        actor: if index.is_multiple_of(2) { person } else { Actor::Shipgate },
        deploy: None,
        environment: Some(parsed("production")),
        event: "approved".to_owned(),
        data: serde_json::json!({ "index": index }),
    }
}

fn chain(of: impl IntoIterator<Item = Entry>) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for entry in of {
        let prev = rows.last().map_or(GENESIS, |row| row.hash.as_str());
        rows.push(link(rows.len() as u64 + 1, prev, &entry));
    }
    rows
}

/// Number and hash of the last row, or where the chain breaks.
fn verify(rows: &[Row]) -> Result<(u64, String), u64> {
    let mut verifier = Verifier::default();
    for row in rows {
        verifier.check(row).map_err(|broken| broken.seq)?;
    }
    let (seq, hash) = verifier.head();
    Ok((seq, hash.to_owned()))
}

#[test]
fn an_untouched_chain_holds_and_an_empty_one_begins_with_zeros() {
    let rows = chain((0..20).map(entry));
    assert_eq!(verify(&rows), Ok((20, rows[19].hash.clone())));
    assert_eq!(verify(&[]), Ok((0, GENESIS.to_owned())));
}

#[test]
fn a_broken_chain_says_where_and_what() {
    let mut rows = chain((0..3).map(entry));
    rows[1].body = rows[1].body.replace("approved", "rejected");
    let mut verifier = Verifier::default();
    verifier.check(&rows[0]).unwrap();
    let broken = verifier.check(&rows[1]).unwrap_err();
    assert_eq!(
        broken.to_string(),
        "audit row 2: its text does not match its hash: text, number or hash was edited"
    );
    assert_eq!(verifier.head().0, 1, "the head stays where the chain still held");
}

/// Rows that were written must be found right for ever: if this fails, the format changed, and its word must too.
#[test]
fn the_first_row_of_a_known_chain_stays_what_it_is() {
    let row = link(1, GENESIS, &entry(0));
    assert_eq!(
        row.body,
        r#"{"at":"2026-11-19T15:00:00Z","actor":{"person":{"person":"grace","account":{"platform":"slack","id":"U0GRACE"}}},"deploy":null,"environment":"production","event":"approved","data":{"index":0}}"#
    );
    assert_eq!(row.hash, "b333b73ddcedca88e54a7233945c597cecaa1fb081d37575bf1f3a6b2eecd299");
}

proptest! {
    #[test]
    fn any_edit_of_any_part_of_a_row_is_found(length in 1_usize..12, which: Index, part in 0..4, byte: Index, bit in 0..7) {
        let mut rows = chain((0..length).map(entry));
        let row = which.get_mut(&mut rows);
        let flipped = |text: &str| {
            let mut bytes = text.as_bytes().to_vec();
            bytes[byte.index(text.len())] ^= 1_u8 << bit;
            String::from_utf8(bytes).expect("seven bits stay ASCII")
        };
        let seq = row.seq;
        match part {
            0 => row.seq ^= 1_u64 << bit,
            1 => row.body = flipped(&row.body),
            2 => row.prev = flipped(&row.prev),
            _ => row.hash = flipped(&row.hash),
        }
        let changed = row.seq;
        prop_assert!(matches!(verify(&rows), Err(found) if found == seq || found == changed));
    }

    /// A row that was written anew is sound in itself; the row after it still speaks of the old one.
    #[test]
    fn a_row_that_is_written_anew_with_its_own_hash_is_found(length in 2_usize..12, which: Index) {
        let mut rows = chain((0..length).map(entry));
        let place = which.index(length - 1);
        rows[place] = link(rows[place].seq, &rows[place].prev.clone(), &entry(99));
        prop_assert_eq!(verify(&rows), Err(place as u64 + 2));
    }

    #[test]
    fn a_row_that_is_taken_out_is_found(length in 2_usize..12, which: Index) {
        let mut rows = chain((0..length).map(entry));
        rows.remove(which.index(length - 1)); // the last one is a cut tail: see below
        prop_assert!(verify(&rows).is_err());
    }

    #[test]
    fn a_row_that_is_put_in_is_found(length in 1_usize..12, which: Index) {
        let mut rows = chain((0..length).map(entry));
        let place = which.index(length);
        let prev = if place == 0 { GENESIS.to_owned() } else { rows[place - 1].hash.clone() };
        rows.insert(place, link(place as u64 + 1, &prev, &entry(99)));
        prop_assert!(verify(&rows).is_err());
    }

    #[test]
    fn two_rows_that_change_places_are_found(length in 2_usize..12, a: Index, b: Index) {
        let (a, b) = (a.index(length), b.index(length));
        prop_assume!(a != b);
        let mut rows = chain((0..length).map(entry));
        rows.swap(a, b);
        prop_assert!(verify(&rows).is_err());
        let mut renumbered = rows;
        for (row, seq) in renumbered.iter_mut().zip(1..) {
            row.seq = seq;
        }
        prop_assert!(verify(&renumbered).is_err());
    }

    /// A chain that was cut or written anew is sound in itself: the head that was kept elsewhere gives it away.
    #[test]
    fn a_cut_or_rewritten_chain_does_not_reach_the_head_that_was_kept(length in 2_usize..12, which: Index, more in 0_usize..12) {
        let rows = chain((0..length).map(entry));
        let kept = verify(&rows).unwrap();
        let cut = which.index(length);
        prop_assert_ne!(verify(&rows[..cut]).unwrap(), kept.clone());

        let rewritten = chain((0..cut).map(entry).chain((0..more).map(|index| entry(100 + index))));
        let head = verify(&rewritten).expect("a chain that is linked anew holds");
        prop_assert_ne!(head, kept.clone());
        let at_kept = rewritten.iter().find(|row| row.seq == kept.0);
        prop_assert!(at_kept.is_none_or(|row| row.hash != kept.1));
    }
}
