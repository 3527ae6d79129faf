//! The gate that waits for the first part of the checklist: what people and facts tick of it. Not here: two people at
//! once (`crate::checklist::tests`).

use super::{Answer::*, Gate, Row, Scene, check, slack};
use crate::checklist::{Checklist, Did, Fact, Item, Stroke};
use crate::facts::{Artifact, Check, CheckState, Crossing, PullReviews, Read, Review, Reviews, Said};
use crate::gates::Reason;
use crate::ids::Account;
use crate::migrations::{Migration, Pattern};
use crate::people::Memberships;
use crate::policy::{CheckRule, MigrationRule, ReviewRule};
use crate::samples::{commit, outside_group, parsed};

fn item(text: &str) -> Item {
    Item { text: text.to_owned(), fact: None, who: Vec::new(), with_migrations: false, optional: false }
}

fn list(scene: &mut Scene, items: Vec<Item>) {
    let after = vec![item("Metrics normal")];
    scene.environment.preflight.checklist =
        Some(Checklist { before: items, during: vec![item("Flags set")], after });
}

/// One item that this fact ticks.
fn fact(scene: &mut Scene, fact: Fact) {
    list(scene, vec![Item { fact: Some(fact), ..item("One thing") }]);
}

/// One item that people tick.
fn people(scene: &mut Scene) {
    list(scene, vec![item("One thing")]);
}

fn tick(scene: &mut Scene, account: Account) {
    stroke(scene, account, Did::Tick);
}

fn stroke(scene: &mut Scene, account: Account, did: Did) {
    let digest = scene.deploy.digest().unwrap().clone();
    scene.deploy.strokes.push(Stroke {
        item: "One thing".to_owned(),
        did,
        by: scene.policy.person_of(&account),
        account,
        digest,
        at: scene.now,
        drawing: "1".to_owned(),
    });
}

fn crossing(scene: &mut Scene, read: Option<Read<Crossing>>) {
    scene.service.preflight.migrations = vec![Pattern::Rails];
    scene.outside().preflight.migrations = read;
}

fn coming(one_way: bool) -> Option<Read<Crossing>> {
    let migration = Migration { path: "db/migrate/1_more.rb".to_owned(), one_way };
    Some(Read::Known(Crossing { come: vec![migration], ..Crossing::default() }))
}

fn reviewed(scene: &mut Scene, read: Read<Reviews>) {
    scene.environment.preflight.reviews = ReviewRule::Count(1);
    scene.outside().preflight.reviews = Some(read);
}

fn one_review() -> Read<Reviews> {
    let review = Review { by: "grace".to_owned(), of: Some(commit('e')), said: Said::Approved };
    let (author, reviews) = ("ada".to_owned(), vec![review]);
    let pull = PullReviews { number: 7, author, head: commit('e'), reviews };
    Read::Known(Reviews { demanded: Some(1), pulls: vec![pull], direct: Vec::new() })
}

