//! What people tick and take away, and what their press meant. Not here: who may (`people`), what counts (`state`).

use super::Part;
use crate::deploy::{Deploy, Event, Illegal, State};
use crate::ids::{Account, Digest, PersonId};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// What is left of a list can be ticked so long after the end.
pub const OPEN_AFTER: SignedDuration = SignedDuration::from_hours(24);

/// One press of one box. All of them are kept, also those that changed nothing: the next press of the same person on the
/// same drawing is understood by them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stroke {
    /// The item's words.
    pub item: String,
    /// What it did.
    pub did: Did,
    /// Who.
    pub by: PersonId,
    /// Through which account.
    pub account: Account,
    /// For what.
    pub digest: Digest,
    /// When.
    pub at: Timestamp,
    /// On which drawing of the card.
    pub drawing: String,
}

/// What a press of a box did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Did {
    /// Ticked it.
    Tick,
    /// Took away the tick that the drawing showed, whoever set it.
    Untick,
    /// Took back one's own tick of a moment ago, on the same drawing.
    TakeBack,
}

/// What one press of boxes changes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marks {
    /// Items ticked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ticked: Vec<String>,
    /// Items that showed a tick, which is taken away whoever set it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unticked: Vec<String>,
    /// Items ticked by the same person a moment ago on the same drawing: only their own tick goes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub taken_back: Vec<String>,
}

impl Marks {
    /// Whether nothing changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// All items that it is about.
    pub fn items(&self) -> impl Iterator<Item = &String> {
        self.ticked.iter().chain(&self.unticked).chain(&self.taken_back)
    }

    /// Leaves out items.
    pub fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        for list in [&mut self.ticked, &mut self.unticked, &mut self.taken_back] {
            list.retain(|item| keep(item));
        }
    }
}

/// Boxes as one drawing of the card showed them: each item, and whether it was ticked.
#[derive(Clone, Copy, Debug)]
pub struct Drawn<'a> {
    /// What names the drawing.
    pub drawing: &'a str,
    /// Its boxes.
    pub boxes: &'a [(String, bool)],
}

impl Drawn<'_> {
    /// What somebody meant by pressing one of these boxes. A platform tells which boxes are ticked on the presser's
    /// screen, and nothing of what others did meanwhile: so that is compared with what this drawing showed, and with
    /// what the same person pressed on it since, and never with what is ticked by now.
    #[must_use]
    pub fn meant(&self, deploy: &Deploy, account: &Account, selected: &[String]) -> Marks {
        let mut marks = Marks::default();
        for (item, was_shown) in self.boxes {
            let last = self.last_own(deploy, account, item);
            let is_selected = selected.contains(item);
            let item = item.clone();
            match (last.unwrap_or(*was_shown), is_selected) {
                (false, true) => marks.ticked.push(item),
                (true, false) if *was_shown => marks.unticked.push(item),
                (true, false) => marks.taken_back.push(item),
                (true, true) | (false, false) => {}
            }
        }
        marks
    }

    /// Whether the last thing that this account did to an item on this drawing was a tick; none when it did nothing.
    fn last_own(&self, deploy: &Deploy, account: &Account, item: &str) -> Option<bool> {
        let mut own = deploy.strokes.iter().rev();
        own.find(|s| s.item == item && s.account == *account && s.drawing == self.drawing)
            .map(|stroke| stroke.did == Did::Tick)
    }
}

impl Deploy {
    /// Ticks of an item that stand: for what would be sent now, and not taken away.
    #[must_use]
    pub fn ticks_of(&self, item: &str) -> Vec<&Stroke> {
        let mut standing: Vec<&Stroke> = Vec::new();
        let of_item = |stroke: &&Stroke| stroke.item == item && Some(&stroke.digest) == self.digest();
        for stroke in self.strokes.iter().filter(of_item) {
            match stroke.did {
                Did::Tick => standing.push(stroke),
                Did::Untick => standing.clear(),
                Did::TakeBack => {
                    standing.retain(|tick| tick.account != stroke.account || tick.drawing != stroke.drawing);
                }
            }
        }
        standing
    }

    /// Whether people may tick the items of a part now.
    #[must_use]
    pub fn can_tick(&self, part: Part, now: Timestamp) -> bool {
        match &self.state {
            State::Requested { .. } => false,
            State::Waiting { .. } => part == Part::Before,
            State::Dispatching { .. } | State::Running { .. } => part == Part::During,
            State::Done { at, ran, .. } => {
                let end = at.saturating_add(OPEN_AFTER).unwrap_or(Timestamp::MAX);
                part != Part::Before && ran.is_some() && now < end
            }
        }
    }

    /// Sets and takes away ticks, in a state that has some part of the list open. Says whether anything changed.
    pub(crate) fn mark(&mut self, event: &Event, now: Timestamp, refused: Illegal) -> Result<bool, Illegal> {
        let Event::Marked { by, account, digest, drawing, marks } = event else { return Err(refused) };
        if !Part::ALL.into_iter().any(|part| self.can_tick(part, now)) {
            return Err(refused);
        }
        if self.digest() != Some(digest) {
            return Err(Illegal::OtherDigest { given: digest.clone() });
        }
        let did =
            [(Did::Tick, &marks.ticked), (Did::Untick, &marks.unticked), (Did::TakeBack, &marks.taken_back)];
        for (did, item) in did.into_iter().flat_map(|(did, items)| items.iter().map(move |item| (did, item)))
        {
            self.strokes.push(Stroke {
                item: item.clone(),
                did,
                by: by.clone(),
                account: account.clone(),
                digest: digest.clone(),
                at: now,
                drawing: drawing.clone(),
            });
        }
        Ok(!marks.is_empty())
    }
}
