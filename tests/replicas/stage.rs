//! A story: people contend in every place while something goes wrong, and in the end everything is judged. Not here:
//! what goes wrong.

use crate::ci::Ci;
use crate::dice::Dice;
use crate::fleet::Fleet;
use crate::ledger::Ledger;
use crate::oracle;
use crate::people::People;
use crate::replica::Replica;
use crate::trouble::Done;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;
use tokio::task::JoinSet;

/// Everything around a fleet.
pub struct Stage {
    /// The people, with what they read in the record.
    pub people: Arc<People>,
    ci: Ci,
    looker: Arc<Replica>,
}

impl Stage {
    /// People, and a CI system that goes on by itself.
    pub fn around(fleet: &Fleet) -> Self {
        let looker = Arc::new(fleet.looker());
        let ledger = Ledger::start(looker.clone());
        let people = People::new(fleet.world.clone(), ledger.clone(), fleet.plan.transport);
        let ci = Ci::start(fleet.world.clone(), ledger);
        Self { people, ci, looker }
    }

    /// Waits for the end of everything and judges it.
    pub async fn end(self, mut fleet: Fleet) {
        oracle::judge(&mut fleet, &self.people, || self.ci.book(), &self.looker).await;
    }
}

/// People contend in every place until `trouble` is over and so many commands were acknowledged; then all is judged.
pub async fn tell(
    fleet: Fleet,
    seed: u64,
    commands: usize,
    trouble: impl AsyncFnOnce(Fleet, Arc<People>, Dice) -> (Fleet, Done),
) {
    let begun = Instant::now();
    let mut dice = Dice::new(seed);
    let stage = Stage::around(&fleet);
    let people = stage.people.clone();
    let is_spent = Arc::new(AtomicBool::new(false));
    let mut rounds = JoinSet::new();
    for place in 0..fleet.plan.places {
        let (people, is_spent, mut dice) =
            (people.clone(), is_spent.clone(), Dice::new(dice.below(u64::MAX)));
        rounds.spawn(async move {
            for number in 1.. {
                if people.count() >= commands && is_spent.load(Ordering::SeqCst) {
                    break;
                }
                people.clone().round(place, number, Dice::new(dice.below(u64::MAX))).await;
            }
        });
    }
    let (fleet, done) = trouble(fleet, people.clone(), dice).await;
    is_spent.store(true, Ordering::SeqCst);
    while let Some(ended) = rounds.join_next().await {
        if let Err(error) = ended {
            panic!("a round did not come to its end: {error}\n{}", fleet.picture());
        }
    }
    let told = begun.elapsed();
    let by_hand = stage.ci.book().by_hand.len();
    stage.end(fleet).await;
    println!(
        "{} commands in {:.0} s ({} sent again, {} told that nothing was stored), {} deploys of which {by_hand} were \
         started by hand; {done:?}; judged after {:.0} s",
        people.count(),
        told.as_secs_f64(),
        people.again.load(Ordering::SeqCst),
        people.refused.load(Ordering::SeqCst),
        people.ledger.lives().len(),
        begun.elapsed().as_secs_f64(),
    );
}
