//! Asking the owner of a lock whether it is still needed, with buttons, so that none is forgotten. The message is a
//! projection of the lock: once that changes, its buttons go. Not here: when it is time to ask (`domain::lock`), what a
//! click does (`locks`).

use crate::bot::App;
use crate::cards::token_hash;
use crate::effects::{Finish, Leased};
use crate::intake::Visit;
use crate::judge::later;
use crate::ports::{ChatError, MessageRef, Post};
use crate::store::{Expect, Filter, StoreError};
use crate::words::{Body, Button, Message, Style};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use shipgate_domain::deploy::{Deploy, State};
use shipgate_domain::facts::Lock;
use shipgate_domain::gates::{Answer, Gate};
use shipgate_domain::ids::{EnvironmentName, PersonId, base32};
use shipgate_domain::policy::Environment;

/// What the value of a lock's button begins with; that of a card begins with a deploy's id, which has no slash.
pub(crate) const VALUE: &str = "lock/";
/// So many old buttons are remembered, to tell a late click from a forged one.
const REMEMBERED: usize = 40;
/// Deploys that are looked through for those who wait behind a lock.
const LOOKED_THROUGH: u32 = 200;

/// A button under the question whether a lock is still needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LockPress {
    /// Give it back.
    Unlock,
    /// Let it stand as long again.
    Keep,
}

impl LockPress {
    /// Every one.
    pub const ALL: [LockPress; 2] = [LockPress::Unlock, LockPress::Keep];

    /// Stable name, for tables and tests.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            LockPress::Unlock => "unlock",
            LockPress::Keep => "keep_lock",
        }
    }
}

/// What was asked last about the lock of an environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Nag {
    /// Whose lock.
    pub by: PersonId,
    since: Timestamp,
    until: Option<Timestamp>,
    /// When they were asked.
    asked: Timestamp,
    /// Where it stands, once that is known.
    message: Option<MessageRef>,
    /// SHA-256 of each button's token, in hex.
    buttons: Vec<(String, LockPress)>,
    /// Those of buttons that no longer count.
    #[serde(default)]
    spent: Vec<String>,
}

impl Nag {
    /// Whether it asks about this lock as it stands.
    pub(crate) fn is_about(&self, lock: &Lock) -> bool {
        self.is_of(lock) && self.until == lock.until
    }

    /// Whether it is of the same lock, which may have been kept since.
    fn is_of(&self, lock: &Lock) -> bool {
        self.by == lock.by && self.since == lock.since
    }

    /// Its buttons count no more.
    fn spend(&mut self) {
        self.spent.extend(self.buttons.drain(..).map(|(hash, _)| hash));
        let surplus = self.spent.len().saturating_sub(REMEMBERED);
        self.spent.drain(..surplus);
    }
}

fn note_of(environment: &EnvironmentName) -> String {
    format!("lock-nag/{environment}")
}

impl App {
    /// What was asked last about an environment's lock, and the note in which that stands.
    pub(crate) async fn nag_of(
        &self,
        environment: &EnvironmentName,
    ) -> Result<(Option<String>, Option<Nag>), StoreError> {
        let text = self.store.note(&note_of(environment)).await?;
        let nag = text.as_deref().map(serde_json::from_str).transpose().unwrap_or_else(|error| {
            tracing::error!("what was asked about the lock of {environment} cannot be read: {error}");
            None
        });
        Ok((text, nag))
    }

