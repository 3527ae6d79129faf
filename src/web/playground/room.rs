//! What was said, in memory: channels, threads, private answers, open forms. Not here: how it looks, or who is told.

use jiff::Timestamp;
use shipgate_app::words::{Body, Form};
use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::time::Instant;

/// Messages kept; the oldest go first. An edit of one that went makes its sender post it again.
const KEPT: usize = 2_000;

/// A number that no other process will come up with.
pub(super) fn unlike_any_other() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// A message.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub id: u64,
    pub channel: String,
    /// The message in whose thread it is.
    pub thread: Option<u64>,
    /// The only account that sees it.
    pub only_for: Option<String>,
    pub said: Said,
    /// By the demo's clock.
    pub at: Timestamp,
    /// When it last changed, by the machine's clock: running times go on from there.
    pub changed: Instant,
    /// How often it changed.
    pub revision: u64,
}

/// Who said what.
#[derive(Clone, Debug)]
pub(super) enum Said {
    /// Shipgate.
    Bot(Body),
    /// Somebody, by account.
    Person { account: String, words: String },
}

/// A form that waits for somebody.
#[derive(Clone, Debug)]
pub(super) struct OpenForm {
    pub id: u64,
    pub form: Form,
    pub channel: Option<String>,
    /// The tab it is meant for, if one asked.
    pub tab: Option<String>,
}

/// What is new about a message to be added.
pub(super) struct Draft {
    pub channel: String,
    pub thread: Option<u64>,
    pub only_for: Option<String>,
    pub said: Said,
    pub at: Timestamp,
    /// Two drafts with the same key are one message.
    pub key: Option<String>,
}

/// Everything that was said.
#[derive(Debug, Default)]
pub(super) struct Room {
    entries: BTreeMap<u64, Entry>,
    keys: HashMap<String, u64>,
    forms: HashMap<String, OpenForm>,
    last: u64,
}

impl Room {
    /// Adds a message, or finds the one with the same key. True when it is new.
    pub fn add(&mut self, draft: Draft) -> (u64, bool) {
        if let Some(id) = draft.key.as_ref().and_then(|key| self.keys.get(key)) {
            return (*id, false);
        }
        self.last += 1;
        let id = self.last;
        let Draft { channel, thread, only_for, said, at, key } = draft;
        // A thread in a thread is the same thread.
        let thread = thread.map(|root| self.root_of(root));
        let changed = Instant::now();
        self.entries.insert(id, Entry { id, channel, thread, only_for, said, at, changed, revision: 0 });
        if let Some(key) = key {
            self.keys.insert(key, id);
        }
        self.forget_the_oldest();
        (id, true)
    }

    fn forget_the_oldest(&mut self) {
        while self.entries.len() > KEPT {
            let Some((oldest, _)) = self.entries.pop_first() else { return };
            self.entries.retain(|_, entry| entry.thread != Some(oldest));
            let entries = &self.entries;
            self.keys.retain(|_, id| entries.contains_key(id));
        }
    }

    /// Replaces what a message of Shipgate's says. `None` when there is no such message; false when it says that
    /// already.
    pub fn edit(&mut self, id: u64, body: &Body) -> Option<bool> {
        let entry = self.entries.get_mut(&id)?;
        match &entry.said {
            Said::Person { .. } => return None,
            Said::Bot(old) if old == body => return Some(false),
            Said::Bot(_) => {}
        }
        entry.said = Said::Bot(body.clone());
        entry.changed = Instant::now();
        entry.revision += 1;
        Some(true)
    }

    /// Removes a private answer on its reader's wish.
    pub fn dismiss(&mut self, id: u64, account: &str) -> Option<Entry> {
        let is_theirs = self.entries.get(&id).is_some_and(|entry| entry.only_for.as_deref() == Some(account));
        if is_theirs { self.entries.remove(&id) } else { None }
    }

    pub fn get(&self, id: u64) -> Option<&Entry> {
        self.entries.get(&id)
    }

    /// The message that begins the thread.
    pub fn root_of(&self, id: u64) -> u64 {
        self.entries.get(&id).and_then(|entry| entry.thread).unwrap_or(id)
    }

    /// The last messages of a channel that begin a thread and `viewer` may see, oldest first.
    pub fn roots(&self, channel: &str, viewer: &str, limit: usize) -> Vec<&Entry> {
        let is_shown = |e: &&Entry| e.thread.is_none() && e.channel == channel && e.is_for(viewer);
        let mut roots: Vec<&Entry> = self.entries.values().rev().filter(is_shown).take(limit).collect();
        roots.reverse();
        roots
    }

