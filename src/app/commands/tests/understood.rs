//! What is understood, in which order of words.

use proptest::prelude::*;

use super::*;

#[test]
fn words_may_come_in_any_order_without_doubt() {
    let expected = "deploy.request environment=production service=web version=v1.2.3";
    for text in [
        "deploy web to production v1.2.3",
        "deploy v1.2.3 production web",
        "deploy production web v1.2.3",
        "Deploy WEB on Prod v1.2.3",
        "deploy web@v1.2.3 to prod",
        "deploy version v1.2.3 of service web to the environment production please",
        "deploy --service web --environment=prod --version v1.2.3",
        "deploy —service web production v1.2.3",
        "deploy \"web\" \"production\" “v1.2.3”",
        "/deploy web production v1.2.3",
        "shipgate deploy web production v1.2.3",
    ] {
        assert_eq!(line(&parse(text)), expected, "{text}");
    }
}

#[test]
fn the_understood_table() {
    for (text, expected) in [
        ("deploy production main", "deploy.request environment=production service=api version=main"),
        (
            "deploy production feature/login",
            "deploy.request environment=production service=api version=feature/login",
        ),
        ("deploy production deadbeef", "deploy.request environment=production service=api version=deadbeef"),
        (
            "deploy production branch stagin",
            "deploy.request environment=production service=api version=stagin",
        ),
        (
            "deploy production --version staging",
            "deploy.request environment=production service=api version=staging",
        ),
        (
            "deploy production v1 --emergency site is down --hold",
            "deploy.request emergency=\"site is down\" environment=production hold service=api version=v1",
        ),
        (
            "deploy production v1 —emergency ‘Ada's site is down’",
            "deploy.request emergency=\"Ada's site is down\" environment=production service=api version=v1",
        ),
        (
            "rollback prod because checkout fails in web",
            "deploy.rollback environment=production reason=\"checkout fails in web\" service=api",
        ),
        (
            "rollback prod because v1.2.3 broke it",
            "deploy.rollback environment=production reason=\"v1.2.3 broke it\" service=api",
        ),
        (
            "lock production for the migration",
            "lock.take environment=production for=1h reason=\"for the migration\"",
        ),
        (
            "lock production for 2 hours because of the api db",
            "lock.take environment=production for=2h reason=\"of the api db\"",
        ),
        (
            "lock \"production freeze\" staging 2h",
            "lock.take environment=staging for=2h reason=\"production freeze\"",
        ),
        (
            "lock prod load test for 1h 30m",
            "lock.take environment=production for=1h 30m reason=\"load test\"",
        ),
        ("lock staging waiting — a lot", "lock.take environment=staging for=1h reason=\"waiting — a lot\""),
        ("reject tests are red", "deploy.reject reason=\"tests are red\""),
        ("reject abcdef bad idea", "deploy.reject deploy=ABCDEF reason=\"bad idea\""),
        ("reject secret leaked", "deploy.reject reason=\"secret leaked\""),
        ("reject 7K2M because tests are red", "deploy.reject deploy=7K2M reason=\"tests are red\""),
        (
            "reject 7k2m9q -- --force is not the answer",
            "deploy.reject deploy=7K2M9Q reason=\"--force is not the answer\"",
        ),
        ("approve #7k2m9q", "deploy.approve deploy=7K2M9Q"),
        ("approve the deploy 7K2M9Q please", "deploy.approve deploy=7K2M9Q"),
        (
            "lock prod 2h migrating the db",
            "lock.take environment=production for=2h reason=\"migrating the db\"",
        ),
        ("freeze add audit prod 3d", "freeze.add environment=production for=72h name=\"audit\""),
        ("freeze add audit --for 3d", "freeze.add for=72h name=\"audit\""),
        ("freeze end black friday", "freeze.end freeze=\"Black Friday\""),
        ("freeze production", "freeze.list environment=production"),
        ("history by <@U0ADA|ada> on production", "history.show by=U0ADA environment=production"),
        ("history --by @Grace", "history.show by=grace"),
        ("who can deploy to prod", "people.who_can command=deploy environment=production service=api"),
        ("help who-can", "help.show command=who-can"),
        ("help /deploy", "help.show command=deploy"),
        ("diff prod with main", "diff.show environment=production service=api version=main"),
    ] {
        assert_eq!(line(&parse(text)), expected, "{text}");
    }
}

#[test]
fn what_is_missing_is_asked_for_in_the_order_of_the_file() {
    for (text, expected) in [
        ("deploy", "deploy.request service=api ?environment ?version"),
        ("deploy production", "deploy.request environment=production service=api ?version"),
        ("deploy v1.2.3", "deploy.request service=api version=v1.2.3 ?environment"),
        ("lock", "lock.take for=1h ?environment ?reason"),
        ("reject 7K2M9Q", "deploy.reject deploy=7K2M9Q ?reason"),
        ("freeze add", "freeze.add ?name"),
        ("freeze end", "freeze.end ?freeze"),
        ("when", "calendar.when service=api ?environment"),
    ] {
        assert_eq!(line(&parse(text)), expected, "{text}");
    }
}

