//! Every key that `shipgate.toml` may hold. The one list: unknown keys are found with it, the reader may ask for
//! nothing else, and the example file is tested against it. Not here: what the keys mean.

/// A key by its path: `*` stands for a name that people choose, a list of tables adds nothing to the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
    /// `environments.*.approvals.needed`.
    pub(super) path: &'static str,
    /// Whether this version reads it, or knows it only by name.
    pub(super) is_supported: bool,
}

const fn key(path: &'static str) -> Key {
    Key { path, is_supported: true }
}

/// Fixed in the design for a later version: refused with its own words, never ignored.
const fn later(path: &'static str) -> Key {
    Key { path, is_supported: false }
}

pub(super) const KEYS: &[Key] = &[
    key("timezone"),
    key("http.listen"),
    key("http.public_url"),
    key("http.hosts"),
    key("http.calendar"),
    key("limits.person_each_second"),
    key("limits.person_each_minute"),
    key("limits.all_each_second"),
    key("store.url"),
    key("slack.transport"),
    key("slack.api_url"),
    key("slack.team"),
    key("slack.app"),
    key("github.api_url"),
    later("github.oidc_issuer"),
    key("audit.anchor_channel"),
    key("audit.anchor_file"),
    key("audit.alarm_channel"),
    key("announce.channel"),
    key("announce.approvals"),
    key("announce.topic"),
    key("announce.alerts"),
    key("people.*.slack"),
    key("people.*.github"),
    key("people.*.github.id"),
    key("people.*.github.login"),
    key("people.*.discord"),
    key("groups.*"),
    key("services.*.default"),
    key("services.*.provider"),
    key("services.*.repo"),
    key("services.*.workflow"),
    key("services.*.ref"),
    key("services.*.inputs.*"),
    key("services.*.command"),
    key("services.*.migrations"),
    key("services.*.reversible"),
    key("services.*.irreversible"),
    key("services.*.artifact"),
    key("services.*.image"),
    later("services.*.play"),
    later("services.*.project"),
    later("services.*.definition"),
    later("services.*.hold"),
    later("services.*.variables"),
    key("environments.*.aliases"),
    key("environments.*.after"),
    key("environments.*.soak"),
    key("environments.*.seen"),
    key("environments.*.schedule"),
    key("environments.*.deployers"),
    key("environments.*.approvals.needed"),
    key("environments.*.approvals.from"),
    key("environments.*.approvals.own"),
    key("environments.*.approvals.expires"),
    key("environments.*.approvals.authors"),
    key("environments.*.approvals.also.needed"),
    key("environments.*.approvals.also.from"),
    key("environments.*.approvals.remind"),
    key("environments.*.approvals.escalate.after"),
    key("environments.*.approvals.escalate.to"),
    key("environments.*.overrides.needed"),
    key("environments.*.overrides.from"),
    key("environments.*.checks"),
    key("environments.*.checks.rule"),
    key("environments.*.checks.ignore"),
    key("environments.*.reviews"),
    key("environments.*.migrations.needed"),
    key("environments.*.migrations.from"),
    key("environments.*.migrations.checklist"),
    key("environments.*.checklist"),
    key("environments.*.url"),
    key("environments.*.queue"),
    key("environments.*.when_frozen"),
    key("environments.*.supersede"),
    key("environments.*.rollback.needed"),
    key("environments.*.rollback.in_window_only"),
    later("environments.*.watch"),
    key("checklists.*.before.item"),
    key("checklists.*.before.fact"),
    key("checklists.*.before.who"),
    key("checklists.*.before.when"),
    key("checklists.*.before.needed"),
    key("checklists.*.during.item"),
    key("checklists.*.during.fact"),
    key("checklists.*.during.who"),
    key("checklists.*.during.when"),
    key("checklists.*.during.needed"),
    key("checklists.*.after.item"),
    key("checklists.*.after.fact"),
    key("checklists.*.after.who"),
    key("checklists.*.after.when"),
    key("checklists.*.after.needed"),
    key("schedules.*.timezone"),
    key("schedules.*.open"),
    key("schedules.*.emergency_only"),
    key("freezes.name"),
    key("freezes.from"),
    key("freezes.until"),
    key("freezes.cron"),
    key("freezes.lasts"),
    key("freezes.timezone"),
    key("freezes.environments"),
    key("freezes.services"),
    key("freezes.except_services"),
    key("freezes.rrule"),
    key("freezes.on"),
    key("freezes.holidays"),
    key("freezes.ics"),
    key("freezes.gitlab"),
    key("freezes.refresh"),
    key("freezes.max_age"),
    key("commands.folder"),
    key("gitlab.url"),
    key("reminders.freeze"),
    key("reminders.lock"),
    key("reminders.cron.at"),
    key("reminders.cron.say"),
    later("discord"),
    later("circleci"),
    later("pagerduty"),
    later("email"),
    later("prometheus"),
    later("sentry"),
    later("routes"),
    later("digest"),
    later("signals"),
];

/// What a path is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// A value that is read.
    Value,
    /// A table whose keys are known.
    Table,
    /// For a later version.
    Later,
}

/// What the path is, if it is known.
pub(super) fn known(path: &str) -> Option<Known> {
    let is_parent =
        KEYS.iter().any(|key| key.path.strip_prefix(path).is_some_and(|rest| rest.starts_with('.')));
    // What may be a value or a table is looked into when it is a table.
    if is_parent {
        return Some(Known::Table);
    }
    let key = KEYS.iter().find(|key| key.path == path)?;
    Some(if key.is_supported { Known::Value } else { Known::Later })
}

/// The path of a key inside a table: its own name, or `*` where people choose the name.
pub(super) fn child(parent: &str, name: &str) -> Option<(String, Known)> {
    let join = |name: &str| if parent.is_empty() { name.to_owned() } else { format!("{parent}.{name}") };
    let (own, any) = (join(name), join("*"));
    // A name in quotes may look like a path: it is a name all the same.
    let is_plain = !name.contains(['.', '*']);
    known(&own)
        .filter(|_| is_plain)
        .map(|known| (own, known))
        .or_else(|| known(&any).map(|known| (any, known)))
}

/// The names that may stand in a table and are read by this version.
pub(super) fn children(parent: &str) -> Vec<&'static str> {
    let inside = |key: &&Key| {
        let path = key.path;
        let rest = if parent.is_empty() { Some(path) } else { path.strip_prefix(parent)?.strip_prefix('.') };
        rest.and_then(|rest| rest.split('.').next()).filter(|name| key.is_supported && *name != "*")
    };
    let mut names: Vec<&str> = KEYS.iter().filter_map(|key| inside(&key)).collect();
    names.dedup();
    names
}

/// The tables in which a key of this name is known: for one that stands in the wrong place.
pub(super) fn homes(name: &str) -> Vec<&'static str> {
    let home =
        |key: &Key| key.path.rsplit_once('.').filter(|(_, last)| *last == name).map(|(table, _)| table);
    KEYS.iter().filter(|key| key.is_supported).filter_map(home).collect()
}
