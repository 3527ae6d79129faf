//! After the trouble: everything must come to its end, and nobody may be forgotten (L1 to L10). Not here: what must be
//! true all the time (`oracle`).

use crate::oracle::at_once;
use crate::rules::When;
use crate::runner::Sim;
use crate::world::{HOUR, MINUTE, Ms, SECOND, World, tell};
use shipgate_app::ports::Store as _;
use shipgate_app::store::Epoch;
use shipgate_domain::deploy::{Deploy, StartWhen, State};
use shipgate_domain::ids::DeployId;
use std::collections::BTreeSet;

/// Everything must be over this long after the trouble stopped: an hour until people are asked, four until it is given
/// up, half an hour for a run that is lost, two for runs that wait for a machine, and some minutes for each step.
const HEALED_BY: Ms = 10 * 60 * MINUTE;

/// Whether it was to start when the calendar opens, and its time is not up.
pub fn waits_for_the_calendar(deploy: &Deploy, now: jiff::Timestamp) -> bool {
    let waits = matches!(&deploy.state, State::Waiting { expires, .. } if now < *expires);
    waits && deploy.request.when == StartWhen::WhenOpen
}

impl World {
    /// Nothing goes wrong any more.
    fn calm_down(&mut self) {
        self.rates.calm();
        self.settle_checks();
        self.chat.mend();
        self.code.mend();
        self.calendars_down_until = 0;
        for replica in &mut self.replicas {
            (replica.frozen_until, replica.cut_until) = (0, 0);
        }
        self.calm_since = Some(self.mono);
        tell!(self, "calm", "trouble stops");
    }
}

impl Sim {
    /// Trouble stops; now everything must come to its end (L1, L9).
    pub(crate) fn heal(&mut self) {
        // Whoever is suspended or cut off comes back by itself.
        let rest = {
            let world = self.parts.shared.look();
            world.all_well_at() - world.mono
        };
        self.run_for(rest);
        let (silent, start) = {
            let mut world = self.parts.shared.look();
            world.calm_down();
            (world.dice.chance(150), world.mono)
        };
        // What the rush asks for wakes those whom the trouble left asleep, so they are looked for before it. Not in every
        // seed: a rush should also meet processes that have been through the trouble.
        if self.parts.seed.is_multiple_of(2) {
            self.look_for_the_forgotten();
        }
        self.rush();
        self.lesson();
        self.look_for_the_forgotten();
        let mut was_asked_again = false;
        while !self.is_broken() {
            if self.is_over() {
                if !was_asked_again {
                    was_asked_again = true;
                    self.ask_where_it_is_closed_off();
                    continue;
                }
                self.run_for(2 * MINUTE);
                break;
            }
            let mono = self.parts.shared.look().mono;
            if mono - start > HEALED_BY {
                self.is_not_over();
                break;
            }
            if !silent {
                self.parts.shared.look().help();
            }
            self.run_for(3 * MINUTE);
        }
        if self.is_broken() {
            return;
        }
        let due = at_once(self.parts.store.effect_next_due(None));
        let mut world = self.parts.shared.look();
        if due.is_some_and(|due| world.now().duration_since(due) > jiff::SignedDuration::from_secs(8)) {
            world.fail("L9: an effect is due and nobody carries it out".into());
        }
        world.watch_the_end();
    }

    /// Ends a process whose leases are not to be waited for.
    pub(crate) fn stop_in_order(&mut self, me: usize, why: &str) {
        let epoch = self.parts.shared.look().replicas[me].epoch;
        if let Some(epoch) = epoch {
            at_once(self.parts.store.replica_leave(Epoch(epoch)));
            let mut world = self.parts.shared.look();
            let mono = world.mono;
            world.oracle.epochs.left(epoch, mono);
        }
        self.die(me, why);
    }

    fn is_not_over(&self) {
        let mut world = self.parts.shared.look();
        let open = world.oracle.deploys.values().filter(|deploy| !deploy.is_done());
        let open: Vec<String> =
            open.map(|deploy| format!("{} {}", deploy.id.short(), deploy.state.name())).collect();
        let counts = at_once(self.parts.store.counts());
        world.fail(format!("L1: not over ten hours after the trouble stopped: {open:?} {counts:?}"));
    }

