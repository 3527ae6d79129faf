//! Repositories behind the contract: GitHub's answers written by hand, and a real Git repository. Not here: runs.

use crate::fake::{Fake, FakeClock, SHA};
use crate::machine::Repo;
use crate::suite::{self, History};
use serde_json::{Value, json};
use shipgate_app::ports::{OutsideError, Repositories as _, Resolved};
use shipgate_domain::facts::CheckState;
use shipgate_domain::ids::CommitId;

fn sha(letter: char) -> CommitId {
    letter.to_string().repeat(40).parse().unwrap()
}

fn commit(letter: char, message: &str) -> Value {
    json!({ "sha": sha(letter).as_str(), "commit": { "message": message, "author": { "name": "Ada" } },
        "author": { "login": "ada" } })
}

#[tokio::test]
async fn github_keeps_the_contract_of_repositories() {
    let fake = Fake::start().await;
    let object =
        |letter: char, kind: &str| json!({ "object": { "sha": sha(letter).as_str(), "type": kind } });
    fake.put("", json!({ "full_name": "acme/api" }));
    fake.put("/git/ref/tags/v1", object('1', "commit"));
    fake.put("/git/ref/tags/v2", object('9', "tag"));
    fake.put("/git/ref/tags/both", object('1', "commit"));
    fake.put("/git/ref/heads/both", object('1', "commit"));
    fake.put("/git/ref/heads/main", object('3', "commit"));
    fake.put(&format!("/git/tags/{}", sha('9')), object('2', "commit"));
    let all = [commit('1', "First"), commit('2', "Second"), commit('3', "Third (#12)"), commit('4', "Side")];
    for one in &all {
        let full = one["sha"].as_str().unwrap();
        fake.put(&format!("/commits/{full}"), one.clone());
        fake.put(&format!("/commits/{}", &full[..7]), one.clone());
        fake.put(&format!("/commits/{full}/pulls"), json!([]));
    }
    let compare =
        |from: &str, to: char, value: Value| fake.put(&format!("/compare/{from}...{}", sha(to)), value);
    compare("main", '1', json!({ "status": "behind" }));
    compare("main", '3', json!({ "status": "identical" }));
    compare("main", '4', json!({ "status": "diverged" }));
    let ahead = json!({ "status": "ahead", "total_commits": 2, "behind_by": 0, "commits": [all[1], all[2]] });
    compare(sha('1').as_str(), '3', ahead);
    let back = json!({ "status": "diverged", "total_commits": 1, "behind_by": 2, "commits": [all[3]] });
    compare(sha('3').as_str(), '4', back);
    fake.put(
        "/tags",
        json!([
        { "name": "both", "commit": { "sha": sha('1').as_str() } },
        { "name": "v1", "commit": { "sha": sha('1').as_str() } },
        { "name": "v2", "commit": { "sha": sha('2').as_str() } }]),
    );
    let github = fake.adapter(&FakeClock::new());
    let main = [sha('1'), sha('2'), sha('3')];
    suite::history(&History { repositories: github.as_ref(), repo: "acme/api", main, side: sha('4') }).await;
}

#[tokio::test]
async fn git_on_this_machine_keeps_the_contract_of_repositories() {
    let repo = Repo::new();
    let first = repo.commit("First");
    repo.git(&["tag", "v1"]);
    repo.git(&["tag", "both"]);
    repo.git(&["branch", "both"]);
    let second = repo.commit("Second");
    repo.git(&["tag", "-a", "v2", "-m", "the second"]);
    let third = repo.commit("Third (#12)");
    repo.git(&["checkout", "-q", "-b", "side", first.as_str()]);
    let side = repo.commit("Side");
    repo.git(&["checkout", "-q", "main"]);
    let adapter = repo.adapter();
    let main = [first, second, third];
    suite::history(&History { repositories: &adapter, repo: &repo.path(), main, side }).await;
    assert!(adapter.checks(&repo.path(), &SHA.parse().unwrap()).await.unwrap().is_empty());
    let nowhere = adapter.resolve("/no/such/folder", &"v1".parse().unwrap()).await;
    assert!(matches!(nowhere, Err(OutsideError::Refused { .. })));
}

#[tokio::test]
async fn a_repository_that_cannot_be_seen_is_not_an_unknown_version() {
    let fake = Fake::start().await;
    let github = fake.adapter(&FakeClock::new());
    let seen = github.resolve("acme/hidden", &"v1".parse().unwrap()).await;
    let Err(OutsideError::Refused { why }) = seen else { panic!("{seen:?}") };
    assert!(why.contains("no repository acme/hidden"), "{why}");
    fake.put("", json!({}));
    assert_eq!(github.resolve("acme/api", &"v1".parse().unwrap()).await, Ok(Resolved::Unknown));
}

#[tokio::test]
async fn checks_are_read_whole_and_without_our_own_deploys() {
    let fake = Fake::start().await;
    let github = fake.adapter(&FakeClock::new());
    let commit: CommitId = SHA.parse().unwrap();
    let run = |id: u64, name: String, conclusion: &str, suite: u64| {
        json!({ "id": id, "name": name, "status": "completed", "conclusion": conclusion,
            "app": { "slug": "github-actions" }, "check_suite": { "id": suite } })
    };
    let mut runs: Vec<Value> = (0..99).map(|id| run(id, format!("test {id:03}"), "success", 1)).collect();
    runs.push(run(99, "deploy".into(), "failure", 2));
    let path = format!("GET /repos/acme/api/commits/{SHA}/check-runs");
    let page = |runs: &[Value]| json!({ "total_count": 101, "check_runs": runs }).to_string();
    fake.script(&path, 200, &[], &page(&runs));
    fake.script(&path, 200, &[], &page(&[run(100, "zz lint".into(), "failure", 1)]));
    fake.put(
        &format!("/commits/{SHA}/status"),
        json!({ "total_count": 0, "state": "pending", "statuses": [] }),
    );
    let ours = json!({ "id": 5, "display_title": "deploy 01JZZZZZZZZZZZZZZZZZZZZZZZ", "check_suite_id": 2 });
    fake.put("/actions/runs", json!({ "workflow_runs": [ours] }));
    let checks = github.checks("acme/api", &commit).await.unwrap();
    assert_eq!(checks.len(), 100);
    assert!(checks.iter().all(|check| check.name != "deploy"));
    assert_eq!(checks.last().map(|check| check.state), Some(CheckState::Failed));
    fake.script(&path, 200, &[], &page(&runs));
    fake.script(&path, 200, &[], &page(&[]));
    assert!(matches!(github.checks("acme/api", &commit).await, Err(OutsideError::Later { .. })));
}
