//! Who may write: a book of epochs kept from what replicas said, apart from the database's own (S7, L4). Not here: the
//! replicas.

use crate::rules::Drawn;
use crate::world::{Ms, SECOND};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A dead replica's work is taken over within this time (L4).
const TAKEN_OVER: Ms = 20 * SECOND;

/// One epoch.
#[derive(Clone, Debug)]
pub struct Life {
    /// Which process.
    pub replica: usize,
    /// Its rules.
    pub drawn: Arc<Drawn>,
    /// Their version.
    pub version: String,
    /// When it entered.
    pub entered: Ms,
    /// It counts as dead from then on, if it says nothing.
    pub until: Ms,
    /// When it ended.
    pub ended: Option<Ms>,
}

/// All epochs.
#[derive(Default)]
pub struct Epochs {
    lives: BTreeMap<i64, Life>,
    /// Epochs that must end, with when they fell silent and until when.
    expected: Vec<(i64, Ms, Ms)>,
    /// How long a life is.
    life: Ms,
}

impl Epochs {
    /// A replica entered.
    pub fn entered(&mut self, epoch: i64, mut life: Life, length: Ms) -> Result<(), String> {
        self.life = length;
        life.until = life.until.max(life.entered);
        if self.lives.keys().next_back().is_some_and(|last| *last >= epoch) {
            return Err(format!("S7: epoch {epoch} was given twice"));
        }
        self.lives.insert(epoch, life);
        Ok(())
    }

    /// A replica said that it lives, and the database took it.
    pub fn renewed(&mut self, epoch: i64, now: Ms, until: Ms) -> Result<(), String> {
        match self.lives.get_mut(&epoch) {
            Some(life) if life.ended.is_none() => life.until = until,
            _ => return Err(format!("S7: epoch {epoch} lives on although it has ended")),
        }
        for (other, life) in &mut self.lives {
            if *other != epoch && life.ended.is_none() && life.until <= now {
                life.ended = Some(now);
            }
        }
        Ok(())
    }

    /// A replica was told that its epoch has ended.
    pub fn refused(&self, epoch: i64) -> Result<(), String> {
        match self.lives.get(&epoch) {
            Some(life) if life.ended.is_none() => {
                Err(format!("S7: epoch {epoch} counts as dead although it said in time that it lives"))
            }
            _ => Ok(()),
        }
    }

    /// A replica left in order.
    pub fn left(&mut self, epoch: i64, now: Ms) {
        if let Some(life) = self.lives.get_mut(&epoch) {
            life.ended.get_or_insert(now);
        }
    }

    /// Who writes, if they still may.
    pub fn writer(&self, epoch: i64) -> Result<&Life, String> {
        match self.lives.get(&epoch) {
            Some(life) if life.ended.is_none() => Ok(life),
            _ => Err(format!("S7: something was written, or taken, by epoch {epoch}, which has ended")),
        }
    }

    /// Whether an epoch has ended.
    pub fn has_ended(&self, epoch: Option<i64>) -> bool {
        epoch.and_then(|epoch| self.lives.get(&epoch)).is_none_or(|life| life.ended.is_some())
    }

    /// Epochs that have not ended.
    pub fn living(&self) -> Vec<i64> {
        self.lives.iter().filter(|(_, life)| life.ended.is_none()).map(|(epoch, _)| *epoch).collect()
    }

    /// The epoch whose rules count.
    pub fn newest(&self) -> Option<&Life> {
        self.lives.values().rfind(|life| life.ended.is_none())
    }

    /// A replica counts as having said for the last time then that it lives.
    pub fn shorten(&mut self, epoch: i64, said: Ms) -> Ms {
        let length = self.life;
        let Some(life) = self.lives.get_mut(&epoch) else { return said };
        life.until = life.until.min(said + length);
        life.until
    }

    /// An epoch falls silent from one moment until another, and a replica is there to notice.
    pub fn expect_end(&mut self, epoch: i64, from: Ms, until: Ms) {
        self.expected.push((epoch, from, until));
    }

    /// Nobody is there to notice any more.
    pub fn excuse(&mut self) {
        self.expected.clear();
    }

    /// L4: looks whether an epoch that fell silent was noticed in time.
    pub fn check(&mut self, now: Ms) -> Result<(), String> {
        let lives = &self.lives;
        let is_over = |(epoch, from, until): &(i64, Ms, Ms)| {
            *until < from + TAKEN_OVER || lives.get(epoch).is_none_or(|life| life.ended.is_some())
        };
        self.expected.retain(|one| !is_over(one));
        match self.expected.iter().find(|(_, from, _)| now > from + TAKEN_OVER) {
            Some((epoch, ..)) => Err(format!("L4: epoch {epoch} fell silent and nobody took its work over")),
            None => Ok(()),
        }
    }
}
