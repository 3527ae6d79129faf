//! The feed at an address that nobody can guess, for calendar programs: they cannot sign in, and fetch from the internet.
//! Not here: the feed itself (`feed`), or where the address comes from (the settings).

use super::{Question, Shown, Source, ics};
use crate::security;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use sha2::{Digest as _, Sha256};
use std::sync::Arc;
use subtle::ConstantTimeEq as _;

/// The hash of the name that is right: two hashes take the same time to compare, wherever they differ.
#[derive(Clone)]
struct Guarded {
    shown: Arc<Shown>,
    right: [u8; 32],
}

/// `/calendar/feed/SECRET.ics`: the feed. Any other name there is not found, like everything that does not exist.
pub fn routes(source: Arc<dyn Source>, secret: &str) -> Router {
    let guarded = Guarded { shown: Arc::new(Shown::of(source)), right: hash(&format!("{secret}.ics")) };
    let routes = Router::new().route("/calendar/feed/{name}", get(feed)).with_state(guarded);
    security::strict(routes)
}

fn hash(name: &str) -> [u8; 32] {
    Sha256::digest(name.as_bytes()).into()
}

async fn feed(
    State(guarded): State<Guarded>,
    Path(name): Path<String>,
    asked: Question,
    headers: HeaderMap,
) -> Response {
    if !bool::from(hash(&name).ct_eq(&guarded.right)) {
        return StatusCode::NOT_FOUND.into_response();
    }
    ics(State(guarded.shown), asked, headers).await
}

#[cfg(test)]
mod tests {
    use super::super::tests::quiet;
    use super::*;
    use axum::body::Body;
    use axum::http::Request;
    use tower::ServiceExt as _;

    async fn ask(address: &str) -> StatusCode {
        let request = Request::get(address).body(Body::empty()).unwrap();
        routes(quiet(), "0123456789abcdef0123456789abcdef").oneshot(request).await.unwrap().status()
    }

    #[tokio::test]
    async fn only_the_whole_secret_leads_to_the_feed() {
        let secret = "0123456789abcdef0123456789abcdef";
        assert_eq!(ask(&format!("/calendar/feed/{secret}.ics")).await, StatusCode::OK);
        let asked = format!("/calendar/feed/{secret}.ics?environment=production");
        assert_eq!(ask(&asked).await, StatusCode::OK);
        for wrong in [
            "0123456789abcdef0123456789abcdee.ics",
            "0123456789abcdef0123456789abcdef",
            "0123456789abcdef.ics",
            "0123456789ABCDEF0123456789ABCDEF.ics",
            ".ics",
            "0123456789abcdef0123456789abcdef.ics.ics",
        ] {
            assert_eq!(ask(&format!("/calendar/feed/{wrong}")).await, StatusCode::NOT_FOUND, "{wrong}");
        }
        // Who has no secret learns nothing of what may be asked for either.
        assert_eq!(ask("/calendar/feed/x.ics?environment=nowhere").await, StatusCode::NOT_FOUND);
        for other in ["/calendar", "/calendar.svg", "/calendar.ics"] {
            assert_eq!(ask(other).await, StatusCode::NOT_FOUND, "{other}");
        }
    }
}
