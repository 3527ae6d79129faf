//! What GitHub says of a change: by the adapter alone where lists are long, and on the whole program where people read
//! it. Not here: the rules (`src/domain/gates`).

use crate::harness::Bot;
use crate::setup::{REPO, Transport, WORKFLOW, release, workflow, world};
use jiff::Timestamp;
use shipgate_app::ports::{Clock, Repositories as _};
use shipgate_domain::facts::{CheckState, Said};
use shipgate_domain::ids::CommitId;
use shipgate_pipelines::github::{GitHub, GitHubAuth, GitHubSettings};
use shipgate_world::World;
use std::sync::Arc;

struct WorldClock(shipgate_world::clock::Clock);

impl Clock for WorldClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.0.now_seconds()).expect("an instant")
    }
}

fn adapter(world: &World) -> GitHub {
    let auth = GitHubAuth::Token(world.github.config().token.clone().into());
    let settings = GitHubSettings { api_url: world.github.url(), auth, dispatch: None };
    GitHub::new(settings, Arc::new(WorldClock(world.github.config().clock.clone())))
        .expect("settings that work")
}

fn id(sha: &str) -> CommitId {
    sha.parse().expect("a commit id")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_of_101_checks_is_read() {
    let world = world().await;
    let sha = world.github.commit(REPO, "main", "Many checks", "ada");
    for number in 0..100 {
        world.github.set_check(REPO, &sha, &format!("check {number}"), Some("success"));
    }
    world.github.set_check(REPO, &sha, "the last one", Some("failure"));
    let checks = adapter(&world).checks(REPO, &id(&sha)).await.unwrap();
    assert_eq!(checks.len(), 101);
    let red: Vec<&str> =
        checks.iter().filter(|c| c.state == CheckState::Failed).map(|c| c.name.as_str()).collect();
    assert_eq!(red, ["the last one"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn required_checks_are_those_of_rule_sets_and_of_the_protection() {
    let world = world().await;
    let github = adapter(&world);
    assert_eq!(github.required_checks(REPO, "main").await.unwrap(), Vec::<String>::new());
    world.github.set_rules(REPO, &["build", "test"], None);
    world.github.set_protection(REPO, &["test", "lint"], None, true);
    assert_eq!(github.required_checks(REPO, "main").await.unwrap(), ["build", "lint", "test"]);
    assert!(github.required_checks(REPO, "gone").await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn reviews_are_those_of_people_of_the_project_and_direct_pushes_are_named() {
    let world = world().await;
    let base = world.github.commit(REPO, "main", "What runs", "ada");
    let pulled = world.github.commit(REPO, "main", "Add a till", "ada");
    world.github.add_pull(REPO, &pulled, 41, "Add a till", "ada");
    for (login, state, association) in [
        ("grace", "COMMENTED", "MEMBER"),
        ("eve", "APPROVED", "NONE"),
        ("robot[bot]", "APPROVED", "COLLABORATOR"),
        ("grace", "APPROVED", "MEMBER"),
    ] {
        world.github.review_as(REPO, 41, login, state, &pulled, association);
    }
    let direct = world.github.commit(REPO, "main", "Add a till (#41)", "eve");
    world.github.set_rules(REPO, &[], Some(1));
    world.github.set_protection(REPO, &[], Some(2), false);
    let github = adapter(&world);
    let read = github.reviews(REPO, "main", &[id(&direct), id(&pulled)], true).await.unwrap();
    assert_eq!(read.demanded, Some(2), "the stricter of the two rules");
    assert_eq!(read.direct, [id(&direct)], "a number in a message proves nothing");
    let said: Vec<(&str, Said)> = read.pulls[0].reviews.iter().map(|r| (r.by.as_str(), r.said)).collect();
    assert_eq!((read.pulls.len(), said), (1, vec![("grace", Said::Approved)]));
    assert_eq!(read.pulls[0].reviews[0].of, Some(id(&pulled)));
    // What the token may not read is not taken for nothing.
    world.github.set_protection(REPO, &[], Some(2), true);
    let why = github.reviews(REPO, "main", &[id(&pulled)], true).await.unwrap_err().to_string();
    assert!(why.contains("Administration: read"), "{why}");
    assert!(github.reviews(REPO, "main", &[id(&pulled)], false).await.is_ok());
    assert_ne!(base, pulled);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_past_the_end_of_a_comparison_are_found_or_nothing_is_said() {
    let world = world().await;
    let github = adapter(&world);
    let base = world.github.commit(REPO, "main", "What runs", "ada");
    let head = world.github.commit(REPO, "main", "A little", "ada");
    world.github.set_files(REPO, &head, &["db/migrate/1.rb".to_owned()]);
    assert_eq!(github.changed_files(REPO, &id(&base), &id(&head)).await.unwrap(), ["db/migrate/1.rb"]);
    assert!(github.changed_files(REPO, &id(&head), &id(&base)).await.unwrap().is_empty());
    let many: Vec<String> = (0..300).map(|n| format!("a/{n}")).chain(["z/migrate/1.rb".to_owned()]).collect();
    world.github.set_files(REPO, &head, &many);
    let files = github.changed_files(REPO, &id(&base), &id(&head)).await.unwrap();
    assert_eq!((files.len(), files.last().map(String::as_str)), (301, Some("z/migrate/1.rb")));
    world.github.set_huge(REPO, true);
    assert!(github.changed_files(REPO, &id(&base), &id(&head)).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn deployments_of_others_are_seen_by_their_newest_end() {
    let world = world().await;
    let github = adapter(&world);
    let sha = world.github.commit(REPO, "main", "Elsewhere", "ada");
    let seen = async || github.seen(REPO, &id(&sha), "staging").await.unwrap().end.map(|end| end.succeeded);
    assert_eq!(seen().await, None);
    world.github.add_deployment(REPO, &sha, "production", &["success"]);
    assert_eq!(seen().await, None, "another environment");
    world.github.add_deployment(REPO, &sha, "staging", &["in_progress", "success", "inactive"]);
    assert_eq!(seen().await, Some(true), "replaced, but it had succeeded");
    let other = world.github.commit(REPO, "main", "Another", "eve");
    world.github.add_deployment(REPO, &other, "staging", &["pending"]);
    let there = github.seen(REPO, &id(&sha), "staging").await.unwrap();
    assert_eq!((there.others.len(), there.since), (1, None), "whoever takes its place is told of");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workflow_file_that_changes_while_people_decide_voids_their_approvals() {
    let world = world().await;
    let mut bot = Bot::start(&world, Transport::Http, |setup| {
        setup.production = "approvals = { needed = 2, from = [\"release-managers\"] }".into();
    })
    .await;
    let card = "api v1.2.3 → production";
    bot.slash("ada", "/deploy", "production v1.2.3").await;
    bot.card_says(card, &["Waiting for approval", "needs 2 approvals"]).await;
    bot.click("grace", card, "Approve").await;
    bot.card_says(card, &["needs 1 approval"]).await;
    let mut other = workflow();
    other.jobs.truncate(1);
    world.github.add_workflow(REPO, other);
    let changed = std::time::Instant::now();
    bot.until("what was read is too old", |_| (changed.elapsed().as_secs() > 15).then_some(())).await;
    bot.click("max", card, "Approve").await;
    bot.card_says(card, &["needs 2 approvals"]).await;
    assert_eq!(world.github.dispatches().len(), 0, "{WORKFLOW} is not what they approved");
    bot.end(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_version_is_refused_and_a_way_back_over_migrations_must_be_meant() {
    let world = world().await;
    let mut bot = Bot::prepared(&world, Transport::Http, |_| {});
    bot.rewrite(|text| text.replace("ref = \"main\"", "ref = \"main\"\nmigrations = [\"rails\"]"));
    bot.run().await;
    bot.deploy("ada", "staging", "v1.2.2").await;
    let sha = release(&world, 9, "v1.3.0", "A new table");
    world.github.set_files(REPO, &sha, &["db/migrate/1_add.rb".to_owned()]);
    bot.deploy("ada", "staging", "v1.3.0").await;
    bot.slash("ada", "/deploy", "staging v1.2.1").await;
    bot.card_says("api v1.2.1 → staging", &["is older than", "Refused: version"]).await;
    bot.slash("ada", "/rollback", "staging v1.2.2").await;
    bot.card_says("Rollback api v1.2.2", &["without a way down", "db/migrate/1_add.rb"]).await;
    let before = world.github.dispatches().len();
    bot.slash("ada", "/rollback", "staging v1.2.2 --across-migrations \"no row was written\"").await;
    bot.until("it goes back", |_| (world.github.dispatches().len() > before).then_some(())).await;
    bot.end(&world).await;
}
