//! May this deploy start now? Every rule once more, from the audit log and the truth. Not here: any gate.

use super::calendar::{freezes_at, is_fed_shut, is_frozen, is_open};
use super::changes::acts_on_live;
use super::places::is_stopped;
use super::roles::FRESH;
use super::{Oracle, Received, Writer, at_once};
use crate::rules::{Checks, Drawn, Place};
use crate::world::{Ms, SECOND, World};
use jiff::{SignedDuration, Timestamp};
use shipgate_app::ports::Store as _;
use shipgate_domain::audit::Entry;
use shipgate_domain::deploy::{Deploy, Intent, State};
use shipgate_domain::facts::RefKind;
use shipgate_domain::gates::{Answer, Gate, Verdict};
use shipgate_domain::ids::Account;
use std::collections::{BTreeMap, BTreeSet};

/// A replica learns within this time that another brought newer rules: three seconds, and as long as it may be
/// suspended without counting as dead.
const LEARNS_WITHIN: Ms = 16 * SECOND;

/// A planned start that is this late is none any more.
const PLAN_LASTS: SignedDuration = SignedDuration::from_mins(60);

/// What a yes must have been to.
#[derive(Clone, Copy)]
pub(super) enum Yes<'a> {
    /// To the digest.
    Any,
    /// To all that is closed, too; whether the hours are open.
    ToPass(bool),
    /// To migrations, too, by what stands for them.
    ToMigrations(&'a str),
}

/// What was asked about the time of a start.
pub(super) enum Plan {
    /// Nothing.
    None,
    /// This instant.
    At(Timestamp),
    /// The next opening.
    WhenOpen,
}

/// What was read outside for a start must have been true at some moment since then.
fn fresh_since(world: &World, intent: &Intent) -> Ms {
    world.decided_at(intent.at) - FRESH - world.moved_back
}

/// Whether something else was meant at some moment since: what people said of it before counts no more, also when it is
/// meant again.
pub(super) fn is_void_since(later: &[Entry], digest: &serde_json::Value) -> bool {
    let is_change = |row: &&Entry| row.event == "rules_changed" || row.event == "workflow_changed";
    later.iter().filter(is_change).any(|row| row.data["digest"] != *digest)
}

impl Oracle {
    /// A start was decided.
    pub(super) fn intended(
        &self,
        world: &World,
        writer: &Writer<'_>,
        before: &Deploy,
        now: &Deploy,
        intent: &Intent,
    ) -> Result<(), String> {
        let id = now.id.short();
        let ahead = intent.at.duration_since(world.now());
        if ahead > SignedDuration::from_millis(5_000 + world.moved_back) && !world.was_jumped() {
            return Err(format!("S5: the intent of {id} is dated {ahead:#} ahead"));
        }
        if now.policy.as_str() != writer.version {
            return Err(format!("S21: {id} started under old rules"));
        }
        if let Some(newest) = self.epochs.newest()
            && newest.version != writer.version
            && world.mono - newest.entered > LEARNS_WITHIN + world.mono - world.decided_at(intent.at)
        {
            return Err(format!("S21: {id} started under rules that another replica has replaced"));
        }
        self.may_start(world, writer, before, now, intent)?;
        self.is_fair(world, writer, now, intent)
    }

