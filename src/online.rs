//! `shipgate check --online`: asks the real systems whether what the settings say is so. It changes nothing anywhere. Not
//! here: what is wrong with the settings alone (`settings::check`).

use crate::output::tell;
use crate::serve::{Machines, for_slack};
use crate::settings::{Found, Settings};
use crate::wiring::SystemClock;
use shipgate_app::ports::{Calendars as _, Chat as _, ChatError, OutsideError, Repositories as _};
use shipgate_calendars::Elsewhere;
use shipgate_chat::slack::{Slack, Standing};
use shipgate_domain::calendar::FreezeWhen;
use shipgate_domain::ids::Platform;
use shipgate_domain::people::Member;
use shipgate_domain::policy::{CheckRule, Policy, Provider, Service};
use shipgate_pipelines::github::{About, GitHub, Oddity, Said};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// All questions together may take so long; what was not asked by then is told.
const ALL: Duration = Duration::from_secs(300);

/// Everything that is not as the settings say. Each question is told before it is asked.
pub fn ask(settings: &Settings) -> Vec<Found> {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return vec![unasked(&[], "anything", &error.to_string())],
    };
    runtime.block_on(async {
        let mut found = Vec::new();
        if tokio::time::timeout(ALL, all(settings, &mut found)).await.is_err() {
            let why = format!("it took longer than {} s", ALL.as_secs());
            found.push(unasked(&[], "everything", &why));
        }
        found
    })
}

async fn all(settings: &Settings, found: &mut Vec<Found>) {
    if let Some(of) = settings.slack.clone() {
        let (adapter, secrets) = for_slack(of);
        match Slack::new(adapter, &secrets) {
            Ok(slack) => ask_slack(&slack, settings, found).await,
            Err(error) => found.push(unasked(&["slack"], "Slack", &error.to_string())),
        }
    }
    match Machines::new(settings, Arc::new(SystemClock::default())) {
        Ok(machines) => {
            if let Some(github) = machines.github() {
                ask_github(github, &settings.policy, found).await;
            }
        }
        Err(error) => found.push(unasked(&["github"], "GitHub", &format!("{error:#}"))),
    }
    ask_calendars(settings, found).await;
}

fn progress(what: &str) {
    tell(format_args!("asking {what} …"));
}

fn at(keys: &[&str]) -> Vec<String> {
    keys.iter().map(|key| (*key).to_owned()).collect()
}

fn wrong(keys: &[&str], code: &'static str, what: String, why: &str, instead: &str) -> Found {
    Found { at: at(keys), code, is_fatal: true, what, why: why.to_owned(), instead: instead.to_owned() }
}

/// Something that nobody could say is not good either.
fn unasked(keys: &[&str], what: &str, why: &str) -> Found {
    let instead = "mend that, or ask again later";
    wrong(keys, "not_known", format!("{what} could not be asked"), why, instead)
}

fn of_chat(keys: &[&str], code: &'static str, what: &str, error: &ChatError) -> Found {
    match error {
        ChatError::Later { why, .. } => unasked(keys, what, why),
        ChatError::NotYet { .. } => unasked(keys, what, "Slack asks to slow down"),
        ChatError::Refused { why } | ChatError::Gone { why } => {
            wrong(keys, code, format!("{what} is not as the settings say"), why, "correct it here or there")
        }
    }
}

fn of_host(keys: &[&str], code: &'static str, what: &str, error: &OutsideError) -> Found {
    match error {
        OutsideError::Later { why, .. } => unasked(keys, what, why),
        OutsideError::Refused { why } => {
            wrong(keys, code, format!("{what} is not as the settings say"), why, "correct it here or there")
        }
    }
}

