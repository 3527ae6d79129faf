//! Values for the tests of this crate: one example policy and one deploy at every point of its life. Not here: tests.

use crate::calendar::{Freeze, FreezeId, FreezeOrigin, FreezeScope, FreezeWhen, Schedule};
use crate::checklist::Marks;
use crate::deploy::{Ask, Deploy, Event, Kind, Pinned, Replaced, Request, Resolution, Step, plan_and_digest};
use crate::facts::{Check, CheckState, Diff, Outside, Pin, Read, RefKind};
use crate::gates::{Answer, Gate, Helpers, Reason, Verdict};
use crate::ids::{Account, CommitId, DeployId, Platform, PolicyVersion};
use crate::people::{AccountFacts, Action, Authorized, Member, Memberships, OutsideGroup, authorize};
use crate::policy::{
    ApprovalRule, CheckRule, Environment, OverrideRule, Pipeline, Policy, Provider, QueueBy, RollbackRule,
    Service,
};
use crate::run::{Conclusion, Job, Progress, Run, RunPlan, Standing};
use crate::zone::Zone;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::str::FromStr;
use std::sync::LazyLock;

/// A Thursday, 10:00 in New York: everything is open.
pub(crate) const THURSDAY: &str = "2026-11-19T15:00:00Z";
/// When the sample deploy is asked for.
pub(crate) const ASKED: &str = "2026-11-19T14:50:00Z";
/// When the sample deploy is given up: four hours later.
pub(crate) const EXPIRES: &str = "2026-11-19T18:50:00Z";

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

pub(crate) fn after(text: &str, seconds: i64) -> Timestamp {
    at(text) + SignedDuration::from_secs(seconds)
}

pub(crate) fn parsed<T: FromStr<Err: Debug>>(text: &str) -> T {
    text.parse().expect("a well-formed word")
}

pub(crate) fn commit(digit: char) -> CommitId {
    parsed(&digit.to_string().repeat(40))
}

pub(crate) fn slack(id: &str) -> Account {
    Account { platform: Platform::Slack, id: id.to_owned() }
}

pub(crate) fn outside_group() -> OutsideGroup {
    OutsideGroup { platform: Platform::Slack, id: "S0GROUP".to_owned() }
}

/// Whatever the platform says of a person who works here.
pub(crate) fn colleague() -> AccountFacts {
    AccountFacts { active: true, bot: false, guest: false, name: "Somebody".to_owned() }
}

/// What Slack says of its group: one member, who is not in `[people]`.
pub(crate) fn memberships() -> Memberships {
    let mut memberships = Memberships::default();
    memberships.insert(&outside_group(), Ok(vec![slack("U0MEMBER")]));
    memberships
}

/// - `ada` deploys; `grace` deploys and releases, and has a second account; `linus` releases, as does everybody in
///   Slack's group; `olga` is on call; `eve` is known and in no group.
/// - `staging` asks for nothing; `production` comes after it and asks for everything.
pub(crate) fn policy() -> Policy {
    POLICY.clone()
}

static POLICY: LazyLock<Policy> = LazyLock::new(|| {
    let discord = |id: &str| Account { platform: Platform::Discord, id: id.to_owned() };
    let person = |word: &str| Member::Person(parsed(word));
    let people = [
        ("ada", vec![slack("U0ADA")]),
        ("eve", vec![slack("U0EVE")]),
        ("grace", vec![slack("U0GRACE"), discord("1001")]),
        ("linus", vec![slack("U0LINUS")]),
        ("olga", vec![slack("U0OLGA")]),
    ];
    let groups = [
        ("deployers", vec![person("ada"), person("grace")]),
        ("release-managers", vec![person("grace"), person("linus"), Member::Outside(outside_group())]),
        ("on-call", vec![person("olga")]),
    ];
    let office = Schedule::new(
        "office",
        Zone::named("America/New_York").expect("a zone"),
        vec![parsed("Mon-Thu 00:00-24:00"), parsed("Fri 00:00-14:00")],
        vec![parsed("Sat-Sun 00:00-24:00")],
    )
    .expect("it opens");
    Policy {
        actions: BTreeMap::new(),
        zone: Zone::named("Europe/Berlin").expect("a zone"),
        people: people.into_iter().map(|(name, accounts)| (parsed(name), accounts)).collect(),
        groups: groups.into_iter().map(|(name, members)| (parsed(name), members)).collect(),
        services: BTreeMap::from([(parsed("api"), service())]),
        environments: [staging(), production()].into_iter().map(|e| (e.name.clone(), e)).collect(),
        schedules: BTreeMap::from([("office".to_owned(), office)]),
        freezes: Vec::new(),
    }
});

