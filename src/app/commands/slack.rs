//! What Slack is told about the commands: the app's manifest. Messages and payloads live in the Slack adapter.

use serde_json::{Map, Value, json};

use super::help::usage_line;
use super::{Grammar, ROOT};

/// A slash command, as a chat platform registers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlashCommand {
    /// With its slash.
    pub command: String,
    /// One sentence. Slack allows 2,000 characters, we 100.
    pub description: String,
    /// What may follow. Slack allows 1,000 characters.
    pub usage_hint: String,
}

/// Slack's limit of a usage hint, in characters (App manifest reference).
const LONGEST_HINT: usize = 1_000;

/// The address that stands in a manifest for HTTP when the real one is not known yet.
pub const EXAMPLE_URL: &str = "https://shipgate.example.com";

/// What the bot may do: answer commands and mentions, post, and find out who is in a group or a channel.
const SCOPES: &[&str] = &[
    "app_mentions:read",
    "channels:history",
    "channels:read",
    "chat:write",
    "commands",
    "groups:history",
    "groups:read",
    "usergroups:read",
    "users:read",
];

impl Grammar {
    /// All slash commands: `/shipgate` first, then each command that has its own.
    #[must_use]
    pub fn slash_commands(&self) -> Vec<SlashCommand> {
        let names: Vec<&str> = self.commands().iter().map(|command| command.name.as_str()).collect();
        let root = SlashCommand {
            command: format!("/{ROOT}"),
            description: "All commands, and help.".to_owned(),
            usage_hint: cut(&names.join(" | ")),
        };
        let own = self.commands().iter().filter(|command| command.slash).map(|command| {
            let own = format!("/{}", command.name);
            let hints =
                command.forms.iter().map(|form| usage_line(command, form)[own.len()..].trim().to_owned());
            SlashCommand {
                description: command.summary.clone(),
                usage_hint: cut(&hints.filter(|hint| !hint.is_empty()).collect::<Vec<_>>().join(" | ")),
                command: own,
            }
        });
        std::iter::once(root).chain(own).collect()
    }
}

/// The complete app manifest (Slack's App manifest reference), to paste when an app is made “from a manifest”.
///
/// `public_url` is only used without `socket`; if it is not known, [`EXAMPLE_URL`] stands in its place.
#[must_use]
pub fn slack_manifest(grammar: &Grammar, public_url: Option<&str>, socket: bool) -> Value {
    let base = public_url.unwrap_or(EXAMPLE_URL).trim_end_matches('/');
    let address = |path: &str| (!socket).then(|| format!("{base}/slack/{path}"));
    let commands: Vec<Value> = grammar
        .slash_commands()
        .into_iter()
        .map(|command| {
            let mut entry = Map::new();
            entry.insert("command".to_owned(), command.command.into());
            entry.insert("description".to_owned(), command.description.into());
            if !command.usage_hint.is_empty() {
                entry.insert("usage_hint".to_owned(), command.usage_hint.into());
            }
            // Names and versions must arrive as they were typed, not as links.
            entry.insert("should_escape".to_owned(), false.into());
            with(entry, "url", address("commands"))
        })
        .collect();
    let events = Map::from_iter([("bot_events".to_owned(), json!(["app_mention"]))]);
    let interactivity = Map::from_iter([("is_enabled".to_owned(), true.into())]);
    json!({
        "display_information": {
            "name": "Shipgate",
            "description": "Deploys with rules, approvals and one card.",
            "long_description": LONG_DESCRIPTION,
            "background_color": "#12344d",
        },
        "features": {
            "bot_user": { "display_name": ROOT, "always_online": true },
            "slash_commands": commands,
        },
        "oauth_config": { "scopes": { "bot": SCOPES } },
        "settings": {
            "event_subscriptions": with(events, "request_url", address("events")),
            "interactivity": with(interactivity, "request_url", address("interactions")),
            "org_deploy_enabled": false,
            "socket_mode_enabled": socket,
            "token_rotation_enabled": false,
        },
    })
}

/// Slack wants 174 to 4,000 characters.
const LONG_DESCRIPTION: &str = "Somebody types /deploy production v1.2.3. Shipgate pins the version to a commit, \
    judges it against every rule, shows the verdicts on one card, asks the right people with buttons, starts the \
    pipeline exactly once, follows it, and announces the result. When something breaks, it offers the rollback.";

fn with(mut entry: Map<String, Value>, key: &str, value: Option<String>) -> Value {
    if let Some(value) = value {
        entry.insert(key.to_owned(), value.into());
    }
    Value::Object(entry)
}

fn cut(hint: &str) -> String {
    hint.chars().take(LONGEST_HINT).collect()
}
