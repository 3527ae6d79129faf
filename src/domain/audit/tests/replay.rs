//! What the record tells of a life is what the life was, for every life there is. Not here: the chain.

use super::super::{Actor, Entry, Finding, FindingKind, GENESIS, Inspector, Replay, Row, link};
use crate::deploy::{Deploy, Event};
use crate::samples::{at, deploy_after, lives, place_in_life, policy_version, request, tries};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};

/// More attempts than this show nothing new.
const ATTEMPTS: u32 = 2;
/// Nor do more approvals, given and taken back.
const APPROVALS: usize = 2;

fn entry(deploy: &Deploy, event: &str, data: serde_json::Value, now: Timestamp) -> Entry {
    Entry {
        at: now,
        actor: Actor::Shipgate,
        deploy: Some(deploy.id.clone()),
        environment: Some(deploy.request.environment.clone()),
        event: event.to_owned(),
        data,
    }
}

fn row(seq: u64, entry: &Entry) -> Row {
    link(seq, GENESIS, entry)
}

fn requested(deploy: &Deploy) -> Entry {
    let data = serde_json::to_value(&deploy.request).unwrap();
    entry(deploy, "requested", data, deploy.request.at)
}

fn told(deploy: &Deploy, event: &Event, now: Timestamp) -> Entry {
    entry(deploy, event.name(), serde_json::to_value(event).unwrap(), now)
}

fn take(replay: &mut Replay, row: &Row) -> Vec<Finding> {
    let mut findings = Vec::new();
    replay.take(row, &mut findings);
    findings
}

fn compare(replay: &mut Replay, deploy: &Deploy) -> Vec<Finding> {
    let mut findings = Vec::new();
    replay.expect(deploy, &mut findings);
    replay.settle(&mut findings);
    findings
}

/// The events that the tries make, where they make one.
fn events() -> BTreeMap<&'static str, (Event, Timestamp)> {
    let lives = lives();
    let made = |what: &crate::samples::Try, now| {
        lives.values().find_map(|deploy| what.on(deploy, now).ok().and_then(|step| step.event))
    };
    tries().into_iter().filter_map(|(name, (what, now))| Some((name, (made(&what, now)?, now)))).collect()
}

/// What a row cannot show: who approved before, what is held, whether a time had come, whether a read brought news.
const HIDDEN: &[(&str, &[&str])] = &[
    ("approved", &["waiting", "held"]),
    ("held", &["held"]),
    ("resumed", &["waiting"]),
    ("intent_made", &["held", "waiting"]),
    ("expired early", &["waiting", "held"]),
    ("replaced", &["waiting", "held"]),
    (
        "people_asked early",
        &["sent", "sent!", "accepted", "accepted!", "unknown", "unknown!", "asked", "asked!"],
    ),
    ("people_asked", &["asked", "asked!"]),
    ("given_up early", &["asked", "asked!"]),
    // Whether the run had begun by then.
    ("frozen_out", &["running"]),
    ("progressed", &["running", "running!", "running?"]),
    ("bound", &[]),
];

#[test]
fn every_life_that_can_be_is_told_without_a_finding_and_every_other_step_is_one() {
    let (tries, events) = (tries(), events());
    let start = deploy_after(&[]);
    let mut replay = Replay::default();
    assert_eq!(take(&mut replay, &row(1, &requested(&start))), []);
    let mut seen = HashSet::from([key(&start)]);
    let mut ahead = VecDeque::from([(start, replay)]);
    let (mut steps, mut refused, mut places) = (0, 0, BTreeSet::new());
    while let Some((deploy, replay)) = ahead.pop_front() {
        let place = place_in_life(&deploy);
        for (name, (what, now)) in &tries {
            let mut after = replay.clone();
            let step = what.on(&deploy, *now).ok().filter(|step| step.event.is_some());
            let Some(step) = step else {
                let is_hidden = HIDDEN.iter().any(|(n, at)| n == name && at.contains(&place.as_str()));
                let Some((event, now)) = events.get(name).filter(|_| !is_hidden) else { continue };
                let findings = take(&mut after, &row(2, &told(&deploy, event, *now)));
                assert!(!findings.is_empty(), "{name} on {place} was believed");
                refused += 1;
                continue;
            };
            let event = step.event.as_ref().unwrap();
            assert_eq!(take(&mut after, &row(2, &told(&deploy, event, *now))), [], "{name} on {place}");
            assert_eq!(compare(&mut after, &step.deploy), [], "after {name} on {place}");
            assert!(
                !compare(&mut after, &deploy).is_empty(),
                "the state before {name} passed for the one after"
            );
            steps += 1;
            places.insert(place_in_life(&step.deploy));
            let is_near = step.deploy.attempts <= ATTEMPTS
                && step.deploy.approvals.len() <= APPROVALS
                && step.deploy.strokes.is_empty();
            if is_near && seen.insert(key(&step.deploy)) {
                ahead.push_back((step.deploy, after));
            }
        }
    }
    assert!(steps > 1000 && refused > 10_000, "{steps} steps, {refused} refused");
    assert_eq!(places.len(), lives().len(), "{places:?}");
}

