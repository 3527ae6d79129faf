//! The demo's page in front of nothing, with Ada in `#deployments`. Not here: what is asked of it.

use jiff::{Timestamp, tz::TimeZone};
use shipgate_app::inbound::Inbound;
use shipgate_domain::ids::{Account, Platform};
use shipgate_web::playground::{
    Channel, ClockControl, OpenSpan, OpenTimes, Person, Playground, PlaygroundSettings, Preset, Refusal,
    Sink, Site, Sites, World,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A clock that stands, one site, and somebody who only counts what is said or done.
#[derive(Default)]
pub struct Still(AtomicUsize);

impl Still {
    /// How much was said or done.
    pub fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    fn one_more(&self) -> Result<(), Refusal> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

#[async_trait::async_trait]
impl Sink for Still {
    async fn accept(&self, _: Inbound) -> Result<(), Refusal> {
        self.one_more()
    }
}
#[async_trait::async_trait]
impl Sites for Still {
    async fn sites(&self) -> Vec<Site> {
        vec![Site {
            environment: "production".into(),
            version: "v1.2.3".into(),
            title: "Harbour Coffee".into(),
            tagline: String::new(),
            palette: 0,
            healthy: true,
            url: "http://127.0.0.1:7001/".into(),
        }]
    }
}
#[async_trait::async_trait]
impl ClockControl for Still {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }
    fn zone(&self) -> TimeZone {
        TimeZone::UTC
    }
    fn presets(&self) -> Vec<Preset> {
        Vec::new()
    }
    async fn jump(&self, _: &str) -> Result<(), Refusal> {
        self.one_more()
    }
    async fn set(&self, _: &str) -> Result<(), Refusal> {
        self.one_more()
    }
    async fn reset(&self) -> Result<(), Refusal> {
        self.one_more()
    }
}
impl OpenTimes for Still {
    fn environment(&self) -> String {
        "production".into()
    }
    fn spans(&self, _: Timestamp, _: Timestamp) -> Vec<OpenSpan> {
        Vec::new()
    }
}

/// The page, and what it counts.
pub fn playground() -> (Playground, Arc<Still>) {
    let account = Account { platform: Platform::Playground, id: "ada".into() };
    let settings = PlaygroundSettings {
        people: vec![Person { id: "ada".parse().unwrap(), name: "ada".into(), role: String::new(), account }],
        channels: vec![Channel { name: "#deployments".into(), purpose: String::new() }],
        groups: BTreeMap::new(),
        commands: Vec::new(),
        suggestions: Vec::new(),
    };
    let still = Arc::new(Still::default());
    let world =
        World { sink: still.clone(), sites: still.clone(), clock: still.clone(), open_times: still.clone() };
    (Playground::new(settings, world, tokio_util::sync::CancellationToken::new()), still)
}
