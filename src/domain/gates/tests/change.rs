//! The gates that look at the change itself: order with its soak, the order of versions, required and ignored checks,
//! reviews, migrations, artifacts. Not here: reading any of it.

use super::{Answer::*, Gate, Row, Scene, check, slack};
use crate::deploy::{Accepts, WayBack};
use crate::facts::{
    Artifact, Check, CheckState, Crossing, Diff, PullReviews, Read, Review, Reviews, Said, SeenEnd, SeenThere,
};
use crate::gates::Reason;
use crate::migrations::{Migration, Pattern};
use crate::policy::{CheckRule, MigrationRule, ReviewRule};
use crate::samples::{commit, parsed};
use jiff::SignedDuration;

fn unknown<T>() -> Read<T> {
    Read::Unknown("the code host does not answer".to_owned())
}

/// Production wants an hour on staging; the success there was so many minutes ago.
fn soak(scene: &mut Scene, minutes: i64) {
    scene.environment.preflight.soak = Some(SignedDuration::from_hours(1));
    let at = scene.now - SignedDuration::from_mins(minutes);
    scene.place.before = Some((at, true));
}

/// Deploys on staging that only the code host knows of count.
fn watch_staging(scene: &mut Scene) {
    let staging =
        scene.policy.environments.get_mut(&parsed::<crate::ids::EnvironmentName>("staging")).unwrap();
    staging.preflight.seen = Some("staging".to_owned());
    scene.place.before = None;
}

fn seen(scene: &mut Scene, minutes_ago: i64, succeeded: bool) {
    watch_staging(scene);
    let at = scene.now - SignedDuration::from_mins(minutes_ago);
    scene.outside().preflight.seen =
        Some(Read::Known(SeenThere { end: Some(SeenEnd { at, succeeded }), ..SeenThere::default() }));
}

fn list(scene: &mut Scene) -> &mut SeenThere {
    match scene.outside().preflight.seen.as_mut() {
        Some(Read::Known(seen)) => seen,
        other => panic!("{other:?}"),
    }
}

/// Somebody else deployed another commit there.
fn replaced(scene: &mut Scene, minutes_ago: i64) {
    let at = scene.now - SignedDuration::from_mins(minutes_ago);
    list(scene).others.push(at);
}

fn list_begins(scene: &mut Scene, minutes_ago: i64) {
    list(scene).since = Some(scene.now - SignedDuration::from_mins(minutes_ago));
}

/// Shipgate deployed it, it must be there for an hour, and others deploy there too.
fn ours_and_theirs(scene: &mut Scene, minutes_ago: i64) {
    watch_staging(scene);
    soak(scene, minutes_ago);
    scene.outside().preflight.seen = Some(Read::Known(SeenThere::default()));
}

fn failed_here(scene: &mut Scene, minutes_ago: i64) {
    scene.place.before = Some((scene.now - SignedDuration::from_mins(minutes_ago), false));
}