/// Not the version of [`policy`], so that what is stored stays the same when rules get another field.
pub(crate) fn policy_version() -> PolicyVersion {
    parsed(&"0".repeat(64))
}

pub(crate) fn service() -> Service {
    let inputs = [("environment", "{environment}"), ("sha", "{sha}"), ("deployment_id", "{deploy}")];
    Service {
        name: parsed("api"),
        default: true,
        pipeline: Pipeline {
            provider: Provider::Github,
            repo: "acme/api".to_owned(),
            workflow: "deploy.yml".to_owned(),
            git_ref: "main".to_owned(),
            inputs: inputs.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            command: vec!["./deploy.sh".to_owned(), "{service}".to_owned(), "{version}".to_owned()],
        },
        preflight: Default::default(),
    }
}

fn staging() -> Environment {
    Environment {
        name: parsed("staging"),
        aliases: Vec::new(),
        after: None,
        schedule: None,
        deployers: vec![parsed("deployers")],
        approvals: ApprovalRule::none(),
        overrides: OverrideRule { needed: 1, from: Vec::new() },
        checks: CheckRule::None,
        queue: QueueBy::Environment,
        when_frozen: crate::policy::WhenFrozen::Finish,
        supersede: false,
        rollback: RollbackRule { needed: 0, in_window_only: false },
        url: None,
        preflight: Default::default(),
    }
}

fn production() -> Environment {
    Environment {
        name: parsed("production"),
        aliases: vec!["prod".to_owned()],
        after: Some(parsed("staging")),
        schedule: Some("office".to_owned()),
        approvals: ApprovalRule { needed: 1, from: vec![parsed("release-managers")], ..ApprovalRule::none() },
        overrides: OverrideRule { needed: 1, from: vec![parsed("on-call")] },
        checks: CheckRule::All,
        ..staging()
    }
}

pub(crate) fn freeze(name: &str, when: FreezeWhen) -> Freeze {
    Freeze {
        id: FreezeId(name.to_lowercase().replace(' ', "-")),
        name: name.to_owned(),
        scope: FreezeScope::default(),
        zone: Zone::named("America/New_York").expect("a zone"),
        when,
        origin: FreezeOrigin::Settings,
    }
}

pub(crate) fn request() -> Request {
    Request {
        kind: Kind::Deploy,
        service: parsed("api"),
        environment: parsed("production"),
        version: parsed("v1.2.3"),
        by: parsed("ada"),
        account: slack("U0ADA"),
        at: at(ASKED),
        reason: Some("the new checkout".to_owned()),
        emergency: None,
        when: crate::deploy::StartWhen::Now,
        accepts: Default::default(),
    }
}

pub(crate) fn deploy_id() -> DeployId {
    DeployId::new(at(ASKED), [7; 10])
}

pub(crate) fn pinned_by(request: &Request, kind: RefKind, title: &str) -> Pinned {
    let pin = Pin { commit: commit('a'), kind, title: title.to_owned(), author: "grace".to_owned() };
    let (plan, digest) =
        plan_and_digest(&deploy_id(), request, &pin.commit, &service(), &policy_version(), None);
    let diff = Diff {
        base: commit('b'),
        base_version: parsed("v1.2.2"),
        commits: Vec::new(),
        total: 0,
        behind: 0,
        url: None,
    };
    Pinned { pin, diff: Read::Known(Some(diff)), plan, digest }
}

pub(crate) fn pinned() -> Pinned {
    pinned_by(&request(), RefKind::Tag, "Sell more")
}