async fn ask_slack(slack: &Slack, settings: &Settings, found: &mut Vec<Found>) {
    progress("Slack whose token this is");
    let team = settings.slack.as_ref().map_or("", |of| of.team.as_str());
    match slack.workspace().await {
        Ok((id, _)) if id == team => {}
        Ok((id, name)) => {
            let what = format!("SLACK_BOT_TOKEN is one of {name} ({id}), not of {team}");
            let why = "everything that comes from the other workspace would be refused";
            found.push(wrong(
                &["slack", "team"],
                "other_workspace",
                what,
                why,
                "correct `team`, or take the other token",
            ));
        }
        Err(error) => {
            found.push(of_chat(&["slack"], "token_refused", "SLACK_BOT_TOKEN", &error));
            // Every other answer would be the same.
            return;
        }
    }
    let (announce, audit) = (&settings.announce, &settings.audit);
    let mut channels: BTreeMap<&str, [&str; 2]> = BTreeMap::new();
    for (name, keys) in [
        (audit.alarm_channel.as_deref(), ["audit", "alarm_channel"]),
        (audit.anchor_channel.as_deref(), ["audit", "anchor_channel"]),
        (Some(announce.alerts.as_str()), ["announce", "alerts"]),
        (Some(announce.approvals.as_str()), ["announce", "approvals"]),
        (Some(announce.channel.as_str()), ["announce", "channel"]),
    ] {
        channels.extend(name.map(|name| (name, keys)));
    }
    for (channel, keys) in channels {
        progress(&format!("Slack for {channel}"));
        let why = "nothing could be posted there";
        match slack.standing(channel).await {
            Ok(Standing::Member) => {}
            Ok(Standing::Outside) => {
                let what = format!("the bot is not in {channel}");
                found.push(wrong(
                    &keys,
                    "not_in_channel",
                    what,
                    why,
                    "invite it: /invite @shipgate in that channel",
                ));
            }
            Ok(Standing::Archived) => {
                let what = format!("{channel} is archived");
                found.push(wrong(&keys, "archived", what, why, "name another channel, or bring it back"));
            }
            Err(error) => found.push(of_chat(&keys, "no_channel", channel, &error)),
        }
    }
    ask_people(slack, &settings.policy, found).await;
}

async fn ask_people(slack: &Slack, policy: &Policy, found: &mut Vec<Found>) {
    for (name, members) in &policy.groups {
        for group in members.iter().filter_map(|member| match member {
            Member::Outside(group) if group.platform == Platform::Slack => Some(group),
            Member::Outside(_) | Member::Person(_) => None,
        }) {
            let keys = ["groups", name.as_str()];
            progress(&format!("Slack who is in {}", group.id));
            match slack.members(group).await {
                Ok(members) if members.is_empty() => {
                    let what = format!("nobody is in the user group {} of “{name}”", group.id);
                    let why = "nobody gets a right through it";
                    let empty =
                        wrong(&keys, "empty_group", what, why, "add people to it in Slack, or leave it out");
                    found.push(Found { is_fatal: false, ..empty });
                }
                Ok(_) => {}
                Err(error) => {
                    found.push(of_chat(&keys, "no_group", &format!("the user group {}", group.id), &error))
                }
            }
        }
    }
    let accounts =
        policy.people.iter().flat_map(|(person, all)| all.iter().map(move |account| (person, account)));
    let accounts: Vec<_> = accounts.filter(|(_, account)| account.platform == Platform::Slack).collect();
    if !accounts.is_empty() {
        progress(&format!("Slack for {} people", accounts.len()));
    }
    for (person, account) in accounts {
        let keys = ["people", person.as_str(), "slack"];
        match slack.account(account).await {
            Ok(facts) if facts.active && !facts.bot && !facts.guest => {}
            Ok(facts) => {
                let is = if !facts.active {
                    "deactivated"
                } else if facts.bot {
                    "a bot"
                } else {
                    "a guest"
                };
                let what = format!("{} of {person} is {is}", account.id);
                let why = "such an account may do nothing here";
                let gone = wrong(&keys, "no_person", what, why, "correct the id, or take the person out");
                found.push(Found { is_fatal: false, ..gone });
            }
            Err(error) => {
                found.push(of_chat(&keys, "no_person", &format!("{} of {person}", account.id), &error))
            }
        }
    }
}

