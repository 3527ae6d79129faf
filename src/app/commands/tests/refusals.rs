//! What is not understood, and what is said about it.

use super::*;

#[test]
fn a_typing_mistake_gets_the_nearest_name() {
    for (text, code, meant) in [
        ("deplyo production v1", "unknown_command", Some("deploy")),
        ("/rolback production", "unknown_command", Some("rollback")),
        ("unlok production", "unknown_command", Some("unlock")),
        ("make coffee", "unknown_command", None),
        ("freeze ad x", "unknown_command", Some("freeze add")),
        ("freeze lst", "unknown_command", Some("freeze list")),
        ("deploy prodution v1", "unknown_environment", Some("production")),
        ("deploy prodution", "unknown_environment", Some("production")),
        ("deploy stagin v1.2.3 web", "unknown_environment", Some("staging")),
        ("deploy qa v1.2.3", "unknown_environment", None),
        ("deploy v1.2.3 somewhere", "unknown_environment", None),
        ("deploy production shop-backnd v1", "unknown_service", Some("shop-backend")),
        ("deploy production payments v1", "unknown_service", None),
        ("deploy wbe@v1 production", "unknown_service", Some("web")),
        ("deploy production --service wbe v1", "unknown_service", Some("web")),
        ("status prodcution", "unknown_environment", Some("production")),
        ("status mars", "unknown_name", None),
        ("lock prodution migrating", "unknown_environment", Some("production")),
        ("unlock mars", "unknown_environment", None),
        ("freeze list mars", "unknown_environment", None),
        ("freeze end blak friday", "unknown_freeze", Some("Black Friday")),
        ("who-can deplyo production", "unknown_command", Some("deploy")),
        ("help deplyo", "unknown_command", Some("deploy")),
        ("history --by adda", "unknown_person", Some("ada")),
        ("deploy production v1 --emergncy \"x\"", "unknown_option", Some("--emergency")),
        ("deploy production v1 —emergncy \"x\"", "unknown_option", Some("--emergency")),
        ("status --force", "unknown_option", None),
    ] {
        let refusal = refused(text);
        assert_eq!((refusal.code(), refusal.meant.as_deref()), (code, meant), "{text}: {refusal}");
    }
}

#[test]
fn bad_input_is_refused_by_its_name() {
    let long = format!("lock production {}", "x".repeat(2_000));
    for (text, code) in [
        (long.as_str(), "text_too_long"),
        ("lock \"production", "open_quote"),
        ("deploy production v1.2.3;rm", "bad_version"),
        ("deploy production $(id)", "bad_version"),
        ("deploy production a..b", "bad_version"),
        ("deploy production \"-f\"", "bad_version"),
        ("deploy production <!channel>", "bad_version"),
        ("deploy production v1\u{202e}2", "forbidden_character"),
        ("deploy --environment prod\u{200b}uction v1", "forbidden_character"),
        ("deploy production v1 v2", "given_twice"),
        ("deploy web api production v1", "ambiguous_word"),
        ("deploy web api production --version v1", "given_twice"),
        ("deploy production staging", "ambiguous_word"),
        ("deploy production v1 --hold --hold", "given_twice"),
        ("deploy production v1 --hold=yes", "option_takes_no_value"),
        ("deploy production v1 --emergency", "option_without_value"),
        ("deploy production v1 --emergency \"\"", "option_without_value"),
        ("deploy production v1 --emergency=", "option_without_value"),
        ("lock production x --for", "option_without_value"),
        ("lock production x --for --reason y", "option_without_value"),
        ("lock production x --for soon", "bad_duration"),
        ("lock production x --for 900d", "bad_duration"),
        ("explain production --at 25:00", "bad_time"),
        ("explain production at 3pm", "bad_time"),
        ("freeze add x from yesterday", "bad_time"),
        ("freeze add Black Friday from 2026-11-26", "unknown_environment"),
        ("status production web now", "too_many_words"),
        ("logs 7K2M9Q 8K2M9Q", "too_many_words"),
        ("logs !!", "bad_deploy_id"),
        ("rollback production --reason broken v1.2.2", "ambiguous_word"),
        ("reject tests red on 7K2M9Q", "ambiguous_word"),
        ("lock migrating the db production", "ambiguous_word"),
        ("cancel staging", "bad_deploy_id"),
        ("reject web is broken", "bad_deploy_id"),
        ("approve production", "bad_deploy_id"),
    ] {
        let refusal = refused(text);
        assert_eq!(refusal.code(), code, "{text}: {refusal}");
        assert!(!refusal.what.is_empty() && !refusal.why.is_empty() && !refusal.next.is_empty(), "{text}");
    }
}

