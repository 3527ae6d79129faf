//! A busy time after the trouble: nothing goes wrong any more, and much is wanted at once. Who comes first, and whether
//! anybody looks when a freeze or a closed quarter of an hour is over, shows best then. Not here: judging it (`oracle`).

use crate::code::History;
use crate::oracle::calendar::closes_and_opens;
use crate::rules::{PLACES, SERVICES, account};
use crate::runner::Sim;
use crate::world::{HOUR, MINUTE, Ms, SECOND, World};
use shipgate_domain::deploy::{Phase, State};
use shipgate_domain::ids::Account;

/// What happens in a rush.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rush {
    /// Several people want the same place, one of them the way back.
    Line,
    /// What waits is frozen, and agreed to while it is; somebody asks for the way back meanwhile.
    Freeze,
    /// What waits is agreed to while its place is closed for a quarter of an hour.
    Closed,
    /// A start is cancelled while nobody knows its run yet.
    Cancel,
    /// Two starts of one place are accepted and heard of no more.
    Unknown,
    /// The database is so slow that what was decided is too old when it is written.
    Lapse,
    /// What waits for a yes needs none by the rules of the next start.
    Rules,
}

impl Sim {
    /// A busy time, in most seeds.
    pub(crate) fn rush(&mut self) {
        let (rush, service, place) = {
            let mut world = self.parts.shared.look();
            let gap = PLACES.iter().find_map(|name| closes_and_opens(&world, name));
            let rush = match (world.dice.below(20), gap) {
                (0..4, _) => Rush::Line,
                (4..8, _) => Rush::Freeze,
                (8..12, Some(_)) => Rush::Closed,
                (12..14, _) => Rush::Cancel,
                (14..16, _) => Rush::Lapse,
                (16..18, _) => Rush::Unknown,
                (18, _) => Rush::Rules,
                _ => return,
            };
            (rush, world.any_service(), world.any_place())
        };
        self.parts.shared.look().gather();
        // What groups were a moment ago may be believed for a minute.
        self.run_for(MINUTE);
        match rush {
            Rush::Line => self.queue_up(service, place),
            Rush::Freeze => self.freeze_and_agree(service, place),
            Rush::Closed => self.agree_while_closed(),
            Rush::Cancel => self.cancel_early(service, place),
            Rush::Unknown => self.lose_two_runs(place),
            Rush::Lapse => self.decide_too_slowly(service, place),
            Rush::Rules => self.ask_nobody_any_more(),
        }
    }

    /// One deploy after another, so that there is a way back.
    fn succeed_twice(&mut self, service: &str, place: &str) {
        for _ in 0..2 {
            self.parts.shared.look().want(service, place);
            self.run_for(8 * SECOND);
            self.parts.shared.look().agree_both();
            self.run_for(50 * SECOND);
        }
    }

    fn queue_up(&mut self, service: &str, place: &str) {
        self.succeed_twice(service, place);
        self.parts.shared.look().code.busy = true;
        for _ in 0..3 {
            self.parts.shared.look().want(service, place);
            self.run_for(4 * SECOND);
        }
        self.parts.shared.look().want_back(service, place);
        self.run_for(15 * SECOND);
        self.parts.shared.look().agree_both();
        self.run_for(7 * MINUTE);
        self.parts.shared.look().code.busy = false;
    }

    fn freeze_and_agree(&mut self, service: &str, place: &str) {
        let way_back = self.parts.shared.look().dice.chance(500);
        if way_back {
            self.succeed_twice(service, place);
        }
        self.want_everywhere();
        {
            let mut world = self.parts.shared.look();
            for place in PLACES {
                let minutes = world.dice.between(1, 3);
                let dot = account("U1DOT");
                world.say_as(&dot, format!("freeze add \"Rush in {place}\" {place} for {minutes}m"));
            }
        }
        self.run_for(5 * SECOND);
        if way_back {
            self.parts.shared.look().want_back(service, place);
            self.run_for(5 * SECOND);
        }
        self.agree_and_leave();
        self.run_for(3 * MINUTE);
    }

    fn agree_while_closed(&mut self) {
        let gap = {
            let world = self.parts.shared.look();
            PLACES.iter().find_map(|name| closes_and_opens(&world, name))
        };
        let Some((closes, opens)) = gap else { return };
        self.run_until(closes - 2 * MINUTE);
        self.want_everywhere();
        self.run_until(closes + 30 * SECOND);
        self.agree_and_leave();
        self.run_until(opens);
    }

    fn cancel_early(&mut self, service: &str, place: &str) {
        {
            let mut world = self.parts.shared.look();
            (world.code.busy, world.code.mute) = (true, Some((4 * SECOND, 12 * SECOND)));
            world.want(service, place);
        }
        self.run_for(6 * SECOND);
        self.parts.shared.look().agree_both();
        for _ in 0..20 {
            self.run_for(700);
            self.parts.shared.look().cancel_what_is_sent();
        }
        self.run_for(MINUTE);
        let mut world = self.parts.shared.look();
        (world.code.busy, world.code.mute) = (false, None);
    }

    fn lose_two_runs(&mut self, place: &str) {
        {
            let mut world = self.parts.shared.look();
            world.code.mute = Some((12 * HOUR, 13 * HOUR));
            for (service, _) in SERVICES {
                world.want(service, place);
            }
        }
        self.run_for(8 * SECOND);
        self.parts.shared.look().agree_both();
        self.run_for(MINUTE);
        self.parts.shared.look().code.mute = None;
    }

