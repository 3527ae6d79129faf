//! `shipgate serve`: settings in, adapters up, work until told to stop. Not here: any rule; the end (`ending`).

mod ending;
mod machines;

pub use ending::run_until_stopped;
pub use machines::{Machines, commands, for_slack};

use crate::anchors::{self, AnchorFile, Seal};
use crate::database;
use crate::live::Live;
use crate::outlook::Served;
use crate::output::tell;
use crate::reload::{Files, InForce, Look, Parts, RulesStatus, Watch};
use crate::selfcheck::{Anchoring, Lookout, Status};
use crate::settings::{CalendarShown, CommandFiles, Remembered, Settings, SlackTransport, environment};
use crate::telemetry;
use crate::wiring::{Intake, SystemClock, SystemRandom};
use anyhow::Context as _;
use async_trait::async_trait;
use axum::Router;
use jiff::{SignedDuration, Timestamp};
use metrics_exporter_prometheus::PrometheusHandle;
use secrecy::ExposeSecret as _;
use shipgate_app::ports::{Clock, Store};
use shipgate_app::restore;
use shipgate_app::store::Counts;
use shipgate_app::{CronReminder, Rules};
use shipgate_chat::slack::socket::{SocketStatus, Wiring};
use shipgate_chat::slack::{self, Slack, Transport};
use shipgate_pipelines::github;
use shipgate_store::postgres::Opening;
use shipgate_web::calendar;
use shipgate_web::ops::{self, Ops, Part, RulesShown, SelfChecked};
use shipgate_web::server::Hosts;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// How often the figures of what waits are taken.
const COUNT_EVERY: Duration = Duration::from_secs(10);
/// Once in so many takings, a day, what is long done is forgotten.
const PRUNE_EVERY: u64 = 8640;
/// Not at once: it walks through all that is done, and a start has better things to do.
const FIRST_PRUNE: u64 = 60;
/// Keys of deliveries are remembered this long: no platform repeats one later.
const KEPT: SignedDuration = SignedDuration::from_hours(24 * 90);