#[test]
fn people_who_may_tick_the_items_and_nobody_else() {
    const ROWS: &[Row] = &[
        ("nobody ticked it", people, Waiting, "checklist_open"),
        (
            "a deployer did",
            |s| {
                people(s);
                tick(s, slack("U0ADA"));
            },
            Open,
            "checklist_ticked",
        ),
        (
            "an approver did",
            |s| {
                people(s);
                tick(s, slack("U0MEMBER"));
            },
            Open,
            "checklist_ticked",
        ),
        (
            "somebody in no group did",
            |s| {
                people(s);
                tick(s, slack("U0EVE"));
            },
            Waiting,
            "checklist_open",
        ),
        (
            "somebody in no group, then a deployer",
            |s| {
                people(s);
                tick(s, slack("U0EVE"));
                tick(s, slack("U0ADA"));
            },
            Open,
            "checklist_ticked",
        ),
        (
            "a deployer, where the item names others",
            |s| {
                list(s, vec![Item { who: vec![parsed("on-call")], ..item("One thing") }]);
                tick(s, slack("U0ADA"));
            },
            Waiting,
            "checklist_open",
        ),
        (
            "one of those whom the item names",
            |s| {
                list(s, vec![Item { who: vec![parsed("on-call")], ..item("One thing") }]);
                tick(s, slack("U0OLGA"));
            },
            Open,
            "checklist_ticked",
        ),
        (
            "for another digest",
            |s| {
                people(s);
                tick(s, slack("U0ADA"));
                s.deploy.strokes[0].digest = parsed(&"d".repeat(64));
            },
            Waiting,
            "checklist_open",
        ),
        (
            "and somebody took it away",
            |s| {
                people(s);
                tick(s, slack("U0ADA"));
                stroke(s, slack("U0GRACE"), Did::Untick);
            },
            Waiting,
            "checklist_open",
        ),
        (
            "by an account that was taken away since",
            |s| {
                people(s);
                tick(s, slack("U0ADA"));
                s.outside().memberships.insert_account(&slack("U0ADA"), Ok(false));
            },
            Waiting,
            "checklist_open",
        ),
        (
            "by an account that cannot be read",
            |s| {
                people(s);
                tick(s, slack("U0ADA"));
                s.outside().memberships.insert_account(&slack("U0ADA"), Err("no answer".to_owned()));
            },
            Waiting,
            "checklist_unreadable",
        ),
        (
            "by a member of a group that cannot be read",
            |s| {
                people(s);
                tick(s, slack("U0MEMBER"));
                let mut unread = Memberships::default();
                unread.insert(&outside_group(), Err("no answer".to_owned()));
                s.outside().memberships = unread;
            },
            Waiting,
            "checklist_unreadable",
        ),
        (
            "nothing was read yet",
            |s| {
                people(s);
                tick(s, slack("U0MEMBER"));
                s.deploy.outside = None;
            },
            Waiting,
            "checklist_unreadable",
        ),
        (
            "an item that may stay open stays open",
            |s| {
                list(s, vec![Item { optional: true, ..item("Another") }, item("One thing")]);
                tick(s, slack("U0ADA"));
            },
            Open,
            "checklist_ticked",
        ),
        (
            "a rollback",
            |s| {
                people(s);
                s.as_rollback();
            },
            Open,
            "not_for_rollback",
        ),
    ];
    check(Gate::Checklist, ROWS);
}

#[test]
fn facts_tick_their_items_and_what_is_not_asked_is_for_people() {
    const ROWS: &[Row] = &[
        ("checks green", |s| fact(s, Fact::Checks), Open, "checklist_ticked"),
        (
            "checks red",
            |s| {
                fact(s, Fact::Checks);
                let red = Check { name: "build".to_owned(), state: CheckState::Failed, url: None };
                s.outside().checks = Read::Known(vec![red]);
            },
            Waiting,
            "checklist_open",
        ),
        (
            "checks red, and somebody ticks it nevertheless",
            |s| {
                fact(s, Fact::Checks);
                let red = Check { name: "build".to_owned(), state: CheckState::Failed, url: None };
                s.outside().checks = Read::Known(vec![red]);
                tick(s, slack("U0ADA"));
            },
            Waiting,
            "checklist_open",
        ),
        (
            "checks unreadable",
            |s| {
                fact(s, Fact::Checks);
                s.outside().checks = Read::Unknown("no answer".to_owned());
            },
            Waiting,
            "checklist_unreadable",
        ),
        (
            "checks that nobody asks for",
            |s| {
                fact(s, Fact::Checks);
                s.environment.checks = CheckRule::None;
            },
            Waiting,
            "checklist_open",
        ),
        (
            "checks that nobody asks for, ticked by somebody",
            |s| {
                fact(s, Fact::Checks);
                s.environment.checks = CheckRule::None;
                tick(s, slack("U0ADA"));
            },
            Open,
            "checklist_ticked",
        ),
        (
            "reviewed",
            |s| {
                fact(s, Fact::Reviews);
                reviewed(s, one_review());
            },
            Open,
            "checklist_ticked",
        ),
        (
            "reviews unreadable",
            |s| {
                fact(s, Fact::Reviews);
                reviewed(s, Read::Unknown("no answer".to_owned()));
            },
            Waiting,
            "checklist_unreadable",
        ),
        ("reviews that nobody asks for", |s| fact(s, Fact::Reviews), Waiting, "checklist_open"),
        ("was on staging", |s| fact(s, Fact::After), Open, "checklist_ticked"),
        (
            "was not on staging",
            |s| {
                fact(s, Fact::After);
                s.place.before = None;
            },
            Waiting,
            "checklist_open",
        ),
        (
            "nothing comes before",
            |s| {
                fact(s, Fact::After);
                s.environment.after = None;
            },
            Waiting,
            "checklist_open",
        ),
        ("approved", |s| fact(s, Fact::Approvals), Open, "checklist_ticked"),
        (
            "not approved",
            |s| {
                fact(s, Fact::Approvals);
                s.deploy.approvals.clear();
            },
            Waiting,
            "checklist_open",
        ),
        ("in its window", |s| fact(s, Fact::Window), Open, "checklist_ticked"),
        (
            "outside its window",
            |s| {
                fact(s, Fact::Window);
                s.now = crate::samples::at("2026-11-21T12:00:00Z");
            },
            Waiting,
            "checklist_open",
        ),
        (
            "the artifact is there",
            |s| {
                fact(s, Fact::Artifact);
                s.service.preflight.artifacts = vec!["https://files.example.com/{sha}".to_owned()];
                let found = Artifact { what: "it".to_owned(), exists: Read::Known(true) };
                s.outside().preflight.artifacts = vec![found];
            },
            Open,
            "checklist_ticked",
        ),
        (
            "the artifact was not looked for",
            |s| {
                fact(s, Fact::Artifact);
                s.service.preflight.artifacts = vec!["https://files.example.com/{sha}".to_owned()];
            },
            Waiting,
            "checklist_unreadable",
        ),
        (
            "every migration has a way down",
            |s| {
                fact(s, Fact::WayDown);
                crossing(s, coming(false));
            },
            Open,
            "checklist_ticked",
        ),
        (
            "a migration has none",
            |s| {
                fact(s, Fact::WayDown);
                crossing(s, coming(true));
            },
            Waiting,
            "checklist_open",
        ),
        (
            "a migration has none, and somebody says what then",
            |s| {
                fact(s, Fact::WayDown);
                crossing(s, coming(true));
                tick(s, slack("U0ADA"));
            },
            Open,
            "checklist_ticked",
        ),
        (
            "nobody agreed to the migrations",
            |s| {
                fact(s, Fact::Migrations);
                crossing(s, coming(false));
                let from = vec![parsed("on-call")];
                s.environment.preflight.migrations = Some(MigrationRule { needed: 1, from });
            },
            Waiting,
            "checklist_open",
        ),
        (
            "no migrations",
            |s| {
                fact(s, Fact::Migrations);
                crossing(s, Some(Read::Known(Crossing::default())));
            },
            Open,
            "checklist_ticked",
        ),
    ];
    check(Gate::Checklist, ROWS);
}