    /// The message shown before this one.
    pub fn before(&self, entry: &Entry, viewer: &str) -> Option<&Entry> {
        let is_shown = |e: &&Entry| e.thread.is_none() && e.channel == entry.channel && e.is_for(viewer);
        self.entries.range(..entry.id).map(|(_, e)| e).rev().find(is_shown)
    }

    /// The messages of a thread that `viewer` may see, oldest first.
    pub fn replies(&self, root: u64, viewer: &str) -> Vec<&Entry> {
        self.entries
            .range(root..)
            .map(|(_, e)| e)
            .filter(|e| e.thread == Some(root) && e.is_for(viewer))
            .collect()
    }

    /// Shows a form to somebody; it takes the place of an older one.
    pub fn open_form(&mut self, account: &str, form: Form, channel: Option<String>, tab: Option<String>) {
        self.last += 1;
        self.forms.insert(account.to_owned(), OpenForm { id: self.last, form, channel, tab });
    }

    pub fn form(&self, account: &str) -> Option<&OpenForm> {
        self.forms.get(account)
    }

    /// Puts a form away, if it is still the one that is open.
    pub fn close_form(&mut self, account: &str, id: u64) {
        if self.forms.get(account).is_some_and(|open| open.id == id) {
            self.forms.remove(account);
        }
    }
}

impl Entry {
    fn is_for(&self, viewer: &str) -> bool {
        self.only_for.as_deref().is_none_or(|only| only == viewer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shipgate_app::words::{Message, Tone};

    fn draft(key: Option<&str>, only_for: Option<&str>, thread: Option<u64>) -> Draft {
        Draft {
            channel: "deployments".into(),
            thread,
            only_for: only_for.map(str::to_owned),
            said: Said::Bot(body("hello")),
            at: Timestamp::UNIX_EPOCH,
            key: key.map(str::to_owned),
        }
    }

    fn body(text: &str) -> Body {
        Body::Message(Message::line(Tone::Neutral, text))
    }

    #[test]
    fn the_same_key_twice_is_one_message() {
        let mut room = Room::default();
        let first = room.add(draft(Some("k"), None, None));
        assert_eq!(room.add(draft(Some("k"), None, None)), (first.0, false));
        assert_eq!(room.roots("deployments", "ada", 10).len(), 1);
    }

    #[test]
    fn a_private_answer_is_seen_by_its_reader_alone_who_may_dismiss_it() {
        let mut room = Room::default();
        let (id, _) = room.add(draft(None, Some("ada"), None));
        assert_eq!(room.roots("deployments", "ada", 10).len(), 1);
        assert!(room.roots("deployments", "grace", 10).is_empty());
        assert!(room.dismiss(id, "grace").is_none());
        assert!(room.dismiss(id, "ada").is_some());
    }

    #[test]
    fn an_answer_in_a_thread_joins_that_thread() {
        let mut room = Room::default();
        let (root, _) = room.add(draft(None, None, None));
        let (reply, _) = room.add(draft(None, None, Some(root)));
        let (nested, _) = room.add(draft(None, None, Some(reply)));
        let ids: Vec<u64> = room.replies(root, "ada").iter().map(|e| e.id).collect();
        assert_eq!(ids, [reply, nested]);
        assert_eq!(room.roots("deployments", "ada", 10).len(), 1);
    }

    #[test]
    fn an_edit_counts_only_when_something_changed() {
        let mut room = Room::default();
        let (id, _) = room.add(draft(None, None, None));
        assert_eq!(room.edit(id, &body("hello")), Some(false));
        assert_eq!(room.edit(id, &body("changed")), Some(true));
        assert_eq!(room.edit(99, &body("changed")), None);
    }

    #[test]
    fn the_oldest_messages_go_first_and_take_their_threads_along() {
        let mut room = Room::default();
        let (root, _) = room.add(draft(Some("first"), None, None));
        room.add(draft(None, None, Some(root)));
        for _ in 0..KEPT {
            room.add(draft(None, None, None));
        }
        assert!(room.get(root).is_none());
        assert!(room.replies(root, "ada").is_empty());
        assert!(room.add(draft(Some("first"), None, None)).1);
    }
}