#[test]
fn a_service_is_asked_for_when_none_is_usual() {
    let mut names = names();
    names.default_service = None;
    let grammar = Grammar::builtin();
    let asked = grammar.parse("deploy production v1", &names, Entry::Mention);
    assert_eq!(line(&asked), "deploy.request environment=production version=v1 ?service");
    names.services.truncate(1);
    let only = grammar.parse("deploy production v1", &names, Entry::Mention);
    assert_eq!(line(&only), "deploy.request environment=production service=api version=v1");
}

#[test]
fn a_word_of_two_meanings_takes_the_one_that_is_left() {
    let mut names = names();
    names.services.push("staging".to_owned());
    let grammar = Grammar::builtin();
    let parsed = grammar.parse("deploy staging production v1", &names, Entry::Mention);
    assert_eq!(line(&parsed), "deploy.request environment=production service=staging version=v1");
    let doubtful = grammar.parse("deploy staging v1", &names, Entry::Mention);
    assert!(line(&doubtful).starts_with("refused ambiguous_word"), "{}", line(&doubtful));
}

#[test]
fn a_form_fills_in_what_was_missing() {
    let grammar = Grammar::builtin();
    let Parsed::Missing { invocation, .. } = parse("deploy web") else { panic!("something is missing") };
    let answer = |name: &str, text: &str| (name.to_owned(), text.to_owned());
    let filled =
        grammar.fill(&invocation, &[answer("environment", "prod"), answer("version", " v2 ")], &names());
    assert_eq!(line(&filled), "deploy.request environment=production service=web version=v2");
    let partly =
        grammar.fill(&invocation, &[answer("environment", "prod"), answer("version", "  ")], &names());
    assert_eq!(line(&partly), "deploy.request environment=production service=web ?version");
    let wrong = grammar.fill(&invocation, &[answer("version", "$(id)")], &names());
    assert!(line(&wrong).starts_with("refused bad_version"), "{}", line(&wrong));
}

#[test]
fn another_name_of_the_slash_command_expects_the_command_first() {
    let parsed = Grammar::builtin().parse("status prod", &names(), Entry::Slash("/shipgate-test"));
    assert_eq!(line(&parsed), "status.show environment=production");
}

#[test]
fn an_invocation_survives_being_stored() {
    let invocation =
        understood("freeze add \"Black Friday\" production from Fri 18:00 until 2026-12-01 for 2h");
    let stored = serde_json::to_string(&invocation).expect("storable");
    assert_eq!(serde_json::from_str::<Invocation>(&stored).expect("readable"), invocation);
}

/// Words that make trouble, and any other text.
fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "deploy",
            "rollback",
            "reject",
            "lock",
            "freeze",
            "add",
            "end",
            "help",
            "who",
            "can",
            "production",
            "prod",
            "web",
            "api",
            "v1.2.3",
            "main",
            "to",
            "for",
            "because",
            "until",
            "2h",
            "Fri",
            "15:00",
            "--for",
            "--reason",
            "--emergency",
            "--",
            "—",
            "—for",
            "\"",
            "“x",
            "y”",
            "'",
            "7K2M9Q",
            "api@v1",
            "@",
            "--x=",
            "=",
            "prodution",
            "\u{202e}",
            "/",
            "/deploy",
            "shipgate",
            "2026-11-26",
            "+9999999999h",
            "-9999-01-01",
            "<@U1>",
        ])
        .prop_map(str::to_owned),
        any::<String>(),
        "\\PC{0,12}",
    ]
}

proptest! {
    /// Whatever is typed, there is an answer, and it is the same each time.
    #[test]
    fn anything_gets_one_answer(words in prop::collection::vec(word(), 0..12), slash in any::<bool>()) {
        let (grammar, names, text) = (Grammar::builtin(), names(), words.join(" "));
        let entry = if slash { Entry::Slash("/deploy") } else { Entry::Typed };
        let first = grammar.parse(&text, &names, entry);
        prop_assert_eq!(&first, &grammar.parse(&text, &names, entry));
        match first {
            Parsed::Understood(invocation) => {
                for arg in invocation.args.values() {
                    if let Arg::Version(text) | Arg::Deploy(text) | Arg::Person(text) = arg {
                        prop_assert!(text.bytes().all(|b| b.is_ascii_graphic()), "{text:?}");
                    }
                    if let Arg::Text(text) = arg {
                        prop_assert!(!text.is_empty() && !text.contains(char::is_control), "{text:?}");
                    }
                }
            }
            Parsed::Missing { missing, .. } => prop_assert!(!missing.is_empty()),
            Parsed::Refused(refusal) => {
                let told = refusal.to_string();
                prop_assert!(!told.contains(|c: char| c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c)), "{told:?}");
            }
        }
    }

    /// No order of the words changes what is meant.
    #[test]
    fn order_means_nothing(words in Just(vec!["web", "production", "v1.2.3", "--hold"]).prop_shuffle()) {
        let parsed = parse(&format!("deploy {}", words.join(" ")));
        prop_assert_eq!(line(&parsed), "deploy.request environment=production hold service=web version=v1.2.3");
    }

    /// Help answers anything.
    #[test]
    fn help_answers_anything(topic in any::<String>()) {
        let grammar = Grammar::builtin();
        prop_assert_eq!(grammar.help(Some(&topic)), grammar.help(Some(&topic)));
    }
}
