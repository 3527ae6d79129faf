//! Lessons: after the trouble, in most seeds, one rule of a team that random days seldom reach is put to the test. What is
//! asked and when is drawn, what must follow is not: the oracles judge it as everything else. Not here: judging it
//! (`oracle`).

mod calendar;
mod rules;
mod team;

use crate::code::{commit, files, number, writers};
use crate::rules::{Drawn, SERVICES, account};
use crate::runner::Sim;
use crate::world::{MINUTE, Ms, SECOND, World, tell};
use jiff::SignedDuration;

/// What is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lesson {
    /// A commit has to stay on staging for a while, where others deploy too.
    Soak,
    /// Those who wrote it say yes.
    Authors,
    /// Somebody stands in for somebody, for a while or for the wrong one.
    Away,
    /// What runs there changes after the yes to migrations.
    Migrations,
    /// A freeze by some other way than dates holds.
    Freeze,
    /// A calendar that others keep changes, or cannot be read any more.
    Feed,
    /// A lock of some kind, which may be taken from whoever has it.
    Lock,
    /// The same person asks again.
    Again,
    /// A checklist keeps a start waiting.
    Checklist,
    /// Commands of the team's own.
    Own,
}

const LESSONS: [Lesson; 10] = [
    Lesson::Soak,
    Lesson::Authors,
    Lesson::Away,
    Lesson::Migrations,
    Lesson::Freeze,
    Lesson::Feed,
    Lesson::Lock,
    Lesson::Again,
    Lesson::Checklist,
    Lesson::Own,
];

/// Of a thousand seeds so many have a lesson.
const HAS_LESSON: u64 = 600;
/// Where it is taught.
const THERE: &str = "production";
/// What is deployed.
const SERVICE: (&str, &str) = SERVICES[0];

impl Sim {
    /// One rule is put to the test, in most seeds.
    pub(crate) fn lesson(&mut self) {
        let lesson = {
            let mut world = self.parts.shared.look();
            let lesson = world.lessons.pick(&LESSONS).copied();
            let is_closed_off = world.oracle.places.unknown().next().is_some();
            if !world.lessons.chance(HAS_LESSON) || is_closed_off {
                return;
            }
            tell!(world, "lesson", "{lesson:?}");
            lesson
        };
        {
            let mut world = self.parts.shared.look();
            world.gather();
            world.everybody_is_back();
            world.code.sure = true;
        }
        match lesson {
            Some(Lesson::Soak) => self.soak(),
            Some(Lesson::Authors) => self.authors(),
            Some(Lesson::Away) => self.stand_in(),
            Some(Lesson::Migrations) => self.agree_to_migrations(),
            Some(Lesson::Freeze) => self.freeze_otherwise(),
            Some(Lesson::Feed) => self.keep_a_calendar(),
            Some(Lesson::Lock) => self.lock(),
            Some(Lesson::Again) => self.ask_again(),
            Some(Lesson::Checklist) => self.tick_off(),
            Some(Lesson::Own) => self.own_commands(),
            None => {}
        }
        let mut world = self.parts.shared.look();
        (world.code.sure, world.code.busy, world.calendars_down_until) = (false, false, 0);
    }

    fn below(&self, n: u64) -> u64 {
        self.parts.shared.look().lessons.below(n)
    }

    fn run_between(&mut self, low: Ms, high: Ms) {
        let ms = self.parts.shared.look().lessons.between(low, high);
        self.run_for(ms);
    }

    /// Rules that ask nothing, but for what is to be learned.
    fn rule(&mut self, change: impl FnOnce(&mut Drawn)) {
        let reads_again = self.parts.shared.look().lessons.chance(500);
        if !reads_again {
            for me in 0..self.processes.len() {
                self.stop_in_order(me, "is stopped for the rules of a lesson");
            }
        }
        {
            let mut world = self.parts.shared.look();
            let mut drawn = (*world.drawn).clone();
            drawn.ask_nothing();
            change(&mut drawn);
            world.rule_by(drawn);
        }
        if reads_again {
            for me in 0..self.processes.len() {
                self.renew(me);
            }
        }
        self.run_for(16 * SECOND);
    }

    fn ask(&mut self, who: &str, text: String) {
        self.parts.shared.look().say_as(&account(who), text);
        self.run_for(6 * SECOND);
    }

    fn want_commit(&mut self, place: &str, number: u64) {
        self.ask("U1ADA", format!("deploy {} to {place} {}", SERVICE.0, commit(number)));
    }

    fn agree(&mut self, who: &[&str]) {
        self.parts.shared.look().agree(who);
        self.run_for(4 * SECOND);
    }

    /// Puts a commit somewhere. Says whether it runs there.
    fn put(&mut self, place: &str, wanted: u64) -> bool {
        self.want_commit(place, wanted);
        self.agree(&["U1DOT", "U1CYD"]);
        self.run_for(45 * SECOND);
        let world = self.parts.shared.look();
        world.oracle.in_place(SERVICE.0, place).is_some_and(|there| number(there) == wanted)
    }

    /// A commit that is on the branch, after everything that was deployed in this seed; those that follow it fit too.
    fn fresh(&self, fits: impl Fn(u64) -> bool) -> u64 {
        let mut world = self.parts.shared.look();
        let from = 41 + world.lessons.below(20);
        (from..).find(|number| world.is_sound(*number) && fits(*number)).unwrap_or(from)
    }

    fn after(&self, number: u64, fits: impl Fn(u64) -> bool) -> u64 {
        let world = self.parts.shared.look();
        (number + 1..).find(|next| world.is_sound(*next) && fits(*next)).unwrap_or(number)
    }

