//! The rules of a lesson: those that ask nothing, to which one thing is added. Not here: the rules of a seed (`rules`).

use crate::rules::{Checks, Drawn, Line, Place};

impl Drawn {
    /// Rules by which everybody who belongs to the team may deploy at once.
    pub(super) fn ask_nothing(&mut self) {
        self.freezes.clear();
        let named = |names: &[&'static str], group| {
            names.iter().map(|name| Line::Person(name)).chain([Line::Outside(group)]).collect()
        };
        self.groups.insert("devs", named(&["ada", "ben"], "S0DEV"));
        self.groups.insert("leads", named(&["cyd", "dot"], "S0LEAD"));
        self.groups.insert("dbas", named(&["ben"], "S0LEAD"));
        for place in &mut self.places {
            place.ask_nothing();
        }
    }

    /// Changes the rules of one place.
    pub(super) fn with(&mut self, name: &str, change: impl FnOnce(&mut Place)) {
        if let Some(place) = self.places.iter_mut().find(|place| place.name == name) {
            change(place);
        }
    }
}

impl Place {
    fn ask_nothing(&mut self) {
        *self = Self {
            name: self.name,
            after_staging: false,
            soak: None,
            seen: false,
            migrations: 0,
            windows: None,
            needed: 0,
            also: 0,
            escalates: None,
            own: false,
            not_authors: false,
            lasts: 20,
            overriders: 0,
            checks: Checks::None,
            by_service: self.by_service,
            cancels_queued: self.cancels_queued,
            supersedes: false,
            has_checklist: false,
            emergency_hours: false,
            back_needed: 0,
            back_in_window: false,
        };
    }
}
