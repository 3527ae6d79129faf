//! The bot as one value: its rules, its ports, and what all use cases share. Not here: any use case.

mod people;
mod record;

pub(crate) use record::touch;

use crate::alive::Alive;
use crate::commands::{Grammar, Names};
use crate::effects::Lane;
use crate::inbound::ReplyTo;
use crate::intake::InVain;
use crate::messages::Words;
use crate::ports::{Chat, Clock, Providers, Random, Store};
use crate::store::{Changes, Epoch, Standing, StoreError};
use jiff::{SignedDuration, Timestamp};
use shipgate_domain::calendar::{Calendar, Freeze, Lead};
use shipgate_domain::deploy::Deploy;
use shipgate_domain::ids::{Account, DeployId, PolicyVersion};
use shipgate_domain::people::{AccountFacts, OutsideGroup};
use shipgate_domain::policy::{Environment, Policy, Service};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// A clock that lost fewer milliseconds than this was not set back.
const SET_BACK: i64 = 1000;

/// A reminder that comes by the calendar rather than by a freeze.
#[derive(Clone, Debug)]
pub struct CronReminder {
    /// When, by the policy's zone.
    pub at: shipgate_domain::calendar::FiveFieldCron,
    /// What it says: only "freezes this week" and plain text are known.
    pub say: String,
}

/// Everything that is written in the settings and the command files.
#[derive(Clone, Debug)]
pub struct Rules {
    /// The policy.
    pub policy: Policy,
    /// Its version.
    pub version: PolicyVersion,
    /// Channel of cards and results.
    pub announce: String,
    /// Channel of the buttons, when it is another one.
    pub approvals: String,
    /// Whether the topic of the channel tells of freezes.
    pub topic: bool,
    /// Channel in which emergencies are told.
    pub alerts: String,
    /// When people are reminded of a freeze.
    pub leads: Vec<Lead>,
    /// Reminders by the calendar.
    pub cron_reminders: Vec<CronReminder>,
    /// How often the owner of a lock is asked whether it is still needed.
    pub nag_locks: SignedDuration,
    /// What people can say.
    pub grammar: Grammar,
}

/// The bot.
pub struct App {
    pub(crate) rules: Arc<Rules>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) chat: Arc<dyn Chat>,
    pub(crate) providers: Providers,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    /// Wakes the worker of the inbox: something was stored.
    pub(crate) inbox_woken: Notify,
    /// Wakes one worker of effects; whoever finds one wakes the next.
    pub(crate) effects_woken: [Notify; Lane::ALL.len()],
    /// This life as a replica; it changes only while no work is in hand.
    epoch: AtomicI64,
    /// Whether others may have taken this replica for dead.
    pub(crate) alive: Alive,
    /// Another replica came later with other rules: the work is its.
    is_aside: AtomicBool,
    /// How many milliseconds the clock of the rules was ahead of the one that nobody moves, when last looked.
    ahead: AtomicI64,
    /// Why the last sign of life could not be written.
    trouble: Mutex<Option<String>>,
    /// Runs that this database has forgotten are still being looked for.
    pub(crate) looking_back: AtomicBool,
    /// This database was put back to an earlier day not long ago.
    pub(crate) was_restored: AtomicBool,
    /// Effects that the database did not let this replica finish: given back as soon as it does.
    unfinished: Mutex<Vec<Unfinished>>,
    /// What each inbox worker began in vain.
    in_vain: Mutex<BTreeMap<u32, InVain>>,
    calendar: Mutex<Option<(u64, Arc<Calendar>)>>,
    accounts: Mutex<BTreeMap<Account, (Timestamp, AccountFacts)>>,
    members: Mutex<BTreeMap<OutsideGroup, (Timestamp, Vec<Account>)>>,
}

/// A lease that outlived its work: the effect's row, the token, how often it was begun before, and why.
pub(crate) struct Unfinished {
    pub id: i64,
    pub token: i64,
    pub attempts: u32,
    pub why: String,
}

/// The ports that an [`App`] works with.
pub struct Ports {
    /// Database.
    pub store: Arc<dyn Store>,
    /// Chat platform.
    pub chat: Arc<dyn Chat>,
    /// CI systems and code hosts.
    pub providers: Providers,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn Random>,
}

