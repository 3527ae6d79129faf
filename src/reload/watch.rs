//! When the files are looked at: on SIGHUP at once, and every two seconds by themselves. Not here: what becomes of what
//! they say (`reload`).

use super::{Content, Files, InForce, Judged, Look, New, RulesStatus, Settling, judge};
use crate::live::{Live, Renewal};
use crate::serve::{Machines, rules};
use crate::settings::{Remembered, Settings};
use shipgate_app::ports::{Chat, Clock, Random, Store};
use shipgate_app::{App, News, Ports};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::signal::unix::Signal;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

/// Links and mounted folders tell nobody that they changed, so the content is what counts.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// What a bot works with, whatever its rules are.
pub struct Parts {
    pub store: Arc<dyn Store>,
    pub chat: Arc<dyn Chat>,
    pub machines: Machines,
    pub clock: Arc<dyn Clock>,
    pub random: Arc<dyn Random>,
}

impl Parts {
    /// A bot with these settings. It has neither entered nor begun anything.
    ///
    /// # Errors
    /// Something that is asked outside cannot be made.
    pub fn bot(&self, settings: &Settings) -> anyhow::Result<Arc<App>> {
        let ports = Ports {
            store: self.store.clone(),
            chat: self.chat.clone(),
            providers: self.machines.providers(settings)?,
            clock: self.clock.clone(),
            random: self.random.clone(),
        };
        Ok(Arc::new(App::new(rules(settings), ports)))
    }
}

/// The watch over the files.
pub struct Watch {
    pub files: Files,
    pub secrets: Remembered,
    pub in_force: InForce,
    /// What was seen when they came into force.
    pub begun: Look,
    pub live: Arc<Live>,
    pub renewals: mpsc::Sender<Renewal>,
    pub parts: Parts,
    pub status: Arc<RulesStatus>,
}

/// Why the files are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    Signal,
    Time,
}

impl Watch {
    /// Looks until it is told to stop.
    pub async fn keep_watching(mut self, mut hangup: Signal, stop: CancellationToken) {
        // What is known, what may be half written, and what people are to be told still.
        let mut known = self.in_force.content.fingerprint();
        let mut settling = Settling::new(self.begun.clone(), Instant::now());
        let mut untold = Some((known.clone(), News::Started));
        loop {
            untold = self.tell(untold).await;
            let why = tokio::select! {
                () = stop.cancelled() => return,
                Some(()) = hangup.recv() => Why::Signal,
                () = tokio::time::sleep(LOOK_EVERY) => Why::Time,
            };
            let files = self.files.clone();
            // A file system that hangs holds up nobody else.
            let Ok(look) = tokio::task::spawn_blocking(move || files.look()).await else { continue };
            let (content, fingerprint) = (look.content.clone(), look.content.fingerprint());
            let is_whole = settling.is_whole(look, &self.in_force.content, Instant::now());
            // Whoever sends the signal says that it is.
            if !is_whole && why == Why::Time {
                continue;
            }
            settling.taken();
            if why == Why::Time && fingerprint == known {
                continue;
            }
            known.clone_from(&fingerprint);
            let Some(news) = self.take(content, &stop).await else { return };
            untold = Some((fingerprint, news));
        }
    }

    /// Applies what the files say, or says why not. None when the program ends meanwhile.
    async fn take(&mut self, content: Content, stop: &CancellationToken) -> Option<News> {
        match judge(&self.files, &content, &self.in_force, &self.secrets, self.parts.clock.now()) {
            Judged::Same => {
                tracing::info!("the settings were read again and are those in force");
                Some(self.same())
            }
            Judged::Refused(problems) => Some(self.refuse(problems)),
            Judged::New(new) if new.changed.is_empty() => {
                tracing::info!("the settings were read again and say the same in another form");
                self.in_force = InForce { content, settings: new.settings };
                Some(self.same())
            }
            Judged::New(new) => self.apply(content, *new, stop).await,
        }
    }

    async fn apply(&mut self, content: Content, new: New, stop: &CancellationToken) -> Option<News> {
        let New { settings, changed } = new;
        let app = match self.parts.bot(&settings) {
            Ok(app) => app,
            Err(error) => return Some(self.refuse(vec![format!("{error:#}")])),
        };
        let (done, works) = oneshot::channel();
        self.renewals.send(Renewal { app, done }).await.ok()?;
        tokio::select! {
            () = stop.cancelled() => return None,
            worked = works => worked.ok()?,
        }
        let version = settings.policy.version().to_string();
        tracing::info!(rules = version, "new settings are in force: {}", changed.join("; "));
        for warning in settings.warnings.list() {
            tracing::warn!("{}: {}", warning.file, warning.what);
        }
        self.status.applied(&version, self.parts.clock.now());
        self.in_force = InForce { content, settings };
        Some(News::Applied { changed })
    }

    /// The files say what holds already. That is news only from whoever refused something before.
    fn same(&self) -> News {
        let had_refused = self.status.shown().refused.is_some();
        self.status.same();
        if had_refused { News::Mended } else { News::Same }
    }

    fn refuse(&self, problems: Vec<String>) -> News {
        tracing::error!(
            "changed settings are refused, and the old ones stay in force: {}",
            problems.join("; ")
        );
        self.status.refused(&problems.join("; "));
        News::Refused { problems }
    }

    /// Tells people. What the database does not take now is told at the next look.
    async fn tell(&self, untold: Option<(String, News)>) -> Option<(String, News)> {
        let (fingerprint, news) = untold?;
        match self.live.app().tell_settings(&fingerprint, &news).await {
            Ok(()) => None,
            Err(error) => {
                tracing::warn!("news of the settings could not be told yet: {}", error.with_causes());
                Some((fingerprint, news))
            }
        }
    }
}
