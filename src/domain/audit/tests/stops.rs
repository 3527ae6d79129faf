//! What people accepted is what they were told, and nothing else. Not here: stopping.

use super::super::{Actor, Entry, Finding, FindingKind, GENESIS, Inspector, RESUMED, Row, STOPPED, link};
use crate::samples::{at, parsed, slack};

fn person() -> Actor {
    Actor::Person { person: parsed("grace"), account: slack("U0GRACE") }
}

fn found(what: &str) -> Finding {
    Finding { kind: FindingKind::State, seq: None, deploy: None, what: what.to_owned() }
}

/// A record that grows by what is said.
#[derive(Default)]
struct Record {
    inspector: Inspector,
    last: Option<Row>,
}

impl Record {
    fn say(&mut self, actor: Actor, event: &str, data: serde_json::Value) {
        let now = at("2026-11-19T15:00:00Z");
        let event = event.to_owned();
        let entry = Entry { at: now, actor, deploy: None, environment: None, event, data };
        let (seq, prev) = self.last.as_ref().map_or((0, GENESIS), |row| (row.seq, row.hash.as_str()));
        let row = link(seq + 1, prev, &entry);
        self.inspector.take(&row);
        self.last = Some(row);
    }

    fn tell(&mut self, actor: Actor, findings: &[&str]) {
        let findings: Vec<Finding> = findings.iter().map(|what| found(what)).collect();
        self.say(actor, STOPPED, serde_json::json!({ "findings": findings }));
    }

    fn find(&mut self, findings: &[&str]) {
        findings.iter().for_each(|what| self.inspector.add_found(found(what)));
    }

    fn open(&self) -> Vec<&str> {
        self.inspector.open().map(|finding| finding.what.as_str()).collect()
    }

    fn untold(&self) -> Vec<&str> {
        self.inspector.untold().map(|finding| finding.what.as_str()).collect()
    }
}

#[test]
fn who_lets_deploys_go_on_accepts_what_was_told_before() {
    let mut record = Record::default();
    record.find(&["a", "b", "c"]);
    assert_eq!(record.untold(), ["a", "b", "c"]);
    record.tell(Actor::Shipgate, &["a"]);
    let mark = found("b").mark();
    record.say(Actor::Shipgate, STOPPED, serde_json::json!({ "findings": [], "marks": [mark] }));
    assert_eq!((record.open(), record.untold()), (vec!["a", "b", "c"], vec!["c"]));
    record.say(person(), RESUMED, serde_json::json!({ "accepted": [found("c").mark()] }));
    assert_eq!((record.open(), record.untold()), (vec!["c"], vec!["c"]));
    record.tell(Actor::Shipgate, &["c"]);
    assert_eq!((record.open(), record.untold()), (vec!["c"], vec![]));
    // What was accepted stays so at every later look.
    record.find(&["a"]);
    assert_eq!(record.open(), ["c"]);
}

#[test]
fn nobody_tells_for_shipgate_and_shipgate_accepts_for_nobody() {
    let mut record = Record::default();
    record.find(&["a"]);
    record.tell(person(), &["a"]);
    assert_eq!(record.untold(), ["a"]);
    record.tell(Actor::Shipgate, &["a"]);
    record.say(Actor::Shipgate, RESUMED, serde_json::json!({}));
    assert_eq!(record.open(), ["a"]);
}

#[test]
fn what_does_not_continue_the_chain_accepts_nothing() {
    let mut record = Record::default();
    record.find(&["a"]);
    record.tell(Actor::Shipgate, &["a"]);
    let mut last = record.last.clone().unwrap();
    last.hash = GENESIS.to_owned();
    record.last = Some(last);
    record.say(person(), RESUMED, serde_json::json!({}));
    assert!(record.open().contains(&"a"), "{:?}", record.open());
}

#[test]
fn very_many_findings_are_told_as_very_many_and_hide_nothing_that_is_found_again() {
    let many: Vec<String> = (0..20_010).map(|n| format!("finding {n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let mut record = Record::default();
    record.find(&many);
    record.find(&many);
    let open = record.open();
    assert_eq!(open.len(), 20_001);
    assert_eq!(open[20_000], "more was found than the 20000 findings before this one, and is not listed");
    let told: Vec<Finding> = record.inspector.open().cloned().collect();
    record.say(Actor::Shipgate, STOPPED, serde_json::json!({ "findings": told }));
    record.say(person(), RESUMED, serde_json::json!({}));
    assert_eq!(record.open(), [""; 0]);
    record.find(&many);
    assert_eq!(record.untold().len(), 10, "those that there was no room for");
}

#[test]
fn what_comes_again_after_it_was_mended_is_another_time() {
    let gone = || vec!["the trigger is missing".to_owned()];
    let mut record = Record::default();
    record.say(person(), "approved", serde_json::json!({}));
    record.inspector.see_now(FindingKind::Guard, gone());
    let told: Vec<Finding> = record.inspector.untold().cloned().collect();
    assert_eq!(told.iter().map(|finding| finding.seq).collect::<Vec<_>>(), [Some(1)]);
    record.say(Actor::Shipgate, STOPPED, serde_json::json!({ "findings": told }));
    record.inspector.see_now(FindingKind::Guard, gone());
    assert_eq!(record.untold(), [""; 0], "the same as at the look before");
    record.say(person(), RESUMED, serde_json::json!({}));
    record.inspector.see_now(FindingKind::Guard, gone());
    assert_eq!(record.open(), [""; 0], "accepted, as long as it stays so");
    record.inspector.see_now(FindingKind::Guard, vec![]);
    record.inspector.see_now(FindingKind::Guard, gone());
    assert_eq!(record.untold(), ["the trigger is missing"]);
}

#[test]
fn what_another_replica_saw_and_people_accepted_is_no_news_for_who_has_seen_it_whole() {
    let gone = || vec!["the trigger is missing".to_owned()];
    let (mut one, mut other) = (Record::default(), Record::default());
    for record in [&mut one, &mut other] {
        record.say(person(), "approved", serde_json::json!({}));
        record.inspector.see_now(FindingKind::Guard, vec![]);
    }
    one.inspector.see_now(FindingKind::Guard, gone());
    let told: Vec<Finding> = one.inspector.untold().cloned().collect();
    let mut started = Record::default();
    for record in [&mut one, &mut other, &mut started] {
        if record.last.is_none() {
            record.say(person(), "approved", serde_json::json!({}));
        }
        record.say(Actor::Shipgate, STOPPED, serde_json::json!({ "findings": told }));
        record.say(person(), RESUMED, serde_json::json!({}));
        record.inspector.see_now(FindingKind::Guard, gone());
    }
    assert_eq!((one.open(), other.open()), (vec![], vec![]));
    assert_eq!(started.open(), ["the trigger is missing"], "it does not know since when");
    other.inspector.see_now(FindingKind::Guard, vec![]);
    other.inspector.see_now(FindingKind::Guard, gone());
    assert_eq!(other.untold(), ["the trigger is missing"]);
}

#[test]
fn a_row_that_is_edited_again_is_another_finding() {
    let mut record = Record::default();
    record.say(person(), "approved", serde_json::json!({}));
    let mut row = record.last.clone().unwrap();
    let mut marks = Vec::new();
    for body in ["one", "two", "two"] {
        row.body = body.to_owned();
        let mut inspector = Inspector::default();
        inspector.take(&row);
        marks.push(inspector.findings()[0].mark());
    }
    assert_ne!(marks[0], marks[1]);
    assert_eq!(marks[1], marks[2]);
}