#[test]
fn the_order_gate_waits_for_the_soak_and_knows_deploys_of_others() {
    const ROWS: &[Row] = &[
        ("an hour and a minute", |s| soak(s, 61), Open, "succeeded_before"),
        ("exactly an hour", |s| soak(s, 60), Open, "succeeded_before"),
        ("a minute less", |s| soak(s, 59), Waiting, "soaking"),
        (
            "long ago, but replaced after ten minutes",
            |s| {
                soak(s, 600);
                s.place.before_left = s.place.before.map(|(at, _)| at + SignedDuration::from_mins(10));
            },
            Closed,
            "soak_cut_short",
        ),
        (
            "replaced at the end of the hour",
            |s| {
                soak(s, 600);
                s.place.before_left = s.place.before.map(|(at, _)| at + SignedDuration::from_mins(60));
            },
            Open,
            "succeeded_before",
        ),
        (
            "a rollback needs no soak",
            |s| {
                soak(s, 1);
                s.as_rollback();
            },
            Open,
            "not_for_rollback",
        ),
        ("seen by the code host", |s| seen(s, 5, true), Open, "seen_before"),
        ("seen to fail by the code host", |s| seen(s, 5, false), Closed, "failed_before"),
        (
            "seen, where nobody counts that",
            |s| {
                s.place.before = None;
                let at = s.now;
                let seen = SeenThere { end: Some(SeenEnd { at, succeeded: true }), ..SeenThere::default() };
                s.outside().preflight.seen = Some(Read::Known(seen));
            },
            Closed,
            "not_before",
        ),
        (
            "seen before ours failed",
            |s| {
                seen(s, 5, true);
                failed_here(s, 4);
            },
            Closed,
            "failed_before",
        ),
        (
            "seen after ours failed",
            |s| {
                seen(s, 5, true);
                failed_here(s, 6);
            },
            Open,
            "seen_before",
        ),
        (
            "seen, and it must soak",
            |s| {
                seen(s, 5, true);
                s.environment.preflight.soak = Some(SignedDuration::from_hours(1));
            },
            Waiting,
            "soaking",
        ),
        (
            "seen, and replaced by somebody else before the soak was over",
            |s| {
                seen(s, 600, true);
                s.environment.preflight.soak = Some(SignedDuration::from_hours(1));
                replaced(s, 545);
            },
            Closed,
            "soak_cut_short",
        ),
        (
            "seen, and replaced by somebody else after the soak",
            |s| {
                seen(s, 600, true);
                s.environment.preflight.soak = Some(SignedDuration::from_hours(1));
                replaced(s, 540);
            },
            Open,
            "seen_before",
        ),
        (
            "seen, and replaced by one of ours before the soak was over",
            |s| {
                seen(s, 600, true);
                s.environment.preflight.soak = Some(SignedDuration::from_hours(1));
                s.place.before_left = Some(s.now - SignedDuration::from_mins(545));
            },
            Closed,
            "soak_cut_short",
        ),
        (
            "ours, replaced by somebody else before the soak was over",
            |s| {
                ours_and_theirs(s, 600);
                replaced(s, 545);
            },
            Closed,
            "soak_cut_short",
        ),
        (
            "ours, replaced by somebody else after the soak",
            |s| {
                ours_and_theirs(s, 600);
                replaced(s, 540);
            },
            Open,
            "succeeded_before",
        ),
        (
            "ours, which took the place of somebody else's",
            |s| {
                ours_and_theirs(s, 600);
                replaced(s, 601);
            },
            Open,
            "succeeded_before",
        ),
        (
            "ours, so long ago that the code host lists only what came after",
            |s| {
                ours_and_theirs(s, 600);
                list_begins(s, 599);
            },
            Closed,
            "soak_cut_short",
        ),
        (
            "ours, and the code host's list goes back to it",
            |s| {
                ours_and_theirs(s, 600);
                list_begins(s, 600);
            },
            Open,
            "succeeded_before",
        ),
        (
            "ours, it must soak, and the code host does not answer",
            |s| {
                ours_and_theirs(s, 600);
                s.outside().preflight.seen = Some(unknown());
            },
            Waiting,
            "before_unreadable",
        ),
        (
            "the code host does not answer",
            |s| {
                watch_staging(s);
                s.outside().preflight.seen = Some(unknown());
            },
            Waiting,
            "before_unreadable",
        ),
        ("the code host was not asked", watch_staging, Waiting, "before_unreadable"),
        (
            "the code host does not answer, and ours succeeded",
            |s| {
                let ours = s.place.before;
                watch_staging(s);
                s.place.before = ours;
                s.outside().preflight.seen = Some(unknown());
            },
            Open,
            "succeeded_before",
        ),
    ];
    check(Gate::Order, ROWS);
}

#[test]
fn a_soak_tells_when_it_ends() {
    let mut scene = Scene::ready();
    soak(&mut scene, 45);
    let verdict = scene.verdict(Gate::Order).unwrap();
    assert_eq!(verdict.until, Some(scene.now + SignedDuration::from_mins(15)));
}

fn diff(total: u64, behind: u64) -> Diff {
    Diff { base: commit('b'), base_version: parsed("v1.2.4"), commits: Vec::new(), total, behind, url: None }
}

fn compared(scene: &mut Scene, diff: Read<Option<Diff>>) {
    scene.deploy.pinned.as_mut().unwrap().diff = diff;
}

fn rolled_back(scene: &mut Scene) {
    let back = WayBack { from: Some(parsed("v1.2.2")), to: parsed("v1.2.1"), at: scene.now };
    scene.place.rolled_back = Some(back);
}

