//! For the tests of the models only: a small client for their APIs, and a stand-in for Shipgate that records what it
//! is sent.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::client::{Client, Delivery};
use crate::locked;
use crate::serve::{Answer, Call, bind, serve};

pub(crate) async fn request(method: &str, url: &str, headers: &[(&str, &str)], body: &Value) -> Delivery {
    let headers: Vec<(String, String)> = headers.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
    let body = match body {
        Value::Null => String::new(),
        Value::String(raw) => raw.clone(),
        json => json.to_string(),
    };
    Client::new().send(method, url, &headers, &body, Duration::from_secs(10)).await
}

/// What the stand-in answers next: a status, a content type and a body.
pub(crate) type Script = (u16, &'static str, String);

/// Records every request and answers what it is told (an empty 200 otherwise).
#[derive(Clone, Default)]
pub(crate) struct StandIn {
    pub calls: Arc<Mutex<Vec<Call>>>,
    pub next: Arc<Mutex<Vec<Script>>>,
}

impl StandIn {
    pub async fn start() -> (Self, String) {
        let stand_in = Self::default();
        let (listener, address) = bind(0).await.unwrap();
        let served = stand_in.clone();
        serve(listener, CancellationToken::new(), move |request| {
            let stand_in = served.clone();
            async move {
                let call = Call::read(request).await?;
                locked(&stand_in.calls).push(call);
                let (status, kind, body) =
                    locked(&stand_in.next).pop().unwrap_or((200, "text/plain", String::new()));
                Some(Answer::text(status, kind, body).into_response())
            }
        });
        (stand_in, format!("http://{address}"))
    }

    pub fn last(&self) -> Call {
        locked(&self.calls).last().cloned().expect("something was sent")
    }
}
