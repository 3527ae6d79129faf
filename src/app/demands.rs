//! What the rules demand of a deploy, in words: for `explain`, in chat and on the command line. Not here: judging one
//! by them (`domain::gates`), or the calendar's part (`outlook`).

use crate::messages::{duration, groups};
use crate::words::Text;
use shipgate_domain::checklist::{Fact, Item, Part, who};
use shipgate_domain::policy::{ApprovalRule, CheckRule, Environment, ReviewRule, Service};

/// What the rules ask of a deploy besides the calendar.
#[must_use]
pub fn other_rules(service: &Service, environment: &Environment) -> Vec<(String, String)> {
    let mut rules = vec![("Permission".to_owned(), groups(&environment.deployers))];
    let told = rules_of(service, environment).into_iter();
    rules.extend(told.map(|(name, text)| (name, text.to_plain())));
    rules.push(("Approvals".to_owned(), approvals(&environment.approvals)));
    let overrides = &environment.overrides;
    let emergency = match overrides.from.as_slice() {
        [] => "nobody can open a closed time".to_owned(),
        from => format!("{} from {} opens a closed time", overrides.needed.max(1), groups(from)),
    };
    rules.push(("Emergency".to_owned(), emergency));
    rules
}

/// Every yes that is asked for: "1 from rm and 1 from sec, each by somebody else, never by whoever asked".
fn approvals(rule: &ApprovalRule) -> String {
    let ApprovalRule { needed, from, own, expires: _, also, not_authors, remind: _, escalate } = rule;
    let shares = std::iter::once((*needed, from)).chain(also.iter().map(|share| (share.needed, &share.from)));
    let asked: Vec<String> = shares
        .filter(|(needed, _)| *needed > 0)
        .map(|(needed, from)| format!("{needed} from {}", groups(from)))
        .collect();
    if asked.is_empty() {
        return "none asked for".to_owned();
    }
    let mut text = asked.join(" and ");
    if asked.len() > 1 {
        text.push_str(", each by somebody else");
    }
    if !own {
        text.push_str(", never by whoever asked");
    }
    if *not_authors {
        text.push_str(", never by whoever wrote a part of it");
    }
    for step in escalate {
        text.push_str(&format!("; after {} {} may approve, too", duration(step.after), groups(&step.to)));
    }
    text
}

/// What the rules ask of a commit, which only a deploy with a version has.
#[must_use]
pub(crate) fn rules_of(service: &Service, environment: &Environment) -> Vec<(String, Text)> {
    let branch = Text::plain("must be part of ").code(service.pipeline.git_ref.clone());
    let mut rules = vec![("Version".to_owned(), branch)];
    if let Some(after) = &environment.after {
        rules.push((
            "Order".to_owned(),
            match environment.preflight.soak {
                Some(soak) => format!("the same commit must have been on {after} for {}", duration(soak)),
                None => format!("the same commit must have succeeded on {after}"),
            }
            .into(),
        ));
    }
    let checks = match &environment.checks {
        CheckRule::All => {
            let but = match environment.preflight.ignored_checks.as_slice() {
                [] => String::new(),
                ignored => format!(" but {}", ignored.join(", ")),
            };
            format!("every check of the commit{but} must be green, and there must be one")
        }
        CheckRule::Required => {
            format!("those that the repository demands of {} must be green", service.pipeline.git_ref)
        }
        CheckRule::None => "none asked for".to_owned(),
        CheckRule::Named(names) => format!("these must be green: {}", names.join(", ")),
    };
    rules.push(("Checks".to_owned(), checks.into()));
    match environment.preflight.reviews {
        ReviewRule::None => {}
        ReviewRule::Required => {
            let branch = &service.pipeline.git_ref;
            let text = format!("every pull request as the repository demands of {branch}");
            rules.push(("Review".to_owned(), text.into()));
        }
        ReviewRule::Count(count) => {
            let text = format!("every pull request by {count}");
            rules.push(("Review".to_owned(), text.into()));
        }
    }
    if let Some(rule) = environment.preflight.migrations.as_ref().filter(|rule| rule.needed > 0) {
        let asked = format!("a change that contains some needs {} from {}", rule.needed, groups(&rule.from));
        let text = match service.preflight.migrations.is_empty() {
            true => format!(
                "{asked}, but none are looked for in {}: it does not say where they are",
                service.name
            ),
            false => asked,
        };
        rules.push(("Migrations".to_owned(), text.into()));
    }
    rules.extend(checklist(service, environment));
    rules
}

/// Each part of the checklist, with who ticks what.
fn checklist(service: &Service, environment: &Environment) -> Vec<(String, Text)> {
    let Some(list) = &environment.preflight.checklist else { return Vec::new() };
    let part = |part: Part| {
        let items: Vec<String> =
            list.part(part).iter().map(|item| entry(service, environment, item)).collect();
        let when = match part {
            Part::Before => "before the start",
            Part::During => "while it runs",
            Part::After => "once it is over",
        };
        let row = || ("Checklist".to_owned(), Text::plain(format!("{when}: {}", items.join("; "))));
        (!items.is_empty()).then(row)
    };
    Part::ALL.into_iter().filter_map(part).collect()
}