fn older_is_meant(scene: &mut Scene) {
    scene.deploy.request.accepts = Accepts { older: Some("the old till".to_owned()), ..Accepts::default() };
}

#[test]
fn an_older_version_is_refused_unless_it_is_a_rollback_or_meant() {
    const ROWS: &[Row] = &[
        ("three commits back", |s| compared(s, Read::Known(Some(diff(0, 3)))), Closed, "older"),
        ("one commit back", |s| compared(s, Read::Known(Some(diff(0, 1)))), Closed, "older"),
        ("the same commit", |s| compared(s, Read::Known(Some(diff(0, 0)))), Open, "version_pinned"),
        ("one forward, one lost", |s| compared(s, Read::Known(Some(diff(1, 1)))), Open, "version_pinned"),
        ("the first here", |s| compared(s, Read::Known(None)), Open, "version_pinned"),
        ("nobody can compare", |s| compared(s, unknown()), Waiting, "version_unreadable"),
        (
            "nobody could compare at first, and now it is older",
            |s| {
                compared(s, unknown());
                s.outside().rebased = Some(Read::Known(diff(0, 3)));
            },
            Closed,
            "older",
        ),
        (
            "nobody could compare at first, and now it is newer",
            |s| {
                compared(s, unknown());
                s.outside().rebased = Some(Read::Known(diff(3, 0)));
            },
            Open,
            "version_pinned",
        ),
        (
            "back, and that is meant",
            |s| {
                compared(s, Read::Known(Some(diff(0, 3))));
                older_is_meant(s);
            },
            Open,
            "version_pinned",
        ),
        (
            "back, that is meant, and something newer went live since",
            |s| {
                compared(s, Read::Known(Some(diff(0, 3))));
                older_is_meant(s);
                s.outside().rebased = Some(Read::Known(diff(0, 4)));
            },
            Closed,
            "overtaken",
        ),
        (
            "nobody can compare, and back is meant",
            |s| {
                compared(s, unknown());
                older_is_meant(s);
            },
            Open,
            "version_pinned",
        ),
        (
            "a rollback",
            |s| {
                compared(s, Read::Known(Some(diff(0, 3))));
                s.as_rollback();
            },
            Open,
            "version_pinned",
        ),
        ("asked for before a rollback", rolled_back, Closed, "rolled_back_since"),
        (
            "asked for before a rollback, older, and that is meant",
            |s| {
                rolled_back(s);
                older_is_meant(s);
            },
            Closed,
            "rolled_back_since",
        ),
        (
            "a way back that was asked for before another",
            |s| {
                rolled_back(s);
                s.as_rollback();
            },
            Open,
            "version_pinned",
        ),
        (
            "nobody can tell whether the workflow is the same",
            |s| s.outside().preflight.workflow = Some(unknown()),
            Waiting,
            "version_unreadable",
        ),
    ];
    check(Gate::Version, ROWS);
}

fn checks(scene: &mut Scene, states: &[(&str, CheckState)]) {
    let check = |(name, state): &(&str, CheckState)| Check { name: (*name).into(), state: *state, url: None };
    scene.outside().checks = Read::Known(states.iter().map(check).collect());
}

fn required(scene: &mut Scene, names: Read<Vec<&str>>) {
    scene.environment.checks = CheckRule::Required;
    scene.outside().preflight.required_checks = Some(match names {
        Read::Known(names) => Read::Known(names.into_iter().map(str::to_owned).collect()),
        Read::Unknown(why) => Read::Unknown(why),
    });
}

fn ignoring(scene: &mut Scene, pattern: &str) {
    scene.environment.preflight.ignored_checks = vec![pattern.to_owned()];
}