fn key(deploy: &Deploy) -> String {
    serde_json::to_string(&Deploy { revision: 0, replaces: Vec::new(), ..deploy.clone() }).unwrap()
}

/// The rows of a life that goes through these tries.
fn rows_of(deploy: &Deploy, steps: &[&str]) -> (Vec<Entry>, Deploy) {
    let tries = tries();
    let mut entries = vec![requested(deploy)];
    let mut deploy = deploy.clone();
    for name in steps {
        let (what, now) = &tries[name];
        let step = what.on(&deploy, *now).unwrap();
        entries.push(told(&deploy, step.event.as_ref().unwrap(), *now));
        deploy = step.deploy;
    }
    (entries, deploy)
}

fn chained(entries: &[Entry]) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for entry in entries {
        let prev = rows.last().map_or(GENESIS, |row| row.hash.as_str());
        rows.push(link(rows.len() as u64 + 1, prev, entry));
    }
    rows
}

fn inspected(rows: &[Row]) -> Inspector {
    let mut inspector = Inspector::default();
    rows.iter().for_each(|row| inspector.take(row));
    inspector
}

fn kinds(inspector: &Inspector) -> Vec<FindingKind> {
    inspector.findings().iter().map(|finding| finding.kind).collect()
}

#[test]
fn two_deploys_that_are_active_in_one_place_are_found() {
    let first = deploy_after(&[]);
    let second = Deploy::new(
        crate::ids::DeployId::new(at("2026-11-19T14:00:00Z"), [9; 10]),
        request(),
        policy_version(),
    );
    let (one, _) = rows_of(&first, &["pinned", "intent_made", "sent"]);
    let (two, _) = rows_of(&second, &["pinned", "intent_made"]);
    let inspector = inspected(&chained(&[one.clone(), two.clone()].concat()));
    assert_eq!(kinds(&inspector), [FindingKind::Place]);
    assert!(inspector.findings()[0].what.contains("became active for api on production"), "{inspector:?}");
    let (one, _) = rows_of(&first, &["pinned", "intent_made", "sent", "send_refused"]);
    assert_eq!(kinds(&inspected(&chained(&[one, two].concat()))), []);
}

#[test]
fn a_second_send_of_one_attempt_is_found() {
    let (mut entries, deploy) = rows_of(&deploy_after(&[]), &["pinned", "intent_made", "sent", "bound"]);
    entries.push(told(&deploy, &Event::Sent, at(crate::samples::THURSDAY)));
    let inspector = inspected(&chained(&entries));
    assert_eq!(kinds(&inspector), [FindingKind::Start]);
    assert!(inspector.findings()[0].what.contains("“sent” cannot happen to a deploy that is running"));
}

#[test]
fn a_state_that_nobody_wrote_down_is_found() {
    let (entries, deploy) = rows_of(&deploy_after(&[]), &["pinned", "intent_made", "sent", "bound"]);
    let rows = chained(&entries);
    let without_the_last = &rows[..rows.len() - 1];
    let mut inspector = inspected(without_the_last);
    inspector.expect(&deploy);
    assert_eq!(inspector.findings(), [], "its row may still come");
    inspector.settle();
    assert_eq!(kinds(&inspector), [FindingKind::State]);

    // The same read of the deploys, and the row comes.
    let mut inspector = inspected(without_the_last);
    inspector.expect(&deploy);
    inspector.take(&rows[rows.len() - 1]);
    inspector.settle();
    assert_eq!(inspector.findings(), []);

    // Further than what was read: the writers go on while somebody looks.
    let (entries, _) = rows_of(&deploy_after(&[]), &["pinned", "intent_made", "sent", "bound", "progressed"]);
    let mut inspector = inspected(without_the_last);
    inspector.expect(&deploy);
    chained(&entries)[rows.len() - 1..].iter().for_each(|row| inspector.take(row));
    inspector.settle();
    assert_eq!(inspector.findings(), []);

    // Another run than the one that was bound.
    let mut forged = deploy;
    if let crate::deploy::State::Running { run, .. } = &mut forged.state {
        run.id = "4712".parse().unwrap();
    }
    let mut inspector = inspected(&rows);
    inspector.expect(&forged);
    assert_eq!(kinds(&inspector), [FindingKind::State]);
}

#[test]
fn a_request_of_a_stranger_is_one_change_with_two_rows() {
    let deploy = deploy_after(&[]);
    let (refused, now) = (deploy_after(&["pinned", "refused"]), at(crate::samples::THURSDAY));
    let entries = [requested(&deploy), entry(&deploy, "refused", serde_json::json!([]), now)];
    let mut inspector = inspected(&chained(&entries));
    inspector.expect(&Deploy { revision: 0, ..refused.clone() });
    inspector.settle();
    assert_eq!(inspector.findings(), []);
    // Read before its rows were taken in, too.
    let mut inspector = Inspector::default();
    inspector.expect(&Deploy { revision: 0, ..refused });
    chained(&entries).iter().for_each(|row| inspector.take(row));
    inspector.settle();
    assert_eq!(inspector.findings(), []);
}

