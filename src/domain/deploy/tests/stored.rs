//! The stored form of deploys and events is a contract: what was written by one version is read by the next.
//! Not here: the tables it is kept in (the store).

use crate::deploy::{Asked, Deploy, Event, Kind, Request};
use crate::samples::{deploy_after, lives, tries};
use serde::Serialize;
use std::collections::BTreeMap;

/// Compares a value's stored form with the snapshot of this name.
pub(super) fn as_stored(name: &str, value: &impl Serialize) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../../snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.bind(|| insta::assert_json_snapshot!(name, value));
}

#[test]
fn a_deploy_is_stored_as_before() {
    let steps = ["pinned", "approved", "judged", "intent_made", "sent", "bound", "progressed"];
    as_stored("deploy", &deploy_after(&steps));
}

#[test]
fn an_action_is_stored_as_before() {
    let mut request = crate::samples::request();
    request.kind = Kind::Action(Asked {
        name: crate::samples::parsed("flag"),
        args: [("flag".to_owned(), "till".to_owned()), ("state".to_owned(), "on".to_owned())].into(),
        live: Some(crate::samples::deploy_id()),
        read_only: true,
        arguments: String::new(),
    });
    as_stored("action", &request);
    let text = serde_json::to_string(&request).unwrap();
    assert_eq!(serde_json::from_str::<Request>(&text).unwrap(), request);
    let least = r#"{"kind":"action","name":"restart"}"#;
    let Kind::Action(asked) = serde_json::from_str(least).unwrap() else { panic!("it is an action") };
    assert_eq!((asked.args.len(), asked.live, asked.read_only), (0, None, false));
}

#[test]
fn every_state_is_stored_as_before() {
    let states: BTreeMap<_, _> = lives()
        .into_iter()
        .map(|(place, deploy)| (place, (deploy.hold, deploy.delay, deploy.state)))
        .collect();
    as_stored("states", &states);
}

#[test]
fn every_event_is_stored_as_before() {
    as_stored("events", &events());
}

#[test]
fn what_is_stored_reads_back_the_same() {
    for (place, deploy) in lives() {
        let text = serde_json::to_string(&deploy).unwrap();
        assert_eq!(serde_json::from_str::<Deploy>(&text).unwrap(), deploy, "{place}");
    }
    for (name, event) in events() {
        let text = serde_json::to_string(&event).unwrap();
        assert_eq!(serde_json::from_str::<Event>(&text).unwrap(), event, "{name}");
        assert!(text.contains(&format!("\"event\":\"{}\"", event.name())), "{name}");
    }
}

/// Every event that changes some deploy, by the name of its try.
fn events() -> BTreeMap<&'static str, Event> {
    let lives = lives();
    let mut events = BTreeMap::new();
    for (name, (what, now)) in tries() {
        let event = lives.values().find_map(|deploy| what.on(deploy, now).ok()?.event);
        if let Some(event) = event {
            events.insert(name, event);
        }
    }
    let kinds: std::collections::BTreeSet<_> = events.values().map(Event::name).collect();
    assert_eq!(kinds.len(), 32, "every kind of event is there");
    events
}