#[test]
fn required_checks_are_those_of_the_repository_and_ignored_ones_are_none() {
    use CheckState::{Failed, Passed};
    const ROWS: &[Row] = &[
        ("required, and green", |s| required(s, Read::Known(vec!["build"])), Open, "checks_green"),
        (
            "required, and another is red",
            |s| {
                required(s, Read::Known(vec!["build"]));
                checks(s, &[("build", Passed), ("lint", Failed)]);
            },
            Open,
            "checks_green",
        ),
        (
            "required, and red",
            |s| {
                required(s, Read::Known(vec!["build"]));
                checks(s, &[("build", Failed)]);
            },
            Closed,
            "checks_red",
        ),
        (
            "required, and not there",
            |s| required(s, Read::Known(vec!["build", "e2e"])),
            Waiting,
            "checks_missing",
        ),
        ("required, and none is", |s| required(s, Read::Known(vec![])), Closed, "no_checks_required"),
        ("required, unreadable", |s| required(s, unknown()), Waiting, "checks_unreadable"),
        (
            "required, never read",
            |s| s.environment.checks = CheckRule::Required,
            Waiting,
            "checks_unreadable",
        ),
        (
            "an ignored one is red",
            |s| {
                checks(s, &[("build", Passed), ("codecov/patch", Failed)]);
                ignoring(s, "codecov/*");
            },
            Open,
            "checks_green",
        ),
        (
            "another one is red",
            |s| {
                checks(s, &[("build", Failed), ("codecov/patch", Failed)]);
                ignoring(s, "codecov/*");
            },
            Closed,
            "checks_red",
        ),
        (
            "there are only ignored ones",
            |s| {
                checks(s, &[("codecov/patch", Passed)]);
                ignoring(s, "codecov/*");
            },
            Waiting,
            "checks_missing",
        ),
    ];
    check(Gate::Checks, ROWS);
}

fn says(by: &str, said: Said) -> Review {
    Review { by: by.to_owned(), of: Some(commit('a')), said }
}

fn reviewed(scene: &mut Scene, demanded: Option<u32>, reviews: Vec<Review>) {
    scene.environment.preflight.reviews = ReviewRule::Required;
    let pull = PullReviews { number: 12, author: "ada".to_owned(), head: commit('a'), reviews };
    let reviews = Reviews { demanded, pulls: vec![pull], direct: Vec::new() };
    scene.outside().preflight.reviews = Some(Read::Known(reviews));
}

#[test]
fn the_review_gate_says_what_the_table_says() {
    use Said::{Approved, ChangesRequested, Dismissed};
    const ROWS: &[Row] = &[
        ("one of one", |s| reviewed(s, Some(1), vec![says("bob", Approved)]), Open, "reviewed"),
        ("nobody of one", |s| reviewed(s, Some(1), vec![]), Closed, "reviews_missing"),
        ("one of two", |s| reviewed(s, Some(2), vec![says("bob", Approved)]), Closed, "reviews_missing"),
        (
            "the same person twice",
            |s| reviewed(s, Some(2), vec![says("bob", Approved), says("Bob", Approved)]),
            Closed,
            "reviews_missing",
        ),
        ("the author", |s| reviewed(s, Some(1), vec![says("Ada", Approved)]), Closed, "reviews_missing"),
        (
            "a review of an earlier commit",
            |s| {
                let stale = Review { of: Some(commit('c')), ..says("bob", Approved) };
                reviewed(s, Some(1), vec![stale]);
            },
            Closed,
            "reviews_missing",
        ),
        (
            "a review of nobody knows what",
            |s| reviewed(s, Some(1), vec![Review { of: None, ..says("bob", Approved) }]),
            Closed,
            "reviews_missing",
        ),
        (
            "yes, then no",
            |s| reviewed(s, Some(1), vec![says("bob", Approved), says("bob", ChangesRequested)]),
            Closed,
            "changes_requested",
        ),
        (
            "no, then yes",
            |s| reviewed(s, Some(1), vec![says("bob", ChangesRequested), says("bob", Approved)]),
            Open,
            "reviewed",
        ),
        (
            "one yes and one no",
            |s| reviewed(s, Some(1), vec![says("bob", Approved), says("eve", ChangesRequested)]),
            Closed,
            "changes_requested",
        ),
        (
            "no, of an earlier commit",
            |s| {
                let stale = Review { of: Some(commit('c')), ..says("eve", ChangesRequested) };
                reviewed(s, Some(1), vec![says("bob", Approved), stale]);
            },
            Closed,
            "changes_requested",
        ),
        (
            "a yes that was taken back",
            |s| reviewed(s, Some(1), vec![says("bob", Approved), says("bob", Dismissed)]),
            Closed,
            "reviews_missing",
        ),
        ("a pull request without a review is enough", |s| reviewed(s, Some(0), vec![]), Open, "reviewed"),
        ("nothing is demanded", |s| reviewed(s, None, vec![]), Open, "no_reviews_required"),
        (
            "nothing is demanded there, one here",
            |s| {
                reviewed(s, None, vec![]);
                s.environment.preflight.reviews = ReviewRule::Count(1);
            },
            Closed,
            "reviews_missing",
        ),
        (
            "a commit without a pull request",
            |s| {
                reviewed(s, Some(1), vec![says("bob", Approved)]);
                let Some(Read::Known(read)) = &mut s.outside().preflight.reviews else { panic!() };
                read.direct.push(commit('d'));
            },
            Closed,
            "direct_push",
        ),
        (
            "one of two pull requests",
            |s| {
                reviewed(s, Some(1), vec![says("bob", Approved)]);
                let Some(Read::Known(read)) = &mut s.outside().preflight.reviews else { panic!() };
                let other = PullReviews { number: 13, reviews: vec![], ..read.pulls[0].clone() };
                read.pulls.push(other);
            },
            Closed,
            "reviews_missing",
        ),
        (
            "no pull request at all",
            |s| {
                reviewed(s, Some(1), vec![]);
                let Some(Read::Known(read)) = &mut s.outside().preflight.reviews else { panic!() };
                read.pulls.clear();
            },
            Waiting,
            "reviews_unreadable",
        ),
        (
            "unreadable",
            |s| {
                reviewed(s, Some(1), vec![]);
                s.outside().preflight.reviews = Some(unknown());
            },
            Waiting,
            "reviews_unreadable",
        ),
        (
            "never read",
            |s| s.environment.preflight.reviews = ReviewRule::Required,
            Waiting,
            "reviews_unreadable",
        ),
        (
            "a rollback",
            |s| {
                reviewed(s, Some(1), vec![]);
                s.as_rollback();
            },
            Open,
            "not_for_rollback",
        ),
    ];
    check(Gate::Review, ROWS);
}