    fn decide_too_slowly(&mut self, service: &str, place: &str) {
        self.parts.shared.look().slow_starts = true;
        self.parts.shared.look().want(service, place);
        self.run_for(8 * SECOND);
        self.parts.shared.look().agree_both();
        self.run_for(25 * SECOND);
        self.parts.shared.look().slow_starts = false;
        self.run_for(MINUTE);
    }

    fn ask_nobody_any_more(&mut self) {
        self.want_everywhere();
        for me in 0..self.processes.len() {
            self.stop_in_order(me, "is stopped for new rules");
        }
        self.parts.shared.look().need_nobody();
    }

    fn run_until(&mut self, at: Ms) {
        let now = self.parts.shared.look().mono;
        if at > now {
            self.run_for(at - now);
        }
    }

    fn want_everywhere(&mut self) {
        {
            let mut world = self.parts.shared.look();
            for place in PLACES {
                let service = world.any_service();
                match world.dice.below(3) {
                    0 => world.want_back(service, place),
                    _ => world.want(service, place),
                }
            }
        }
        self.run_for(20 * SECOND);
    }

    /// Everybody says yes, and a moment later one of them may leave the group, or all of them the company.
    fn agree_and_leave(&mut self) {
        self.parts.shared.look().agree_both();
        self.run_for(10 * SECOND);
        let mut world = self.parts.shared.look();
        if world.dice.chance(300) {
            let (now, stays) = (world.mono, vec![account("U1DOT")]);
            world.chat.groups.entry("S0LEAD").or_default().push((now, stays));
        } else if world.dice.chance(300) {
            let now = world.mono;
            for who in ["U1DOT", "U1CYD"].map(account) {
                if let Some(facts) = world.chat.accounts.get_mut(&who) {
                    facts.active = false;
                }
                world.chat.lost.insert(who, now);
            }
        }
    }

    /// A freeze of all places that is over at once: everybody who waits is looked at. Nobody is called together for it:
    /// where nobody may freeze, nothing happens.
    pub(crate) fn freeze_for_a_moment(&mut self) {
        let dot = account("U1DOT");
        for place in PLACES {
            self.parts.shared.look().say_as(&dot, format!("freeze add \"Look in {place}\" {place} for 1m"));
        }
        self.run_for(5 * SECOND);
        for place in PLACES {
            self.parts.shared.look().say_as(&dot, format!("freeze end \"Look in {place}\""));
        }
        self.run_for(6 * SECOND);
    }

    /// Whoever started something that nobody knows the end of asks for the same place again: it is closed off.
    pub(crate) fn ask_where_it_is_closed_off(&mut self) {
        let asked = {
            let mut world = self.parts.shared.look();
            let places: Vec<(Account, String)> = world
                .oracle
                .places
                .unknown()
                .filter_map(|(id, place)| {
                    Some((world.oracle.deploys.get(id)?.request.account.clone(), place.to_owned()))
                })
                .collect();
            for (who, place) in &places {
                let service = world.any_service();
                let tag = world.any_tag();
                world.say_as(who, format!("deploy {service} to {place} {tag}"));
            }
            !places.is_empty()
        };
        if asked {
            self.run_for(MINUTE);
            self.parts.shared.look().agree_both();
            self.run_for(MINUTE);
        }
    }
}

impl World {
    fn any_place(&mut self) -> &'static str {
        self.dice.pick(&PLACES).copied().unwrap_or("staging")
    }

    fn any_service(&mut self) -> &'static str {
        self.dice.pick(&SERVICES).map_or("shop", |(name, _)| *name)
    }

    fn any_tag(&mut self) -> &'static str {
        self.dice.pick(&crate::code::TAGS).copied().unwrap_or("v1")
    }

    fn want(&mut self, service: &str, place: &str) {
        let tag = self.any_tag();
        let older = if self.code.history == History::Ahead { "" } else { " --older \"it must be\"" };
        self.say_as(&account("U1ADA"), format!("deploy {service} to {place} {tag}{older}"));
    }

    fn want_back(&mut self, service: &str, place: &str) {
        self.say_as(&account("U1ADA"), format!("rollback {service} on {place}"));
    }

    /// Somebody stops what was sent and is not known yet.
    fn cancel_what_is_sent(&mut self) {
        let is_sent = |state: &State| {
            matches!(
                state,
                State::Dispatching { cancel: None, phase: Phase::Unknown { asked: None, .. }, .. }
            )
        };
        let sent = self.oracle.deploys.values().filter(|deploy| is_sent(&deploy.state));
        let ids: Vec<String> = sent.map(|deploy| deploy.id.short().to_owned()).collect();
        for id in ids {
            self.say_as(&account("U1DOT"), format!("cancel {id}"));
        }
    }

    /// Two people say yes to everything that waits.
    fn agree_both(&mut self) {
        self.agree(&["U1DOT", "U1CYD"]);
    }

    /// These people say yes to everything that waits.
    pub(crate) fn agree(&mut self, who: &[&str]) {
        let waiting =
            self.oracle.deploys.values().filter(|deploy| matches!(deploy.state, State::Waiting { .. }));
        let ids: Vec<String> = waiting.map(|deploy| deploy.id.short().to_owned()).collect();
        for id in ids {
            for who in who {
                self.say_as(&account(who), format!("approve {id}"));
            }
        }
    }
}
