//! A bot on a database of an earlier day: how it looks for what it has forgotten, when something is in its way. Not
//! here: the whole story, with a backup that is put back (`tests/it/restored.rs`).
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "contract/samples.rs"]
mod samples;
#[path = "restored/town.rs"]
mod town;

use futures_util::FutureExt as _;
use jiff::Timestamp;
use samples::{at, commit, deploy_to, pinned, run, running};
use shipgate_app::App;
use shipgate_app::ports::Seen;
use shipgate_app::store::Store;
use shipgate_domain::deploy::{Deploy, State};
use town::{Says, Town};

/// The moment of the backup.
fn made() -> Timestamp {
    at(1_000)
}

fn waiting(n: u8, environment: &str) -> Deploy {
    let mut deploy = pinned(deploy_to(n, environment), commit('a'));
    deploy.state = State::Waiting { since: at(1), expires: at(90_000) };
    deploy
}

fn seen(deploy: &Deploy, id: &str) -> Seen {
    Seen { run: run(id), deploy: deploy.id.clone(), title: format!("run {id}") }
}

async fn work(app: &App) {
    while app.work_effect(None).await.unwrap() {}
}

async fn run_of(town: &Town, deploy: &Deploy) -> Option<String> {
    town.store.deploy(&deploy.id).await.unwrap().unwrap().run().map(|run| run.id.to_string())
}

async fn is_looking(town: &Town) -> bool {
    town.store.note("restored/looking").await.unwrap().is_some_and(|since| !since.is_empty())
}

async fn rows(town: &Town, event: &str) -> usize {
    let is_one = |body: &str| body.contains(&format!("\"event\":\"{event}\""));
    town.store.audit(0, 1_000).await.unwrap().iter().filter(|row| is_one(&row.body)).count()
}

#[tokio::test]
async fn every_replica_waits_while_one_looks_back_and_goes_on_when_it_is_done() {
    let town = Town::new().await;
    town.says("acme/shop", Says::Later);
    let (earlier, restoring, late) = (town.app(), town.app(), town.app());
    earlier.start().await.unwrap();
    restoring.start_restored(made()).await.unwrap();
    late.start().await.unwrap();
    town.pass(1).await;
    town.left(&deploy_to(1, "production")).await;
    for app in [&earlier, &late, &restoring] {
        town.pass(2).await;
        work(app).await;
        assert_eq!(town.resolved(), 0, "nothing is judged before every CI system was asked");
    }
    town.says("acme/shop", Says::Runs(Vec::new()));
    town.pass(60).await;
    work(&restoring).await;
    assert!(!is_looking(&town).await);
    for (n, app) in [(2, earlier), (3, late)] {
        town.pass(2).await;
        work(&restoring).await;
        town.left(&deploy_to(n, "production")).await;
        work(&app).await;
        let judged = town.store.deploy(&deploy_to(n, "production").id).await.unwrap().unwrap();
        assert!(judged.pinned.is_some(), "it waits for what is over");
    }
}

#[tokio::test]
async fn a_look_that_was_put_away_is_asked_for_by_the_next_start() {
    let town = Town::new().await;
    town.left(&deploy_to(1, "production")).await;
    town.says("acme/shop", Says::Panics);
    let app = town.app();
    app.start_restored(made()).await.unwrap();
    for _ in 0..3 {
        work(&app).await;
        town.pass(5).await;
    }
    work(&app).await;
    assert_eq!(rows(&town, "effect_put_away").await, 1);
    assert!(is_looking(&town).await);
    town.says("acme/shop", Says::Runs(Vec::new()));
    app.start().await.unwrap();
    town.pass(2).await;
    work(&app).await;
    assert!(!is_looking(&town).await);
    assert!(town.resolved() > 0, "nothing is judged");
}