    /// Whether nothing is left to do but to look for reminders and calendars now and then (L5).
    fn is_over(&self) -> bool {
        let world = self.parts.shared.look();
        let counts = at_once(self.parts.store.counts());
        // Whoever was cancelled may have been about to be looked at when a freeze begins again, which may be tomorrow.
        let is_long_calm = world.calm_since.is_some_and(|calm| world.mono - calm > HOUR);
        let recurs = world.drawn.freezes.iter().any(|freeze| freeze.when != When::Dates);
        let asleep = if recurs && is_long_calm { world.oracle.deploys.len() } else { 0 };
        // One looks at the calendars of others, also for some time after the rules that named them.
        let is_fed = world.drawn.freezes.iter().any(|freeze| freeze.when == When::Feed);
        // A card whose list can be ticked for a day after the end is drawn once more then.
        let lists: BTreeSet<&DeployId> = world.chat.boxes.iter().map(|row| &row.deploy).collect();
        let known = world.oracle.mornings.len() + asleep + lists.len() + usize::from(is_fed || is_long_calm);
        // Whoever waits for the calendar may wait for the end of holidays, which is not the bot's doing.
        let now = world.now();
        let sits_out = |deploy: &Deploy| recurs && is_long_calm && waits_for_the_calendar(deploy, now);
        world.oracle.deploys.values().all(|deploy| deploy.is_done() || sits_out(deploy))
            && world.deliveries.is_empty()
            && counts.inbox == 0
            && counts.effects <= 1 + known as u64
    }

    /// In the middle of an upgrade: whoever enters last decides by which rules, so a start would prove nothing.
    fn has_two_rules(&self) -> bool {
        let world = self.parts.shared.look();
        let rules: BTreeSet<String> =
            world.replicas.iter().map(|replica| replica.running.rules().version.to_string()).collect();
        rules.len() > 1
    }

    /// Waits as long as looking again may take, then until nothing stirs, and looks whom nobody has in mind.
    fn look_for_the_forgotten(&mut self) {
        self.run_for(4 * MINUTE);
        for _ in 0..8 {
            let is_quiet = self.parts.shared.look().is_quiet();
            if is_quiet {
                self.nobody_was_forgotten();
                break;
            }
            self.run_for(20 * SECOND);
        }
    }

    /// A deploy that starts at once when all are looked at was forgotten before (L6, L9).
    fn nobody_was_forgotten(&mut self) {
        let is_up = self.processes.iter().all(|process| process.app.is_some());
        if self.is_broken() || !is_up || self.has_two_rules() {
            return;
        }
        let waiting: Vec<(DeployId, usize)> = {
            let world = self.parts.shared.look();
            // Nobody tells Shipgate that somebody came into a group again, or got their account back.
            if !world.chat.is_settled(1) {
                return;
            }
            let list = world.oracle.deploys.values();
            // Who waits behind an active deploy is not forgotten: that one may end in the very seconds of this look.
            let is_behind = |d: &Deploy| {
                let place = &d.request.environment;
                list.clone().any(|other| other.is_active() && other.request.environment == *place)
            };
            list.clone()
                .filter(|d| matches!(d.state, State::Waiting { .. }) && world.was_open(d) && !is_behind(d))
                .map(|d| (d.id.clone(), d.approvals.len()))
                .collect()
        };
        if waiting.is_empty() {
            return;
        }
        // A fresh process looks at all, and so do the old ones after a freeze: either may be what is broken.
        if self.parts.shared.look().dice.chance(500) {
            for me in 0..self.processes.len() {
                self.stop_in_order(me, "is stopped to see whether anybody was forgotten");
                self.processes[me].up_at = Some(self.parts.shared.look().mono);
            }
            self.run_for(6 * SECOND);
        } else {
            self.freeze_for_a_moment();
        }
        let mut world = self.parts.shared.look();
        // A click that was on its way, and arrived in the very seconds of this look, explains the start.
        let forgotten = waiting.iter().find(|(id, yeses)| {
            let deploy = world.oracle.deploys.get(id);
            deploy.is_some_and(|deploy| deploy.approvals.len() == *yeses)
                && deploy.is_some_and(|deploy| deploy.attempts > 0 || deploy.is_active())
                && deploy.is_some_and(|deploy| !matches!(deploy.state, State::Waiting { .. }))
        });
        if let Some((id, _)) = forgotten.cloned() {
            world.fail(format!("L6: {} could start long ago, and nobody looked", id.short()));
        }
    }
}
