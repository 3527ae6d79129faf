//! Places to fill, and people who fit some of them: how many can be filled when each person fills one at most.
//! Not here: whose yes counts.

use crate::ids::PersonId;
use crate::people::Member;
use crate::policy::{Policy, Share};
use std::collections::BTreeMap;

/// Whether enough people could say yes in the end: named ones who are not ruled out, each for one place. What a group
/// kept elsewhere could fill counts as filled: who is in it is known there only.
#[must_use]
pub fn could_agree(policy: &Policy, shares: &[Share], is_ruled_out: impl Fn(&PersonId) -> bool) -> bool {
    let members = |share: &Share| -> Vec<Member> {
        share.from.iter().filter_map(|group| policy.groups.get(group)).flatten().cloned().collect()
    };
    let is_named = |share: &&Share| members(share).iter().all(|member| matches!(member, Member::Person(_)));
    let closed: Vec<&Share> = shares.iter().filter(is_named).collect();
    let mut people: BTreeMap<PersonId, Vec<usize>> = BTreeMap::new();
    for (number, share) in closed.iter().enumerate() {
        for member in members(share) {
            if let Member::Person(person) = member
                && !is_ruled_out(&person)
            {
                people.entry(person).or_default().push(number);
            }
        }
    }
    let needed: Vec<u32> = closed.iter().map(|share| share.needed).collect();
    fill(&people.into_values().collect::<Vec<_>>(), &needed).is_full()
}

/// Who fills which place.
pub(in crate::gates) struct Filled {
    /// For each person, the share in which they fill a place.
    places: Vec<Option<usize>>,
    fits: Vec<Vec<usize>>,
    needed: Vec<u32>,
}

/// Fills as many places as possible. `fits`: for each person, the shares in which they could fill one; `needed`: how
/// many places each share has. A person who came first keeps a place, perhaps another one.
pub(in crate::gates) fn fill(fits: &[Vec<usize>], needed: &[u32]) -> Filled {
    let mut filled = Filled { places: vec![None; fits.len()], fits: fits.to_vec(), needed: needed.to_vec() };
    for person in 0..fits.len() {
        filled.seat(person, &mut vec![false; needed.len()]);
    }
    filled
}

impl Filled {
    /// Gives somebody a place, for which others may move on to one of their other shares.
    fn seat(&mut self, person: usize, tried: &mut [bool]) -> bool {
        for share in self.fits[person].clone() {
            if std::mem::replace(&mut tried[share], true) {
                continue;
            }
            let there: Vec<usize> = self.of(share).collect();
            if there.len() < self.needed[share] as usize
                || there.into_iter().any(|other| self.seat(other, tried))
            {
                self.places[person] = Some(share);
                return true;
            }
        }
        false
    }

    /// Those who fill a share's places.
    pub(in crate::gates) fn of(&self, share: usize) -> impl Iterator<Item = usize> {
        self.places.iter().enumerate().filter(move |(_, place)| **place == Some(share)).map(|(i, _)| i)
    }

    fn has_room(&self, share: usize) -> bool {
        self.of(share).count() < self.needed[share] as usize
    }

    /// Whether no place is free.
    pub(in crate::gates) fn is_full(&self) -> bool {
        (0..self.needed.len()).all(|share| !self.has_room(share))
    }

    /// The shares in which one more person would help: those with a free place, and those from which somebody could
    /// move on to such a one.
    pub(in crate::gates) fn open(&self) -> Vec<usize> {
        let mut open: Vec<usize> = (0..self.needed.len()).filter(|share| self.has_room(*share)).collect();
        loop {
            let more = (0..self.needed.len()).find(|share| {
                !open.contains(share)
                    && self
                        .of(*share)
                        .any(|person| self.fits[person].iter().any(|other| open.contains(other)))
            });
            match more {
                Some(share) => open.push(share),
                None => break,
            }
        }
        open.sort_unstable();
        open
    }
}
