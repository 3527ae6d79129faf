//! Places to fill, and people who fit some of them: how many can be filled when each person fills one at most.
//! Not here: who fits.

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
