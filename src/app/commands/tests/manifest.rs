//! What Slack is told.

use super::super::file::SLACK_KEEPS;
use super::super::slack_manifest;
use super::*;

#[test]
fn slash_commands_fit_into_slack() {
    let commands = Grammar::builtin().slash_commands();
    assert_eq!(commands[0].command, "/shipgate");
    assert!(commands.len() <= 50, "Slack allows 50 per app");
    for command in &commands {
        let name = command.command.strip_prefix('/').expect("a slash");
        assert!(name.len() <= 31 && !SLACK_KEEPS.contains(&name), "{name}");
        assert!((1..=2_000).contains(&command.description.chars().count()), "{name}");
        assert!(command.usage_hint.chars().count() <= 1_000, "{name}");
    }
}

#[test]
fn commands_without_a_slash_of_their_own_are_reached_through_deploy_and_shipgate() {
    let (grammar, names) = (Grammar::builtin(), names());
    let registered = grammar.slash_commands();
    for command in grammar.commands().iter().filter(|command| !command.slash) {
        assert!(registered.iter().all(|slash| slash.command != format!("/{}", command.name)));
        let text = command.forms[0].examples.last().expect("an example");
        let expected = grammar.parse(text, &names, Entry::Mention);
        assert_eq!(grammar.parse(text, &names, Entry::Slash("/deploy")), expected, "/deploy {text}");
        assert_eq!(grammar.parse(text, &names, Entry::Slash("/shipgate")), expected, "/shipgate {text}");
    }
}

#[test]
fn the_manifest_for_a_socket_has_no_addresses() {
    let manifest = slack_manifest(&Grammar::builtin(), Some("https://gate.example.com"), true);
    assert!(!manifest.to_string().contains("https://"));
    assert_eq!(manifest["settings"]["socket_mode_enabled"], true);
    insta::assert_json_snapshot!(manifest);
}

#[test]
fn the_manifest_for_http_has_our_addresses() {
    let manifest = slack_manifest(&Grammar::builtin(), Some("https://gate.example.com/"), false);
    let settings = &manifest["settings"];
    assert_eq!(settings["socket_mode_enabled"], false);
    assert_eq!(settings["interactivity"]["request_url"], "https://gate.example.com/slack/interactions");
    assert_eq!(settings["event_subscriptions"]["request_url"], "https://gate.example.com/slack/events");
    for command in manifest["features"]["slash_commands"].as_array().expect("commands") {
        assert_eq!(command["url"], "https://gate.example.com/slack/commands");
    }
    let long = manifest["display_information"]["long_description"].as_str().expect("text");
    assert!((174..=4_000).contains(&long.chars().count()));
}
