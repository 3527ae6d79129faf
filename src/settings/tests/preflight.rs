//! Settings about the change itself: what is read, and what is refused. Not here: other rules.

use super::{LEAST, good_env, read};
use jiff::SignedDuration;
use shipgate_domain::migrations::Pattern;
use shipgate_domain::policy::{CheckRule, ReviewRule};

fn with(service: &str, environment: &str) -> String {
    LEAST
        .replace("[environments.production]", &format!("{service}\n[environments.production]\n{environment}"))
        + "[environments.staging]\ndeployers = [\"all\"]\nseen = \"github:Staging\"\n"
}

#[test]
fn rules_about_a_change_are_read() {
    let text = with(
        "migrations = [\"diesel\", \"db/*.sql\"]\nreversible = [\"diesel\"]\nartifact = \"https://files.example.com/{sha}\"\n\
         image = \"registry.example.com/acme/api:{version}\"",
        "after = \"staging\"\nsoak = \"1h\"\nreviews = 2\nchecks = { rule = \"all\", ignore = [\"codecov/*\"] }\n\
         migrations = { from = [\"all\"], needed = 0 }",
    );
    let policy = read(&text, &good_env()).expect("good").policy;
    let production = policy.environment("production").expect("there");
    assert_eq!(production.preflight.soak, Some(SignedDuration::from_hours(1)));
    assert_eq!(production.preflight.reviews, ReviewRule::Count(2));
    assert_eq!(production.checks, CheckRule::All);
    assert_eq!(production.preflight.ignored_checks, ["codecov/*"]);
    assert_eq!(production.preflight.migrations.as_ref().map(|rule| rule.needed), Some(0));
    assert_eq!(policy.environment("staging").expect("there").preflight.seen.as_deref(), Some("Staging"));
    let service = &policy.default_service().expect("there").preflight;
    assert_eq!(service.migrations, [Pattern::Diesel, Pattern::Path("db/*.sql".to_owned())]);
    assert_eq!((service.artifacts.len(), service.image.is_some()), (1, true));
}

#[test]
fn rules_about_a_change_that_cannot_be_are_refused() {
    let rows = [
        ("migrations = [\"rail\"]", "", "cannot hold “rail”"),
        ("reversible = [\"rails\"]", "", "none are looked for"),
        ("artifact = \"https://{version}.example.com/x\"", "", "is not the address of an artifact"),
        ("artifact = \"https://ada@example.com/x\"", "", "is not the address of an artifact"),
        ("image = \"acme/api:{version}\"", "", "is not a container image with a tag"),
        ("image = \"registry.example.com/acme/api\"", "", "is not a container image with a tag"),
        ("", "soak = \"1h\"", "has nothing to wait for"),
        ("", "reviews = \"some\"", "cannot be “some”"),
        ("", "checks = \"requird\"", "cannot be “requird”"),
        (
            "",
            "checks = { rule = \"required\", ignore = [\"x\"] }",
            "ignores checks that are not looked at anyway",
        ),
        ("", "checks = { rule = \"all\", ignore = [\"*\"] }", "every check is ignored"),
        ("", "checks = { rules = \"all\" }", "rules"),
        ("", "migrations = { needed = 2, from = [\"all\"] }", "a migration needs 2 people"),
        ("", "migrations = { needed = 1 }", "nobody could agree"),
        ("", "seen = \"gitlab\"", "cannot be “gitlab”"),
    ];
    for (service, environment, expected) in rows {
        let problems = match read(&with(service, environment), &good_env()) {
            Ok(_) => panic!("“{service}{environment}” was taken"),
            Err(problems) => problems.to_string(),
        };
        assert!(problems.contains(expected), "{service}{environment}: {problems}");
    }
}