/// Everything is well outside, read just before [`THURSDAY`].
pub(crate) fn outside() -> Outside {
    let green = |name: &str| Check { name: name.to_owned(), state: CheckState::Passed, url: None };
    Outside {
        read_at: at(THURSDAY),
        resolves_to: Read::Known(Some(commit('a'))),
        reachable: Read::Known(true),
        checks: Read::Known(vec![green("build"), green("test")]),
        memberships: memberships(),
        rebased: None,
        preflight: Default::default(),
    }
}

pub(crate) fn verdict(answer: Answer) -> Verdict {
    Verdict {
        gate: Gate::Approvals,
        answer,
        reason: Reason::NoApprovals,
        until: None,
        helpers: Helpers::default(),
    }
}

pub(crate) fn replaced(digit: u8) -> Replaced {
    Replaced { deploy: DeployId::new(at(ASKED), [digit; 10]), version: parsed("v1.2.4") }
}

pub(crate) fn run(attempt: u32) -> Run {
    Run { id: parsed("4711"), attempt, url: Some("https://ci.example/4711".to_owned()) }
}

pub(crate) fn progress(standing: Standing) -> Progress {
    let job = Job {
        name: "deploy".to_owned(),
        standing: standing.clone(),
        started: Some(after(THURSDAY, 20)),
        ended: None,
        url: None,
    };
    Progress { standing, jobs: vec![job], failed: None }
}

/// The proof that somebody may do something on production.
pub(crate) fn grant(account: &Account, action: Action) -> Authorized {
    let place = POLICY.environment("production").expect("it exists");
    authorize(&POLICY, &memberships(), account, &colleague(), action, Some(place)).expect("they may")
}

/// Something to try on a deploy: news, or the wish of `grace`.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant, reason = "a handful live for the length of a test")]
pub(crate) enum Try {
    News(Event),
    Wish(Ask),
}

impl Try {
    pub(crate) fn on(&self, deploy: &Deploy, now: Timestamp) -> Result<Step, crate::deploy::Illegal> {
        match self {
            Self::News(event) => deploy.learn(event.clone(), now),
            Self::Wish(ask) => {
                let action = match ask {
                    Ask::Approve(..) | Ask::Withdraw => Action::Approve,
                    Ask::Reject(_) => Action::Reject,
                    Ask::Hold(_) | Ask::Resume => Action::Hold,
                    Ask::Cancel(_) | Ask::Close => Action::Cancel,
                    Ask::Resolve(_) => Action::Resolve,
                    Ask::Mark { .. } => Action::Tick,
                };
                deploy.ask(&grant(&slack("U0GRACE"), action), ask.clone(), now)
            }
        }
    }
}

