//! Which gates judge a command of the team's own, and that its file makes rules stricter only. Not here: its file
//! (`app::commands`).

use super::{Answer::*, Gate, Scene, samples};
use crate::deploy::{Asked, Kind};
use crate::facts::{Check, CheckState, Read};
use crate::ids::PersonId;
use crate::policy::{ActionRole, ActionRule, ActsOn, ReviewRule};
use crate::samples::{commit, parsed};

/// A rule that asks for nothing of its own.
pub(super) fn rule(name: &str) -> ActionRule {
    ActionRule {
        name: parsed(name),
        done: "restarted".to_owned(),
        acts_on: ActsOn::Live,
        read_only: false,
        role: ActionRole::Deployer,
        approvals: 0,
        services: Vec::new(),
        environments: Vec::new(),
        workflow: "restart.yml".to_owned(),
        inputs: [("deployment_id".to_owned(), "{deploy}".to_owned())].into(),
        command: Vec::new(),
        arguments: String::new(),
    }
}

impl Scene {
    /// `ada` wants a restart of what runs on production, `grace` said yes, and every gate is open.
    fn into_action(mut self, rule: ActionRule) -> Self {
        let live = (rule.acts_on == ActsOn::Live).then(samples::deploy_id);
        let asked = Asked {
            name: rule.name.clone(),
            args: [].into(),
            live,
            read_only: rule.read_only,
            arguments: String::new(),
        };
        self.deploy.request.kind = Kind::Action(asked);
        self.deploy.pinned.as_mut().unwrap().diff = Read::Known(None);
        self.place.live = Some(commit('a'));
        self.policy.actions = [(rule.name.clone(), rule)].into();
        self
    }

    fn asked_gates(&self) -> Vec<Gate> {
        self.judge().iter().map(|verdict| verdict.gate).collect()
    }
}

#[test]
fn an_action_on_what_runs_there_is_asked_all_but_what_a_new_commit_is_asked() {
    let scene = Scene::ready().into_action(rule("restart"));
    use Gate::{Approvals, Freeze, Lock, Permission, Queue, Schedule, Version};
    let asked = scene.asked_gates();
    for gate in [Permission, Version, Schedule, Freeze, Lock, Approvals, Queue] {
        assert!(asked.contains(&gate), "{gate:?}");
    }
    for gate in [Gate::Order, Gate::Checks, Gate::Review, Gate::Migrations, Gate::Artifact] {
        assert!(!asked.contains(&gate), "{gate:?}");
    }
    assert!(scene.judge().iter().all(|verdict| verdict.answer == Open));
}

#[test]
fn an_action_on_the_head_of_the_branch_is_asked_what_a_deploy_of_it_is_asked() {
    let mut scene = Scene::ready().into_action(ActionRule { acts_on: ActsOn::Ref, ..rule("restart") });
    scene.environment.preflight.reviews = ReviewRule::Count(1);
    let asked = scene.asked_gates();
    for gate in [Gate::Order, Gate::Checks, Gate::Review] {
        assert!(asked.contains(&gate), "{gate:?}");
    }
    let red = Check { name: "test".into(), state: CheckState::Failed, url: None };
    scene.outside().checks = Read::Known(vec![red]);
    assert_eq!(scene.verdict(Gate::Checks).unwrap().answer, Closed);
    scene.place.before = None;
    assert_eq!(scene.verdict(Gate::Order).unwrap().reason.code(), "not_before");
}

#[test]
fn what_changes_nothing_waits_for_nobody_but_is_still_asked_who_and_what() {
    let quiet = ActionRule { read_only: true, role: ActionRole::Viewer, ..rule("look") };
    let mut scene = Scene::ready().into_action(quiet.clone());
    scene.deploy.approvals.clear();
    scene.deploy.request.by = parsed("eve");
    assert_eq!(scene.asked_gates(), [Gate::Permission, Gate::Version]);
    assert!(scene.judge().iter().all(|verdict| verdict.answer == Open));
    assert_eq!(scene.verdict(Gate::Permission).unwrap().reason.code(), "may_look");
    scene.place.stopped = Some((scene.now, "row 1 is missing".to_owned()));
    assert_eq!(scene.verdict(Gate::SelfCheck).unwrap().answer, Waiting, "nothing at all is started then");
    // Roles hold for it all the same.
    let mut scene = Scene::ready().into_action(ActionRule { role: ActionRole::Deployer, ..quiet });
    scene.deploy.request.by = parsed("eve");
    assert_eq!(scene.verdict(Gate::Permission).unwrap().answer, Closed);
}