/// Put together here, so that nobody who looks for secrets in this repository finds one.
fn tokens() -> Vec<String> {
    vec![
        ["ghp", "_0123456789abcdefghijABCDEFGHIJ012345"].concat(),
        ["github", "_pat_11ABCDEFG0123456789_abcdefghijklmnop"].concat(),
        ["xoxb", "-123456789012-abcdefghijkl"].concat(),
        ["glpat", "-abcdefgh12345678ABCD"].concat(),
        ["AKIA", "IOSFODNN7EXAMPLE"].concat(),
        ["sk", "-proj-Abcdefghij0123456789"].concat(),
        ["eyJ", "hbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc"].concat(),
        ["-----BEGIN", " RSA PRIVATE KEY-----"].concat(),
        ["https://hooks.slack", ".com/services/T0/B0/abc"].concat(),
    ]
}

#[test]
fn what_looks_like_a_token_is_refused_in_every_command_and_never_repeated() {
    for token in tokens() {
        for text in [
            format!("deploy production v1.2.3 --emergency \"{token}\""),
            format!("lock production with {token} in it"),
            format!("freeze add Name of {token} for 2h"),
            format!("reject because TOKEN={token}"),
            format!("deploy production {token}"),
            format!("{token} production"),
            format!("deploy prodution {token}"),
        ] {
            let refusal = refused(&text);
            assert_eq!(refusal.code(), "looks_like_a_secret", "{text}: {refusal}");
            assert!(!refusal.to_string().contains(&token), "{refusal}");
            assert!(refusal.next.contains("Revoke it"), "{refusal}");
        }
    }
}

#[test]
fn ordinary_words_that_begin_like_a_token_are_none() {
    for text in [
        "lock production disk-full-again-because-of-the-logs-2026",
        "lock production the token ghp_… leaked and was revoked",
        "lock production sk-refactor-the-database-layer-2026 is merged",
        "lock production AKIA is short",
        "lock production task-Force-of-2026-meets-again-there",
        "deploy production feature/risk-Assessment-of-2026-quarter-4",
        "deploy production 9473985f2b1c4d5e6f708192a3b4c5d6e7f80912",
    ] {
        assert!(crate::commands::check_secret(text).is_ok(), "{text}");
    }
}

#[test]
fn refusals_say_what_why_and_what_next() {
    let told = [
        "deplyo production v1",
        "deploy prodution v1",
        "deploy prodution",
        "deploy production v1;rm",
        "deploy production staging",
        "lock production x --for soon",
        "lock production x --for",
        "status mars",
        "status production web now",
        "freeze ad x",
        "deploy production v1 --emergncy x",
        "rollback production --reason broken v1.2.2",
        "deploy production \u{202e}v1",
        "cancel staging",
    ]
    .map(|text| format!("{}\n    {}", text.escape_debug(), refused(text)));
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn hostile_words_come_back_without_their_hidden_characters() {
    let refusal = refused("deploy production v1\u{202e}\u{200b}\u{7}x");
    assert!(!refusal.to_string().contains(['\u{202e}', '\u{200b}', '\u{7}']), "{refusal:?}");
}