async fn ask_github(github: &GitHub, policy: &Policy, found: &mut Vec<Found>) {
    let of_github = |service: &&Service| service.pipeline.provider == Provider::Github;
    let services: Vec<&Service> = policy.services.values().filter(of_github).collect();
    for service in &services {
        let pipeline = &service.pipeline;
        progress(&format!(
            "GitHub for {}, its branch {}, {} and its checks",
            pipeline.repo, pipeline.git_ref, pipeline.workflow
        ));
        let said = Said {
            repo: &pipeline.repo,
            branch: &pipeline.git_ref,
            workflow: &pipeline.workflow,
            inputs: pipeline.inputs.keys().map(String::as_str).collect(),
            checks: named(policy).into_keys().collect(),
        };
        match github.examine(&said).await {
            Ok(odd) => found.extend(odd.into_iter().flat_map(|odd| placed(policy, service, odd))),
            Err(error) => {
                let keys = ["services", service.name.as_str(), "repo"];
                found.push(of_host(&keys, "repo_unreadable", &pipeline.repo, &error));
                continue;
            }
        }
        let demanding = policy.environments.values().find(|e| e.checks == CheckRule::Required);
        if let Some(environment) = demanding {
            let keys = ["environments", environment.name.as_str(), "checks"];
            match github.required_checks(&pipeline.repo, &pipeline.git_ref).await {
                Ok(required) if required.is_empty() => {
                    let what = format!("{} demands no check of {}", pipeline.repo, pipeline.git_ref);
                    let why = "with `required` there must be one, so nothing would ever start";
                    found.push(wrong(
                        &keys,
                        "no_required_check",
                        what,
                        why,
                        "demand one on GitHub, or name checks here",
                    ));
                }
                Ok(_) => {}
                Err(error) => found.push(of_host(&keys, "no_required_check", &pipeline.repo, &error)),
            }
        }
    }
    let repos: Vec<String> = services.iter().map(|service| service.pipeline.repo.clone()).collect();
    for (name, members) in &policy.groups {
        for member in members {
            let Member::Outside(group) = member else { continue };
            let Some(team) = group.id.strip_prefix("team:").filter(|_| group.platform == Platform::Github)
            else {
                continue;
            };
            progress(&format!("GitHub who is in team {team}"));
            if let Err(error) = github.members(team, &repos).await {
                found.push(of_host(&["groups", name.as_str()], "no_group", &format!("team {team}"), &error));
            }
        }
    }
}

/// Checks that environments wait for by name, and an environment that does.
fn named(policy: &Policy) -> BTreeMap<&str, &str> {
    let mut names = BTreeMap::new();
    for environment in policy.environments.values() {
        if let CheckRule::Named(checks) = &environment.checks {
            names.extend(checks.iter().map(|check| (check.as_str(), environment.name.as_str())));
        }
    }
    names
}

fn placed(policy: &Policy, service: &Service, odd: Oddity) -> Vec<Found> {
    let Oddity { about, code, is_fatal, what, why, instead } = odd;
    let of_service = |key: &str| at(&["services", service.name.as_str(), key]);
    let places: BTreeSet<Vec<String>> = match about {
        About::Repo => BTreeSet::from([of_service("repo")]),
        About::Branch => BTreeSet::from([of_service("ref")]),
        About::Workflow => BTreeSet::from([of_service("workflow")]),
        About::Inputs => BTreeSet::from([of_service("inputs")]),
        About::Check(name) => {
            let waits = |rule: &CheckRule| matches!(rule, CheckRule::Named(names) if names.contains(&name));
            let all = policy.environments.values().filter(|environment| waits(&environment.checks));
            all.map(|environment| at(&["environments", environment.name.as_str(), "checks"])).collect()
        }
    };
    let place =
        |at| Found { at, code, is_fatal, what: what.clone(), why: why.clone(), instead: instead.clone() };
    places.into_iter().map(place).collect()
}

async fn ask_calendars(settings: &Settings, found: &mut Vec<Found>) {
    let feeds: Vec<_> = settings
        .policy
        .freezes
        .iter()
        .filter_map(|freeze| match &freeze.when {
            FreezeWhen::Feed { source, .. } => Some((freeze, source)),
            _ => None,
        })
        .collect();
    if feeds.is_empty() {
        return;
    }
    let elsewhere = match Elsewhere::new(settings.gitlab_token.clone()) {
        Ok(elsewhere) => elsewhere,
        Err(why) => return found.push(unasked(&["freezes"], "calendars", &why)),
    };
    for (freeze, source) in feeds {
        progress(&format!("{source}"));
        if let Err(error) = elsewhere.read(source, None).await {
            let what = format!("the calendar of the freeze “{}”", freeze.name);
            found.push(of_host(&["freezes"], "calendar_unreadable", &what, &error));
        }
    }
}