#[test]
fn rules_that_became_stricter_hold_for_what_was_asked_as_harmless() {
    let quiet = ActionRule { read_only: true, role: ActionRole::Viewer, ..rule("look") };
    let mut scene = Scene::ready().into_action(quiet.clone());
    scene.deploy.approvals.clear();
    scene.deploy.request.by = parsed("eve");
    scene.policy.actions.insert(parsed("look"), ActionRule { read_only: false, ..quiet });
    assert_eq!(scene.verdict(Gate::Permission).unwrap().answer, Closed, "viewers may only look");
    assert_eq!(scene.verdict(Gate::Approvals).unwrap().answer, Waiting);
    // The other way round, what was asked as a change stays one.
    let mut scene = Scene::ready().into_action(rule("restart"));
    scene.deploy.approvals.clear();
    let quiet = ActionRule { read_only: true, ..rule("restart") };
    scene.policy.actions.insert(parsed("restart"), quiet);
    assert_eq!(scene.verdict(Gate::Approvals).unwrap().answer, Waiting);
    // Without rules it is asked everything that a change is asked.
    scene.policy.actions.clear();
    assert_eq!(scene.verdict(Gate::Approvals).unwrap().answer, Waiting);
}

#[test]
fn who_may_ask_is_in_its_file() {
    let may = |person: &str, role: ActionRole| {
        let mut scene = Scene::ready().into_action(ActionRule { role, ..rule("restart") });
        scene.deploy.request.by = parsed::<PersonId>(person);
        scene.verdict(Gate::Permission).unwrap().answer == Open
    };
    assert!(may("ada", ActionRole::Deployer) && !may("linus", ActionRole::Deployer));
    assert!(!may("ada", ActionRole::Approver) && may("linus", ActionRole::Approver));
    assert!(!may("eve", ActionRole::Viewer), "a viewer may never change anything");
}

#[test]
fn its_file_may_ask_for_more_approvals_and_never_for_fewer() {
    let needed = |own: u32, approvals: u32| {
        let mut scene = Scene::ready().into_action(ActionRule { approvals, ..rule("restart") });
        scene.environment.approvals.needed = own;
        scene.verdict(Gate::Approvals).unwrap().answer
    };
    assert_eq!(needed(1, 0), Open);
    assert_eq!(needed(1, 1), Open);
    assert_eq!(needed(1, 2), Waiting);
    assert_eq!(needed(2, 1), Waiting);
    assert_eq!(needed(0, 2), Waiting);
}

#[test]
fn it_is_refused_once_something_else_runs_there() {
    let mut scene = Scene::ready().into_action(rule("restart"));
    for now in [Some(commit('b')), None] {
        scene.place.live = now;
        let verdict = scene.verdict(Gate::Version).unwrap();
        assert_eq!((verdict.answer, verdict.reason.code().as_str()), (Closed, "no_longer_live"));
        assert!(verdict.reason.is_lasting());
    }
    // A branch that was rewritten is no reason to leave a service as it hangs.
    scene.place.live = Some(commit('a'));
    scene.outside().reachable = Read::Known(false);
    assert_eq!(scene.verdict(Gate::Version).unwrap().answer, Open);
}

#[test]
fn it_goes_neither_forward_nor_back() {
    let mut scene = Scene::ready().into_action(ActionRule { acts_on: ActsOn::Ref, ..rule("restart") });
    let mut diff = crate::samples::pinned().diff.known().unwrap().clone().unwrap();
    (diff.total, diff.behind) = (0, 3);
    scene.deploy.pinned.as_mut().unwrap().diff = Read::Known(Some(diff));
    assert_eq!(scene.verdict(Gate::Version).unwrap().answer, Open);
    assert!(!scene.deploy.puts_in_place() && !scene.deploy.is_rollback());
}

#[test]
fn a_freeze_stops_no_run_that_changes_nothing() {
    let frozen = |rule: ActionRule| {
        let mut scene = Scene::ready().into_action(rule);
        let whole = crate::calendar::FreezeWhen::dates("2026-11-19T00:00", "2026-11-20T00:00").unwrap();
        scene.freezes = vec![samples::freeze("Sale", whole)];
        let calendar =
            crate::calendar::Calendar::compile(&scene.policy.schedules, &scene.freezes, scene.around);
        super::super::frozen_by(&crate::facts::Case {
            deploy: &scene.deploy,
            policy: &scene.policy,
            environment: &scene.environment,
            service: &scene.service,
            calendar: &calendar,
            place: &scene.place,
            now: scene.now,
            authors: Default::default(),
        })
    };
    assert_eq!(frozen(rule("restart")), ["Sale"]);
    assert!(frozen(ActionRule { read_only: true, ..rule("restart") }).is_empty());
}
