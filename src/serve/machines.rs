//! What is asked outside, made from the settings: Slack, GitHub, calendars, commands. Not here: when, and by which rules.

use crate::settings::{self, GithubCredentials, Settings, SlackTransport};
use anyhow::Context as _;
use shipgate_app::ports::{Clock, Providers};
use shipgate_calendars::Elsewhere;
use shipgate_chat::slack::{SlackSecrets, SlackSettings, Transport};
use shipgate_domain::calendar::FreezeWhen;
use shipgate_domain::policy::Provider;
use shipgate_pipelines::artifacts::Shelves;
use shipgate_pipelines::command::{CommandPipelines, CommandSettings};
use shipgate_pipelines::github::{GitHub, GitHubAuth, GitHubSettings};
use std::path::PathBuf;
use std::sync::Arc;

/// The settings as the adapter wants them.
pub fn for_slack(settings: settings::SlackSettings) -> (SlackSettings, SlackSecrets) {
    let (transport, signing, app_token) = match settings.transport {
        SlackTransport::Socket { app_token } => (Transport::Socket, Vec::new(), Some(app_token)),
        SlackTransport::Http { signing_secret } => (Transport::Http, vec![signing_secret], None),
    };
    let adapter =
        SlackSettings { transport, api_url: settings.api_url, team: settings.team, app: settings.app };
    (adapter, SlackSecrets { bot_token: settings.bot_token, signing, app_token })
}

/// What is asked outside, whatever the rules are: made once, because clients remember limits and what they read.
pub struct Machines {
    github: Option<Arc<GitHub>>,
}

impl Machines {
    /// Prepares what these settings name; asks nothing yet.
    ///
    /// # Errors
    /// An address or a key cannot be used.
    pub fn new(settings: &Settings, clock: Arc<dyn Clock>) -> anyhow::Result<Self> {
        let Some(of) = &settings.github else { return Ok(Self { github: None }) };
        let auth = match &of.credentials {
            GithubCredentials::Token(token) => GitHubAuth::Token(token.clone()),
            GithubCredentials::App { id, private_key } => {
                GitHubAuth::App { app_id: id.to_string(), private_key: private_key.clone() }
            }
        };
        let asked = GitHubSettings { api_url: of.api_url.clone(), auth, dispatch: None };
        Ok(Self { github: Some(Arc::new(GitHub::new(asked, clock)?)) })
    }

    /// GitHub, where a service or the settings name it.
    pub fn github(&self) -> Option<&Arc<GitHub>> {
        self.github.as_ref()
    }

    /// Every CI system that a service of these settings uses.
    ///
    /// # Errors
    /// One of them cannot be made.
    pub fn providers(&self, settings: &Settings) -> anyhow::Result<Providers> {
        let uses = |provider| settings.policy.services.values().any(|s| s.pipeline.provider == provider);
        let mut providers = Providers::default().with_artifacts(Arc::new(Shelves));
        if let Some(github) = &self.github {
            providers = providers.with(Provider::Github, github.clone(), github.clone());
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
        Ok(providers)
    }
}

/// The `command` provider with this program as the supervisor of its runs.
pub fn commands(state_dir: PathBuf) -> anyhow::Result<CommandPipelines> {
    let program = std::env::current_exe().context("cannot find the path of this program")?;
    let supervisor = vec![program.into_os_string(), "run-command".into()];
    Ok(CommandPipelines::new(CommandSettings { state_dir, supervisor, git: "git".into() }))
}
