//! The adapter as a whole: drawn messages, signed requests, rotating sockets, calls to a small stand-in.

mod calls;
mod drawn;
mod requests;
mod sockets;

use super::{SinkError, SlackSecrets, SlackSettings, Transport};
use async_trait::async_trait;
use jiff::Timestamp;
use shipgate_app::inbound::Inbound;
use shipgate_app::ports::{Clock, Random};
use std::sync::Mutex;

/// 2026-03-02 09:00:00 UTC.
pub(crate) const NOW: i64 = 1_772_442_000;

pub(crate) struct Fixed;
impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(NOW).unwrap()
    }
}
impl Random for Fixed {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(0);
    }
}

/// Keeps what it takes in; may be told to take nothing.
#[derive(Default)]
pub(crate) struct Kept {
    pub taken: Mutex<Vec<Inbound>>,
    pub is_broken: bool,
}

#[async_trait]
impl super::Sink for Kept {
    async fn accept(&self, inbound: Inbound) -> Result<(), SinkError> {
        if self.is_broken {
            return Err(SinkError::NotStored { why: "disk full".into() });
        }
        self.taken.lock().unwrap().push(inbound);
        Ok(())
    }
}

pub(crate) fn settings(api_url: &str) -> SlackSettings {
    SlackSettings {
        transport: Transport::Http,
        api_url: api_url.into(),
        team: "T0TEAM".into(),
        app: Some("A0APP".into()),
    }
}

pub(crate) fn secrets() -> SlackSecrets {
    SlackSecrets {
        bot_token: "xoxb-test".to_owned().into(),
        signing: vec!["new-secret".to_owned().into(), "old-secret".to_owned().into()],
        app_token: Some("xapp-test".to_owned().into()),
    }
}
