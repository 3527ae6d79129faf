//! The page's own files, built into the program, with an address that changes when they change. Not here: pages.

use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "assets/"]
struct Files;

/// The address of a file, with the beginning of its hash: it may be kept for ever.
pub(crate) fn address(name: &str) -> String {
    let version = Files::get(name).map(|file| shipgate_domain::hex(&file.metadata.sha256_hash()[..6]));
    format!("/assets/{name}?v={}", version.unwrap_or_default())
}

/// `GET /assets/{name}`.
pub(crate) async fn serve(Path(name): Path<String>, headers: HeaderMap) -> Response {
    let Some(file) = Files::get(&name) else {
        return (StatusCode::NOT_FOUND, "There is no such file.").into_response();
    };
    let tag = format!("\"{}\"", shipgate_domain::hex(&file.metadata.sha256_hash()[..16]));
    let is_known = headers.get(IF_NONE_MATCH).is_some_and(|seen| seen.as_bytes() == tag.as_bytes());
    let kept = [(CACHE_CONTROL, "public, max-age=31536000, immutable".to_owned()), (ETAG, tag)];
    if is_known {
        return (StatusCode::NOT_MODIFIED, kept).into_response();
    }
    let kind = match name.rsplit('.').next() {
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    };
    (kept, [(CONTENT_TYPE, kind)], file.data.into_owned()).into_response()
}