    /// Asks the owner of an environment's lock when it is time, and takes back what was asked about a lock that changed.
    pub(crate) async fn nag_lock(
        &self,
        leased: &Leased,
        name: &EnvironmentName,
    ) -> Result<Finish, StoreError> {
        let now = self.now();
        let locks = self.store.locks().await?;
        let is_it = |lock: &Lock| lock.environment == *name && lock.quarantine.is_none() && lock.holds(now);
        let lock = locks.into_iter().find(is_it);
        let (text, mut nag) = self.nag_of(name).await?;
        let every = self.rules.nag_locks;
        let asked = lock.as_ref().zip(nag.as_ref()).filter(|(lock, nag)| nag.is_of(lock));
        let asked = asked.map(|(_, nag)| nag.asked);
        let due = lock.as_ref().and_then(|lock| lock.next_nag(asked.unwrap_or(lock.since), every));
        let is_due = due.is_some_and(|due| due <= now);
        let is_current = |nag: &Nag| lock.as_ref().is_some_and(|lock| nag.is_about(lock)) && !is_due;
        if let Some(old) = nag.as_mut().filter(|nag| !nag.buttons.is_empty() && !is_current(nag)) {
            if let Some(message) = old.message.take() {
                let body = Body::Message(self.words().lock_was_asked(name, &old.by, lock.as_ref()));
                match self.chat.edit(&message, &body).await {
                    Ok(()) | Err(ChatError::Gone { .. } | ChatError::Refused { .. }) => {}
                    Err(error) => return Ok(self.chat_trouble(leased, &error)),
                }
            }
            old.spend();
            self.write_nag(name, text, old).await?;
            return Ok(Finish::Again(now));
        }
        let Some(lock) = lock else { return Ok(Finish::Done) };
        let is_unsaid = nag.as_ref().is_some_and(|nag| !nag.buttons.is_empty() && nag.message.is_none());
        if is_due || is_unsaid {
            let asked_at = if is_due { now } else { asked.unwrap_or(now) };
            return self.ask_owner(leased, &lock, (text, nag), asked_at).await;
        }
        let next = due.into_iter().chain(lock.until).min();
        Ok(next.map_or(Finish::Done, Finish::Again))
    }

    /// Posts the question with fresh buttons, which are known before anybody can see them.
    async fn ask_owner(
        &self,
        leased: &Leased,
        lock: &Lock,
        (text, before): (Option<String>, Option<Nag>),
        asked: Timestamp,
    ) -> Result<Finish, StoreError> {
        let name = &lock.environment;
        let again = before.as_ref().is_some_and(|nag| !nag.buttons.is_empty()) || leased.attempts > 0;
        let mut nag = Nag {
            by: lock.by.clone(),
            since: lock.since,
            until: lock.until,
            asked,
            message: None,
            buttons: Vec::new(),
            spent: before
                .map(|mut nag| {
                    nag.spend();
                    nag.spent
                })
                .unwrap_or_default(),
        };
        let mut message = self.words().lock_nag(lock, &self.behind(name).await?);
        for press in LockPress::ALL {
            let token = base32(u128::from_be_bytes(self.random_bytes()));
            nag.buttons.push((token_hash(&token), press));
            message.buttons.push(self.lock_button(press, lock, &token));
        }
        self.write_nag(name, text, &nag).await?;
        let key = format!("lock-nag/{name}/{}/{}", lock.since.as_millisecond(), asked.as_millisecond());
        let body = Body::Message(message);
        let post = Post { channel: self.rules.announce.clone(), thread: None, body, key };
        let posted = match self.chat.post(&post, again || self.may_have_said()).await {
            Ok(posted) => posted,
            Err(error) => return Ok(self.chat_trouble(leased, &error)),
        };
        // What an earlier try may have posted has buttons that no longer count.
        if (again || self.may_have_said())
            && let Err(error) = self.chat.edit(&posted, &post.body).await
        {
            return Ok(self.chat_trouble(leased, &error));
        }
        let (text, _) = self.nag_of(name).await?;
        nag.message = Some(posted);
        self.write_nag(name, text, &nag).await?;
        Ok(Finish::Again(self.now()))
    }

    fn lock_button(&self, press: LockPress, lock: &Lock, token: &str) -> Button {
        let (label, style, confirm) = match press {
            LockPress::Unlock => ("Unlock".to_owned(), Style::Primary, None),
            LockPress::Keep => {
                let length = crate::messages::duration(lock.keeps_for());
                let label = format!("Keep {length} longer").chars().take(30).collect();
                (label, Style::Plain, None)
            }
        };
        Button { label, value: format!("{VALUE}{}.{token}", lock.environment), style, confirm }
    }

