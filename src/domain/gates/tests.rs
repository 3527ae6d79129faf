//! Tests of the gates by topic, each on a scene that is open and one change to it. Not here: the calendar's arithmetic.

mod action;
mod approvals;
mod change;
mod checklist;
mod decision;
mod freeze;
mod inside;
mod missing;
mod outlook;
mod outside;
mod planned;
mod schedule;

use super::{Answer, Gate, Verdict, judge};
use crate::calendar::{Calendar, Freeze};
use crate::deploy::{Approval, Deploy, Kind};
use crate::facts::{Case, Other, Outside, Place};
use crate::ids::{Account, DeployId};
use crate::policy::{Environment, Policy, Service};
use crate::samples::{self, after, at, deploy_after, parsed, slack};
use jiff::{SignedDuration, Timestamp};
use std::sync::LazyLock;

/// One question to the gates, with everything that a test may change.
#[derive(Clone, Debug)]
struct Scene {
    policy: Policy,
    environment: Environment,
    service: Service,
    deploy: Deploy,
    place: Place,
    freezes: Vec<Freeze>,
    /// The instant around which the calendar was compiled.
    around: Timestamp,
    now: Timestamp,
}

static PLAIN: LazyLock<Calendar> =
    LazyLock::new(|| Calendar::compile(&samples::policy().schedules, &[], at(samples::THURSDAY)));

impl Scene {
    /// `ada` wants v1.2.3 on production, `grace` said yes, and every gate is open.
    fn ready() -> Self {
        let policy = samples::policy();
        let environment = policy.environment("production").unwrap().clone();
        let mut deploy = deploy_after(&["pinned", "approved"]);
        deploy.outside = Some(samples::outside());
        let place =
            Place { before: Some((after(samples::ASKED, -600), true)), known_here: true, ..Place::default() };
        let now = after(samples::THURSDAY, 15);
        let (service, freezes, around) = (samples::service(), Vec::new(), at(samples::THURSDAY));
        Self { policy, environment, service, deploy, place, freezes, around, now }
    }

    fn judge(&self) -> Vec<Verdict> {
        let compiled;
        let calendar = if self.freezes.is_empty() && self.around == at(samples::THURSDAY) {
            &*PLAIN
        } else {
            compiled = Calendar::compile(&self.policy.schedules, &self.freezes, self.around);
            &compiled
        };
        judge(&Case {
            deploy: &self.deploy,
            policy: &self.policy,
            environment: &self.environment,
            service: &self.service,
            calendar,
            place: &self.place,
            now: self.now,
            authors: Default::default(),
        })
    }

    fn verdict(&self, gate: Gate) -> Option<Verdict> {
        self.judge().into_iter().find(|verdict| verdict.gate == gate)
    }

    fn outside(&mut self) -> &mut Outside {
        self.deploy.outside.as_mut().expect("it was read")
    }

    fn as_rollback(&mut self) {
        self.deploy.request.kind = Kind::Rollback { from: None };
    }

    fn in_emergency(&mut self) {
        self.deploy.request.emergency = Some("the shop is down".to_owned());
    }

    /// Somebody says yes to the current digest, an hour before now.
    fn approve(&mut self, account: Account) {
        self.approve_at(account, self.now - SignedDuration::from_hours(1));
    }

    fn approve_at(&mut self, account: Account, at: Timestamp) {
        let by = self.policy.person_of(&account);
        let digest = self.deploy.digest().expect("it is pinned").clone();
        // What the card shows at that moment.
        self.deploy.verdicts = self.judge();
        let passes = self.deploy.to_pass();
        self.deploy.approvals.push(Approval { passes, ..Approval::plain(by, account, digest, at) });
    }
}

fn other(digit: u8) -> Other {
    Other {
        action: None,
        id: DeployId::new(at(samples::ASKED), [digit; 10]),
        service: None,
        version: parsed("v1.2.2"),
        requester: parsed("grace"),
        started: None,
    }
}

/// What a change to the ready scene makes a gate say.
type Row = (&'static str, fn(&mut Scene), Answer, &'static str);

/// Runs the rows of one gate; all that are wrong are shown at once.
fn check(gate: Gate, rows: &[Row]) {
    let mut wrong = Vec::new();
    for (what, change, answer, code) in rows {
        let mut scene = Scene::ready();
        change(&mut scene);
        let verdict = scene.verdict(gate).unwrap_or_else(|| panic!("{what}: the gate says nothing"));
        let got = (verdict.answer, verdict.reason.code());
        if got != (*answer, (*code).to_owned()) {
            wrong.push(format!("{what}: {got:?}, the table says {answer:?} {code}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
