//! Each bad file and its problems; the example files; secrets. Fixtures: `tests/fixtures/settings`.

mod checklists;
mod commands;
#[cfg(unix)]
mod compose;
mod freezes;
mod http;
mod lint;
mod preflight;

use super::check::check_with;
use super::keys::KEYS;
use super::problem::Level;
use super::reader::{Log, Section};
use super::secrets::VARIABLES;
use super::{GithubCredentials, LogFormat, Settings, SlackTransport, StoreSettings, rules};
use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret;
use shipgate_domain::calendar::Opening;
use shipgate_domain::policy::{CheckRule, QueueBy};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use toml::de::DeTable;

/// When the rules are tried out.
const NOW: &str = "2026-11-20T12:00Z";

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

type Env = BTreeMap<String, String>;

fn env(rows: &[(&str, &str)]) -> Env {
    rows.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// Everything that a good environment holds.
fn good_env() -> Env {
    env(&[
        ("SLACK_BOT_TOKEN", "xoxb-1-bot"),
        ("SLACK_APP_TOKEN", "xapp-1-app"),
        ("GITHUB_TOKEN", "ghp_token"),
        ("GITHUB_WEBHOOK_SECRET", "hook"),
    ])
}

fn read(text: &str, env: &Env) -> Result<Settings, super::Problems> {
    Settings::from_text(Path::new("shipgate.toml"), text, &|name| env.get(name).cloned())
}

/// What is wrong, one problem a block: place, severity, code, what, why, instead.
fn told(read: Result<Settings, super::Problems>) -> String {
    let problems = match read {
        Ok(settings) => settings.warnings,
        Err(problems) => problems,
    };
    let block = |problem: &super::problem::Problem| {
        let place = match (problem.line, problem.column) {
            (Some(line), Some(column)) => format!("{line}:{column}"),
            _ => problem.file.clone(),
        };
        let level = if problem.severity == Level::Error { "error" } else { "warning" };
        let lines = [&problem.what, &problem.why, &problem.instead].map(|line| format!("\n  {line}"));
        format!("{place} {level} {}{}", problem.code, lines.concat())
    };
    problems.list().iter().map(block).collect::<Vec<_>>().join("\n")
}

fn codes(read: Result<Settings, super::Problems>) -> Vec<&'static str> {
    let problems = match read {
        Ok(settings) => settings.warnings,
        Err(problems) => problems,
    };
    problems.list().iter().map(|problem| problem.code).collect()
}

#[test]
fn each_bad_file_is_answered_with_all_its_problems() {
    let folder = root().join("tests/fixtures/settings");
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(&folder).expect("fixtures").map(|entry| entry.expect("a file").path()).collect();
    files.sort();
    assert!(files.len() >= 12, "fixtures are missing in {}", folder.display());
    for file in files {
        let name = file.file_stem().and_then(|stem| stem.to_str()).expect("a name");
        let text = std::fs::read_to_string(&file).expect("readable");
        let result = read(&text, &good_env());
        assert!(result.is_err(), "{name} was accepted");
        insta::assert_snapshot!(format!("bad__{name}"), told(result));
    }
}

#[test]
fn people_see_the_line_and_programs_get_json() {
    let file = root().join("tests/fixtures/settings/zones.toml");
    let env = good_env();
    let (people, code) = check_with(&file, false, &|name| env.get(name).cloned(), NOW.parse().unwrap());
    assert_eq!(code, ExitCode::FAILURE);
    let folder = format!("{}/", root().display());
    insta::assert_snapshot!("check_for_people", people.replace(&folder, ""));
    let (programs, code) = check_with(&file, true, &|name| env.get(name).cloned(), NOW.parse().unwrap());
    assert_eq!(code, ExitCode::FAILURE);
    insta::assert_snapshot!("check_for_programs", programs.replace(&folder, ""));
}

#[test]
fn a_file_that_is_not_there_is_said_to_be_missing() {
    let (answer, code) = check_with(Path::new("nowhere.toml"), false, &|_| None, NOW.parse().unwrap());
    assert_eq!(code, ExitCode::FAILURE);
    assert!(answer.contains("there is no such file"), "{answer}");
    assert!(answer.contains("shipgate.example.toml"), "{answer}");
}

