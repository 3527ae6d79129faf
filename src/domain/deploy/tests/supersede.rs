//! Which older requests a newer one takes the place of. Not here: when that is written (`app::line`).

use crate::deploy::{Asked, Deploy, Event, Illegal, Kind, StartWhen};
use crate::ids::DeployId;
use crate::run::Run;
use crate::samples::{self, after, at, deploy_after, lives, parsed, place_in_life};

/// The sample deploy, asked for again a minute later.
fn newer() -> Deploy {
    let mut deploy = deploy_after(&["pinned"]);
    deploy.id = DeployId::new(after(samples::ASKED, 60), [1; 10]);
    deploy.request.version = parsed("v1.2.4");
    deploy
}

fn rerun() -> Kind {
    let run: Run = samples::run(1);
    Kind::Rerun { of: DeployId::new(at(samples::ASKED), [3; 10]), run }
}

fn action() -> Kind {
    let (name, args, arguments) = (parsed("restart"), [].into(), String::new());
    Kind::Action(Asked { name, args, live: None, read_only: true, arguments })
}

#[test]
fn only_what_has_not_started_gives_way() {
    let newer = newer();
    let mut gave_way: Vec<String> =
        lives().values().filter(|older| older.is_superseded_by(&newer)).map(place_in_life).collect();
    gave_way.sort();
    assert_eq!(gave_way, ["held", "requested", "waiting"]);
}

#[test]
fn a_request_gives_way_only_to_a_newer_one_of_the_same_person_for_the_same_place_and_time() {
    type Change = fn(&mut Deploy, &mut Deploy);
    let rows: [(&str, Change, bool); 18] = [
        ("as it is", |_, _| {}, true),
        ("of somebody else", |_, newer| newer.request.by = parsed("grace"), false),
        ("of another service", |_, newer| newer.request.service = parsed("web"), false),
        ("to another environment", |_, newer| newer.request.environment = parsed("staging"), false),
        ("a deploy, by a re-run", |_, newer| newer.request.kind = rerun(), false),
        ("a deploy, by an action", |_, newer| newer.request.kind = action(), false),
        ("an action, by a deploy", |older, _| older.request.kind = action(), false),
        ("not newer", |older, newer| newer.id = older.id.clone(), false),
        ("the other way round", |older, newer| std::mem::swap(older, newer), false),
        ("a rollback, by a deploy", |older, _| older.request.kind = Kind::Rollback { from: None }, false),
        (
            "a rollback, by a re-run",
            |older, newer| {
                older.request.kind = Kind::Rollback { from: None };
                newer.request.kind = rerun();
            },
            false,
        ),
        (
            "a rollback, by a rollback",
            |older, newer| {
                older.request.kind = Kind::Rollback { from: None };
                newer.request.kind = Kind::Rollback { from: None };
            },
            true,
        ),
        ("a deploy, by a rollback", |_, newer| newer.request.kind = Kind::Rollback { from: None }, true),
        (
            "planned, by one for now",
            |older, _| {
                older.request.when = StartWhen::At(at("2026-11-20T15:00:00Z"));
            },
            false,
        ),
        (
            "for now, by one that is planned",
            |_, newer| {
                newer.request.when = StartWhen::At(at("2026-11-20T15:00:00Z"));
            },
            false,
        ),
        (
            "planned for another time",
            |older, newer| {
                older.request.when = StartWhen::At(at("2026-11-20T15:00:00Z"));
                newer.request.when = StartWhen::At(at("2026-11-20T15:00:01Z"));
            },
            false,
        ),
        (
            "planned for the same time",
            |older, newer| {
                older.request.when = StartWhen::At(at("2026-11-20T15:00:00Z"));
                newer.request.when = StartWhen::At(at("2026-11-20T15:00:00Z"));
            },
            true,
        ),
        ("as soon as it opens, by one for now", |older, _| older.request.when = StartWhen::WhenOpen, true),
    ];
    let mut wrong = Vec::new();
    for (what, change, expected) in rows {
        let (mut older, mut newer) = (deploy_after(&["pinned"]), newer());
        change(&mut older, &mut newer);
        if older.is_superseded_by(&newer) != expected {
            wrong.push(what);
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}

/// Whichever of the two is written first, the other finds another revision and is tried on what that left.
#[test]
fn of_a_start_and_what_takes_its_place_the_second_finds_nothing_to_do() {
    let older = deploy_after(&["pinned", "approved"]);
    let now = after(samples::THURSDAY, 10);
    let (intent, start) = samples::tries()["intent_made"].clone();
    let gives_way = || Event::Superseded { by: newer().named() };
    let started = intent.on(&older, start).unwrap().deploy;
    let superseded = older.learn(gives_way(), now).unwrap().deploy;
    // Both would be written as the same revision: the store takes the first.
    assert_eq!((started.revision, superseded.revision), (older.revision + 1, older.revision + 1));
    assert!(matches!(started.learn(gives_way(), now), Err(Illegal::WrongState { .. })));
    assert!(!started.is_superseded_by(&newer()));
    assert!(intent.on(&superseded, start).is_err());
}
