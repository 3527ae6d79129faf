//! Runs told in the demo's time: the supervisor of a run knows only the machine's clock, and the demo has its own.
//! Not here: the clock itself.

use super::clock::DemoClock;
use crate::wiring::SystemClock;
use async_trait::async_trait;
use jiff::Timestamp;
use shipgate_app::ports::{Clock as _, Output, OutsideError, Pipelines, Report, Sent};
use shipgate_domain::run::{Run, RunPlan};
use std::sync::Arc;

/// A CI system whose reports are moved by as much as the demo's clock is ahead.
pub struct InDemoTime {
    inner: Arc<dyn Pipelines>,
    clock: Arc<DemoClock>,
}

impl InDemoTime {
    /// Reports of `inner` in the time of `clock`.
    pub fn new(inner: Arc<dyn Pipelines>, clock: Arc<DemoClock>) -> Self {
        Self { inner, clock }
    }
}

#[async_trait]
impl Pipelines for InDemoTime {
    async fn send(&self, plan: &RunPlan) -> Sent {
        self.inner.send(plan).await
    }

    async fn find(&self, plan: &RunPlan, _since: Timestamp) -> Result<Vec<Run>, OutsideError> {
        self.inner.find(plan, Timestamp::UNIX_EPOCH).await
    }

    async fn read(&self, plan: &RunPlan, run: &Run) -> Result<Report, OutsideError> {
        let mut report = self.inner.read(plan, run).await?;
        let ahead = self.clock.now().duration_since(SystemClock::default().now());
        let moved = |at: &mut Option<Timestamp>| *at = at.and_then(|at| at.checked_add(ahead).ok());
        for job in &mut report.progress.jobs {
            moved(&mut job.started);
            moved(&mut job.ended);
        }
        Ok(report)
    }

    async fn stop(&self, plan: &RunPlan, run: &Run) -> Result<(), OutsideError> {
        self.inner.stop(plan, run).await
    }

    async fn output(&self, plan: &RunPlan, run: &Run, from: u64) -> Result<Output, OutsideError> {
        self.inner.output(plan, run, from).await
    }

    async fn identify(&self, plan: &RunPlan, link: &str) -> Result<Option<Run>, OutsideError> {
        self.inner.identify(plan, link).await
    }
}
