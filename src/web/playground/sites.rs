//! What the environments serve, as panels beside the chat and as pages of their own. Not here: serving it.

use super::render::{draw, inert};
use super::{Playground, Site};
use crate::assets;
use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};

#[derive(Template)]
#[template(path = "site.html")]
struct SitePage<'a> {
    site: &'a Site,
    css: String,
    icon: String,
}

impl Site {
    /// The class of its colours.
    pub(super) fn class(&self) -> String {
        format!("p-{}", self.palette % 8)
    }

    /// Its address as a browser shows it.
    pub(super) fn shown_address(&self) -> &str {
        let url = self.url.as_str();
        url.strip_prefix("https://")
            .or_else(|| url.strip_prefix("http://"))
            .unwrap_or(url)
            .trim_end_matches('/')
    }

    /// The page of it here.
    pub(super) fn page(&self) -> String {
        format!("/sites/{}", self.environment)
    }
}

/// `GET /sites/{environment}`.
pub(super) async fn show(State(page): State<Playground>, Path(environment): Path<String>) -> Response {
    let sites = page.0.world.sites.sites().await;
    let Some(site) = sites.iter().find(|site| site.environment == environment) else {
        let known: Vec<&str> = sites.iter().map(|site| site.environment.as_str()).collect();
        let why = format!("There is no such environment. There are: {}.", known.join(", "));
        return (StatusCode::NOT_FOUND, why).into_response();
    };
    let status = if site.healthy { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let view = SitePage { site, css: assets::address("site.css"), icon: assets::address("icon.svg") };
    (status, Html(draw(&view))).into_response()
}