/// Runs until SIGTERM or SIGINT.
pub fn main(files: Files, restored: bool) -> ExitCode {
    let look = files.look();
    let content = look.content.clone();
    let read = match &content.settings {
        Ok(text) => {
            let commands = CommandFiles::Read(&content.commands);
            Settings::from_texts(&files.config, text, commands, &environment)
        }
        Err(_) => Settings::read(&files.config, &environment),
    };
    let settings = match read {
        Ok(settings) => settings,
        Err(problems) => {
            tell(problems);
            tell("shipgate: not started. `shipgate check` shows this again.");
            return ExitCode::FAILURE;
        }
    };
    telemetry::logs(&settings.log);
    for warning in settings.warnings.list() {
        tracing::warn!("{}: {}", warning.file, warning.what);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let begin = Begin { files, in_force: InForce { content, settings }, look, restored };
    let served =
        runtime.context("cannot start the runtime").and_then(|runtime| runtime.block_on(serve(begin)));
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// With what the program starts.
struct Begin {
    files: Files,
    in_force: InForce,
    look: Look,
    restored: bool,
}

async fn serve(begin: Begin) -> anyhow::Result<()> {
    let Begin { files, in_force, look, restored } = begin;
    let settings = in_force.settings.clone();
    // Before anything else: without a listener, this signal would end the program.
    let hangup = signal(SignalKind::hangup()).context("cannot wait for SIGHUP")?;
    let remembered = Remembered::from(&environment);
    let stop = CancellationToken::new();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    let figures = telemetry::figures(&stop)?;
    let opening = if restored { Opening::Restored } else { Opening::Work };
    let store = database::open(&settings.store, opening, clock.now()).await?;
    let since = forgotten_since(store.as_ref(), restored, clock.now()).await?;
    let intake = Arc::new(Intake::new(store.clone(), clock.clone(), settings.limits));
    let slack_settings = settings.slack.clone().context(
        "no chat platform is configured: add [slack] to the settings, or try `shipgate demo` first",
    )?;
    let (slack_settings, secrets) = for_slack(slack_settings);
    let slack = Arc::new(Slack::new(slack_settings.clone(), &secrets)?);

    let mut routes = Router::new();
    let machines = Machines::new(&settings, clock.clone())?;
    if let (Some(github), Some(of)) = (machines.github().cloned(), &settings.github) {
        let webhook_secrets = of.webhook_secret.clone().into_iter().collect();
        routes = routes.merge(github::webhooks::routes(github, webhook_secrets, intake.clone()));
    }
    let parts = Parts {
        store: store.clone(),
        chat: slack,
        machines,
        clock: clock.clone(),
        random: Arc::new(SystemRandom),
    };
    let app = parts.bot(&settings)?;
    let live = Live::new(app.clone());
    intake.connect(live.clone());
    let sockets = Arc::new(SocketStatus::default());
    let mut background = tokio::task::JoinSet::new();
    match slack_settings.transport {
        Transport::Http => {
            let ingress = slack::http::Ingress::new(slack_settings, &secrets, intake.clone(), clock.clone())?;
            routes = routes.merge(slack::http::routes(ingress));
        }
        Transport::Socket => {
            let wiring = Wiring {
                settings: slack_settings,
                sink: intake.clone(),
                clock: clock.clone(),
                random: Arc::new(SystemRandom),
                status: sockets.clone(),
            };
            let stop = stop.clone();
            background.spawn(async move {
                match slack::socket::run(wiring, &secrets, stop.clone()).await {
                    Ok(stopped) => tracing::info!("Slack's sockets are closed: {stopped:?}"),
                    Err(error) => tracing::error!("Slack's sockets cannot be opened: {error}"),
                }
                // `/readyz` says that none is open. What was taken in is worked on all the same.
                stop.cancelled().await;
            });
        }
    }
    let is_socket =
        matches!(settings.slack.as_ref().map(|s| &s.transport), Some(SlackTransport::Socket { .. }));
    let self_check = Arc::new(Status::default());
    let status = Arc::new(RulesStatus::new(&settings.policy.version().to_string(), clock.now()));
    let operations = Operations {
        live: live.clone(),
        store: store.clone(),
        figures,
        sockets: is_socket.then_some(sockets),
        self_check: self_check.clone(),
        rules: Some(status.clone()),
    };
    routes = routes.merge(ops::routes(Arc::new(operations)));
    let served = Arc::new(Served { live: live.clone(), clock: clock.clone() });
    routes = match &settings.http.calendar {
        CalendarShown::No => routes,
        CalendarShown::Open => routes.merge(calendar::routes(served)),
        CalendarShown::Secret(word) => routes.merge(calendar::secret::routes(served, word.expose_secret())),
    };

    let listener = TcpListener::bind(settings.http.listen)
        .await
        .with_context(|| format!("cannot listen on {}: is another program there?", settings.http.listen))?;
    let anchoring = anchoring(&settings, store.as_ref(), restored, clock.now()).await?;
    match since {
        Some(since) => app.start_restored(since).await?,
        None => app.start().await?,
    }
    // The watch waits until the one is done before it comes with the next.
    let (renewals, renewed) = tokio::sync::mpsc::channel(1);
    background.spawn(live.clone().keep_working(renewed, stop.clone()));
    let watch = Watch {
        files,
        secrets: remembered,
        in_force,
        begun: look,
        live: live.clone(),
        renewals,
        parts,
        status,
    };
    background.spawn(watch.keep_watching(hangup, stop.clone()));
    let lookout = Lookout::new(live, anchoring, self_check, clock.clone());
    background.spawn(lookout.clone().keep_looking(stop.clone()));
    background.spawn(keep_house(store, clock, stop.clone()));
    background.spawn(intake.see_off(stop.clone()));
    tracing::info!(listen = %listener.local_addr()?, "shipgate {} is up", env!("CARGO_PKG_VERSION"));
    let ended =
        run_until_stopped(listener, routes, Hosts::called(settings.http.names()), stop, background).await;
    lookout.last_anchor().await;
    ended
}

/// Since when the database has forgotten what happened; none when it is the one that worked last.
///
/// # Errors
/// It is a copy, and nobody said that it is to be worked on.
async fn forgotten_since(
    store: &dyn Store,
    restored: bool,
    now: Timestamp,
) -> anyhow::Result<Option<Timestamp>> {
    let behind = restore::behind_since(store).await?;
    match (behind, restored) {
        (Some(since), false) => anyhow::bail!(
            "the database is a backup, made at {since}. What happened since then is not in it, and Shipgate could \
             start once more what was started already. If this is to be the database from now on, run \
             `shipgate serve --restored`: every environment is closed off until a person lifts it, the CI systems are \
             asked for runs since that moment, and those that the backup does not know are listed in the channel. \
             Otherwise name the newer database under [store] url"
        ),
        (Some(since), true) => Ok(Some(since)),
        (None, true) => Ok(Some(restore::known_until(store, now).await?)),
        (None, false) => Ok(None),
    }
}

/// Where anchors go. A database that is behind the newest of them is not worked on: it was restored, cut or rewritten,
/// and does not know what was started since.
async fn anchoring(
    settings: &Settings,
    store: &dyn Store,
    restored: bool,
    now: Timestamp,
) -> anyhow::Result<Anchoring> {
    let audit = &settings.audit;
    let file = audit.anchor_file.as_deref().map(AnchorFile::open).transpose()?;
    let seal = audit.key.as_ref().and_then(Seal::from_seed);
    match &file {
        Some(file) if restored => anchors::accept_restored(store, file, seal.as_ref(), now).await?,
        Some(file) => anchors::refuse_if_behind(store, file, seal.as_ref()).await?,
        None => {}
    }
    Ok(Anchoring {
        file,
        channel: audit.anchor_channel.clone(),
        seal,
        alarm_channels: audit.alarm_channel.iter().cloned().collect(),
    })
}

/// The settings as the use cases want them.
pub fn rules(settings: &Settings) -> Rules {
    Rules {
        version: settings.policy.version(),
        policy: settings.policy.clone(),
        announce: settings.announce.channel.clone(),
        approvals: settings.announce.approvals.clone(),
        topic: settings.announce.topic,
        alerts: settings.announce.alerts.clone(),
        leads: settings.reminders.leads.clone(),
        nag_locks: settings.reminders.lock,
        cron_reminders: settings
            .reminders
            .crons
            .iter()
            .map(|cron| CronReminder { at: cron.at.clone(), say: cron.say.clone() })
            .collect(),
        grammar: settings.grammar.clone(),
    }
}

/// Keeps the figures of what waits up to date, and forgets once a day what no rule needs any more.
pub async fn keep_house(store: Arc<dyn Store>, clock: Arc<dyn Clock>, stop: CancellationToken) {
    let mut looks = 0_u64;
    while !stop.is_cancelled() {
        match store.counts().await {
            Ok(counts) => show(&counts),
            Err(error) => {
                tracing::warn!("cannot count what waits; its figures are old: {}", error.with_causes());
            }
        }
        if looks % PRUNE_EVERY == FIRST_PRUNE {
            let before = clock.now().saturating_add(-KEPT).unwrap_or(Timestamp::UNIX_EPOCH);
            match store.prune(before).await {
                Ok(rows) => tracing::info!(rows, "forgot what is long done"),
                Err(error) => tracing::warn!("cannot forget what is long done: {error}"),
            }
        }
        looks += 1;
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(COUNT_EVERY) => {}
        }
    }
}

fn show(counts: &Counts) {
    let gauge = |name: &'static str, value: u64| metrics::gauge!(name).set(value as f64);
    gauge("shipgate_inbox_waiting", counts.inbox);
    gauge("shipgate_inbox_dead", counts.inbox_dead);
    gauge("shipgate_effects_waiting", counts.effects);
    gauge("shipgate_effects_dead", counts.effects_dead);
    gauge("shipgate_deploys_open", counts.open_deploys);
}

/// Whoever asks whether this replica is ready waits a second (Kubernetes' default for probes).
const ANSWER: Duration = Duration::from_millis(900);

/// What the program knows about itself.
pub struct Operations {
    /// The bot that works now, which writes its signs of life.
    pub live: Arc<Live>,
    /// Database.
    pub store: Arc<dyn Store>,
    /// Figures.
    pub figures: PrometheusHandle,
    /// Slack's connections, in socket mode.
    pub sockets: Option<Arc<SocketStatus>>,
    /// The newest self-check.
    pub self_check: Arc<Status>,
    /// The rules in force, where they can change.
    pub rules: Option<Arc<RulesStatus>>,
}

#[async_trait]
impl Ops for Operations {
    async fn parts(&self) -> Vec<Part> {
        let mut parts = Vec::new();
        // Waking nobody goes the way of every write: a store that refuses to write is not ready.
        let asked = self.store.effect_wake("nobody", Timestamp::UNIX_EPOCH);
        let trouble = match tokio::time::timeout(ANSWER, asked).await {
            // That wrote nothing, so a disk without room is met by the signs of life only.
            Ok(Ok(())) => self.live.app().store_trouble(),
            Ok(Err(error)) => Some(error.with_causes()),
            // Why it does not answer is known from the last sign of life, if that failed.
            Err(_) => {
                Some(self.live.app().store_trouble().unwrap_or_else(|| "the database does not answer".into()))
            }
        };
        parts.push(Part { name: "store".into(), trouble });
        if let Some(sockets) = &self.sockets {
            let trouble = (sockets.connected() == 0).then(|| "no connection to Slack is open".to_owned());
            parts.push(Part { name: "slack".into(), trouble });
        }
        parts
    }

    fn self_check(&self) -> Option<SelfChecked> {
        self.self_check.newest()
    }

    fn rules(&self) -> Option<RulesShown> {
        self.rules.as_ref().map(|rules| rules.shown())
    }

    fn metrics(&self) -> String {
        self.figures.render()
    }
}
