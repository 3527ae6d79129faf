//! What ran of a service on an environment, as far back as a question needs. Not here: what that means (`domain::deploy`).

use crate::bot::App;
use crate::store::{Filter, StoreError};
use shipgate_domain::deploy::Past;
use shipgate_domain::ids::{EnvironmentName, ServiceName};

impl App {
    /// What ran of a service on an environment: the last 200 at least, and back to the last success.
    pub(crate) async fn past(
        &self,
        service: &ServiceName,
        environment: &EnvironmentName,
    ) -> Result<Past, StoreError> {
        self.past_of(service, environment, 200, |past| past.in_place().is_some()).await
    }

    /// As much of what ran as is enough to tell something, from so many on.
    pub(crate) async fn past_of(
        &self,
        service: &ServiceName,
        environment: &EnvironmentName,
        first: u32,
        is_enough: impl Fn(&Past) -> bool,
    ) -> Result<Past, StoreError> {
        let mut filter = Filter {
            service: Some(service.clone()),
            environment: Some(environment.clone()),
            only_ran: true,
            limit: first,
            ..Filter::default()
        };
        loop {
            let ran = self.store.deploys(&filter).await?;
            let is_all = ran.len() < filter.limit as usize;
            let past = Past::new(ran);
            if is_all || is_enough(&past) {
                return Ok(past);
            }
            filter.limit = filter.limit.saturating_mul(4);
        }
    }
}
