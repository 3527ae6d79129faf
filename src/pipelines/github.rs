//! GitHub Actions and GitHub's repositories behind the ports. Not here: any rule about when a deploy may start.

mod auth;
mod checks;
mod client;
mod dispatch;
mod dispatchable;
mod errors;
mod examine;
mod follow;
mod limits;
mod logs;
mod models;
mod preflight;
mod repositories;
mod runs;
mod teams;
pub mod webhooks;

pub use auth::GitHubAuth;
pub use dispatch::DispatchForm;
pub use examine::{About, Oddity, Said};

pub(crate) use client::{has_next, in_path};

use auth::Identity;
use client::Client;
use dispatch::Once;
use follow::Follow;
use shipgate_app::ports::Clock;
use std::sync::Arc;

/// Where GitHub is and who we are there.
#[derive(Clone, Debug)]
pub struct GitHubSettings {
    /// `https://api.github.com`, or `https://HOST/api/v3` of a GitHub Enterprise Server.
    pub api_url: String,
    /// Who we are.
    pub auth: GitHubAuth,
    /// How the host is asked for the id of a new run. `None` starts with the newest form the host can be expected to
    /// know, and steps back when it does not understand.
    pub dispatch: Option<DispatchForm>,
}

/// GitHub cannot be used with these settings.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct NotUsable {
    /// What is wrong and what to do.
    pub why: String,
}

/// GitHub Actions and GitHub's repositories.
pub struct GitHub {
    client: Client,
    once: Once,
    follow: Follow,
}

impl GitHub {
    /// Prepares the clients; asks nothing yet. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// [`NotUsable`] when the address or the App's key cannot be read.
    pub fn new(settings: GitHubSettings, clock: Arc<dyn Clock>) -> Result<Self, NotUsable> {
        let not_usable = |why| NotUsable { why };
        let form = settings.dispatch.unwrap_or_else(|| DispatchForm::of_host(&settings.api_url));
        let identity = Identity::new(settings.auth).map_err(not_usable)?;
        Ok(Self {
            client: Client::new(&settings.api_url, identity, clock).map_err(not_usable)?,
            once: Once::new(&settings.api_url, form).map_err(not_usable)?,
            follow: Follow::default(),
        })
    }
}
