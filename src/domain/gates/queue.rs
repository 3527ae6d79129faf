//! Is another deploy active there, or first in line? Not here: the order of the line (`Deploy::queue_key`).

use super::{Finding, Reason};
use crate::facts::Case;
use jiff::SignedDuration;

/// How soon somebody in line looks again by themselves.
const LOOK_AGAIN: SignedDuration = SignedDuration::from_secs(30);

pub(super) fn judge(case: &Case<'_>) -> Option<Finding> {
    let place = case.place;
    if place.active.is_none() && place.ahead.is_empty() {
        return Some(Finding::open(Reason::NextInLine));
    }
    let expected = place.usual.and_then(|usual| {
        let begun = place.active.as_ref().and_then(|active| active.started).unwrap_or(case.now);
        let own_turn = i32::try_from(place.ahead.len()).unwrap_or(i32::MAX);
        let rest = usual.checked_mul(own_turn)?;
        Some(begun.saturating_add(usual).ok()?.max(case.now).saturating_add(rest).unwrap_or(case.now))
    });
    let ahead = u32::try_from(place.ahead.len()).unwrap_or(u32::MAX);
    // Whoever is before it wakes it when they move; a look comes by itself should that be lost.
    let again = case.now.saturating_add(LOOK_AGAIN).ok();
    Some(Finding::waiting(Reason::InLine { active: place.active.clone(), ahead, expected }).until(again))
}
