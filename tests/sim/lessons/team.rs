//! Lessons about what a team adds: locks, requests that take the place of older ones, checklists, commands of its own. Not
//! here: judging what follows (`oracle`).

use super::{SERVICE, THERE};
use crate::code::commit;
use crate::rules::SERVICES;
use crate::runner::Sim;
use crate::world::{MINUTE, SECOND};
use jiff::SignedDuration;

impl Sim {
    pub(super) fn lock(&mut self) {
        self.rule(|_| {});
        let wanted = self.fresh(|_| true);
        for round in 0..2 {
            let (first, second) = {
                let mut world = self.parts.shared.look();
                let who = ["U1CYD", "U1ADA", "U1BEN"];
                let who = world.lessons.pick(&who).copied().unwrap_or("U1CYD");
                let first = format!("lock {THERE} migrating --for 3m{}", world.lock_words(100));
                let thief = world.lessons.pick(&["U1DOT", "U1BEN", "U1ADA"]).copied().unwrap_or("U1DOT");
                let second = format!("lock {THERE} repairing --for 2m{}", world.lock_words(750));
                ((who, first), (thief, second))
            };
            self.ask(first.0, first.1);
            if self.below(3) > 0 {
                self.ask(second.0, second.1);
            }
            let plan = match self.below(3) {
                0 => {
                    let world = self.parts.shared.look();
                    format!(" --at {}", world.now() + SignedDuration::from_secs(65))
                }
                _ => String::new(),
            };
            self.ask("U1ADA", format!("deploy {} to {THERE} {}{plan}", SERVICE.0, commit(wanted + round)));
            self.ask("U1BEN", format!("deploy {} to {THERE} {}", SERVICES[1].0, commit(wanted + round)));
            self.run_between(80 * SECOND, 4 * MINUTE);
        }
    }

    pub(super) fn own_commands(&mut self) {
        self.rule(|_| {});
        let first = self.fresh(|_| true);
        let second = self.after(first, |_| true);
        if !self.put(THERE, first) {
            return;
        }
        let (needed, comes_after) = (u32::try_from(self.below(2)).unwrap_or(0), self.below(3) > 0);
        self.rule(|drawn| {
            drawn.with(THERE, |there| (there.needed, there.after_staging) = (needed, comes_after));
        });
        self.parts.shared.look().code.head = commit(second);
        self.ask("U1ADA", format!("prepare {} staging", SERVICE.0));
        self.run_for(45 * SECOND);
        for _ in 0..3 {
            match self.below(4) {
                0 => self.ask("U1ADA", format!("poke {} {THERE}", SERVICE.0)),
                1 => self.ask("U1BEN", format!("prepare {} {THERE}", SERVICE.0)),
                2 => self.ask("U1ADA", format!("rollback {} on {THERE}", SERVICE.0)),
                _ => self.want_commit(THERE, second),
            }
        }
        self.run_between(2 * SECOND, 20 * SECOND);
        if self.below(3) > 0 {
            self.agree(&["U1DOT", "U1CYD"]);
        }
        self.run_for(2 * MINUTE);
        self.agree(&["U1DOT", "U1CYD"]);
        self.run_for(MINUTE);
    }

    pub(super) fn tick_off(&mut self) {
        let needed = u32::try_from(self.below(2)).unwrap_or(0);
        self.rule(|drawn| drawn.with(THERE, |there| (there.has_checklist, there.needed) = (true, needed)));
        let wanted = self.fresh(|_| true);
        self.want_commit(THERE, wanted);
        self.run_for(4 * SECOND);
        self.agree(&["U1CYD"]);
        for _ in 0..3 {
            {
                let mut world = self.parts.shared.look();
                let who = world.lessons.pick(&["U1DOT", "U1CYD", "U1BEN", "U1ADA"]).copied();
                let all = world.lessons.below(4) < 2;
                world.press_boxes(who.unwrap_or("U1DOT"), |_, was| !was || all);
            }
            self.run_between(5 * SECOND, 25 * SECOND);
            // Whatever was ticked was ticked for what would start by the rules of then.
            if self.below(6) == 0 {
                self.rule(|drawn| {
                    drawn.with(THERE, |there| (there.has_checklist, there.lasts) = (true, 120));
                });
                self.agree(&["U1DOT", "U1CYD"]);
            }
        }
        self.run_for(MINUTE);
    }

    pub(super) fn ask_again(&mut self) {
        let is_ruled = self.below(4) > 0;
        self.rule(|drawn| drawn.with(THERE, |there| (there.supersedes, there.needed) = (is_ruled, 1)));
        let wanted = self.fresh(|_| true);
        for number in wanted..wanted + 4 {
            let who = if self.below(4) == 0 { "U1BEN" } else { "U1ADA" };
            let what = match self.below(6) {
                0 => format!("rollback {} on {THERE}", SERVICE.0),
                1 => format!("deploy {} to {THERE} {}", SERVICES[1].0, commit(number)),
                _ => format!("deploy {} to {THERE} {}", SERVICE.0, commit(number)),
            };
            self.ask(who, what);
            self.run_between(0, 8 * SECOND);
        }
        self.agree(&["U1DOT", "U1CYD"]);
        self.run_for(4 * MINUTE);
    }
}
