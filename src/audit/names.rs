//! Which environments and services an export is wanted of: names and aliases of the settings, and names that only the
//! record still knows. Not here: the entries of them (`export`).

use super::export::Export;
use crate::settings::Settings;
use shipgate_app::ports::Store;
use shipgate_domain::audit::Entry;
use shipgate_domain::policy::Policy;
use std::collections::BTreeSet;
use std::path::Path;

/// Rows read at once.
const PAGE: u32 = 1000;

/// What is wanted; none is all.
pub struct Wanted {
    pub environments: Option<BTreeSet<String>>,
    pub services: Option<BTreeSet<String>>,
}

/// A kind of name.
struct Kind {
    /// What people call it.
    word: &'static str,
    configured: BTreeSet<String>,
    recorded: BTreeSet<String>,
}

impl Wanted {
    /// Understands the names of an export.
    ///
    /// # Errors
    /// A name is unknown, and the message says which are known; or the record cannot be read.
    pub async fn of(store: &dyn Store, config: &Path, export: &Export) -> anyhow::Result<Self> {
        let mut wanted = Self { environments: None, services: None };
        if export.environment.is_none() && export.service.is_none() {
            return Ok(wanted);
        }
        let policy = Settings::names(config);
        let (mut places, mut services) = kinds(&policy);
        read(store, &mut places.recorded, &mut services.recorded).await?;
        if let Some(word) = &export.environment {
            let named = policy.environment(word).map(|environment| environment.name.to_string());
            wanted.environments = Some(places.meant(word, named)?);
        }
        if let Some(word) = &export.service {
            wanted.services = Some(services.meant(word, None)?);
        }
        Ok(wanted)
    }
}

fn kinds(policy: &Policy) -> (Kind, Kind) {
    let kind = |word, configured| Kind { word, configured, recorded: BTreeSet::new() };
    let places = policy.environments.keys().map(ToString::to_string).collect();
    (kind("environment", places), kind("service", policy.services.keys().map(ToString::to_string).collect()))
}

impl Kind {
    /// What a word means: what the settings say, and what is called so in the record. Both, when an alias of today is
    /// a name of yesterday.
    fn meant(&self, word: &str, named: Option<String>) -> anyhow::Result<BTreeSet<String>> {
        let all = self.configured.union(&self.recorded);
        let mut meant: BTreeSet<String> =
            all.filter(|name| name.eq_ignore_ascii_case(word)).cloned().collect();
        meant.extend(named);
        if !meant.is_empty() {
            return Ok(meant);
        }
        let list = |names: &BTreeSet<String>| names.iter().cloned().collect::<Vec<_>>().join(", ");
        let mut known = match self.configured.is_empty() {
            true => format!("the settings name no {}", self.word),
            false => format!("the settings name {}", list(&self.configured)),
        };
        let gone: BTreeSet<String> = self.recorded.difference(&self.configured).cloned().collect();
        if !gone.is_empty() {
            known.push_str(&format!(", and the record also {}", list(&gone)));
        }
        anyhow::bail!(
            "nothing is called “{}” among the {}s: {known}. Nothing was written",
            shown(word),
            self.word
        )
    }
}

/// A word as it was typed, without what would move the cursor.
fn shown(word: &str) -> String {
    word.chars()
        .take(100)
        .map(|c| if shipgate_domain::hidden::is_hidden(c) { '\u{fffd}' } else { c })
        .collect()
}

/// Every name in the record.
async fn read(
    store: &dyn Store,
    places: &mut BTreeSet<String>,
    services: &mut BTreeSet<String>,
) -> anyhow::Result<()> {
    let mut head = 0;
    loop {
        let rows = store.audit(head, PAGE).await?;
        for entry in rows.iter().filter_map(|row| serde_json::from_str::<Entry>(&row.body).ok()) {
            places.extend(entry.environment.as_ref().map(ToString::to_string));
            let is_first = matches!(entry.event.as_str(), "requested" | "imported");
            services.extend(entry.data["service"].as_str().filter(|_| is_first).map(str::to_owned));
        }
        let last = rows.last().map_or(head, |row| row.seq);
        if rows.len() < PAGE as usize || last <= head {
            return Ok(());
        }
        head = last;
    }
}