/// An item with who ticks it: "Rollback plan ready (deployers)".
fn entry(service: &Service, environment: &Environment, item: &Item) -> String {
    let ticks = match &item.fact {
        Some(fact) if is_asked(service, environment, fact) => "by itself".to_owned(),
        Some(_) | None => groups(&who(environment, item)),
    };
    let optional = if item.optional { ", optional" } else { "" };
    let migrations = if item.with_migrations { ", only with migrations" } else { "" };
    format!("{} ({ticks}{optional}{migrations})", item.text)
}

/// Whether the rules ask for a fact. Of what nobody asks for nothing is known, so people tick it.
fn is_asked(service: &Service, environment: &Environment, fact: &Fact) -> bool {
    let preflight = &environment.preflight;
    match fact {
        Fact::Checks => environment.checks != CheckRule::None,
        Fact::Reviews => preflight.reviews != ReviewRule::None,
        Fact::After => environment.after.is_some(),
        Fact::Approvals => environment.approvals.needed > 0,
        Fact::Migrations | Fact::WayDown => !service.preflight.migrations.is_empty(),
        Fact::Artifact => !service.preflight.artifacts.is_empty() || service.preflight.image.is_some(),
        Fact::Window => environment.schedule.is_some(),
        Fact::Started | Fact::Succeeded | Fact::Job(_) | Fact::Announced => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shipgate_domain::policy::Policy;

    fn policy() -> Policy {
        let service = |name: &str, migrations: &[&str]| {
            serde_json::json!({ "name": name, "default": name == "api", "pipeline": {
                "provider": "github", "repo": "acme/api", "workflow": "deploy.yml", "git_ref": "main",
                "inputs": {}, "command": [] }, "preflight": { "migrations": migrations } })
        };
        serde_json::from_value(serde_json::json!({
            "zone": "UTC", "people": {}, "groups": {}, "schedules": {}, "freezes": [],
            "services": { "api": service("api", &[]), "shop": service("shop", &["rails"]) },
            "environments": { "production": {
                "name": "production", "aliases": [], "after": null, "schedule": null, "deployers": ["team"],
                "approvals": { "needed": 1, "from": ["rm"], "own": false, "expires": "PT4H",
                    "also": [{ "needed": 1, "from": ["sec"] }], "not_authors": true,
                    "escalate": [{ "after": "PT30M", "to": ["oncall"] }] },
                "overrides": { "needed": 1, "from": ["boss"] }, "checks": "none", "queue": "environment",
                "rollback": { "needed": 0, "in_window_only": false }, "url": null,
                "preflight": { "migrations": { "needed": 1, "from": ["dba"] }, "checklist": {
                    "before": [{ "text": "Rollback plan ready", "who": ["rm"] },
                               { "text": "Tests green", "fact": "checks" },
                               { "text": "Approved", "fact": "approvals" }],
                    "after": [{ "text": "Dashboards looked at", "optional": true },
                              { "text": "Tables looked at", "with_migrations": true, "who": ["dba"] }] } } } },
        }))
        .expect("a policy")
    }

    fn told(service: &str) -> Vec<String> {
        let policy = policy();
        let service = policy.services.values().find(|s| s.name.as_str() == service).expect("the service");
        let environment = policy.environments.values().next().expect("the environment");
        let rules = other_rules(service, environment).into_iter();
        rules.map(|(name, text)| format!("{name}: {text}")).collect()
    }

    #[test]
    fn everybody_who_must_agree_is_told_and_every_item_of_the_list() {
        assert_eq!(
            told("shop"),
            [
                "Permission: team",
                "Version: must be part of main",
                "Checks: none asked for",
                "Migrations: a change that contains some needs 1 from dba",
                "Checklist: before the start: Rollback plan ready (rm); Tests green (oncall, rm, sec or team); \
                 Approved (by itself)",
                "Checklist: once it is over: Dashboards looked at (oncall, rm, sec or team, optional); \
                 Tables looked at (dba, only with migrations)",
                "Approvals: 1 from rm and 1 from sec, each by somebody else, never by whoever asked, never by whoever \
                 wrote a part of it; after 30 min oncall may approve, too",
                "Emergency: 1 from boss opens a closed time",
            ]
        );
    }

    #[test]
    fn migrations_that_nobody_looks_for_are_told_as_that() {
        let line = "Migrations: a change that contains some needs 1 from dba, but none are looked for in api: it does \
                    not say where they are";
        assert!(told("api").contains(&line.to_owned()), "{:#?}", told("api"));
    }
}