#[test]
fn a_name_that_looks_like_a_path_is_a_bad_name_and_nothing_worse() {
    let text =
        format!("{LEAST}[services.\"*.provider\"]\nprovider = \"command\"\n[\"people.*\"]\nslack = \"U1\"\n");
    let codes = codes(read(&text, &good_env()));
    assert_eq!(codes, ["bad_name", "missing", "missing", "unknown_key"]);
    let told = told(read("[services.\"a\\u202Eb\\u001B\"]\nwait = 1\n", &good_env()));
    assert!(!told.contains(['\u{202e}', '\u{1b}']), "{told}");
}

// --- the example files -----------------------------------------------------------------------------------------

fn example() -> String {
    std::fs::read_to_string(root().join("shipgate.example.toml")).expect("the example is there")
}

/// `.env.example` as a shell would read it.
fn example_env() -> Env {
    let text = std::fs::read_to_string(root().join(".env.example")).expect("the example is there");
    let lines = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('='));
    lines.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[test]
fn the_example_files_are_good_together() {
    let settings = read(&example(), &example_env()).expect("good");
    assert_eq!(settings.warnings.list(), []);
    let policy = &settings.policy;
    let production = policy.environment("prod").expect("an alias");
    assert_eq!(production.approvals.needed, 1);
    assert_eq!(production.approvals.expires, SignedDuration::from_hours(4));
    assert_eq!(production.after.as_ref().map(|name| name.as_str()), Some("staging"));
    assert_eq!(policy.default_service().map(|service| service.name.as_str()), Some("api"));
    assert_eq!(policy.freezes.len(), 6);
    assert_eq!(settings.reminders.leads.len(), 6);
    assert_eq!(settings.reminders.crons.len(), 1);
    let office = &policy.schedules["office"];
    for (at, opening) in [
        ("2026-11-19T23:59-05:00", Opening::Open),
        ("2026-11-20T13:59-05:00", Opening::Open),
        ("2026-11-20T14:00-05:00", Opening::Closed),
        ("2026-11-21T00:00-05:00", Opening::EmergencyOnly),
        ("2026-11-23T00:00-05:00", Opening::Open),
    ] {
        assert_eq!(office.at(at.parse::<Timestamp>().expect("an instant")), opening, "{at}");
    }
}

/// Paths of all keys in the example, those in comments too: a comment that looks like a key or a table is one.
fn example_keys() -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    for block in example_blocks() {
        let document = DeTable::parse(&block).unwrap_or_else(|why| panic!("{why}\n{block}"));
        collect("", document.get_ref(), &mut keys);
    }
    keys
}

/// The example, and each commented line again under the table it stands in.
fn example_blocks() -> Vec<String> {
    let mut blocks = vec![example()];
    let mut header = String::new();
    let example = example();
    let mut lines = example.lines();
    while let Some(line) = lines.next() {
        let bare = line.strip_prefix("# ").unwrap_or(line);
        if bare.starts_with('[') {
            header = bare.to_owned();
        } else if line.starts_with("# ") && is_setting(bare) {
            let mut setting = bare.to_owned();
            // A list of several lines.
            while setting.ends_with(['[', ',']) {
                setting += lines.next().expect("the list ends").trim_start_matches(['#', ' ']);
            }
            blocks.push(format!("{header}\n{setting}\n"));
        }
    }
    blocks
}

