//! Whose place a newer request takes, and whose it does not (S6). Not here: the order of those who wait (`queue`).

use super::{Oracle, Writer};
use shipgate_domain::deploy::{Deploy, Kind, Outcome, StartWhen, State};

/// Whether somebody who asks again means this instead of that: the same person, service and place, about the same time,
/// and a deploy never instead of the way back.
fn is_meant_instead(newer: &Deploy, older: &Deploy) -> bool {
    let (new, old) = (&newer.request, &older.request);
    let is_about_same_time = match (new.when, old.when) {
        (StartWhen::At(new), StartWhen::At(old)) => new == old,
        (new, old) => !matches!(new, StartWhen::At(_)) && !matches!(old, StartWhen::At(_)),
    };
    let is_enough = match (&new.kind, &old.kind) {
        (Kind::Rerun { .. } | Kind::Action(_), _) | (_, Kind::Action(_)) => false,
        (Kind::Rollback { .. }, _) => true,
        (Kind::Deploy, Kind::Rollback { .. }) => false,
        (Kind::Deploy, Kind::Deploy | Kind::Rerun { .. }) => true,
    };
    older.id < newer.id
        && new.by == old.by
        && new.service == old.service
        && new.environment == old.environment
        && is_about_same_time
        && is_enough
}

fn is_refused(deploy: &Deploy) -> bool {
    matches!(deploy.state, State::Done { outcome: Outcome::Refused, .. })
}

impl Oracle {
    /// Where the rules say so, whoever is accepted has taken the place of what the same person asked for before; and
    /// nobody's request goes for any other reason.
    pub(super) fn takes_places(
        &self,
        writer: &Writer<'_>,
        before: &Deploy,
        now: &Deploy,
    ) -> Result<(), String> {
        let name = now.request.environment.as_str();
        let is_ruled = writer.drawn.place(name).is_some_and(|place| place.supersedes);
        let id = now.id.short();
        let is_over = matches!(now.state, State::Done { outcome: Outcome::Superseded { .. }, .. });
        if is_over && !before.is_done() {
            let mut others = self.deploys.values();
            let is_right = is_ruled && others.any(|other| is_meant_instead(other, now) && !is_refused(other));
            return if is_right { Ok(()) } else { Err(format!("S6: nothing took the place of {id}")) };
        }
        if is_ruled && before.verdicts.is_empty() && !now.verdicts.is_empty() && !is_refused(now) {
            let waits = |other: &&Deploy| {
                matches!(other.state, State::Requested { .. } | State::Waiting { .. })
                    && is_meant_instead(now, other)
            };
            if let Some(other) = self.deploys.values().find(waits) {
                let other = other.id.short();
                return Err(format!("S6: {id} is meant instead of {other}, which still waits"));
            }
        }
        Ok(())
    }
}