/// Every kind of event, some in several forms, by name, each with an instant at which it fits. The send of the sample
/// deploy is marked five seconds after [`THURSDAY`].
pub(crate) fn tries() -> BTreeMap<&'static str, (Try, Timestamp)> {
    let plain = after(THURSDAY, 10);
    let intent = |answer, send_by| Event::IntentMade {
        verdicts: vec![verdict(answer)],
        outside: outside(),
        send_by: after(THURSDAY, send_by),
    };
    let pin = |title: &str| Event::Pinned {
        pinned: Box::new(pinned_by(&request(), RefKind::Tag, title)),
        expires: at(EXPIRES),
    };
    let other_run = Run { id: parsed("4700"), attempt: 9, url: None };
    let ended = |conclusion: Conclusion| Event::Ended {
        run: run(1),
        progress: progress(Standing::Ended(conclusion.clone())),
        conclusion,
    };
    let judged = || (vec![verdict(Answer::Waiting)], Some(outside()));
    let why = || "why".to_owned();
    let ((verdicts, facts), (closed, closed_facts)) = (judged(), judged());
    let pinned = pinned();
    let news = [
        ("delayed", Event::Delayed { problem: why() }, plain),
        ("pinned", pin("Sell more"), plain),
        ("pinned with [HOLD]", pin(" [HOLD] until the sale is over"), plain),
        (
            "workflow_changed",
            Event::WorkflowChanged {
                plan: RunPlan { workflow_id: Some("b".repeat(40)), ..pinned.plan.clone() },
                digest: pinned.digest.clone(),
            },
            plain,
        ),
        (
            "rules_changed",
            Event::RulesChanged {
                policy: parsed(&"c".repeat(64)),
                plan: pinned.plan.clone(),
                digest: pinned.digest.clone(),
            },
            plain,
        ),
        ("judged", Event::Judged { verdicts, outside: facts }, plain),
        ("refused", Event::Refused { verdicts: closed, outside: closed_facts }, plain),
        ("frozen_out", Event::FrozenOut { freezes: vec!["Black Friday".to_owned()] }, plain),
        ("went_on", Event::WentOn, plain),
        ("expired", Event::Expired, at(EXPIRES)),
        ("expired early", Event::Expired, after(EXPIRES, -1)),
        ("superseded", Event::Superseded { by: replaced(7) }, plain),
        ("replaced", Event::Replaced { deploys: vec![replaced(5)] }, plain),
        ("intent_made", intent(Answer::Open, 30), at(THURSDAY)),
        ("intent_made, a gate waits", intent(Answer::Waiting, 30), at(THURSDAY)),
        ("intent_made, a gate is closed", intent(Answer::Closed, 30), at(THURSDAY)),
        ("intent_made, beyond the guard", intent(Answer::Open, 31), at(THURSDAY)),
        ("intent_made, on old facts", intent(Answer::Open, 90), after(THURSDAY, 61)),
        ("intent_lapsed", Event::IntentLapsed, after(THURSDAY, 31)),
        ("sent", Event::Sent, after(THURSDAY, 5)),
        ("sent late", Event::Sent, after(THURSDAY, 31)),
        ("send_refused", Event::SendRefused { why: why() }, plain),
        ("send_delayed", Event::SendDelayed { why: why(), until: at(THURSDAY) }, plain),
        ("send_accepted", Event::SendAccepted, plain),
        ("send_unknown", Event::SendUnknown { why: why() }, plain),
        ("bound", Event::Bound { run: run(1) }, plain),
        ("found", Event::Found { run: run(1) }, plain),
        ("people_asked", Event::PeopleAsked, after(THURSDAY, 5 + 3600)),
        ("people_asked early", Event::PeopleAsked, after(THURSDAY, 4 + 3600)),
        ("given_up", Event::GivenUp, after(THURSDAY, 5 + 5 * 3600)),
        ("given_up early", Event::GivenUp, after(THURSDAY, 4 + 5 * 3600)),
        ("progressed", Event::Progressed { run: run(1), progress: progress(Standing::Running) }, plain),
        (
            "progressed, other run",
            Event::Progressed { run: other_run.clone(), progress: progress(Standing::Running) },
            plain,
        ),
        ("ended: success", ended(Conclusion::Success), plain),
        ("ended: failure", ended(Conclusion::Failure), plain),
        ("ended: cancelled", ended(Conclusion::Cancelled), plain),
        ("ended: timed out", ended(Conclusion::TimedOut), plain),
        ("ended: other", ended(Conclusion::Other("is stale".to_owned())), plain),
        (
            "ended: success, all skipped",
            Event::Ended {
                run: run(1),
                conclusion: Conclusion::Success,
                progress: progress(Standing::Skipped),
            },
            plain,
        ),
        (
            "ended: success, other run",
            Event::Ended {
                run: other_run,
                conclusion: Conclusion::Success,
                progress: progress(Standing::Ended(Conclusion::Success)),
            },
            plain,
        ),
    ];
    let mark = |digest: &crate::ids::Digest| Ask::Mark {
        digest: digest.clone(),
        drawing: "1".to_owned(),
        marks: Marks { ticked: vec!["Metrics normal".to_owned()], ..Marks::default() },
    };
    let wishes = [
        ("approved", Ask::Approve(pinned.digest.clone(), None), plain),
        ("approved, other digest", Ask::Approve(parsed(&"d".repeat(64)), None), plain),
        ("approved too late", Ask::Approve(pinned.digest.clone(), None), at(EXPIRES)),
        ("withdrawn", Ask::Withdraw, plain),
        ("rejected", Ask::Reject(why()), plain),
        ("held", Ask::Hold(why()), plain),
        ("resumed", Ask::Resume, plain),
        ("cancel_asked", Ask::Cancel(None), plain),
        ("resolved: did not start", Ask::Resolve(Resolution::DidNotStart), plain),
        ("resolved: started", Ask::Resolve(Resolution::Started { run: run(1) }), plain),
        ("resolved: wait more", Ask::Resolve(Resolution::WaitMore), plain),
        ("marked", mark(&pinned.digest), plain),
        ("marked, other digest", mark(&parsed(&"d".repeat(64))), plain),
        ("marked a day later", mark(&pinned.digest), after(THURSDAY, 24 * 3600 + 10)),
        ("closed", Ask::Close, plain),
    ];
    let news = news.into_iter().map(|(name, event, now)| (name, (Try::News(event), now)));
    news.chain(wishes.into_iter().map(|(name, ask, now)| (name, (Try::Wish(ask), now)))).collect()
}