fn is_setting(line: &str) -> bool {
    line.split_once(" = ")
        .is_some_and(|(key, _)| !key.is_empty() && key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'))
}

fn collect(parent: &str, table: &DeTable<'_>, keys: &mut BTreeSet<String>) {
    for (name, value) in table.iter() {
        let path = super::keys::child(parent, name.get_ref()).map(|(path, _)| path);
        let path =
            path.unwrap_or_else(|| panic!("the example has an unknown key {parent}.{}", name.get_ref()));
        match value.get_ref() {
            toml::de::DeValue::Table(inner) => collect(&path, inner, keys),
            toml::de::DeValue::Array(items) if items.iter().any(|item| item.get_ref().is_table()) => {
                for inner in items.iter().filter_map(|item| item.get_ref().as_table()) {
                    collect(&path, inner, keys);
                }
            }
            _ => {
                keys.insert(path);
            }
        }
    }
}

/// Known only so that they are refused in words of their own.
const REFUSED_WITH_A_REASON: [&str; 2] = ["checklists.*.during.needed", "checklists.*.after.needed"];

#[test]
fn the_example_lists_every_key_and_no_other() {
    let is_shown = |path: &str| !REFUSED_WITH_A_REASON.contains(&path);
    let known: BTreeSet<String> = KEYS
        .iter()
        .filter(|key| key.is_supported && is_shown(key.path))
        .map(|key| key.path.to_owned())
        .collect();
    assert_eq!(example_keys(), known);
}

#[test]
fn the_reader_asks_for_every_key_it_lists() {
    // A service of each provider and each form of a rule, so that each key is looked for.
    let text = example()
        .replace("# [services.site]", "[services.site]")
        .replace("# command", "command")
        .replace("# [commands]", "[commands]")
        .replace("# folder", "folder")
        .replace("\nchecks = \"all\"", "")
        .replace("\ngithub = \"grace\"", "")
        .replace("# github = {", "github = {")
        .replace("\napprovals = { needed", "\n# approvals = { was_needed")
        .replace("# approvals = { needed", "approvals = { needed")
        .replace("# checks = { rule", "checks = { rule")
        .replace("# migrations = { needed", "migrations = { needed");
    let item = |part: &str| {
        let keys = "fact = \"checks\", who = [\"deployers\"], when = \"migrations\", needed = true";
        format!("{part} = [{{ item = \"Looked {part}\", {keys} }}]")
    };
    let own = ["before", "during", "after"].map(item).join("\n");
    let text = format!("{text}\n[checklists.own]\n{own}\n");
    let (log, document) = (Log::default(), DeTable::parse(&text).expect("TOML"));
    let root = Section::root(document.get_ref(), &log);
    rules::policy(&root);
    let env = good_env();
    let environment = super::secrets::Environment { read: &|name| env.get(name).cloned(), log: &log };
    super::http::http(&root, &environment);
    super::operations::limits(&root);
    super::operations::store(&root, &environment);
    super::operations::slack(&root, &environment);
    super::operations::github(&root, true, &environment);
    super::operations::announce(&root);
    super::audit::audit(&root, &environment);
    super::operations::reminders(&root);
    let _ = super::commands::commands(
        &root,
        &self::root().join("shipgate.example.toml"),
        super::CommandFiles::OnDisk,
    );
    let asked = log.asked();
    let never: Vec<&str> =
        KEYS.iter().filter(|key| key.is_supported && !asked.contains(key.path)).map(|key| key.path).collect();
    assert_eq!(never, Vec::<&str>::new());
}

#[test]
fn the_example_environment_lists_every_variable_and_no_other() {
    let text = std::fs::read_to_string(root().join(".env.example")).expect("the example is there");
    let is_name = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
    let name = |line: &str| {
        let (name, _) = line.strip_prefix("# ").unwrap_or(line).split_once('=')?;
        is_name(name).then(|| name.to_owned())
    };
    let listed: BTreeSet<String> = text.lines().filter_map(name).collect();
    let names = |variable: &super::secrets::Variable| {
        let file = variable.is_secret.then(|| format!("{}_FILE", variable.name));
        [Some(variable.name.to_owned()), file].into_iter().flatten().collect::<Vec<_>>()
    };
    assert_eq!(listed, VARIABLES.iter().flat_map(names).collect());
}

// --- what is left out ------------------------------------------------------------------------------------------

const LEAST: &str = r#"
[people.ada]
slack = "U0ADA"
[groups]
all = ["ada"]
[services.api]
provider = "github"
repo = "acme/api"
workflow = "deploy.yml"
inputs = { sha = "{sha}", id = "{deploy}" }
[environments.production]
deployers = ["all"]
"#;

#[test]
fn what_is_left_out_has_the_default_of_the_example() {
    let settings = read(LEAST, &good_env()).expect("good");
    assert_eq!(settings.warnings.list(), []);
    assert_eq!(settings.policy.zone.name(), "UTC");
    let production = settings.policy.environment("production").expect("there");
    assert_eq!(production.approvals.needed, 0);
    assert!(production.overrides.from.is_empty());
    assert_eq!(production.checks, CheckRule::All);
    assert_eq!(production.queue, QueueBy::Environment);
    assert_eq!(production.rollback.needed, 0);
    assert!(!production.rollback.in_window_only);
    assert_eq!(settings.http.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(settings.http.public_url, "http://127.0.0.1:8080");
    assert!(matches!(settings.store, StoreSettings::Sqlite(path) if path == Path::new("shipgate.db")));
    assert!(settings.slack.is_none());
    assert_eq!(settings.github.expect("a service needs it").api_url, "https://api.github.com");
    assert_eq!(
        (settings.announce.channel.as_str(), settings.announce.approvals.as_str()),
        ("#deployments", "#deployments")
    );
    let leads: Vec<String> = settings.reminders.leads.iter().map(ToString::to_string).collect();
    assert_eq!(leads, ["7d", "24h", "1h", "start", "1h before end", "end"]);
    assert_eq!((settings.log.filter.as_str(), settings.log.format), ("info", LogFormat::Human));
}

// --- the environment -------------------------------------------------------------------------------------------

fn with_slack(transport: &str) -> String {
    format!("{LEAST}[slack]\nteam = \"T1\"\ntransport = \"{transport}\"\n")
}

#[test]
fn each_transport_of_slack_asks_for_its_own_secret() {
    let settings = read(&with_slack("socket"), &good_env()).expect("good");
    let SlackTransport::Socket { app_token } = settings.slack.expect("there").transport else {
        panic!("a socket")
    };
    assert_eq!(app_token.expose_secret(), "xapp-1-app");
    let mut env = good_env();
    assert_eq!(codes(read(&with_slack("http"), &env)), ["missing_secret"]);
    env.insert("SLACK_SIGNING_SECRET".into(), "s3cret".into());
    let settings = read(&with_slack("http"), &env).expect("good");
    let SlackTransport::Http { signing_secret } = settings.slack.expect("there").transport else {
        panic!("http")
    };
    assert_eq!(signing_secret.expose_secret(), "s3cret");
}

#[test]
fn an_empty_environment_is_told_everything_it_lacks() {
    insta::assert_snapshot!("environment_empty", told(read(&with_slack("socket"), &Env::new())));
}

#[test]
fn a_wrong_environment_is_told_what_is_wrong_without_repeating_secrets() {
    let env = env(&[
        ("SLACK_BOT_TOKEN", "xapp-swapped-bot"),
        ("SLACK_APP_TOKEN", "xoxb-swapped-app"),
        ("GITHUB_TOKEN", "ghp_hidden"),
        ("GITHUB_APP_ID", "hidden"),
        ("GITHUB_WEBHOOK_SECRET", "hidden"),
        ("GITHUB_WEBHOOK_SECRET_FILE", "/nowhere"),
        ("SHIPGATE_LOG", "info,=="),
        ("SHIPGATE_LOG_FORMAT", "xml"),
    ]);
    let told = told(read(&with_slack("socket"), &env));
    assert!(!told.contains("hidden") && !told.contains("swapped"), "{told}");
    insta::assert_snapshot!("environment_wrong", told);
}

#[test]
fn a_github_app_needs_number_and_key_and_no_token() {
    let mut env = good_env();
    env.remove("GITHUB_TOKEN");
    env.insert("GITHUB_APP_ID".into(), "12".into());
    assert_eq!(codes(read(LEAST, &env)), ["missing_secret"]);
    env.insert("GITHUB_APP_PRIVATE_KEY".into(), "-----BEGIN RSA PRIVATE KEY-----\\nabc".into());
    let github = read(LEAST, &env).expect("good").github.expect("there");
    let GithubCredentials::App { id, private_key } = github.credentials else { panic!("an App") };
    assert_eq!(id, 12);
    assert_eq!(private_key.expose_secret(), "-----BEGIN RSA PRIVATE KEY-----\nabc");
    env.insert("GITHUB_APP_ID".into(), "Shipgate".into());
    assert_eq!(codes(read(LEAST, &env)), ["wrong_secret"]);
}

#[cfg(unix)]
#[test]
fn a_secret_file_is_read_unless_everybody_can_read_it() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("token");
    std::fs::write(&file, "ghp_from_a_file\n").expect("written");
    let mode =
        |mode| std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).expect("changed");
    let mut env = good_env();
    env.remove("GITHUB_TOKEN");
    env.insert("GITHUB_TOKEN_FILE".into(), file.display().to_string());
    mode(0o400);
    let github = read(LEAST, &env).expect("good").github.expect("there");
    let GithubCredentials::Token(token) = github.credentials else { panic!("a token") };
    assert_eq!(token.expose_secret(), "ghp_from_a_file");
    mode(0o444);
    assert_eq!(codes(read(LEAST, &env)), ["open_secret_file"]);
    env.insert("GITHUB_TOKEN".into(), "ghp_other".into());
    assert_eq!(codes(read(LEAST, &env)), ["contradiction"]);
    env.remove("GITHUB_TOKEN");
    env.insert("GITHUB_TOKEN_FILE".into(), "/nowhere/at/all".into());
    assert_eq!(codes(read(LEAST, &env)), ["unreadable_file"]);
}

