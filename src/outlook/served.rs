//! The running bot's calendar for its page, picture and feed. Not here: drawing them (`shipgate-web`).

use crate::live::Live;
use async_trait::async_trait;
use shipgate_app::ports::Clock;
use shipgate_web::calendar::{Now, Source};
use std::sync::Arc;

/// The calendar that this bot judges by.
pub struct Served {
    /// The bot that works now.
    pub live: Arc<Live>,
    /// The clock of its rules.
    pub clock: Arc<dyn Clock>,
}

#[async_trait]
impl Source for Served {
    async fn now(&self) -> Result<Now, String> {
        let failed = |error: shipgate_app::store::StoreError| error.with_causes();
        let app = self.live.app();
        let calendar = app.calendar_now().await.map_err(failed)?;
        let policy = Arc::new(app.rules().policy.clone());
        Ok(Now { policy, calendar, at: self.clock.now() })
    }
}
