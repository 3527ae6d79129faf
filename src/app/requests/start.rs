//! When a deploy is to start: at once, at a time, or when its window opens. Not here: when a window opens
//! (`domain::calendar`).

use crate::bot::App;
use crate::commands::Invocation;
use crate::intake::Visit;
use crate::judge::later;
use crate::store::StoreError;
use jiff::SignedDuration;
use shipgate_domain::deploy::StartWhen;
use shipgate_domain::policy::{Environment, Service};

/// How far ahead a start can be planned. Longer than that, nobody remembers what they said yes to.
const PLAN_AHEAD: SignedDuration = SignedDuration::from_hours(14 * 24);

impl App {
    /// When it is to start: `--at "tomorrow 9:00"`, `--when-open`. None: it cannot be, and the person was told.
    pub(crate) async fn said_start(
        &self,
        visit: &mut Visit<'_>,
        said: &Invocation,
        service: &Service,
        environment: &Environment,
    ) -> Result<Option<StartWhen>, StoreError> {
        let (at, waits) = (said.time("at"), said.has("when-open"));
        if (at.is_some() || waits) && said.text("emergency").is_some() {
            let answer = self.words().emergency_cannot_wait();
            visit.answer(answer);
            return Ok(None);
        }
        if at.is_some() && waits {
            let answer = self.words().at_or_when_open();
            visit.answer(answer);
            return Ok(None);
        }
        if waits {
            let calendar = self.calendar_now().await?;
            let (place, thing) = (environment.name.as_str(), service.name.as_str());
            let opens = calendar.next_start(place, thing, environment.schedule.as_deref(), visit.now, false);
            if opens.is_none_or(|at| at > later(visit.now, PLAN_AHEAD)) {
                let answer = self.words().opens_too_late(environment, opens, PLAN_AHEAD);
                visit.answer(answer);
                return Ok(None);
            }
            return Ok(Some(StartWhen::WhenOpen));
        }
        if at.is_none() {
            return Ok(Some(StartWhen::Now));
        }
        let Some(at) = self.said_instant(visit, said, "at") else { return Ok(None) };
        if at <= visit.now || at > later(visit.now, PLAN_AHEAD) {
            let answer = self.words().cannot_plan_for(at, PLAN_AHEAD);
            visit.answer(answer);
            return Ok(None);
        }
        Ok(Some(StartWhen::At(at)))
    }
}
