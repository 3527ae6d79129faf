//! A shelf of artifacts and a registry on this machine, and what is made of their answers. Not here: the gate.

use super::*;
use axum::Router;
use axum::http::Request;
use axum::response::{IntoResponse as _, Response};

async fn shelf() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = format!("127.0.0.1:{}", listener.local_addr().unwrap().port());
    let own = host.clone();
    let serve = async move |request: Request<axum::body::Body>| -> Response {
        let path = request.uri().path().to_owned();
        let is_known = request.headers().get("authorization").is_some_and(|value| value == "Bearer open");
        match path.as_str() {
            "/api/good.tar.gz" | "/api/moved" => StatusCode::OK.into_response(),
            "/api/get-only" if request.method() == Method::HEAD => {
                StatusCode::METHOD_NOT_ALLOWED.into_response()
            }
            "/api/get-only" => "here".into_response(),
            "/api/redirect" => (StatusCode::FOUND, [("location", "/api/moved")]).into_response(),
            "/api/away" => (StatusCode::FOUND, [("location", "http://10.0.0.1/x")]).into_response(),
            "/api/broken" => StatusCode::BAD_GATEWAY.into_response(),
            "/api/secret" => StatusCode::FORBIDDEN.into_response(),
            "/token"
                if request.uri().query() == Some("service=shelf&scope=repository%3Aacme%2Fapi%3Apull") =>
            {
                axum::Json(serde_json::json!({ "token": "open" })).into_response()
            }
            "/v2/acme/api/manifests/v1" if is_known => StatusCode::OK.into_response(),
            "/v2/acme/api/manifests/v2" if is_known => StatusCode::NOT_FOUND.into_response(),
            path if path.starts_with("/v2/acme/api/") => {
                let challenge = format!(
                    "Bearer realm=\"http://{own}/token\",service=\"shelf\",scope=\"repository:acme/api:pull\""
                );
                (StatusCode::UNAUTHORIZED, [("www-authenticate", challenge)]).into_response()
            }
            path if path.starts_with("/v2/") => StatusCode::UNAUTHORIZED.into_response(),
            _ => StatusCode::NOT_FOUND.into_response(),
        }
    };
    let app = Router::new().fallback(serve);
    tokio::spawn(async move { axum::serve(listener, app).await });
    host
}

#[tokio::test]
async fn only_success_and_a_clear_no_are_answers() {
    let host = shelf().await;
    let there = async |path: &str| Shelves.is_there(&format!("http://{host}/api/{path}")).await.ok();
    assert_eq!(there("good.tar.gz").await, Some(true));
    assert_eq!(there("get-only").await, Some(true));
    assert_eq!(there("redirect").await, Some(true));
    assert_eq!(there("missing").await, Some(false));
    assert_eq!(there("broken").await, None);
    assert_eq!(there("secret").await, None);
    assert_eq!(there("away").await, None, "a redirect into another network is not followed");
}

#[tokio::test]
async fn a_registry_is_asked_with_the_token_that_everybody_gets() {
    let host = shelf().await;
    let has = async |image: &str| Shelves.has_image(&format!("{host}/{image}")).await.ok();
    assert_eq!(has("acme/api:v1").await, Some(true));
    assert_eq!(has("acme/api:v2").await, Some(false));
    assert_eq!(has("acme/other:v1").await, None, "it wants a login");
    assert_eq!(has("acme/../api:v1").await, None);
    assert_eq!(has("acme/api").await, None);
}
