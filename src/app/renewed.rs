//! What people are told when the rules were changed or could not be, once for all replicas; and leaving for good.
//! Not here: reading the settings, and which of them can be changed while the bot works (the program's `reload`).

use crate::bot::App;
use crate::store::{Expect, StoreError};
use serde_json::json;
use shipgate_domain::audit::Actor;

/// The settings by which the bot works, as a fingerprint: who finds its own there has nothing to tell.
const IN_FORCE: &str = "settings_in_force";
/// Those that were refused and told; empty once they were mended.
const REFUSED: &str = "settings_refused";
/// So many replicas that tell at the same instant are waited for.
const TRIES: u32 = 20;

/// News of the settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// The bot started with them: nothing to tell, unless they were refused before.
    Started,
    /// They hold from now on.
    Applied {
        /// What changed, in words.
        changed: Vec<String>,
    },
    /// They are those in force again, after others were refused.
    Mended,
    /// They are those in force, as before: nothing to tell. What another replica refused still stands in its own file.
    Same,
    /// They do not hold, and the old ones do.
    Refused {
        /// Why, each with its place.
        problems: Vec<String>,
    },
}

impl App {
    /// Tells people about the settings with this fingerprint. The same is told once, by whichever replica comes first.
    ///
    /// # Errors
    /// The database failed; nothing was told.
    pub async fn tell_settings(&self, fingerprint: &str, news: &News) -> Result<(), StoreError> {
        let mut tries = 0;
        loop {
            tries += 1;
            match self.try_to_tell_settings(fingerprint, news).await {
                Err(StoreError::Conflict { .. }) if tries < TRIES => {}
                told => return told,
            }
        }
    }

    async fn try_to_tell_settings(&self, fingerprint: &str, news: &News) -> Result<(), StoreError> {
        let in_force = self.store.note(IN_FORCE).await?;
        let refused = self.store.note(REFUSED).await?;
        let was_refused = refused.as_ref().is_some_and(|told| !told.is_empty());
        let mut changes = self.changes(self.now());
        let mut known = (in_force.clone(), refused.clone());
        let words = self.words();
        let is_in_force = in_force.as_deref() == Some(fingerprint);
        let message = match news {
            News::Started | News::Applied { .. } | News::Mended => {
                known.0 = Some(fingerprint.to_owned());
                known.1 = refused.as_ref().map(|_| String::new());
                match news {
                    News::Applied { changed } if !is_in_force => {
                        let data = json!({ "policy": self.rules.version.to_string(), "changed": changed });
                        self.note(&mut changes, Actor::Shipgate, None, "settings_applied", data);
                        Some(words.settings_applied(changed, was_refused))
                    }
                    _ if was_refused => Some(words.settings_mended()),
                    News::Started
                    | News::Applied { .. }
                    | News::Mended
                    | News::Same
                    | News::Refused { .. } => None,
                }
            }
            News::Same => return Ok(()),
            News::Refused { .. } if refused.as_deref() == Some(fingerprint) => return Ok(()),
            News::Refused { problems } => {
                known.1 = Some(fingerprint.to_owned());
                self.note(
                    &mut changes,
                    Actor::Shipgate,
                    None,
                    "settings_refused",
                    json!({ "problems": problems }),
                );
                Some(words.settings_refused(problems))
            }
        };
        for (name, before, after) in [(IN_FORCE, in_force, known.0), (REFUSED, refused, known.1)] {
            // Both are expected: who changed one of them meanwhile told something that is not known here.
            changes.expect.push(Expect::Note(name.to_owned(), before.clone()));
            if let Some(after) = after.filter(|after| before.as_ref() != Some(after)) {
                changes.notes.push((name.to_owned(), after));
            }
        }
        if let Some(message) = message {
            // The notes see to it that it is said once; the key only has to be like no other.
            let key = format!("settings/{}/{}", changes.at.as_millisecond(), self.new_id());
            changes.effects.push(self.say_once(key, message, changes.at));
        }
        if changes.notes.is_empty() && changes.effects.is_empty() {
            return Ok(());
        }
        self.commit(changes).await
    }

    /// Ends this life for good: what it still holds is free, and what it still writes is refused.
    ///
    /// # Errors
    /// The database failed; the others take over when it was silent for long enough.
    pub async fn leave(&self) -> Result<(), StoreError> {
        self.store.replica_leave(self.epoch()).await
    }
}