fn migration(path: &str, one_way: bool) -> Migration {
    Migration { path: path.to_owned(), one_way }
}

/// `olga` knows the database, and says yes before a migration runs.
fn migrations(scene: &mut Scene, come: &[Migration], left: &[Migration]) {
    scene.service.preflight.migrations = vec![Pattern::Rails];
    scene.environment.preflight.migrations = Some(MigrationRule { needed: 1, from: vec![parsed("on-call")] });
    let crossing = Crossing { of: Vec::new(), come: come.to_vec(), left: left.to_vec() };
    scene.outside().preflight.migrations = Some(Read::Known(crossing));
}

fn across(scene: &mut Scene) {
    scene.deploy.request.accepts =
        Accepts { across_migrations: Some("no row was written".to_owned()), ..Accepts::default() };
}

#[test]
fn the_migrations_gate_says_what_the_table_says() {
    const ROWS: &[Row] = &[
        ("none", |s| migrations(s, &[], &[]), Open, "no_migrations"),
        ("one comes", |s| migrations(s, &[migration("1", true)], &[]), Waiting, "migrations_asked"),
        (
            "one comes, and somebody who knows agreed",
            |s| {
                migrations(s, &[migration("1", true)], &[]);
                s.approve(slack("U0OLGA"));
            },
            Open,
            "migrations_agreed",
        ),
        (
            "another came after they agreed",
            |s| {
                migrations(s, &[migration("1", true)], &[]);
                s.approve(slack("U0OLGA"));
                migrations(s, &[migration("1", true), migration("2", false)], &[]);
            },
            Waiting,
            "migrations_asked",
        ),
        (
            "one turned out to have no way down after they agreed",
            |s| {
                migrations(s, &[migration("1", false)], &[]);
                s.approve(slack("U0OLGA"));
                migrations(s, &[migration("1", true)], &[]);
            },
            Waiting,
            "migrations_asked",
        ),
        (
            "they agreed before anything was read",
            |s| {
                s.approve(slack("U0OLGA"));
                migrations(s, &[migration("1", true)], &[]);
            },
            Waiting,
            "migrations_asked",
        ),
        (
            "one comes, and nobody is asked",
            |s| {
                migrations(s, &[migration("1", true)], &[]);
                s.environment.preflight.migrations = None;
            },
            Open,
            "migrations_shown",
        ),
        (
            "one is lost that has a way down",
            |s| migrations(s, &[], &[migration("1", false)]),
            Waiting,
            "migrations_asked",
        ),
        (
            "one is lost that has none",
            |s| migrations(s, &[], &[migration("1", true)]),
            Closed,
            "crosses_migrations",
        ),
        (
            "one is lost that has none, and that is meant: people are asked all the same",
            |s| {
                migrations(s, &[], &[migration("1", true)]);
                across(s);
            },
            Waiting,
            "migrations_asked",
        ),
        (
            "a rollback over none",
            |s| {
                migrations(s, &[], &[]);
                s.as_rollback();
            },
            Open,
            "no_migrations",
        ),
        (
            "a rollback over one with a way down",
            |s| {
                migrations(s, &[], &[migration("1", false)]);
                s.as_rollback();
            },
            Open,
            "migrations_shown",
        ),
        (
            "a rollback over one without",
            |s| {
                migrations(s, &[], &[migration("0", false), migration("1", true)]);
                s.as_rollback();
            },
            Closed,
            "crosses_migrations",
        ),
        (
            "a rollback over one without, and that is meant",
            |s| {
                migrations(s, &[], &[migration("1", true)]);
                s.as_rollback();
                across(s);
            },
            Open,
            "across_migrations",
        ),
        (
            "unreadable",
            |s| {
                migrations(s, &[], &[]);
                s.outside().preflight.migrations = Some(unknown());
            },
            Waiting,
            "migrations_unreadable",
        ),
        (
            "never read",
            |s| {
                migrations(s, &[], &[]);
                s.outside().preflight.migrations = None;
            },
            Waiting,
            "migrations_unreadable",
        ),
        (
            "a rollback, unreadable",
            |s| {
                migrations(s, &[], &[]);
                s.outside().preflight.migrations = Some(unknown());
                s.as_rollback();
            },
            Waiting,
            "migrations_unreadable",
        ),
        (
            "a rollback, unreadable, and whatever it crosses is meant",
            |s| {
                migrations(s, &[], &[]);
                s.outside().preflight.migrations = Some(unknown());
                s.as_rollback();
                across(s);
            },
            Open,
            "across_migrations",
        ),
    ];
    check(Gate::Migrations, ROWS);
}

