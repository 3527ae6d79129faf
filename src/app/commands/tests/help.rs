//! Help is complete and true.

use super::*;

#[test]
fn every_command_is_listed_in_help() {
    let grammar = Grammar::builtin();
    let overview = grammar.help(None).expect("the overview");
    for command in grammar.commands() {
        assert!(overview.see.iter().any(|(name, _)| *name == command.name), "{}", command.name);
        let page = grammar.help(Some(&command.name)).expect("a page");
        assert_eq!(page.title, command.name);
        assert!(!page.examples.is_empty() && !page.usage.is_empty(), "{}", command.name);
    }
}

#[test]
fn examples_of_help_can_be_typed_as_they_stand() {
    let grammar = Grammar::builtin();
    for command in grammar.commands() {
        for example in grammar.help(Some(&command.name)).expect("a page").examples {
            let parsed = grammar.parse(&example, &names(), Entry::Typed);
            assert!(matches!(parsed, Parsed::Understood(_)), "{example}: {}", line(&parsed));
        }
    }
}

#[test]
fn usage_shows_what_is_needed_and_what_is_not() {
    insta::assert_snapshot!(Grammar::builtin().usage().join("\n"));
}

#[test]
fn a_page_shows_one_form_or_all_of_them() {
    let grammar = Grammar::builtin();
    let all = grammar.help(Some("freeze")).expect("a page");
    let one = grammar.help(Some("Freeze ADD")).expect("a page");
    assert_eq!((all.usage.len(), one.usage.len()), (3, 1));
    assert_eq!(one.title, "freeze add");
    assert_eq!(all.see.len(), 3);
}

#[test]
fn help_suggests_the_nearest_command() {
    let grammar = Grammar::builtin();
    for (topic, meant) in [
        ("deplyo", Some("deploy")),
        ("rolback", Some("rollback")),
        ("freeze ad", Some("freeze add")),
        ("whocan", Some("who-can")),
        ("weather", None),
    ] {
        let refusal = grammar.help(Some(topic)).expect_err("no such page");
        assert_eq!(refusal.code(), "unknown_command");
        assert_eq!(refusal.meant.as_deref(), meant, "{topic}: {refusal}");
    }
}

#[test]
fn help_can_be_asked_for_behind_every_slash_command() {
    let grammar = Grammar::builtin();
    for command in grammar.commands().iter().filter(|command| command.name != "help") {
        let parsed = grammar.parse("help", &names(), Entry::Slash(&command.name));
        assert_eq!(line(&parsed), format!("help.show command={}", command.name));
    }
    for text in ["", "shipgate", "/shipgate", "help", "/help"] {
        assert_eq!(line(&grammar.parse(text, &names(), Entry::Typed)), "help.show", "{text}");
    }
    assert_eq!(line(&grammar.parse("", &names(), Entry::Slash("/shipgate"))), "help.show");
}