impl App {
    /// A bot over these rules and ports. Nothing is read or written yet.
    #[must_use]
    pub fn new(rules: Rules, ports: Ports) -> Self {
        let Ports { store, chat, providers, clock, random } = ports;
        Self {
            rules: Arc::new(rules),
            store,
            chat,
            providers,
            clock,
            random,
            inbox_woken: Notify::new(),
            effects_woken: Default::default(),
            epoch: AtomicI64::new(Epoch::default().0),
            alive: Alive::default(),
            is_aside: AtomicBool::new(false),
            ahead: AtomicI64::new(i64::MIN),
            trouble: Mutex::new(None),
            looking_back: AtomicBool::new(false),
            was_restored: AtomicBool::new(false),
            unfinished: Mutex::new(Vec::new()),
            in_vain: Mutex::new(BTreeMap::new()),
            calendar: Mutex::new(None),
            accounts: Mutex::new(BTreeMap::new()),
            members: Mutex::new(BTreeMap::new()),
        }
    }

    /// The rules.
    #[must_use]
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// The database.
    #[must_use]
    pub fn store(&self) -> &dyn Store {
        self.store.as_ref()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn epoch(&self) -> Epoch {
        Epoch(self.epoch.load(Ordering::Acquire))
    }

    pub(crate) fn begin_epoch(&self, epoch: Epoch) {
        self.epoch.store(epoch.0, Ordering::Release);
        self.is_aside.store(false, Ordering::Release);
    }

    /// Whether the work is another replica's, which came later with other rules.
    #[must_use]
    pub fn is_aside(&self) -> bool {
        self.is_aside.load(Ordering::Acquire)
    }

    /// Why the database takes no writes, as the last sign of life found, seconds ago.
    #[must_use]
    pub fn store_trouble(&self) -> Option<String> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn note_trouble(&self, trouble: Option<String>) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }

    pub(crate) fn stand(&self, standing: Standing) {
        let was_aside = self.is_aside.swap(standing == Standing::Aside, Ordering::AcqRel);
        match standing {
            Standing::Aside if !was_aside => {
                tracing::info!(
                    "a replica with newer rules is here: this one takes in and leaves the work to it"
                );
            }
            Standing::Current if was_aside => {
                tracing::info!("the replica with newer rules is gone: this one works again");
                self.wake();
            }
            Standing::Aside | Standing::Current => {}
        }
    }

    pub(crate) fn in_vain(&self) -> MutexGuard<'_, BTreeMap<u32, InVain>> {
        self.in_vain.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn unfinished(&self) -> MutexGuard<'_, Vec<Unfinished>> {
        self.unfinished.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the clock of the rules was set back since the last look. What is due by it would come that much later.
    pub(crate) fn was_set_back(&self) -> bool {
        let ahead = self.clock.now().duration_since(self.clock.lease_now()).as_millis();
        let ahead = i64::try_from(ahead).unwrap_or(i64::MAX);
        self.ahead.swap(ahead, Ordering::AcqRel) > ahead.saturating_add(SET_BACK)
    }

    /// An empty write of this replica.
    pub(crate) fn changes(&self, at: Timestamp) -> Changes {
        Changes::by(self.epoch(), at)
    }