#[test]
fn one_yes_of_somebody_in_both_groups_opens_approvals_and_migrations() {
    let mut scene = Scene::ready();
    migrations(&mut scene, &[migration("1", true)], &[]);
    scene.environment.preflight.migrations =
        Some(MigrationRule { needed: 1, from: scene.environment.approvals.from.clone() });
    scene.deploy.approvals.clear();
    scene.approve(slack("U0GRACE"));
    assert!(scene.judge().iter().all(|verdict| verdict.answer == Open));
}

fn artifact(scene: &mut Scene, exists: Read<bool>) {
    scene.service.preflight.artifacts = vec!["https://example.com/{sha}".to_owned()];
    let what = "https://example.com/a".to_owned();
    scene.outside().preflight.artifacts = vec![Artifact { what, exists }];
}

#[test]
fn the_artifact_gate_says_what_the_table_says() {
    const ROWS: &[Row] = &[
        ("there", |s| artifact(s, Read::Known(true)), Open, "artifacts_found"),
        ("not there", |s| artifact(s, Read::Known(false)), Closed, "artifacts_missing"),
        ("unreadable", |s| artifact(s, unknown()), Waiting, "artifacts_unreadable"),
        (
            "never looked for",
            |s| {
                artifact(s, unknown());
                s.outside().preflight.artifacts.clear();
            },
            Waiting,
            "artifacts_unreadable",
        ),
        (
            "there, and the image was not looked for",
            |s| {
                artifact(s, Read::Known(true));
                s.service.preflight.image = Some("registry.example.com/api:{version}".to_owned());
            },
            Waiting,
            "artifacts_unreadable",
        ),
        (
            "a rollback to what is gone",
            |s| {
                artifact(s, Read::Known(false));
                s.as_rollback();
            },
            Closed,
            "artifacts_missing",
        ),
    ];
    check(Gate::Artifact, ROWS);
}

#[test]
fn gates_that_nobody_asked_for_are_not_shown() {
    let scene = Scene::ready();
    for gate in [Gate::Review, Gate::Migrations, Gate::Artifact] {
        assert!(scene.verdict(gate).is_none(), "{gate:?}");
    }
    assert!(matches!(scene.verdict(Gate::Version).unwrap().reason, Reason::VersionPinned { .. }));
}