#[tokio::test]
async fn a_ci_system_that_has_answered_is_not_asked_again() {
    let town = Town::new().await;
    let app = town.app();
    app.start_restored(made()).await.unwrap();
    // One does not answer; the other one is asked all the same.
    town.says("acme/shop", Says::Later);
    town.says("acme/till", Says::Hangs);
    while let Some(Ok(true)) = app.work_effect(None).now_or_never() {}
    assert_eq!(town.asked(), ["acme/shop", "acme/till"]);
    // Work on one effect is cut off after a while, and comes again when its lease is over.
    town.says("acme/shop", Says::Runs(Vec::new()));
    town.pass(100).await;
    while let Some(Ok(true)) = app.work_effect(None).now_or_never() {}
    assert_eq!(town.asked()[2..], ["acme/shop", "acme/till"]);
    town.says("acme/till", Says::Runs(Vec::new()));
    town.pass(100).await;
    work(&app).await;
    assert_eq!(town.asked()[4..], ["acme/till"]);
    assert!(!is_looking(&town).await);
}

#[tokio::test]
async fn what_was_found_is_told_and_written_down_once_also_when_a_ci_system_was_away_at_first() {
    let town = Town::new().await;
    town.says("acme/shop", Says::Later);
    let app = town.app();
    app.start_restored(made()).await.unwrap();
    work(&app).await;
    assert_eq!(rows(&town, "looked_back").await, 0);
    town.says("acme/shop", Says::Runs(vec![seen(&deploy_to(9, "staging"), "77")]));
    town.pass(60).await;
    work(&app).await;
    assert_eq!(rows(&town, "looked_back").await, 1);
    assert_eq!(town.posted("1 run since").len(), 1);
    assert!(!is_looking(&town).await);
    // Put back to the same moment once more, it looks and tells once more.
    app.start_restored(made()).await.unwrap();
    town.pass(2).await;
    work(&app).await;
    assert_eq!(rows(&town, "looked_back").await, 2);
    assert_eq!(town.posted("1 run since").len(), 2);
}

#[tokio::test]
async fn a_place_that_is_taken_does_not_keep_other_deploys_from_their_runs() {
    let town = Town::new().await;
    let holder = running(pinned(deploy_to(1, "production"), commit('a')), "1", at(100));
    let (second, other) = (waiting(2, "production"), waiting(3, "staging"));
    for deploy in [&holder, &second, &other] {
        town.left(deploy).await;
    }
    town.says("acme/shop", Says::Runs(vec![seen(&holder, "1"), seen(&second, "2"), seen(&other, "3")]));
    let app = town.app();
    app.start_restored(made()).await.unwrap();
    work(&app).await;
    assert_eq!(run_of(&town, &other).await.as_deref(), Some("3"));
    assert_eq!(run_of(&town, &second).await, None);
    town.end("1");
    for _ in 0..10 {
        town.pass(10).await;
        work(&app).await;
    }
    assert_eq!(run_of(&town, &second).await.as_deref(), Some("2"));
    assert!(!is_looking(&town).await);
    assert_eq!(town.posted("2 deploys that Shipgate knows").len(), 1);
}

#[tokio::test]
async fn a_copy_of_a_database_that_was_still_looking_back_looks_as_far_back() {
    let town = Town::new().await;
    let app = town.app();
    app.start_restored(made()).await.unwrap();
    app.start_restored(at(1_500)).await.unwrap();
    work(&app).await;
    assert_eq!(town.asked_since(), Some(made()));
    assert!(!is_looking(&town).await);
}

#[tokio::test]
async fn people_are_told_whether_every_ci_system_could_be_asked() {
    let town = Town::new().await;
    let app = town.app();
    app.start_restored(made()).await.unwrap();
    work(&app).await;
    assert_eq!(town.posted("Shipgate knows every run since").len(), 1);
    town.says("acme/till", Says::Refused);
    app.start_restored(made()).await.unwrap();
    town.pass(2).await;
    work(&app).await;
    let told = town.posted("Not every CI system could be asked for its runs since");
    assert!(told.len() == 1 && told[0].contains("acme/till: no permission"), "{told:?}");
    assert!(told[0].contains("Look there by hand"), "{told:?}");
    assert_eq!(town.posted("Shipgate knows every run since").len(), 1);
}
