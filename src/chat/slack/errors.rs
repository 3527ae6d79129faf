//! What Slack's errors mean for us, and what people can do about them. Not here: trying again (the caller does).
//! Nothing of an answer's body is shown: it may repeat what was sent.

use jiff::SignedDuration;
use shipgate_app::ports::ChatError;
use slack_morphism::errors::SlackClientError;

/// Something that may work later.
pub(crate) fn later(why: impl Into<String>) -> ChatError {
    ChatError::Later { why: why.into(), after: None }
}

/// Translates an error of a call. `place` is the channel or account the call was about, as people know it.
pub(crate) fn chat_error(method: &str, place: &str, error: &SlackClientError) -> ChatError {
    match error {
        SlackClientError::ApiError(api) => {
            let needed = api.http_response_body.as_deref().and_then(needed_scope);
            of_code(method, place, &api.code, needed.as_deref())
        }
        SlackClientError::RateLimitError(limit) => ChatError::Later {
            why: format!("Slack asks to slow down ({method})"),
            after: Some(
                SignedDuration::try_from(limit.retry_after.unwrap_or(std::time::Duration::from_secs(5)))
                    .unwrap_or(SignedDuration::from_secs(60)),
            ),
        },
        SlackClientError::HttpError(http) if http.status_code.is_server_error() => {
            later(format!("Slack answers {method} with HTTP {}", http.status_code.as_u16()))
        }
        SlackClientError::HttpError(http) => ChatError::Refused {
            why: format!(
                "Slack answers {method} with HTTP {}: check api_url under [slack] and whatever stands between",
                http.status_code.as_u16()
            ),
        },
        SlackClientError::ProtocolError(_) => {
            later(format!("Slack's answer to {method} is not what it should be"))
        }
        SlackClientError::HttpProtocolError(_)
        | SlackClientError::EndOfStream(_)
        | SlackClientError::SystemError(_)
        | SlackClientError::SocketModeProtocolError(_) => {
            later(format!("Slack cannot be reached ({method})"))
        }
    }
}

/// Translates an error code (docs.slack.dev, method pages).
pub(crate) fn of_code(method: &str, place: &str, code: &str, needed: Option<&str>) -> ChatError {
    let refused = |what: String| ChatError::Refused { why: what };
    match code {
        "ratelimited" | "rate_limited" | "message_limit_exceeded" => ChatError::Later {
            why: format!("Slack asks to slow down ({method})"),
            after: Some(SignedDuration::from_secs(5)),
        },
        "internal_error"
        | "fatal_error"
        | "service_unavailable"
        | "request_timeout"
        | "team_added_to_org" => later(format!("Slack has trouble itself ({method}: {code})")),
        "message_not_found"
        | "cant_update_message"
        | "edit_window_closed"
        | "block_mismatch"
        | "thread_not_found" => ChatError::Gone {
            why: format!("the message in {place} is gone or cannot be edited any more ({code})"),
        },
        "invalid_auth"
        | "not_authed"
        | "account_inactive"
        | "token_revoked"
        | "token_expired"
        | "not_allowed_token_type" => refused(format!(
            "Slack does not accept the bot token ({code}): install the app again and set SLACK_BOT_TOKEN to its new token"
        )),
        "missing_scope" | "no_permission" => refused(match needed {
            Some(scope) => {
                format!("the Slack app lacks the scope {scope} ({method}): add it and install the app again")
            }
            None => format!(
                "the Slack app may not use {method}: compare its scopes with `shipgate manifest slack`"
            ),
        }),
        "not_in_channel" | "user_not_in_channel" => {
            refused(format!("Shipgate is not in {place}. Invite the bot: /invite @shipgate in {place}"))
        }
        "channel_not_found" => refused(format!(
            "Slack knows no channel {place} that Shipgate can see. Check its name; if it is private, invite the bot: \
             /invite @shipgate in {place}"
        )),
        "is_archived" => {
            refused(format!("{place} is archived: unarchive it or name another channel in the settings"))
        }
        "restricted_action"
        | "restricted_action_thread_only_channel"
        | "restricted_action_read_only_channel" => refused(format!(
            "the workspace's settings do not let Shipgate post in {place}: ask a workspace admin"
        )),
        "expired_trigger_id" | "exchanged_trigger_id" | "invalid_trigger_id" | "trigger_expired" => refused(
            "the form could not be opened within Slack's three seconds: try again, or type the whole command"
                .into(),
        ),
        "no_such_subteam" | "subteam_not_found" => {
            refused(format!("Slack knows no user group {place}: check the group's id in the settings"))
        }
        "user_not_found" | "users_not_found" | "user_not_visible" => {
            refused(format!("Slack knows no account {place}"))
        }
        _ => refused(format!("Slack refuses {method} ({})", known(code))),
    }
}

/// Error codes are words; anything else is not repeated.
fn known(code: &str) -> &str {
    let is_word =
        code.len() <= 60 && code.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if is_word { code } else { "an unknown error" }
}

fn needed_scope(body: &str) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Needed {
        needed: String,
    }
    let needed = serde_json::from_str::<Needed>(body).ok()?.needed;
    let is_scope = |b: u8| b.is_ascii_lowercase() || matches!(b, b':' | b'.' | b'_' | b',');
    (!needed.is_empty() && needed.len() <= 100 && needed.bytes().all(is_scope)).then_some(needed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_that_can_be_fixed_say_how() {
        let ChatError::Refused { why } = of_code("chat.postMessage", "#deployments", "not_in_channel", None)
        else {
            panic!("refused");
        };
        assert_eq!(why, "Shipgate is not in #deployments. Invite the bot: /invite @shipgate in #deployments");
        let missing = of_code("users.info", "U1", "missing_scope", Some("users:read"));
        assert!(missing.to_string().contains("lacks the scope users:read"));
    }

    #[test]
    fn a_message_that_cannot_be_edited_is_gone() {
        for code in ["message_not_found", "cant_update_message", "edit_window_closed", "block_mismatch"] {
            assert!(matches!(of_code("chat.update", "C1", code, None), ChatError::Gone { .. }), "{code}");
        }
    }

    #[test]
    fn a_strange_code_is_not_repeated() {
        let error = of_code("chat.update", "C1", "<script>", None);
        assert_eq!(error.to_string(), "Slack refuses chat.update (an unknown error)");
        assert_eq!(needed_scope(r#"{"needed":"<!channel>"}"#), None);
        assert_eq!(needed_scope(r#"{"needed":"groups:read"}"#), Some("groups:read".into()));
    }
}
