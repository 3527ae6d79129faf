//! Slack's answers, as far as they are read. Not here: asking.
//!
//! Answers are read into our own small structs rather than the client's typed ones: those lack `metadata`, and take a
//! proxy's error page with status 200 for an empty answer where nothing in it is required. Ours require `ok`.

use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
pub(super) struct Answer<T> {
    pub(super) ok: bool,
    #[serde(flatten)]
    pub(super) rest: T,
}

#[derive(Deserialize)]
pub(super) struct Empty {}

#[derive(Deserialize)]
pub(super) struct Posted {
    pub(super) channel: String,
    pub(super) ts: String,
}

#[derive(Deserialize)]
pub(super) struct Page<T> {
    #[serde(flatten)]
    pub(super) items: T,
    #[serde(default)]
    pub(super) response_metadata: Cursor,
}

#[derive(Default, Deserialize)]
pub(super) struct Cursor {
    #[serde(default)]
    pub(super) next_cursor: String,
}

#[derive(Deserialize)]
pub(super) struct Channels {
    pub(super) channels: Vec<Channel>,
}

#[derive(Deserialize)]
pub(super) struct Channel {
    pub(super) id: String,
    #[serde(default)]
    pub(super) name: String,
}

#[derive(Deserialize)]
pub(super) struct Messages {
    pub(super) messages: Vec<Found>,
}

#[derive(Deserialize)]
pub(super) struct Found {
    pub(super) ts: String,
    pub(super) metadata: Option<Metadata>,
}

#[derive(Deserialize)]
pub(super) struct Metadata {
    pub(super) event_type: String,
    #[serde(default)]
    pub(super) event_payload: Value,
}

#[derive(Deserialize)]
pub(super) struct Users {
    pub(super) users: Vec<String>,
}

#[derive(Deserialize)]
pub(super) struct UserAnswer {
    pub(super) user: User,
}

#[derive(Deserialize)]
pub(super) struct User {
    pub(super) team_id: Option<String>,
    pub(super) enterprise_user: Option<EnterpriseUser>,
    #[serde(default)]
    pub(super) deleted: bool,
    #[serde(default)]
    pub(super) is_bot: bool,
    #[serde(default)]
    pub(super) is_app_user: bool,
    #[serde(default)]
    pub(super) is_workflow_bot: bool,
    #[serde(default)]
    pub(super) is_restricted: bool,
    #[serde(default)]
    pub(super) is_ultra_restricted: bool,
    #[serde(default)]
    pub(super) is_stranger: bool,
    #[serde(default)]
    pub(super) name: String,
    pub(super) real_name: Option<String>,
    #[serde(default)]
    pub(super) profile: Profile,
}

#[derive(Deserialize)]
pub(super) struct EnterpriseUser {
    #[serde(default)]
    pub(super) enterprise_id: String,
}

#[derive(Default, Deserialize)]
pub(super) struct Profile {
    #[serde(default)]
    pub(super) display_name: String,
}

#[derive(Deserialize)]
pub(super) struct Address {
    pub(super) url: String,
}
