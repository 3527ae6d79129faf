//! What every CI system and code host must do, whatever it is. Not here: what only one of them can do.

use async_trait::async_trait;
use jiff::Timestamp;
use shipgate_app::ports::{Pipelines, Repositories, Resolved, Sent};
use shipgate_domain::facts::RefKind;
use shipgate_domain::ids::{CommitId, Version};
use shipgate_domain::run::{Conclusion, Run, RunPlan, Standing};

/// One adapter in a world in which a test can end runs.
#[async_trait]
pub trait World: Send + Sync {
    fn pipelines(&self) -> &dyn Pipelines;
    /// A plan that nobody sent yet.
    fn plan(&self) -> RunPlan;
    /// Waits until the run of this plan is at work.
    async fn begun(&self, plan: &RunPlan);
    /// Ends the run of this plan.
    async fn end(&self, plan: &RunPlan, is_good: bool);
}

/// A repository with three commits on `main` and one on `side` that left it after the first. `v1` names the first
/// commit, `v2` the second by an annotated tag, `both` is a tag and a branch.
pub struct History<'a> {
    pub repositories: &'a dyn Repositories,
    pub repo: &'a str,
    pub main: [CommitId; 3],
    pub side: CommitId,
}

async fn sent(world: &dyn World, plan: &RunPlan) -> Run {
    let sent = world.pipelines().send(plan).await;
    assert!(matches!(sent, Sent::Started(_) | Sent::Accepted), "{sent:?}");
    let found = world.pipelines().find(plan, Timestamp::UNIX_EPOCH).await.unwrap();
    assert_eq!(found.len(), 1, "one send is one run: {found:?}");
    if let Sent::Started(run) = sent {
        assert_eq!(run, found[0]);
    }
    found[0].clone()
}

pub async fn runs(world: &dyn World) {
    let pipelines = world.pipelines();
    for is_good in [true, false] {
        let plan = world.plan();
        assert!(pipelines.find(&plan, Timestamp::UNIX_EPOCH).await.unwrap().is_empty(), "nothing was sent");
        let run = sent(world, &plan).await;
        world.begun(&plan).await;
        let report = pipelines.read(&plan, &run).await.unwrap();
        assert_eq!(report.progress.standing, Standing::Running);
        assert_eq!(report.run, run);
        assert!(report.progress.failed.is_none());
        world.end(&plan, is_good).await;
        let progress = pipelines.read(&plan, &run).await.unwrap().progress;
        let expected = if is_good { Conclusion::Success } else { Conclusion::Failure };
        assert_eq!(progress.standing, Standing::Ended(expected));
        assert!(!progress.jobs.is_empty());
        match progress.failed {
            None => assert!(is_good),
            Some(failed) => {
                assert!(!is_good);
                assert!(failed.log.iter().any(|line| line.contains("boom")), "{failed:?}");
            }
        }
        pipelines.stop(&plan, &run).await.expect("stopping a finished run is no error");
        assert_eq!(pipelines.identify(&plan, run.id.as_str()).await.unwrap().as_ref(), Some(&run));
        assert_eq!(pipelines.identify(&plan, "https://example.com/what").await.unwrap(), None);
    }
}

pub async fn history(history: &History<'_>) {
    let History { repositories, repo, main, side } = history;
    let resolve = async |word: &str| {
        let version: Version = word.parse().unwrap();
        repositories.resolve(repo, &version).await.unwrap()
    };
    for (word, commit, kind) in [
        ("v1", &main[0], RefKind::Tag),
        ("v2", &main[1], RefKind::Tag),
        ("main", &main[2], RefKind::Branch),
        (main[0].short(), &main[0], RefKind::Commit),
        (main[1].as_str(), &main[1], RefKind::Commit),
    ] {
        let Resolved::Pin(pin) = resolve(word).await else { panic!("{word} is known") };
        assert_eq!((&pin.commit, pin.kind), (commit, kind), "{word}");
        assert!(!pin.title.is_empty() && !pin.author.is_empty());
    }
    assert!(matches!(resolve("both").await, Resolved::Ambiguous { .. }));
    assert_eq!(resolve("v9").await, Resolved::Unknown);
    assert_eq!(resolve("abcdefabcdef").await, Resolved::Unknown);

    assert!(repositories.is_reachable(repo, &main[0], "main").await.unwrap());
    assert!(repositories.is_reachable(repo, &main[2], "main").await.unwrap());
    assert!(!repositories.is_reachable(repo, side, "main").await.unwrap());
    assert!(repositories.is_reachable(repo, &main[0], "nowhere").await.is_err());

    let ahead = repositories.compare(repo, &main[0], &main[2]).await.unwrap();
    let commits: Vec<_> = ahead.commits.iter().map(|change| &change.commit).collect();
    assert_eq!((commits, ahead.total, ahead.behind), (vec![&main[2], &main[1]], 2, 0), "newest first");
    assert_eq!(ahead.commits[0].pull, Some(12));
    assert_eq!(ahead.commits[0].title, "Third");
    let back = repositories.compare(repo, &main[2], side).await.unwrap();
    assert_eq!((back.total, back.behind), (1, 2));

    let recent = repositories.recent(repo, 2).await.unwrap();
    assert_eq!(recent.len(), 2);
    assert_eq!((recent[0].version.as_str(), &recent[0].commit), ("v2", &main[1]));
}