    /// Every rule once more.
    pub(super) fn may_start(
        &self,
        world: &World,
        writer: &Writer<'_>,
        before: &Deploy,
        now: &Deploy,
        intent: &Intent,
    ) -> Result<(), String> {
        let id = now.id.short();
        let drawn = writer.drawn;
        let name = now.request.environment.as_str();
        let place = drawn.place(name).ok_or_else(|| format!("S5: {id} goes nowhere known"))?;
        let since = fresh_since(world, intent);
        let State::Waiting { expires, .. } = &before.state else {
            return Err(format!("S15: {id} started while {}", before.state.name()));
        };
        if intent.at >= *expires {
            return Err(format!("S1: {id} started after its time"));
        }
        match self.plan_of(now) {
            Plan::At(at) if intent.at < at => {
                return Err(format!("S5: {id} was planned for {at} and started at {}", intent.at));
            }
            Plan::At(at) if intent.at >= at + PLAN_LASTS => {
                return Err(format!("S1: {id} was planned for {at} and started at {}, too late", intent.at));
            }
            Plan::At(_) | Plan::WhenOpen | Plan::None => {}
        }
        if before.hold.is_some() {
            return Err(format!("S1: {id} started while it was held"));
        }
        if before.delay.as_ref().is_some_and(|delay| intent.at < delay.until) {
            return Err(format!("S3: {id} was tried again too early"));
        }
        self.earlier_attempts(now, intent)?;
        if !self.belongs(world, drawn, now.request.by.as_str(), "devs", since) {
            return Err(format!("S11: {} may not deploy, and {id} started", now.request.by));
        }
        let is_back = now.is_rollback();
        let rows = self.rows.get(&now.id).map_or(&[][..], Vec::as_slice);
        if rows.iter().any(|row| row.event == "rejected") {
            return Err(format!("S1: {id} was rejected and started"));
        }
        let needed = if is_back { place.back_needed } else { place.needed };
        let leads = self.agreed(world, writer, now, intent, place, place.own, "leads", Yes::Any);
        let devs = self.agreed(world, writer, now, intent, place, place.own, "devs", Yes::Any);
        let is_late = place
            .escalates
            .is_some_and(|minutes| intent.at >= now.request.at + SignedDuration::from_mins(minutes));
        let first: BTreeSet<&String> =
            if is_late { leads.union(&devs).collect() } else { leads.iter().collect() };
        let also = if is_back { 0 } else { place.also as usize };
        // Each person fills one place: those who fit both groups fill what those who fit one leave free.
        let only_first = first.iter().filter(|person| !devs.contains(**person)).count();
        let only_also = devs.iter().filter(|person| !first.contains(person)).count();
        let both = first.len() - only_first;
        let missing = (needed as usize).saturating_sub(only_first) + also.saturating_sub(only_also);
        let is_enough = if also == 0 { first.len() >= needed as usize } else { missing <= both };
        if !is_enough {
            return Err(format!(
                "S1: {id} started with the yes of {first:?} for {needed}, and of {devs:?} for {also} more"
            ));
        }
        let frozen =
            is_frozen(self, drawn, name, intent.at) || is_fed_shut(world, self, drawn, name, intent.at);
        let open = is_open(drawn, place, intent.at);
        let is_exempt = is_back && !place.back_in_window;
        // Hours for emergencies need nobody but those who approve anyway.
        let is_for_emergencies = place.emergency_hours && now.request.emergency.is_some();
        let is_shut = frozen || !(open || is_for_emergencies);
        if is_shut && !is_exempt {
            let agreed = self
                .agreed(
                    world,
                    writer,
                    now,
                    intent,
                    place,
                    false,
                    "leads",
                    Yes::ToPass(open || is_for_emergencies),
                )
                .len();
            let enough = place.overriders.max(1) as usize;
            if now.request.emergency.is_none() || place.overriders == 0 || agreed < enough {
                return Err(format!("S5: {id} started at {} with open={open} frozen={frozen}", intent.at));
            }
        }
        self.place_is_free(world, now, place, intent)?;
        self.was_on_staging(world, writer, now, (place, intent), since)?;
        self.takes_nothing_away(world, now)?;
        self.migrations_are_agreed(world, writer, now, (place, intent))?;
        self.acts_on_what_runs(now)?;
        self.is_ticked_off(world, writer, now, (place, intent), since)?;
        self.code_is_good(world, now, place, since)
    }

    /// What the record says about the time of the start.
    pub(super) fn plan_of(&self, deploy: &Deploy) -> Plan {
        let rows = self.rows.get(&deploy.id).map_or(&[][..], Vec::as_slice);
        let asked = rows.iter().find(|row| row.event == "requested").map(|row| &row.data["when"]);
        match asked {
            Some(when) if when == "when_open" => Plan::WhenOpen,
            Some(when) => {
                let at = when["at"].as_str().and_then(|at| at.parse().ok());
                at.map_or(Plan::None, Plan::At)
            }
            None => Plan::None,
        }
    }

