//! What happens to replicas and to their wires while people contend. Not here: what people do (`people`).

use crate::dice::Dice;
use crate::fleet::Fleet;
use crate::people::People;
use crate::proxy::Wire;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// A replica that was silent for 12 s is taken for dead by the others.
pub const LONGER_THAN_LIFE: Duration = Duration::from_millis(13_500);
/// A moment that does not come is given up after this long.
const WAIT: Duration = Duration::from_millis(1500);

/// One thing that goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    /// SIGKILL at any time; started again after this long.
    Kill(Duration),
    /// SIGKILL this long after somebody sent something.
    KillAtInput(Duration),
    /// SIGKILL of all replicas at once.
    KillAll,
    /// Suspended for longer than a replica may be silent.
    Suspend,
    /// Suspended and woken every half second.
    Blink,
    /// All connections to the database end.
    Cut,
    /// The wire to the database is frozen for longer than a replica may be silent.
    Freeze,
    /// The answers to the next commits are lost.
    Swallow,
    /// Every packet to and from the database is late.
    Slow,
    /// Told to stop, and started again: a rolling restart.
    Restart,
}

impl Trouble {
    fn kills(self, replicas: usize) -> usize {
        match self {
            Trouble::Kill(_) | Trouble::KillAtInput(_) => 1,
            Trouble::KillAll => replicas,
            _ => 0,
        }
    }
}

/// What was done to the replicas.
#[derive(Clone, Copy, Debug, Default)]
pub struct Done {
    /// Processes that were killed.
    pub kills: usize,
    /// Processes that were suspended beyond their life.
    pub suspensions: usize,
    /// Replicas that were cut off from the database beyond their life.
    pub partitions: usize,
    /// Everything else.
    pub others: usize,
}

/// So many kills, with everything else in between.
fn deck(kills: usize, replicas: usize, has_wire: bool, dice: &mut Dice) -> Vec<Trouble> {
    let mut deck = Vec::new();
    let mut left = kills;
    while left > 0 {
        let kill = match dice.below(12) {
            0 if left >= replicas => Trouble::KillAll,
            0..6 => Trouble::Kill(Duration::from_millis(dice.below(3000))),
            _ => Trouble::KillAtInput(Duration::from_micros(dice.below(40_000))),
        };
        left -= kill.kills(replicas);
        deck.push(kill);
        let other = match (deck.len() % 12, has_wire) {
            (1, _) => Trouble::Suspend,
            (3, true) => Trouble::Swallow,
            (4, true) => Trouble::Cut,
            (6, true) => Trouble::Freeze,
            (7, _) => Trouble::Restart,
            (9, true) => Trouble::Swallow,
            (10, _) => Trouble::Blink,
            (11, true) => Trouble::Slow,
            _ => continue,
        };
        deck.push(other);
    }
    for at in (1..deck.len()).rev() {
        let with = usize::try_from(dice.below(at as u64 + 1)).expect("an index fits");
        deck.swap(at, with);
    }
    deck
}

/// Troubles with so many kills; returns the fleet with all its replicas running.
pub async fn make(mut fleet: Fleet, people: Arc<People>, mut dice: Dice, kills: usize) -> (Fleet, Done) {
    let mut done = Done::default();
    let count = fleet.replicas.len();
    let has_wire = fleet.replicas[0].wire.is_some();
    for trouble in deck(kills, count, has_wire, &mut dice) {
        let number = usize::try_from(dice.below(count as u64)).expect("a number of a replica fits");
        println!("{trouble:?} of replica {number}");
        carry_out(&mut fleet, &people, trouble, number, &mut done).await;
        tokio::time::sleep(Duration::from_millis(dice.below(1200))).await;
    }
    (fleet, done)
}

async fn carry_out(fleet: &mut Fleet, people: &People, trouble: Trouble, number: usize, done: &mut Done) {
    done.kills += trouble.kills(fleet.replicas.len());
    match trouble {
        Trouble::Kill(pause) => {
            fleet.replicas[number].kill9();
            tokio::time::sleep(pause).await;
            fleet.run(number).await;
        }
        Trouble::KillAtInput(pause) => {
            let (before, give_up) = (people.inputs.load(Ordering::SeqCst), Instant::now() + WAIT);
            while people.inputs.load(Ordering::SeqCst) == before && Instant::now() < give_up {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            tokio::time::sleep(pause).await;
            fleet.replicas[number].kill9();
            fleet.run(number).await;
        }
        Trouble::KillAll => {
            fleet.replicas.iter_mut().for_each(crate::replica::Replica::kill9);
            for number in 0..fleet.replicas.len() {
                fleet.replicas[number].spawn();
            }
            for number in 0..fleet.replicas.len() {
                fleet.joins(number).await;
            }
        }
        Trouble::Suspend => {
            done.suspensions += 1;
            fleet.replicas[number].suspend();
            // A balancer's health check would find out as well.
            tokio::time::sleep(Duration::from_secs(3)).await;
            fleet.balancer.take_out(number);
            tokio::time::sleep(LONGER_THAN_LIFE - Duration::from_secs(3)).await;
            fleet.replicas[number].go_on();
            fleet.joins(number).await;
        }
        Trouble::Blink => {
            done.others += 1;
            for _ in 0..4 {
                fleet.replicas[number].suspend();
                tokio::time::sleep(Duration::from_millis(500)).await;
                fleet.replicas[number].go_on();
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        }
        Trouble::Restart => {
            done.others += 1;
            let stopped = fleet.replicas[number].terminate().await;
            assert!(stopped.success(), "it did not stop well: {stopped}\n{}", fleet.replicas[number].log());
            fleet.run(number).await;
        }
        Trouble::Cut | Trouble::Freeze | Trouble::Swallow | Trouble::Slow => {
            let wire =
                fleet.replicas[number].wire.as_ref().expect("troubles of the wire are for those with one");
            match trouble {
                Trouble::Cut => wire.cut(),
                Trouble::Swallow => (0..3).for_each(|_| wire.swallow_next_commit()),
                Trouble::Slow => {
                    wire.set(Wire::Slow(Duration::from_millis(30)));
                    tokio::time::sleep(Duration::from_secs(4)).await;
                    wire.set(Wire::Whole);
                }
                _ => {
                    wire.set(Wire::Frozen);
                    tokio::time::sleep(LONGER_THAN_LIFE).await;
                    wire.set(Wire::Whole);
                }
            }
            done.partitions += usize::from(trouble == Trouble::Freeze);
            done.others += usize::from(trouble != Trouble::Freeze);
        }
    }
}
