//! Who kills the bot, when, and starts it again. Not here: what people do meanwhile (`people`).

use crate::dice::Dice;
use crate::glance::Glance;
use crate::harness::{Bot, DEPLOYMENTS};
use crate::points::{Ledger, is_near_inbox};
use shipgate_world::faults::Rule;
use shipgate_world::{Call, Fault, Faults, World};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A moment that does not come is given up after this long; then the bot is killed all the same.
const WAIT: Duration = Duration::from_millis(1500);
/// A story comes by most points within this time.
const WAIT_FOR_POINT: Duration = Duration::from_secs(10);
/// Stories that nothing else disturbs come by every point within this time.
const WAIT_FOR_MISSED: Duration = Duration::from_secs(300);
/// How long a model holds a request that is to be the last.
const HOLD_MS: u64 = 3000;
/// Questions after which the log of the database is copied.
const MANY: u32 = 150;
/// Between two looks.
const LOOK: Duration = Duration::from_millis(3);

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
#[derive(Clone, Debug, PartialEq, Eq)]
enum Moment {
    /// It comes to a kill point for the `times`th time.
    Point { name: String, times: u64 },
    /// A model has such a request; it is carried out (`true`) or not, and no answer is sent.
    Request { model: Model, matches: &'static str, carried_out: bool },
    /// This long after it began to start: often before it is up.
    Start(Duration),
    /// This long after it is up.
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
    fn roll(dice: &mut Dice, ledger: &Ledger) -> Self {
        match dice.below(20) {
            0..16 => {
                let (name, times) = ledger.choose(dice);
                Moment::Point { name, times }
            }
            16..18 => {
                let (model, matches) = dice.one_of(&REQUESTS);
                Moment::Request { model, matches, carried_out: dice.below(2) == 1 }
            }
            18 if dice.below(2) == 0 => Moment::Start(Duration::from_millis(dice.below(150))),
            18 => Moment::After(Duration::from_millis(dice.below(700))),
            _ => Moment::Input(Duration::from_micros(dice.below(8000))),
        }
    }

    fn is_near_inbox(&self) -> bool {
        match self {
            Moment::Point { name, .. } => is_near_inbox(name),
            Moment::Request { matches, .. } => *matches == "users.info",
            Moment::Start(_) | Moment::After(_) | Moment::Input(_) => true,
        }
    }
}

/// Kills the bot `kills` times and starts it again each time. Returns it alive.
pub async fn kill_and_start(
    mut bot: Bot,
    world: Arc<World>,
    shared: Arc<Shared>,
    ledger: Arc<Ledger>,
    mut dice: Dice,
    kills: u32,
) -> Bot {
    let mut glance = Glance::default();
    let mut near_inbox = 0;
    for _ in 0..kills {
        let mut moment = Moment::roll(&mut dice, &ledger);
        while near_inbox >= 2 && moment.is_near_inbox() {
            moment = Moment::roll(&mut dice, &ledger);
        }
        near_inbox = if moment.is_near_inbox() { near_inbox + 1 } else { 0 };
        one_life(&mut bot, &moment, &world, &shared, &ledger).await;
        world.slack.faults().clear();
        world.github.faults().clear();
        glance.look(&world, &bot);
    }
    shared.is_spent.store(true, Ordering::SeqCst);
    bot.run().await;
    bot
}

/// Kills the bot at one point, however long the stories take to come by it, and starts it again. Returns it alive.
pub async fn kill_at(
    mut bot: Bot,
    world: Arc<World>,
    shared: Arc<Shared>,
    ledger: Arc<Ledger>,
    point: String,
) -> Bot {
    bot.arm("SHIPGATE_KILL_AT", &format!("{point}:1"));
    let until = Instant::now() + WAIT_FOR_MISSED;
    if bot.run_or_end().await && point.starts_with("copy/") {
        ask_much(&world, &mut bot).await;
    }
    while bot.ended().is_none() && Instant::now() < until {
        tokio::time::sleep(LOOK).await;
    }
    ledger.note(&point, bot.ended().is_some());
    bot.kill9();
    bot.disarm();
    shared.is_spent.store(true, Ordering::SeqCst);
    bot.run().await;
    bot
}

/// Starts the bot and kills it at a moment.
async fn one_life(bot: &mut Bot, moment: &Moment, world: &World, shared: &Shared, ledger: &Ledger) {
    if let Moment::Point { name, times } = moment {
        bot.arm("SHIPGATE_KILL_AT", &format!("{name}:{times}"));
    }
    let is_up = match moment {
        Moment::Start(life) => {
            let _ = tokio::time::timeout(*life, bot.run_or_end()).await;
            false
        }
        _ => bot.run_or_end().await,
    };
    if is_up && matches!(moment, Moment::Point { name, .. } if name.starts_with("copy/")) {
        ask_much(world, bot).await;
    }
    let came = is_up && wait_for(moment, world, shared, bot).await;
    if let Moment::Point { name, .. } = moment {
        let is_hit = bot.ended().is_some();
        assert!(is_hit || is_up, "it neither came up nor died at {name}\n{}", bot.log());
        ledger.note(name, is_hit);
        if let Some(status) = bot.ended() {
            use std::os::unix::process::ExitStatusExt as _;
            assert_eq!(status.signal(), Some(9), "it ended by itself: {status}\n{}", bot.log());
        }
    }
    if std::env::var_os("SHIPGATE_KILLS").is_some() {
        println!("{moment:?}{}", if came || !is_up { "" } else { " did not come" });
    }
    bot.kill9();
    bot.disarm();
}

/// The log of the database is copied only after many writes.
async fn ask_much(world: &World, bot: &mut Bot) {
    for n in 0..MANY {
        if bot.ended().is_some() {
            return;
        }
        // Whether it is acknowledged does not matter: nobody waits for the answer.
        let _ = world.slack.slash("linus", DEPLOYMENTS, "/shipgate", &format!("help {n}")).await;
    }
}

/// Says whether the moment came.
async fn wait_for(moment: &Moment, world: &World, shared: &Shared, bot: &mut Bot) -> bool {
    let wait = if matches!(moment, Moment::Point { .. }) { WAIT_FOR_POINT } else { WAIT };
    let until = Instant::now() + wait;
    let may_wait = || Instant::now() < until && !shared.is_over.load(Ordering::SeqCst);
    match moment {
        Moment::Point { .. } => {
            while bot.ended().is_none() && may_wait() {
                tokio::time::sleep(LOOK).await;
            }
            return bot.ended().is_some();
        }
        Moment::Start(_) => {}
        Moment::After(pause) => tokio::time::sleep(*pause).await,
        Moment::Input(pause) => {
            let before = shared.inputs.load(Ordering::SeqCst);
            while shared.inputs.load(Ordering::SeqCst) == before && may_wait() {
                tokio::time::sleep(LOOK).await;
            }
            tokio::time::sleep(*pause).await;
            return may_wait();
        }
        Moment::Request { model, matches, carried_out } => {
            let fault =
                if *carried_out { Fault::SlowAfter { ms: HOLD_MS } } else { Fault::Slow { ms: HOLD_MS } };
            let (faults, seen) = of(*model, world);
            let matches = (*matches).to_owned();
            faults.add(Rule { matches: matches.clone(), fault, times: 1, skip: 0, per_mille: 1000 });
            while !calls_after(*model, world, seen).iter().any(|call| is_held(call, &matches)) && may_wait() {
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