    /// Another attempt only after one that certainly came to nothing (S3).
    fn earlier_attempts(&self, now: &Deploy, intent: &Intent) -> Result<(), String> {
        let earlier = self
            .received
            .iter()
            .filter(|((deploy, attempt), _)| *deploy == now.id && *attempt < intent.attempt);
        for ((_, attempt), all) in earlier {
            if all.iter().any(|what| *what != Received::NotStarted) {
                let id = now.id.short();
                return Err(format!("S3: {id} is tried again although attempt {attempt} may have started"));
            }
        }
        Ok(())
    }

    /// Distinct people of a group whose fresh yes to this digest is in the audit log, and was not taken back. Where
    /// it is a yes to more, those who can have seen that.
    #[allow(clippy::too_many_arguments, reason = "everything that a yes depends on")]
    pub(super) fn agreed(
        &self,
        world: &World,
        writer: &Writer<'_>,
        now: &Deploy,
        intent: &Intent,
        place: &Place,
        own: bool,
        group: &str,
        yes: Yes<'_>,
    ) -> BTreeSet<String> {
        let since = fresh_since(world, intent);
        let rows = self.rows.get(&now.id).map_or(&[][..], Vec::as_slice);
        let drawn = writer.drawn;
        let Some(authors) = self.authors(world, drawn, place, now) else { return BTreeSet::new() };
        let (mut voices, mut spoken) = (BTreeMap::new(), BTreeSet::new());
        for (index, row) in rows.iter().enumerate().filter(|(_, row)| row.event == "approved") {
            let is_taken_back = rows[index..]
                .iter()
                .any(|later| later.event == "withdrawn" && later.data["by"] == row.data["by"]);
            if is_taken_back || is_void_since(&rows[index..], &row.data["digest"]) {
                continue;
            }
            let passes = row.data["passes"].as_array();
            if let Yes::ToMigrations(key) = yes
                && !passes.is_some_and(|all| all.iter().any(|one| one == key))
            {
                continue;
            }
            if let Yes::ToPass(is_open) = yes
                && !self.has_seen(world, drawn, place, now, intent.at, row.at, is_open)
            {
                continue;
            }
            let is_same = row.data["digest"].as_str() == Some(intent.digest.as_str());
            // Whoever said yes to a plan said yes to its time; one that waits for the calendar has an end of its own.
            let is_young = intent.at < row.at + SignedDuration::from_mins(place.lasts)
                || match self.plan_of(now) {
                    Plan::At(at) => intent.at < at + PLAN_LASTS,
                    Plan::WhenOpen => true,
                    Plan::None => false,
                };
            let Ok(account) = serde_json::from_value::<Account>(row.data["account"].clone()) else {
                continue;
            };
            let person = drawn.person_of(&account);
            let is_lost = world.chat.lost.get(&account).is_some_and(|at| *at < since);
            let is_own = person == drawn.person_of(&now.request.account) || person == now.request.by.as_str();
            if is_same && is_young && (own || !is_own) && !authors.contains(&person) {
                // Whoever counts for certain has taken their seat, so that nobody fills it for them.
                if matches!(yes, Yes::Any) && !world.chat.lost.contains_key(&account) {
                    spoken.insert(person.clone());
                }
                if !is_lost {
                    voices.insert(person, is_own);
                }
            }
        }
        let is_ruled_out = |person: &str| {
            let is_requester =
                person == drawn.person_of(&now.request.account) || person == now.request.by.as_str();
            (!own && is_requester) || authors.contains(person)
        };
        let counts = |person: &str, is_own: bool| {
            let (who, when) = ((person, group), (intent.at, since));
            self.belongs(world, drawn, person, group, since)
                || (!is_own
                    && self.lends(world, drawn, who, when, is_ruled_out, |person| spoken.contains(person)))
        };
        voices
            .into_iter()
            .filter(|(person, is_own)| counts(person, *is_own))
            .map(|(person, _)| person)
            .collect()
    }