#[test]
fn columns_that_differ_from_the_text_are_found() {
    let (entries, _) = rows_of(&deploy_after(&[]), &["pinned"]);
    let mut rows = chained(&entries);
    rows[1].at_millis += 1;
    assert_eq!(kinds(&inspected(&rows)), [FindingKind::Chain]);
    let mut rows = chained(&entries);
    rows[1].deploy = None;
    assert_eq!(kinds(&inspected(&rows)), [FindingKind::Chain]);
}

#[test]
fn anchors_find_a_rewritten_record_and_a_lost_end() {
    let (entries, _) = rows_of(&deploy_after(&[]), &["pinned", "intent_made", "sent", "bound"]);
    let rows = chained(&entries);
    let check = |rows: &[Row], seq: u64, hash: &str| {
        let mut inspector = Inspector::default();
        inspector.expect_anchor(seq, hash);
        rows.iter().for_each(|row| inspector.take(row));
        inspector.end();
        kinds(&inspector)
    };
    assert_eq!(check(&rows, 3, &rows[2].hash), []);
    assert_eq!(check(&rows[..2], 3, &rows[2].hash), [FindingKind::Anchor]);
    let mut edited = entries;
    edited[1].actor =
        Actor::Person { person: "mallory".parse().unwrap(), account: crate::samples::slack("U0M") };
    let rewritten = chained(&edited);
    assert_eq!(kinds(&inspected(&rewritten)), [], "a new chain is whole in itself");
    assert_eq!(check(&rewritten, 3, &rows[2].hash), [FindingKind::Anchor]);
    assert_eq!(check(&rewritten, 1, &rows[0].hash), [], "what came before the edit is as it was");
}

#[test]
fn the_last_row_is_looked_at_again() {
    let (entries, _) = rows_of(&deploy_after(&[]), &["pinned", "intent_made"]);
    let rows = chained(&entries);
    let mut inspector = inspected(&rows);
    assert!(!inspector.is_another(rows.last()));
    assert_eq!(inspector.findings(), []);
    let mut cut = inspector.clone();
    assert!(cut.is_another(None));
    assert_eq!(kinds(&cut), [FindingKind::Chain]);
    assert_eq!(cut.head().0, 0, "all of it is to be read again");
    assert!(inspector.is_another(Some(&Row { hash: GENESIS.into(), ..rows[2].clone() })));
    assert_eq!(kinds(&inspector), [FindingKind::Chain]);
}

#[test]
fn a_finding_has_the_same_mark_at_every_look() {
    let finding =
        Finding { kind: FindingKind::Chain, seq: Some(3), deploy: None, what: "row 3 is missing".into() };
    assert_eq!(finding.mark(), finding.clone().mark());
    assert_eq!(finding.mark().len(), 16);
    assert_ne!(finding.mark(), Finding { seq: Some(4), ..finding }.mark());
}

/// Two deploys of one place, of which the second becomes active while the first is.
fn two_at_once(kind: &serde_json::Value) -> Vec<Finding> {
    let first = deploy_after(&["pinned", "approved", "intent_made"]);
    let mut second = first.clone();
    second.id = crate::ids::DeployId::new(at("2026-11-19T14:51:00Z"), [8; 10]);
    let (mut replay, mut findings, mut seq) = (Replay::default(), Vec::new(), 0);
    for deploy in [&first, &second] {
        let mut data = serde_json::to_value(request()).unwrap();
        if deploy.id == second.id {
            data["kind"] = kind.clone();
        }
        let pinned = Event::Pinned {
            pinned: Box::new(first.pinned.clone().unwrap()),
            expires: at("2026-11-19T18:50:00Z"),
        };
        let intent = serde_json::json!({ "event": "intent_made", "send_by": "2026-11-19T15:00:30Z" });
        let now = at("2026-11-19T15:00:00Z");
        let entries = [
            entry(deploy, "requested", data, now),
            told(deploy, &pinned, now),
            entry(deploy, "intent_made", intent, now),
        ];
        for one in entries {
            seq += 1;
            findings.extend(take(&mut replay, &row(seq, &one)));
        }
    }
    findings
}

#[test]
fn what_changes_nothing_takes_nobodys_place_and_everything_else_does() {
    let of = |kind: serde_json::Value| two_at_once(&kind);
    let found = of(serde_json::json!({ "kind": "action", "name": "restart" }));
    assert_eq!(found.iter().map(|f| f.kind).collect::<Vec<_>>(), [FindingKind::Place]);
    assert_eq!(of(serde_json::json!({ "kind": "deploy" })).len(), 1);
    assert!(of(serde_json::json!({ "kind": "action", "name": "look", "read_only": true })).is_empty());
}
