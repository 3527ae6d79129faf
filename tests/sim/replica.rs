//! One process as the world sees it: up or not, suspended, cut off, with its own clock and rules; and the troubles that
//! befall whole processes. Not here: the process itself (`process`), who may write (`oracle::epochs`).

use crate::faults::Fault;
use crate::oracle::answer_of;
use crate::rules::Drawn;
use crate::world::{MINUTE, Ms, SECOND, Wake, World, tell};
use jiff::Timestamp;
use shipgate_app::ports::Store as _;
use shipgate_app::store::Epoch;
use std::collections::BTreeMap;
use std::sync::Arc;

/// An inbox item at work in a process.
#[derive(Clone, Debug)]
pub struct Item {
    /// Its row.
    pub id: i64,
    /// Its key.
    pub key: String,
    /// How often it was begun before.
    pub begun: u32,
}

/// One process.
pub struct Replica {
    /// Whether it runs.
    pub is_up: bool,
    /// It is suspended until then, or was.
    pub frozen_until: Ms,
    /// It has no database until then.
    pub cut_until: Ms,
    /// How much its clock is off.
    pub skew: Ms,
    /// The rules it starts with next.
    pub drawn: Arc<Drawn>,
    /// The rules it runs under.
    pub running: Arc<Drawn>,
    /// Its epoch, once it has entered.
    pub epoch: Option<i64>,
    /// Its last life is longer than a real one: nobody is in trouble.
    pub is_relaxed: bool,
    /// The inbox items it works on, by worker.
    pub items: BTreeMap<u32, Item>,
    /// It has new rules: what is in hand is finished, and nothing else is begun.
    pub is_leaving: bool,
}

impl Replica {
    /// A process that is not up yet.
    pub fn new(drawn: Arc<Drawn>) -> Self {
        Self {
            is_up: false,
            frozen_until: 0,
            cut_until: 0,
            skew: 0,
            running: drawn.clone(),
            drawn,
            epoch: None,
            is_relaxed: false,
            items: BTreeMap::new(),
            is_leaving: false,
        }
    }
}

impl World {
    /// Whether a process runs, is not suspended and has its database.
    pub fn is_well(&self, me: usize) -> bool {
        let replica = &self.replicas[me];
        replica.is_up && replica.frozen_until <= self.mono && replica.cut_until <= self.mono
    }

    /// A process is about to fall silent for so long. While all is well, replicas say rarely that they live, to save
    /// time; now each counts as having said so within the last three seconds, and says it every three seconds again.
    pub fn is_in_trouble(&mut self, until: Ms) {
        self.restless_until = self.restless_until.max(until + 40 * SECOND);
        for epoch in self.oracle.epochs.living() {
            let said = self.mono - self.dice.between(0, 3 * SECOND);
            let until = self.oracle.epochs.shorten(epoch, said);
            let renewed = self.store.replica_renew(Epoch(epoch), Timestamp::MIN, self.instant(until));
            let _ = answer_of(renewed);
        }
        self.wakes.push(Wake::Lives);
    }

    /// Suspends a process.
    pub fn freeze(&mut self) {
        let me = self.any_replica();
        if !self.may_die(me) || !self.is_well(me) {
            return;
        }
        let ms = if self.dice.chance(600) {
            self.note(Fault::FrozenTooLong);
            self.dice.between(13 * SECOND, 100 * SECOND)
        } else {
            self.note(Fault::Frozen);
            self.dice.between(SECOND, 9 * SECOND)
        };
        let until = self.mono + ms;
        tell!(self, name(me), "is suspended for {ms} ms");
        self.is_in_trouble(until);
        self.replicas[me].frozen_until = until;
        self.expect_takeover(me, until);
    }

    /// Takes the database away from a process.
    pub fn cut_off(&mut self) {
        let me = self.any_replica();
        if !self.may_die(me) || !self.is_well(me) {
            return;
        }
        let ms = if self.dice.chance(500) {
            self.note(Fault::CutOffTooLong);
            self.dice.between(16 * SECOND, 60 * SECOND)
        } else {
            self.note(Fault::CutOff);
            self.dice.between(SECOND, 6 * SECOND)
        };
        let until = self.mono + ms;
        tell!(self, name(me), "has no database for {ms} ms");
        self.is_in_trouble(until);
        self.replicas[me].cut_until = until;
        self.expect_takeover(me, until);
    }

    /// Takes the database away from everybody.
    pub fn database_down(&mut self) {
        if !(0..self.replicas.len()).all(|me| self.may_die(me)) {
            return;
        }
        self.note(Fault::DatabaseDown);
        let until = self.mono + self.dice.between(SECOND, 40 * SECOND);
        self.is_in_trouble(until);
        for replica in &mut self.replicas {
            replica.cut_until = replica.cut_until.max(until);
        }
        self.oracle.epochs.excuse();
    }

    /// A process: any of them.
    pub fn any_replica(&mut self) -> usize {
        usize::try_from(self.dice.below(self.replicas.len() as u64)).unwrap_or(0)
    }

    /// L4: when a process falls silent for longer than its life and another is well, its epoch ends in time.
    pub fn expect_takeover(&mut self, me: usize, until: Ms) {
        let others_are_well = (0..self.replicas.len()).any(|other| other != me && self.is_well(other));
        if others_are_well && let Some(epoch) = self.replicas[me].epoch {
            self.oracle.epochs.expect_end(epoch, self.mono, until);
        } else {
            self.oracle.epochs.excuse();
        }
    }

    /// The latest that anybody who is in trouble is well again.
    pub fn all_well_at(&self) -> Ms {
        self.replicas.iter().map(|r| r.frozen_until.max(r.cut_until)).max().unwrap_or(0).max(self.mono)
            + MINUTE
    }
}

impl Replica {
    /// Whether it was suspended at some moment since `since`.
    pub fn away_since(&self, since: Ms) -> bool {
        self.frozen_until >= since && self.frozen_until > 0
    }
}

/// A process's name in the history.
pub fn name(me: usize) -> &'static str {
    ["process A", "process B"].get(me).copied().unwrap_or("process ?")
}
