//! `shipgate serve`: settings in, adapters up, work until told to stop. Not here: any rule; the end (`ending`).

mod ending;

pub use ending::run_until_stopped;

use crate::anchors::{self, AnchorFile, Seal};
use crate::database;
use crate::outlook::Served;
use crate::output::tell;
use crate::selfcheck::{Anchoring, Lookout, Status};
use crate::settings::{GithubCredentials, Settings, SlackTransport, environment};
use crate::telemetry;
use crate::wiring::{Intake, SystemClock, SystemRandom};
use anyhow::Context as _;
use async_trait::async_trait;
use axum::Router;
use jiff::{SignedDuration, Timestamp};
use metrics_exporter_prometheus::PrometheusHandle;
use shipgate_app::commands::Grammar;
use shipgate_app::ports::{Clock, Providers, Store};
use shipgate_app::restore;
use shipgate_app::store::Counts;
use shipgate_app::{App, CronReminder, Ports, Rules};
use shipgate_calendars::Elsewhere;
use shipgate_chat::slack::socket::{SocketStatus, Wiring};
use shipgate_chat::slack::{self, Slack, SlackSecrets, SlackSettings, Transport};
use shipgate_domain::calendar::FreezeWhen;
use shipgate_domain::policy::Provider;
use shipgate_pipelines::artifacts::Shelves;
use shipgate_pipelines::command::{CommandPipelines, CommandSettings};
use shipgate_pipelines::github::{self, GitHub, GitHubAuth, GitHubSettings};
use shipgate_store::postgres::Opening;
use shipgate_web::calendar;
use shipgate_web::ops::{self, Ops, Part, SelfChecked};
use shipgate_web::server::Hosts;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
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
pub fn main(config: &Path, grammar: Grammar, restored: bool) -> ExitCode {
    let settings = match Settings::read(config, &environment) {
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
    let served = runtime
        .context("cannot start the runtime")
        .and_then(|runtime| runtime.block_on(serve(settings, grammar, restored)));
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(settings: Settings, grammar: Grammar, restored: bool) -> anyhow::Result<()> {
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
    let (providers, github) = providers(&settings, clock.clone())?;
    if let (Some(github), Some(of)) = (github, &settings.github) {
        let webhook_secrets = of.webhook_secret.clone().into_iter().collect();
        routes = routes.merge(github::webhooks::routes(github, webhook_secrets, intake.clone()));
    }
    let app = Arc::new(App::new(
        rules(&settings, grammar),
        Ports {
            store: store.clone(),
            chat: slack,
            providers,
            clock: clock.clone(),
            random: Arc::new(SystemRandom),
        },
    ));
    intake.connect(app.clone());
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
    let operations = Operations {
        app: app.clone(),
        store: store.clone(),
        figures,
        sockets: is_socket.then_some(sockets),
        self_check: self_check.clone(),
    };
    routes = routes.merge(ops::routes(Arc::new(operations)));
    if settings.http.calendar {
        let served = Served { app: app.clone(), clock: clock.clone() };
        routes = routes.merge(calendar::routes(Arc::new(served)));
    }

    let listener = TcpListener::bind(settings.http.listen)
        .await
        .with_context(|| format!("cannot listen on {}: is another program there?", settings.http.listen))?;
    let anchoring = anchoring(&settings, store.as_ref(), restored, clock.now()).await?;
    match since {
        Some(since) => app.start_restored(since).await?,
        None => app.start().await?,
    }
    background.spawn(app.clone().run(stop.clone()));
    let lookout = Lookout::new(app.clone(), anchoring, self_check, clock.clone());
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
pub fn rules(settings: &Settings, grammar: Grammar) -> Rules {
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
        grammar,
    }
}

fn for_slack(settings: crate::settings::SlackSettings) -> (SlackSettings, SlackSecrets) {
    let (transport, signing, app_token) = match settings.transport {
        SlackTransport::Socket { app_token } => (Transport::Socket, Vec::new(), Some(app_token)),
        SlackTransport::Http { signing_secret } => (Transport::Http, vec![signing_secret], None),
    };
    let adapter =
        SlackSettings { transport, api_url: settings.api_url, team: settings.team, app: settings.app };
    (adapter, SlackSecrets { bot_token: settings.bot_token, signing, app_token })
}

/// Every CI system that a service uses.
fn providers(settings: &Settings, clock: Arc<dyn Clock>) -> anyhow::Result<(Providers, Option<Arc<GitHub>>)> {
    let uses = |provider| settings.policy.services.values().any(|s| s.pipeline.provider == provider);
    let mut providers = Providers::default().with_artifacts(Arc::new(Shelves));
    let mut github = None;
    if let Some(of) = &settings.github {
        let auth = match &of.credentials {
            GithubCredentials::Token(token) => GitHubAuth::Token(token.clone()),
            GithubCredentials::App { id, private_key } => {
                GitHubAuth::App { app_id: id.to_string(), private_key: private_key.clone() }
            }
        };
        let client =
            GitHub::new(GitHubSettings { api_url: of.api_url.clone(), auth, dispatch: None }, clock)?;
        let client = Arc::new(client);
        providers = providers.with(Provider::Github, client.clone(), client.clone());
        github = Some(client);
    }
    if settings.policy.freezes.iter().any(|freeze| matches!(freeze.when, FreezeWhen::Feed { .. })) {
        let elsewhere = Elsewhere::new(settings.gitlab_token.clone()).map_err(anyhow::Error::msg)?;
        providers = providers.with_calendars(Arc::new(elsewhere));
    }
    if uses(Provider::Command) {
        let beside = settings.store.folder().join("shipgate-runs");
        let commands = Arc::new(commands(beside)?);
        providers = providers.with(Provider::Command, commands.clone(), commands);
    }
    Ok((providers, github))
}

/// The `command` provider with this program as the supervisor of its runs.
pub fn commands(state_dir: PathBuf) -> anyhow::Result<CommandPipelines> {
    let program = std::env::current_exe().context("cannot find the path of this program")?;
    let supervisor = vec![program.into_os_string(), "run-command".into()];
    Ok(CommandPipelines::new(CommandSettings { state_dir, supervisor, git: "git".into() }))
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
    /// The bot, which writes its signs of life.
    pub app: Arc<App>,
    /// Database.
    pub store: Arc<dyn Store>,
    /// Figures.
    pub figures: PrometheusHandle,
    /// Slack's connections, in socket mode.
    pub sockets: Option<Arc<SocketStatus>>,
    /// The newest self-check.
    pub self_check: Arc<Status>,
}

#[async_trait]
impl Ops for Operations {
    async fn parts(&self) -> Vec<Part> {
        let mut parts = Vec::new();
        // Waking nobody goes the way of every write: a store that refuses to write is not ready.
        let asked = self.store.effect_wake("nobody", Timestamp::UNIX_EPOCH);
        let trouble = match tokio::time::timeout(ANSWER, asked).await {
            // That wrote nothing, so a disk without room is met by the signs of life only.
            Ok(Ok(())) => self.app.store_trouble(),
            Ok(Err(error)) => Some(error.with_causes()),
            // Why it does not answer is known from the last sign of life, if that failed.
            Err(_) => Some(self.app.store_trouble().unwrap_or_else(|| "the database does not answer".into())),
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

    fn metrics(&self) -> String {
        self.figures.render()
    }
}