    pub(crate) fn words(&self) -> Words<'_> {
        Words { policy: &self.rules.policy, now: self.now() }
    }

    pub(crate) fn random_bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.random.fill(&mut bytes);
        bytes
    }

    /// The rules of a deploy's environment and its service; none when they were taken out of the settings.
    pub(crate) fn place_of(&self, deploy: &Deploy) -> Option<(&Environment, &Service)> {
        let policy = &self.rules.policy;
        Some((
            policy.environments.get(&deploy.request.environment)?,
            policy.services.get(&deploy.request.service)?,
        ))
    }

    pub(crate) fn lock_group(&self, deploy: &Deploy) -> String {
        // What changes nothing keeps nobody out: it has a place of its own.
        if deploy.is_read_only() {
            return format!("{}/read-only/{}", deploy.request.environment, deploy.id);
        }
        match self.rules.policy.environments.get(&deploy.request.environment) {
            Some(environment) => self.rules.policy.lock_group(&deploy.request.service, environment),
            None => deploy.request.environment.to_string(),
        }
    }

    /// Schedules and freezes, compiled. `revision` and `freezes` are those of chat, from the same snapshot. Calendars of
    /// others may be newer than it: then a decision by it finds another revision when it is written, and is made anew.
    pub(crate) async fn calendar(
        &self,
        revision: u64,
        freezes: &[Freeze],
    ) -> Result<Arc<Calendar>, StoreError> {
        let now = self.now();
        let kept = self.calendar.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((of, calendar)) = kept
            && of == revision
            && is_well_inside(&calendar, now)
            && now < calendar.good_until()
        {
            return Ok(calendar);
        }
        let feeds = self.feeds().await?;
        let policy = &self.rules.policy;
        let all: Vec<Freeze> = policy.freezes.iter().chain(freezes).cloned().collect();
        let calendar = Arc::new(Calendar::compile_with(&policy.schedules, &all, &feeds, now));
        *self.calendar.lock().unwrap_or_else(PoisonError::into_inner) = Some((revision, calendar.clone()));
        Ok(calendar)
    }

    /// Schedules and freezes as they are now, from settings, chat and calendars of others.
    ///
    /// # Errors
    /// The database failed.
    pub async fn calendar_now(&self) -> Result<Arc<Calendar>, StoreError> {
        let (revision, freezes) = self.store.freezes(false).await?;
        self.calendar(revision, &freezes).await
    }

    /// The names that words can mean.
    pub(crate) async fn names(&self) -> Result<Names, StoreError> {
        let policy = &self.rules.policy;
        let (_, chat_freezes) = self.store.freezes(false).await?;
        let open = self.store.open_ids(100).await?;
        Ok(Names {
            services: policy.services.keys().map(ToString::to_string).collect(),
            default_service: policy.default_service().map(|s| s.name.to_string()),
            environments: policy
                .environments
                .values()
                .map(|e| (e.name.to_string(), e.aliases.clone()))
                .collect(),
            people: policy.people.keys().map(ToString::to_string).collect(),
            freezes: policy.freezes.iter().chain(&chat_freezes).map(|f| f.name.clone()).collect(),
            deploys: open.iter().map(ToString::to_string).collect(),
        })
    }

    /// Writes, and wakes the workers that have something to do then. Each that is woken in vain costs a write.
    pub(crate) async fn commit(&self, changes: Changes) -> Result<(), StoreError> {
        let lanes: BTreeSet<Lane> = changes.effects.iter().map(|new| new.effect.lane()).collect();
        let is_item_done = changes.inbox_done.is_some();
        self.store.commit(changes).await?;
        for lane in lanes {
            self.effects_woken[lane as usize].notify_one();
        }
        if is_item_done {
            self.inbox_woken.notify_one();
        }
        Ok(())
    }

    /// Tells somebody privately that what they sent was not taken in. Said once, or not at all: nothing waits for it.
    pub async fn turn_away(&self, to: &ReplyTo, say: &str) {
        let message = self.words().turned_away(say);
        if let Err(error) = self.chat.reply(to, &message).await {
            tracing::debug!("somebody was not told that too much came from them: {error}");
        }
    }

    /// Tells the workers of the inbox that something came in.
    pub fn wake_inbox(&self) {
        self.inbox_woken.notify_one();
    }

    /// Tells all workers that something was stored.
    pub fn wake(&self) {
        self.inbox_woken.notify_one();
        self.effects_woken.iter().for_each(Notify::notify_one);
    }

    /// Everything that waits is looked at now: the clock was moved.
    ///
    /// # Errors
    /// The database failed.
    pub async fn clock_moved(&self) -> Result<(), StoreError> {
        self.store.effects_wake_all(self.now()).await?;
        self.wake();
        Ok(())
    }

    pub(crate) fn new_id(&self) -> DeployId {
        DeployId::new(self.now(), self.random_bytes())
    }
}

/// The calendar is compiled anew long before its reach ends.
fn is_well_inside(calendar: &Calendar, now: Timestamp) -> bool {
    let ahead = now.saturating_add(SignedDuration::from_hours(24 * 400)).unwrap_or(now);
    let back = now.saturating_add(SignedDuration::from_hours(-24 * 30)).unwrap_or(now);
    calendar.covers(ahead) && calendar.covers(back)
}