    /// Whether somebody who said yes at an instant can have been shown all that is closed at the start: it was closed
    /// then, or about to be within the half minute that is looked ahead. A clock that was moved back proves nothing.
    #[allow(clippy::too_many_arguments, reason = "everything that a card depends on")]
    fn has_seen(
        &self,
        world: &World,
        drawn: &Drawn,
        place: &Place,
        now: &Deploy,
        start: Timestamp,
        said: Timestamp,
        is_open_at_start: bool,
    ) -> bool {
        if world.moved_back > 0 {
            return true;
        }
        let asked = now.request.at;
        // What the card said may be some minutes old, but no older than the request.
        let was_closed = (0..=180).any(|seconds| {
            let then = said - SignedDuration::from_secs(seconds * 10);
            then >= asked && !is_open(drawn, place, then)
        });
        if !is_open_at_start && !was_closed {
            return false;
        }
        let ahead = said + SignedDuration::from_secs(31);
        freezes_at(self, drawn, place.name, start).into_iter().all(|from| from <= ahead)
    }

    /// Who asked for it, and whether it is to start by itself at another time.
    pub(super) fn who_starts<'a>(&self, deploy: &'a Deploy) -> (&'a str, bool) {
        (deploy.request.by.as_str(), !matches!(self.plan_of(deploy), Plan::None))
    }

    /// A gate calls a place locked only for those whom a lock of that kind stops (S4).
    pub(super) fn is_rightly_locked(&self, now: &Deploy) -> Result<(), String> {
        let is_shut = |verdict: &Verdict| verdict.gate == Gate::Lock && verdict.answer != Answer::Open;
        let place = now.request.environment.as_str();
        if now.verdicts.iter().any(is_shut) && !self.places.may_keep_out(place, self.who_starts(now)) {
            return Err(format!("S4: {} is kept out of {place}, which no lock does", now.id.short()));
        }
        Ok(())
    }

    /// Nobody else is there, and nobody keeps others out (S4).
    fn place_is_free(
        &self,
        world: &World,
        now: &Deploy,
        place: &Place,
        intent: &Intent,
    ) -> Result<(), String> {
        let id = now.id.short();
        let other = self.deploys.values().find(|other| {
            other.id != now.id
                && other.is_active()
                && other.request.environment == now.request.environment
                && (!place.by_service || other.request.service == now.request.service)
        });
        if let Some(other) = other {
            return Err(format!("S4: {id} started beside {} on {}", other.id.short(), place.name));
        }
        let who = self.who_starts(now);
        if let Some(why) = self.places.keeps_out(place.name, who, intent.at) {
            return Err(format!("S4: {id} started on {} although {why}", place.name));
        }
        let locks = at_once(world.store.locks());
        let lock = locks.iter().find(|lock| lock.environment == now.request.environment);
        if let Some(lock) = lock
            && lock.until.is_none_or(|until| intent.at < until)
            && (lock.quarantine.is_some() || is_stopped(lock, who))
        {
            return Err(format!("S4: {id} started although {} keeps {} locked", lock.by, place.name));
        }
        Ok(())
    }

    /// The commit is on the branch, the tag has not moved, the checks are green.
    fn code_is_good(&self, world: &World, now: &Deploy, place: &Place, since: Ms) -> Result<(), String> {
        let id = now.id.short();
        let Some(pinned) = &now.pinned else { return Err(format!("S2: {id} started without a commit")) };
        let commit = &pinned.pin.commit;
        if pinned.pin.kind == RefKind::Tag && !world.code.pointed(now.request.version.as_str(), commit, since)
        {
            return Err(format!("S2: {id} started after its tag had moved"));
        }
        if now.is_rollback() || acts_on_live(now) {
            return Ok(());
        }
        // Whoever asked before a way back did not know of it (S23).
        let back = self.deploys.values().find(|other| {
            other.is_rollback()
                && other.request.at > now.request.at
                && other.request.environment == now.request.environment
                && other.request.service == now.request.service
                && matches!(other.state, State::Done { ran: Some(_), .. })
        });
        if let Some(back) = back.filter(|_| now.action().is_none()) {
            return Err(format!("S23: {id} was asked for before {} went back, and started", back.id.short()));
        }
        if world.code.was_off(commit, since) {
            return Err(format!("S2: {id} started with a commit that is not on the branch"));
        }
        let is_green = match place.checks {
            Checks::None => true,
            Checks::All => world.code.was_all_green(commit, since),
            Checks::Test => world.code.was_green(commit, "test", since),
        };
        if is_green { Ok(()) } else { Err(format!("S2: {id} started although its checks are not green")) }
    }
}
