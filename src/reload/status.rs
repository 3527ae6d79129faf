//! What `/readyz` and the figures tell about the rules. Not here: when they change.

use jiff::Timestamp;
use shipgate_web::ops::RulesShown;
use std::sync::{Mutex, PoisonError};

/// The rules in force, and what was refused since.
pub struct RulesStatus(Mutex<RulesShown>);

impl RulesStatus {
    /// The rules of the start.
    pub fn new(version: &str, at: Timestamp) -> Self {
        figure(version, 1.0);
        applied_at(at);
        metrics::gauge!("shipgate_settings_refused").set(0.0);
        let shown = RulesShown { version: version.to_owned(), since: at.to_string(), refused: None };
        Self(Mutex::new(shown))
    }

    /// As they are now.
    pub fn shown(&self) -> RulesShown {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Others hold from now on.
    pub fn applied(&self, version: &str, at: Timestamp) {
        self.looked("applied", None);
        let mut shown = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        figure(&shown.version, 0.0);
        figure(version, 1.0);
        applied_at(at);
        (shown.version, shown.since) = (version.to_owned(), at.to_string());
    }

    /// The files say what holds already.
    pub fn same(&self) {
        self.looked("same", None);
    }

    /// They say what cannot hold.
    pub fn refused(&self, why: &str) {
        self.looked("refused", Some(why.to_owned()));
    }

    fn looked(&self, outcome: &'static str, refused: Option<String>) {
        metrics::counter!("shipgate_reloads_total", "outcome" => outcome).increment(1);
        metrics::gauge!("shipgate_settings_refused").set(if refused.is_some() { 1.0 } else { 0.0 });
        self.0.lock().unwrap_or_else(PoisonError::into_inner).refused = refused;
    }
}

fn figure(version: &str, value: f64) {
    metrics::gauge!("shipgate_rules_info", "version" => version.to_owned()).set(value);
}

fn applied_at(at: Timestamp) {
    metrics::gauge!("shipgate_rules_timestamp_seconds").set(at.as_second() as f64);
}
