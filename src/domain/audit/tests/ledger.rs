//! Rows that are read while others write: nothing is found that nobody did, and whatever somebody did is found. Not here:
//! the tables of a database.

use super::super::finding::Finding;
use super::super::ledger::{Kept, Ledger, Mark, Stored, Table};
use proptest::prelude::*;
use std::collections::BTreeMap;

const KEYS: u8 = 4;

/// What happens while a look is under way.
#[derive(Clone, Debug)]
enum Step {
    /// Somebody writes a row, or takes it away, with a word in the record.
    Write(u8, Option<u8>),
    /// The look reads one row.
    Row(u8),
    /// It reads which rows there are.
    Keys,
    /// It reads the record to its end.
    Record,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..KEYS, prop::option::of(any::<u8>())).prop_map(|(key, content)| Step::Write(key, content)),
        3 => (0..KEYS).prop_map(Step::Row),
        1 => Just(Step::Keys),
        1 => Just(Step::Record),
    ]
}

#[derive(Default)]
struct World {
    rows: BTreeMap<String, u8>,
    record: Vec<Stored>,
    read: usize,
    ledger: Ledger,
}

fn key(number: u8) -> String {
    format!("row-{number}")
}

fn kept(key: &str, content: u8) -> Kept {
    Kept { table: Table::Freezes, key: key.to_owned(), cells: vec![Some(content.to_string())] }
}

impl World {
    fn write(&mut self, number: u8, content: Option<u8>) {
        let key = key(number);
        let mark = match content {
            Some(content) => kept(&key, content).mark(),
            None => Mark { table: Table::Freezes, key: key.clone(), hash: None },
        };
        self.record.push(Stored::from([(format!("freezes/{}", mark.key), mark.hash)]));
        self.put(key, content);
    }

    fn put(&mut self, key: String, content: Option<u8>) {
        match content {
            Some(content) => _ = self.rows.insert(key, content),
            None => _ = self.rows.remove(&key),
        }
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Write(number, content) => self.write(*number, *content),
            Step::Row(number) => {
                let key = key(*number);
                let row = self.rows.get(&key).map(|content| kept(&key, *content));
                self.ledger.expect(row.as_slice());
            }
            Step::Keys => {
                let keys: Vec<&str> = self.rows.keys().map(String::as_str).collect();
                self.ledger.expect_all(Table::Freezes, None, &keys, true);
            }
            Step::Record => {
                self.record[self.read..].iter().for_each(|stored| self.ledger.take(stored));
                self.read = self.record.len();
            }
        }
    }

    /// Reads everything, and the record to its end afterwards.
    fn look(&mut self) -> Vec<Finding> {
        let rows = (0..KEYS).map(Step::Row);
        for step in [Step::Record, Step::Keys].into_iter().chain(rows).chain([Step::Record]) {
            self.take(&step);
        }
        self.settle()
    }

    fn settle(&mut self) -> Vec<Finding> {
        let mut findings = Vec::new();
        self.ledger.settle(&mut findings);
        findings
    }
}

proptest! {
    #[test]
    fn rows_that_are_read_while_others_write_are_as_the_record_says(
        before in prop::collection::vec((0..KEYS, any::<u8>()), 0..6),
        steps in prop::collection::vec(step(), 0..40),
    ) {
        let mut world = World::default();
        before.iter().for_each(|(number, content)| world.write(*number, Some(*content)));
        world.take(&Step::Record);
        steps.iter().for_each(|step| world.take(step));
        world.take(&Step::Record);
        prop_assert_eq!(world.settle(), []);
        prop_assert_eq!(world.look(), []);
    }

    #[test]
    fn a_row_that_was_changed_without_a_word_is_found_and_no_other(
        steps in prop::collection::vec(step(), 0..40),
        number in 0..KEYS,
        content in prop::option::of(any::<u8>()),
        later in prop::collection::vec((0..KEYS, any::<u8>()), 0..4),
    ) {
        let mut world = World::default();
        steps.iter().for_each(|step| world.take(step));
        let changed = key(number);
        prop_assume!(world.rows.get(&changed) != content.as_ref());
        world.put(changed.clone(), content);
        let others = later.iter().filter(|(other, _)| *other != number);
        others.for_each(|(other, content)| world.write(*other, Some(*content)));
        let found = world.look();
        prop_assert_eq!(found.len(), 1);
        prop_assert!(found[0].what.contains(&changed), "{}", found[0]);
        // The next word about the row settles it.
        world.write(number, Some(7));
        prop_assert_eq!(world.look(), []);
    }
}

#[test]
fn what_was_put_right_and_is_done_again_is_another_finding() {
    let mut world = World::default();
    world.write(1, Some(7));
    let mut marks = Vec::new();
    for content in [None, Some(7), None, None, Some(7), None] {
        world.put(key(1), content);
        marks.extend(world.look().iter().map(Finding::mark));
    }
    assert_eq!(marks.len(), 4, "{marks:?}");
    assert_eq!(marks[1], marks[2], "the same as at the look before");
    let different: std::collections::BTreeSet<&String> = marks.iter().collect();
    assert_eq!(different.len(), 3, "{marks:?}");
}
