//! Who kills the bot, when, and starts it again. Not here: what people do meanwhile (`people`).

use crate::dice::Dice;
use crate::harness::Bot;
use shipgate_world::faults::Rule;
use shipgate_world::{Call, Fault, Faults, World};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A moment that does not come is given up after this long; then the bot is killed all the same.
const WAIT: Duration = Duration::from_millis(1500);
/// How long a model holds a request that is to be the last.
const HOLD_MS: u64 = 3000;
/// Between two looks.
const LOOK: Duration = Duration::from_millis(2);

/// Requests around which a kill hurts most, each with the model that gets it.
const REQUESTS: [(Model, &str); 17] = [
    (Model::Slack, "chat.postMessage"),
    (Model::Slack, "chat.postMessage"),
    (Model::Slack, "chat.postMessage"),
    (Model::Slack, "chat.update"),
    (Model::Slack, "chat.update"),
    (Model::Slack, "/response/"),
    (Model::Slack, "conversations.history"),
    (Model::Slack, "conversations.replies"),
    (Model::Slack, "users.info"),
    (Model::GitHub, "/dispatches"),
    (Model::GitHub, "/dispatches"),
    (Model::GitHub, "/dispatches"),
    (Model::GitHub, "/actions/runs"),
    (Model::GitHub, "/actions/runs"),
    (Model::GitHub, "/compare/"),
    (Model::GitHub, "/check-runs"),
    (Model::GitHub, "/cancel"),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Model {
    Slack,
    GitHub,
}

/// When the process dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    /// A model has such a request; it is carried out (`true`) or not, and no answer is sent.
    Request { model: Model, matches: &'static str, carried_out: bool },
    /// This long after the last start.
    After(Duration),
    /// This long after somebody pressed Enter or a button: around the commit and the acknowledgement.
    Input(Duration),
}

/// What the killer and the people share.
#[derive(Debug, Default)]
pub struct Shared {
    /// How often somebody sent something to the bot.
    pub inputs: AtomicU64,
    /// No kills are left; the story is told to its end.
    pub is_spent: AtomicBool,
    /// The story ended.
    pub is_over: AtomicBool,
}

impl Moment {
    fn roll(dice: &mut Dice) -> Self {
        match dice.below(10) {
            0..6 => {
                let (model, matches) = dice.one_of(&REQUESTS);
                Moment::Request { model, matches, carried_out: dice.below(2) == 1 }
            }
            6..8 => Moment::After(Duration::from_millis(dice.below(700))),
            _ => Moment::Input(Duration::from_micros(dice.below(8000))),
        }
    }
}

/// Kills the bot `kills` times and starts it again each time. Returns it alive.
pub async fn kill_and_start(
    mut bot: Bot,
    world: Arc<World>,
    shared: Arc<Shared>,
    mut dice: Dice,
    kills: u32,
) -> Bot {
    let mut left = kills;
    let mut last = None;
    while left > 0 {
        let mut moment = Moment::roll(&mut dice);
        // Three deaths over the same inbox item put it away as poison (S19), and this is asked for by the inbox.
        while Some(moment) == last && matches!(moment, Moment::Request { matches: "users.info", .. }) {
            moment = Moment::roll(&mut dice);
        }
        last = Some(moment);
        let came = wait_for(moment, &world, &shared).await;
        println!("kill {}: {moment:?}{}", kills - left + 1, if came { "" } else { " did not come" });
        bot.kill9();
        left -= 1;
        world.slack.faults().clear();
        world.github.faults().clear();
        // Some die again before they are up.
        if left > 0 && dice.below(5) == 0 {
            let life = Duration::from_millis(dice.below(150));
            let _ = tokio::time::timeout(life, bot.run()).await;
            bot.kill9();
            left -= 1;
        }
        bot.run().await;
    }
    shared.is_spent.store(true, Ordering::SeqCst);
    bot
}

/// Says whether the moment came.
async fn wait_for(moment: Moment, world: &World, shared: &Shared) -> bool {
    let until = Instant::now() + WAIT;
    let may_wait = || Instant::now() < until && !shared.is_over.load(Ordering::SeqCst);
    match moment {
        Moment::After(pause) => tokio::time::sleep(pause).await,
        Moment::Input(pause) => {
            let before = shared.inputs.load(Ordering::SeqCst);
            while shared.inputs.load(Ordering::SeqCst) == before && may_wait() {
                tokio::time::sleep(LOOK).await;
            }
            tokio::time::sleep(pause).await;
            return may_wait();
        }
        Moment::Request { model, matches, carried_out } => {
            let fault =
                if carried_out { Fault::SlowAfter { ms: HOLD_MS } } else { Fault::Slow { ms: HOLD_MS } };
            let (faults, seen) = of(model, world);
            faults.add(Rule { matches: matches.to_owned(), fault, times: 1, skip: 0, per_mille: 1000 });
            while !calls_after(model, world, seen).iter().any(|call| is_held(call, matches)) && may_wait() {
                tokio::time::sleep(LOOK).await;
            }
            return may_wait();
        }
    }
    true
}

fn of(model: Model, world: &World) -> (&Faults, usize) {
    match model {
        Model::Slack => (world.slack.faults(), world.slack.call_count()),
        Model::GitHub => (world.github.faults(), world.github.call_count()),
    }
}

fn calls_after(model: Model, world: &World, seen: usize) -> Vec<Call> {
    match model {
        Model::Slack => world.slack.calls_after(seen),
        Model::GitHub => world.github.calls_after(seen),
    }
}

fn is_held(call: &Call, matches: &str) -> bool {
    call.status.is_none() && format!("{} {}", call.method, call.path).contains(matches)
}