#[test]
fn items_for_migrations_are_there_when_there_are_some_or_nobody_knows() {
    fn with(scene: &mut Scene) {
        list(scene, vec![Item { with_migrations: true, ..item("One thing") }]);
    }
    const ROWS: &[Row] = &[
        (
            "some come",
            |s| {
                with(s);
                crossing(s, coming(false));
            },
            Waiting,
            "checklist_open",
        ),
        (
            "unreadable",
            |s| {
                with(s);
                crossing(s, Some(Read::Unknown("no answer".to_owned())));
            },
            Waiting,
            "checklist_unreadable",
        ),
        (
            "not read yet",
            |s| {
                with(s);
                crossing(s, None);
            },
            Waiting,
            "checklist_unreadable",
        ),
    ];
    check(Gate::Checklist, ROWS);
    let mut scene = Scene::ready();
    with(&mut scene);
    assert!(scene.verdict(Gate::Checklist).is_none(), "nobody looks for migrations of this service");
    crossing(&mut scene, Some(Read::Known(Crossing::default())));
    assert!(scene.verdict(Gate::Checklist).is_none(), "none come");
}

#[test]
fn the_gate_names_what_is_open_and_who_can_help() {
    let mut scene = Scene::ready();
    let named = Item { who: vec![parsed("on-call")], ..item("Backup taken") };
    let red = Item { fact: Some(Fact::Reviews), ..item("Code reviewed") };
    list(&mut scene, vec![named, red, item("One thing")]);
    reviewed(&mut scene, Read::Known(Reviews { demanded: Some(1), ..Reviews::default() }));
    scene.outside().preflight.reviews = Some(match one_review() {
        Read::Known(mut reviews) => {
            reviews.pulls[0].reviews.clear();
            Read::Known(reviews)
        }
        unread @ Read::Unknown(_) => unread,
    });
    tick(&mut scene, slack("U0ADA"));
    let verdict = scene.verdict(Gate::Checklist).unwrap();
    let (people, facts) = (vec!["Backup taken".to_owned()], vec!["Code reviewed".to_owned()]);
    assert_eq!(verdict.reason, Reason::ChecklistOpen { people, facts, ticked: 1, of: 3 });
    assert_eq!(verdict.helpers.people, [parsed("olga")]);
    assert_eq!(verdict.helpers.groups, [parsed("on-call")]);
    scene.environment.preflight.checklist = None;
    assert!(scene.verdict(Gate::Checklist).is_none(), "no list, no gate");
}