#[test]
fn a_secret_in_the_file_is_refused_and_not_repeated() {
    let text = format!("{LEAST}[slack]\nteam = \"T1\"\ntoken = \"xoxb-123456789-abcdef\"\n");
    let problems = read(&text, &good_env()).expect_err("refused");
    assert_eq!(problems.list().iter().map(|p| p.code).collect::<Vec<_>>(), ["unknown_key", "secret_in_file"]);
    for shown in [problems.to_string(), problems.to_json(), format!("{problems:?}")] {
        assert!(!shown.contains("xoxb-1") && !shown.contains("abcdef"), "{shown}");
    }
}

#[test]
fn settings_do_not_print_secrets() {
    let shown = format!("{:?}", read(&with_slack("socket"), &good_env()).expect("good"));
    for secret in ["xoxb-1-bot", "xapp-1-app", "ghp_token", "hook\""] {
        assert!(!shown.contains(secret), "{secret}");
    }
}

// --- PostgreSQL --------------------------------------------------------------------------------------------------

fn with_postgres(url: &str) -> String {
    format!("{LEAST}[store]\nurl = \"{url}\"\n")
}

#[test]
fn the_password_of_the_database_comes_from_the_environment() {
    let mut env = good_env();
    env.insert("DATABASE_PASSWORD".to_owned(), "hunter2".to_owned());
    let settings = read(&with_postgres("postgres://shipgate@db.example/shipgate"), &env).expect("good");
    let StoreSettings::Postgres(address) = &settings.store else { panic!("PostgreSQL") };
    assert!(address.has_password());
    assert!(!format!("{settings:?}").contains("hunter2"));
}

#[test]
fn a_password_in_the_address_is_refused_and_not_repeated() {
    let problems =
        read(&with_postgres("postgres://shipgate:hunter2@db/shipgate"), &good_env()).expect_err("bad");
    let told = format!("{problems} {problems:?}");
    assert!(told.contains("DATABASE_PASSWORD"), "{told}");
    assert!(!told.contains("hunter2"), "{told}");
}

#[test]
fn an_address_that_hides_little_is_refused() {
    let problems = read(&with_postgres("postgres://shipgate@db/shipgate?sslmode=prefer"), &good_env());
    assert!(problems.expect_err("bad").to_string().contains("verify-full"));
}