/// Walks a new deploy through these tries, each of which must change it.
pub(crate) fn deploy_after(steps: &[&str]) -> Deploy {
    let tries = tries();
    let start = Deploy::new(deploy_id(), request(), policy_version());
    steps.iter().fold(start, |deploy, name| {
        let (what, now) = &tries[name];
        let step = what.on(&deploy, *now).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(step.event.is_some(), "{name} changes nothing");
        step.deploy
    })
}

/// Where a deploy is, finer than its state's name: `!` marks that somebody asked to stop it, `?` that it is to be stopped
/// unless it has started.
pub(crate) fn place_in_life(deploy: &Deploy) -> String {
    use crate::deploy::{Outcome, Phase, State};
    let (name, cancel) = match &deploy.state {
        State::Requested { .. } => ("requested", false),
        State::Waiting { .. } => (if deploy.hold.is_some() { "held" } else { "waiting" }, false),
        State::Dispatching { phase, cancel, .. } => {
            let name = match phase {
                Phase::Ready => "ready",
                Phase::Sent { .. } => "sent",
                Phase::Accepted { .. } => "accepted",
                Phase::Unknown { asked: None, .. } => "unknown",
                Phase::Unknown { asked: Some(_), .. } => "asked",
            };
            (name, cancel.is_some())
        }
        State::Running { cancel: Some(cancel), .. } if cancel.unless_started => ("running?", false),
        State::Running { progress, cancel: None, .. } if progress.standing == Standing::Queued => {
            ("queued", false)
        }
        State::Running { cancel, .. } => ("running", cancel.is_some()),
        State::Done { outcome: Outcome::Failed { closed_by: Some(_), .. }, .. } => ("closed", false),
        State::Done { outcome, .. } => (outcome.name(), false),
    };
    if cancel { format!("{name}!") } else { name.to_owned() }
}

/// A deploy at every point of its life, by the name that [`place_in_life`] gives.
pub(crate) fn lives() -> BTreeMap<String, Deploy> {
    let sent = ["pinned", "intent_made", "sent"];
    let with = |more: &[&str]| deploy_after(&[&sent, more].concat());
    [
        deploy_after(&[]),
        deploy_after(&["pinned"]),
        deploy_after(&["pinned", "held"]),
        deploy_after(&["pinned", "approved", "intent_made"]),
        with(&[]),
        with(&["cancel_asked"]),
        with(&["send_accepted"]),
        with(&["send_accepted", "cancel_asked"]),
        with(&["send_unknown"]),
        with(&["send_unknown", "cancel_asked"]),
        with(&["send_unknown", "people_asked"]),
        with(&["send_unknown", "people_asked", "cancel_asked"]),
        with(&["bound"]),
        with(&["bound", "frozen_out"]),
        with(&["bound", "progressed"]),
        with(&["bound", "cancel_asked"]),
        deploy_after(&["pinned", "refused"]),
        deploy_after(&["pinned", "rejected"]),
        deploy_after(&["pinned", "cancel_asked"]),
        deploy_after(&["pinned", "expired"]),
        deploy_after(&["pinned", "superseded"]),
        with(&["bound", "ended: success"]),
        with(&["bound", "ended: failure"]),
        with(&["bound", "ended: failure", "closed"]),
        with(&["send_unknown", "people_asked", "given_up"]),
    ]
    .into_iter()
    .map(|deploy| (place_in_life(&deploy), deploy))
    .collect()
}