    /// Who waits for an environment's lock to end, first come first.
    async fn behind(&self, environment: &EnvironmentName) -> Result<Vec<Deploy>, StoreError> {
        let open = Filter {
            environment: Some(environment.clone()),
            only_open: true,
            limit: LOOKED_THROUGH,
            ..Filter::default()
        };
        let mut waiting = self.store.deploys(&open).await?;
        waiting.retain(|deploy| {
            let is_stopped =
                deploy.verdicts.iter().any(|v| v.gate == Gate::Lock && v.answer == Answer::Closed);
            matches!(deploy.state, State::Waiting { .. }) && is_stopped
        });
        waiting.sort_by(|a, b| a.queue_key().cmp(&b.queue_key()));
        Ok(waiting)
    }

    async fn write_nag(
        &self,
        environment: &EnvironmentName,
        before: Option<String>,
        nag: &Nag,
    ) -> Result<(), StoreError> {
        let mut changes = self.changes(self.now());
        let text = serde_json::to_string(nag).expect("a question is plain data");
        changes.expect.push(Expect::Note(note_of(environment), before));
        changes.notes.push((note_of(environment), text));
        self.store.commit(changes).await
    }

    /// The environment and button that a value means, if it is one of ours that counts; otherwise the person is told why
    /// not.
    pub(crate) async fn find_lock_button(
        &self,
        visit: &mut Visit<'_>,
        value: &str,
        message: Option<&MessageRef>,
    ) -> Result<Option<(&Environment, LockPress)>, StoreError> {
        let refuse = |visit: &mut Visit<'_>, reason: &'static str, answer: Message| {
            metrics::counter!("shipgate_presses_refused_total", "reason" => reason).increment(1);
            visit.answer(answer);
            Ok(None)
        };
        let parts = value.strip_prefix(VALUE).and_then(|rest| rest.split_once('.'));
        let known = parts.and_then(|(name, token)| {
            let environment = self.rules.policy.environments.get(&name.parse::<EnvironmentName>().ok()?)?;
            Some((environment, token_hash(token)))
        });
        let Some((environment, hash)) = known else {
            return refuse(visit, "unknown", self.words().unknown_button());
        };
        let (_, nag) = self.nag_of(&environment.name).await?;
        let Some(nag) = nag else { return refuse(visit, "unknown", self.words().unknown_button()) };
        let Some((_, press)) = nag.buttons.iter().find(|(known, _)| *known == hash) else {
            return match nag.spent.contains(&hash) {
                true => refuse(visit, "stale", self.words().stale_lock_button(&environment.name)),
                false => refuse(visit, "unknown", self.words().unknown_button()),
            };
        };
        if let Some(message) = message {
            let stands = match &nag.message {
                Some(posted) => Ok(posted == message),
                // The answer to its post may be lost: until it is found, only its channel is known.
                None => {
                    self.chat.channel(&self.rules.announce).await.map(|channel| channel == message.channel)
                }
            };
            match stands {
                Ok(true) => {}
                Ok(false) => return refuse(visit, "unknown", self.words().unknown_button()),
                Err(error) => {
                    tracing::warn!("cannot tell where a button stands: {error}");
                    return refuse(visit, "unread", self.words().early_button());
                }
            }
        }
        Ok(Some((environment, *press)))
    }

    /// Sees to it that the owners of all locks are asked: of those, too, that an earlier version took.
    pub(crate) async fn nag_all(&self) -> Result<(), StoreError> {
        let mut changes = self.changes(self.now());
        let now = changes.at;
        for lock in self.store.locks().await?.into_iter().filter(|lock| lock.quarantine.is_none()) {
            let nag = crate::effects::Effect::NagLock { environment: lock.environment };
            changes.effects.push(crate::effects::NewEffect::if_none(nag, later(now, SignedDuration::ZERO)));
        }
        if !changes.effects.is_empty() {
            self.commit(changes).await?;
        }
        Ok(())
    }
}
