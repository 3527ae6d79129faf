//! Tests of the rules as a value: their version, and whom and what their words mean. Not here: judging by them.

use super::{Policy, QueueBy, Service};
use crate::ids::{Account, Platform};
use crate::samples::{parsed, policy, service, slack};
use std::collections::BTreeSet;

/// A change of one rule, with its name.
type Change = (&'static str, fn(&mut Policy));

#[test]
fn any_change_of_any_rule_gives_another_version() {
    let changes: [Change; 12] = [
        ("zone", |p| p.zone = crate::zone::Zone::utc()),
        ("an account", |p| {
            p.people.insert(parsed("eve"), vec![slack("U0EVE2")]);
        }),
        ("a group", |p| {
            p.groups.insert(parsed("on-call"), Vec::new());
        }),
        ("a service", |p| {
            p.services.clear();
        }),
        ("an environment", |p| {
            p.environments.remove(&parsed("staging"));
        }),
        ("a schedule", |p| p.schedules.clear()),
        ("a freeze", |p| {
            let when = crate::calendar::FreezeWhen::dates("2026-11-26", "2026-12-01").unwrap();
            p.freezes.push(crate::samples::freeze("Black Friday", when));
        }),
        ("needed", |p| production(p).approvals.needed = 2),
        ("own", |p| production(p).approvals.own = true),
        ("rollback", |p| production(p).rollback.needed = 1),
        ("queue", |p| production(p).queue = QueueBy::Service),
        ("overrides", |p| production(p).overrides.needed = 2),
    ];
    let mut versions = BTreeSet::from([policy().version().to_string()]);
    for (what, change) in changes {
        let mut changed = policy();
        change(&mut changed);
        assert!(versions.insert(changed.version().to_string()), "{what}");
    }
    assert_eq!(policy().version(), policy().version());
}

fn production(policy: &mut Policy) -> &mut super::Environment {
    policy.environments.get_mut(&parsed("production")).unwrap()
}

#[test]
fn a_policy_reads_back_with_the_same_version() {
    let text = serde_json::to_string(&policy()).unwrap();
    let back: Policy = serde_json::from_str(&text).unwrap();
    assert_eq!(back, policy());
    assert_eq!(back.version(), policy().version());
}

#[test]
fn all_accounts_of_a_person_are_that_person_and_others_are_their_own() {
    let policy = policy();
    let discord = Account { platform: Platform::Discord, id: "1001".to_owned() };
    assert_eq!(policy.person_of(&discord), parsed("grace"));
    assert_eq!(policy.person_of(&slack("U0GRACE")), parsed("grace"));
    assert_eq!(policy.person_of(&slack("U0NOBODY")).as_str(), "slack:U0NOBODY");
    assert_eq!(policy.accounts_of(&parsed("grace")).len(), 2);
    assert!(policy.accounts_of(&parsed("slack:U0NOBODY")).is_empty());
}

#[test]
fn an_environment_is_found_by_name_or_alias_in_any_case() {
    let policy = policy();
    for word in ["production", "Production", "prod", "PROD"] {
        assert_eq!(policy.environment(word).map(|e| e.name.as_str()), Some("production"), "{word}");
    }
    assert_eq!(policy.environment("produ"), None);
}

#[test]
fn the_default_service_is_the_marked_one_or_the_only_one() {
    let mut policy = policy();
    let named = |name: &str, default| Service { name: parsed(name), default, ..service() };
    let mut meant = |services: &[(&str, bool)]| {
        policy.services = services.iter().map(|(n, d)| (parsed(n), named(n, *d))).collect();
        policy.default_service().map(|s| s.name.to_string())
    };
    assert_eq!(meant(&[("api", false)]), Some("api".to_owned()));
    assert_eq!(meant(&[("api", false), ("web", true)]), Some("web".to_owned()));
    assert_eq!(meant(&[("api", false), ("web", false)]), None);
    assert_eq!(meant(&[]), None);
}

#[test]
fn one_deploy_at_a_time_holds_the_environment_or_the_services_part_of_it() {
    let mut policy = policy();
    let api = parsed("api");
    assert_eq!(policy.lock_group(&api, policy.environment("prod").unwrap()), "production");
    production(&mut policy).queue = QueueBy::Service;
    assert_eq!(policy.lock_group(&api, policy.environment("prod").unwrap()), "production/api");
}