    fn soak(&mut self) {
        let (way, is_seen) = (self.below(4), self.below(2) == 0);
        self.rule(|drawn| {
            drawn.with("staging", |staging| staging.seen = is_seen || way >= 2);
            drawn.with(THERE, |there| (there.after_staging, there.soak, there.needed) = (true, Some(5), 1));
        });
        let first = self.fresh(|_| true);
        let other = self.after(first, |_| true);
        if way < 2 {
            self.put("staging", first);
        } else {
            self.parts.shared.look().others_deploy(SERVICE.1, first, way == 2);
            self.run_for(95 * SECOND);
        }
        self.want_commit(THERE, first);
        self.agree(&["U1DOT", "U1CYD"]);
        self.run_between(10 * SECOND, 100 * SECOND);
        match self.below(4) {
            0 => drop(self.put("staging", other)),
            1 => self.parts.shared.look().others_deploy(SERVICE.1, other, true),
            _ => {}
        }
        self.run_for(6 * MINUTE);
    }

    fn authors(&mut self) {
        let ends_in = |wanted: &'static [u64]| move |number: u64| wanted.contains(&(number % 10));
        self.rule(|_| {});
        // What comes after it is by people whom the rules know.
        let first = self.fresh(ends_in(&[0, 1]));
        if !self.put(THERE, first) {
            return;
        }
        let needed = if self.below(2) == 0 { 1 } else { 2 };
        self.rule(|drawn| drawn.with(THERE, |there| (there.needed, there.not_authors) = (needed, true)));
        let is_by = |number: u64| writers(number).iter().any(|who| ["cyd", "dot"].contains(who));
        let wanted = self.after(first, is_by);
        self.want_commit(THERE, wanted);
        match self.below(3) {
            0 => self.agree(&["U1CYD"]),
            1 => self.agree(&["U1DOT"]),
            _ => self.agree(&["U1DOT", "U1CYD"]),
        }
        self.run_for(MINUTE);
    }

    fn stand_in(&mut self) {
        let needed = if self.below(3) == 0 { 1 } else { 2 };
        self.rule(|drawn| drawn.with(THERE, |there| there.needed = needed));
        let wanted = self.fresh(|_| true);
        let away = |minutes: i64, delegate: &str, world: &World| {
            let until = world.now() + SignedDuration::from_secs(minutes * 60);
            format!("away until {until} --delegate {delegate}")
        };
        match self.below(4) {
            // Who stands in says yes in time; whether the start is in time, too, is another question.
            0 | 1 => {
                let (short, long) = (1 + i64::try_from(self.below(3)).unwrap_or(0), 3);
                let text = away(short, "ben", &self.parts.shared.look());
                self.ask("U1CYD", text);
                self.want_commit(THERE, wanted);
                self.ask("U1DOT", format!("freeze add \"Lesson\" {THERE} for {long}m"));
                self.agree(&["U1BEN", "U1DOT"]);
                self.run_for(4 * MINUTE);
            }
            // Whoever asks is away themselves.
            2 => {
                let text = away(20, "ben", &self.parts.shared.look());
                self.ask("U1DOT", text);
                self.ask("U1DOT", format!("deploy {} to {THERE} {}", SERVICE.0, commit(wanted)));
                self.agree(&["U1BEN", "U1CYD"]);
                self.run_for(MINUTE);
            }
            // Whoever asks stands in.
            _ => {
                let text = away(20, "ada", &self.parts.shared.look());
                self.ask("U1CYD", text);
                self.want_commit(THERE, wanted);
                self.agree(&["U1ADA", "U1DOT"]);
                self.run_for(MINUTE);
            }
        }
        self.parts.shared.look().everybody_is_back();
    }

    fn agree_to_migrations(&mut self) {
        let needed = 1 + u32::try_from(self.below(2)).unwrap_or(0);
        self.rule(|drawn| drawn.migrations_matter = true);
        let has_some = |number: u64| files(number).len() != 1 || number.is_multiple_of(4);
        let first = self.fresh(|_| true);
        if !self.put(THERE, first) {
            return;
        }
        self.rule(|drawn| {
            drawn.migrations_matter = true;
            drawn.with(THERE, |there| (there.needed, there.migrations) = (1, needed));
        });
        let second = self.after(first, has_some);
        let third = self.after(second, has_some);
        self.parts.shared.look().code.busy = true;
        self.want_commit(THERE, second);
        self.agree(&["U1DOT", "U1CYD"]);
        self.run_for(10 * SECOND);
        self.want_commit(THERE, third);
        self.run_for(4 * SECOND);
        self.agree(&["U1DOT", "U1CYD"]);
        self.run_for(5 * MINUTE);
    }
}

impl World {
    /// Whether a commit can be deployed: it is on the branch, and its title asks nobody to wait.
    fn is_sound(&self, number: u64) -> bool {
        let commit = commit(number);
        let is_off = self.code.unreachable.iter().any(|(_, off)| *off == commit);
        !is_off && !commit.as_str().ends_with('5')
    }

    /// Somebody presses some boxes of each newest card, one after the other.
    pub(super) fn press_boxes(&mut self, who: &str, will_be: impl Fn(usize, bool) -> bool) {
        let shown: Vec<_> = self.chat.boxes.iter().filter(|shown| shown.current).cloned().collect();
        for shown in shown {
            let mut boxes = shown.boxes.clone();
            for at in 0..boxes.len() {
                if self.lessons.chance(600) {
                    boxes[at].1 = will_be(at, boxes[at].1);
                    self.tick(&account(who), &shown, &boxes);
                }
            }
        }
    }

    /// Nobody is away any more.
    fn everybody_is_back(&mut self) {
        if self.oracle.away.delegates().next().is_none() {
            return;
        }
        for who in ["U1ADA", "U1CYD", "U1DOT"] {
            self.say_as(&account(who), "away end".into());
        }
    }
}
