//! One line tells an auditor all of a deploy. Not here: how it looks as CSV.

use super::super::{Actor, Entry, GENESIS, Register, Row, link};
use crate::deploy::Deploy;
use crate::people::Action;
use crate::samples::{at, deploy_after, grant, slack, tries};
use serde_json::json;

/// The rows of a life that goes through these tries, each with the actor that caused it.
fn rows(deploy: &Deploy, steps: &[&str]) -> Vec<Row> {
    let person = Actor::of(&grant(&slack("U0GRACE"), Action::Cancel));
    let mut request = serde_json::to_value(&deploy.request).unwrap();
    request["policy"] = json!("c".repeat(64));
    let ada = Actor::Person { person: deploy.request.by.clone(), account: deploy.request.account.clone() };
    let mut told = vec![("requested", request, deploy.request.at, ada)];
    let tries = tries();
    let mut deploy = deploy.clone();
    for name in steps {
        let (what, now) = &tries[name];
        let step = what.on(&deploy, *now).unwrap();
        let event = step.event.unwrap();
        let actor = match what {
            crate::samples::Try::News(_) => Actor::Shipgate,
            crate::samples::Try::Wish(_) => person.clone(),
        };
        told.push((event.name(), serde_json::to_value(&event).unwrap(), *now, actor));
        deploy = step.deploy;
    }
    let mut rows: Vec<Row> = Vec::new();
    for (event, data, now, actor) in told {
        let entry = Entry {
            at: now,
            actor,
            deploy: Some(deploy.id.clone()),
            environment: Some(deploy.request.environment.clone()),
            event: event.to_owned(),
            data,
        };
        let prev = rows.last().map_or(GENESIS, |row: &Row| row.hash.as_str());
        rows.push(link(rows.len() as u64 + 1, prev, &entry));
    }
    rows
}

#[test]
fn a_success_is_filed_with_everybody_who_let_it_in() {
    let deploy = deploy_after(&[]);
    let rows = rows(
        &deploy,
        &["pinned", "approved", "intent_made", "sent", "bound", "progressed", "ended: success"],
    );
    let filed = Register::file(&deploy.id, &rows).unwrap();
    insta::assert_json_snapshot!(filed);
}

#[test]
fn a_cancelled_run_names_who_stopped_it_and_an_open_deploy_has_no_end() {
    let deploy = deploy_after(&[]);
    let stopped = ["pinned", "intent_made", "sent", "bound", "cancel_asked"];
    let filed = Register::file(&deploy.id, &rows(&deploy, &stopped)).unwrap();
    assert_eq!((filed.outcome.as_str(), filed.ended_at), ("running", None));
    let ended = [&stopped[..], &["ended: cancelled"]].concat();
    let filed = Register::file(&deploy.id, &rows(&deploy, &ended)).unwrap();
    assert_eq!(filed.outcome, "cancelled");
    assert_eq!(filed.acts[0].event, "cancel_asked");
    assert_eq!(filed.acts[0].person, "grace");
}

#[test]
fn a_yes_to_older_rules_is_filed_as_such() {
    let deploy = deploy_after(&[]);
    let mut rows = rows(&deploy, &["pinned", "approved"]);
    let changed = Entry {
        at: at(crate::samples::THURSDAY),
        actor: Actor::Shipgate,
        deploy: Some(deploy.id.clone()),
        environment: None,
        event: "rules_changed".into(),
        data: json!({ "policy": "e".repeat(64), "digest": "f".repeat(64), "plan": {} }),
    };
    rows.push(link(4, GENESIS, &changed));
    let filed = Register::file(&deploy.id, &rows).unwrap();
    assert!(!filed.approvals[0].is_current);
    assert_eq!(filed.rules, Some("e".repeat(64)));
}

#[test]
fn a_deploy_that_is_not_in_the_record_has_no_line() {
    assert_eq!(Register::file(&deploy_after(&[]).id, &[]), None);
}
