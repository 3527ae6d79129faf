//! How the program runs: store, chat, code host, announcements, reminders. Not here: rules (`rules`), and where it
//! listens (`http`).

use super::problem::Finding;
use super::reader::{Section, Word, clip};
use super::secrets::Environment;
use axum::http::Uri;
use jiff::SignedDuration;
use secrecy::{ExposeSecret as _, SecretString};
use shipgate_app::limits::Rates;
use shipgate_domain::calendar::{FeedSource, FiveFieldCron, FreezeWhen, Lead, Length};
use shipgate_domain::policy::Policy;
use shipgate_store::postgres::Address;
use std::path::{Path, PathBuf};

/// `[store]`.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant, reason = "there is one in a process")]
pub enum StoreSettings {
    /// The SQLite file; a path without a leading slash starts in the working folder. Default `shipgate.db`.
    Sqlite(PathBuf),
    /// A PostgreSQL database, with the password.
    Postgres(Address),
}

impl StoreSettings {
    /// Where files that belong to this installation are kept: beside the database if it is a file.
    #[must_use]
    pub fn folder(&self) -> &Path {
        match self {
            Self::Sqlite(path) => path.parent().unwrap_or(Path::new(".")),
            Self::Postgres(_) => Path::new("."),
        }
    }
}

/// `[slack]`, with its secrets.
#[derive(Clone, Debug)]
pub struct SlackSettings {
    /// How Slack's events reach us.
    pub transport: SlackTransport,
    /// Base of all calls, without a slash at the end. Default `https://slack.com/api`.
    pub api_url: String,
    /// The workspace; payloads of others are refused.
    pub team: String,
    /// The app; payloads of others are refused where this is given.
    pub app: Option<String>,
    /// `SLACK_BOT_TOKEN`.
    pub bot_token: SecretString,
}

/// How Slack's events reach us.
#[derive(Clone, Debug)]
pub enum SlackTransport {
    /// We call Slack: needs no public address.
    Socket {
        /// `SLACK_APP_TOKEN`.
        app_token: SecretString,
    },
    /// Slack calls us.
    Http {
        /// `SLACK_SIGNING_SECRET`.
        signing_secret: SecretString,
    },
}

/// `[github]`, with its secrets.
#[derive(Clone, Debug)]
pub struct GithubSettings {
    /// Base of all calls, without a slash at the end. Default `https://api.github.com`.
    pub api_url: String,
    /// Who we are there.
    pub credentials: GithubCredentials,
    /// `GITHUB_WEBHOOK_SECRET`; without it webhooks are refused and runs are polled only.
    pub webhook_secret: Option<SecretString>,
}

/// Who we are on GitHub.
#[derive(Clone, Debug)]
pub enum GithubCredentials {
    /// `GITHUB_TOKEN`.
    Token(SecretString),
    /// `GITHUB_APP_ID` and `GITHUB_APP_PRIVATE_KEY`.
    App {
        /// The App's number.
        id: u64,
        /// PEM.
        private_key: SecretString,
    },
}

/// `[announce]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnnounceSettings {
    /// Cards, results and reminders. Default `#deployments`.
    pub channel: String,
    /// Where buttons are posted. Default: `channel`.
    pub approvals: String,
    /// Whether the topic of `channel` tells of freezes. Default: no.
    pub topic: bool,
    /// Where emergencies are told. Default: `channel`.
    pub alerts: String,
}

/// `[audit]`, with its key.
#[derive(Clone, Debug, Default)]
pub struct AuditSettings {
    /// Where the head of the record is posted every minute. Default: nowhere.
    pub anchor_channel: Option<String>,
    /// The file to which it is appended. Default: none.
    pub anchor_file: Option<PathBuf>,
    /// Who is told, besides the announce channel, when the self-check finds something. Default: nobody.
    pub alarm_channel: Option<String>,
    /// `SHIPGATE_ANCHOR_KEY`: signs anchors. Default: they are not signed.
    pub key: Option<SecretString>,
}

/// `[reminders]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReminderSettings {
    /// When people are reminded of each freeze. Default 7d, 24h, 1h, start, end.
    pub leads: Vec<Lead>,
    /// How often the owner of a lock is asked whether it is still needed. Default 2 h.
    pub lock: SignedDuration,
    /// Reminders at fixed times, on the clocks of the default zone.
    pub crons: Vec<CronReminder>,
}

/// One `[[reminders.cron]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CronReminder {
    /// When.
    pub at: FiveFieldCron,
    /// What.
    pub say: String,
}

const STORE: &str = "sqlite://shipgate.db";
const SLACK_API: &str = "https://slack.com/api";
const GITHUB_API: &str = "https://api.github.com";
const CHANNEL: &str = "#deployments";
/// Owners of locks are asked this often.
const ASK_OWNERS: SignedDuration = SignedDuration::from_hours(2);
const LEADS: &[&str] = &["7d", "24h", "1h", "start", "1h before end", "end"];

pub(super) fn limits(root: &Section<'_>) -> Rates {
    let usual = Rates::default();
    let Some(section) = root.section("limits") else { return usual };
    let number = |key: &str, usual: u32| section.count(key).map_or(usual, |(number, _)| number);
    Rates {
        person_each_second: number("person_each_second", usual.person_each_second),
        person_each_minute: number("person_each_minute", usual.person_each_minute),
        all_each_second: number("all_each_second", usual.all_each_second),
    }
}

pub(super) fn store(root: &Section<'_>, environment: &Environment<'_>) -> StoreSettings {
    let section = root.section("store");
    let word = section.as_ref().and_then(|s| s.text("url", STORE));
    let text = word.as_ref().map_or(STORE, |word| word.as_str());
    let usual = StoreSettings::Sqlite(PathBuf::from("shipgate.db"));
    let place = word.as_ref().map_or(0..0, |word| word.place.clone());
    if text.starts_with("postgres://") || text.starts_with("postgresql://") {
        let password = environment.secret("DATABASE_PASSWORD");
        let password = password.as_ref().map(|secret| secret.expose_secret());
        return match Address::read(text, password) {
            Ok(address) => StoreSettings::Postgres(address),
            Err(why) => {
                let finding =
                    Finding::at(place, "bad_address", "`store.url` is no address of a PostgreSQL database");
                let instead = "write url = \"postgres://USER@HOST/DATABASE\"";
                root.note(finding.why(why.to_string()).instead(instead));
                usual
            }
        };
    }
    match text.strip_prefix("sqlite://").filter(|path| !path.is_empty() && !path.contains('?')) {
        Some(path) => StoreSettings::Sqlite(PathBuf::from(path)),
        None => {
            // The text may hold a password: it is not repeated.
            let finding =
                Finding::at(place, "bad_address", "`store.url` names neither a SQLite file nor PostgreSQL");
            let instead = format!("write url = \"{STORE}\", or \"postgres://USER@HOST/DATABASE\"");
            root.note(finding.instead(instead));
            usual
        }
    }
}

/// None when there is no `[slack]`, or when something in it is wrong.
pub(super) fn slack(root: &Section<'_>, environment: &Environment<'_>) -> Option<SlackSettings> {
    let section = root.section("slack")?;
    let transport = if section.place_of("transport").is_some() {
        section.choice("transport", &[("socket", true), ("http", false)])
    } else {
        Some(true)
    };
    let api_url = api_url(&section, SLACK_API);
    let team = id(&section, "team", &['T', 'E'], "T0123ABCD");
    if section.place_of("team").is_none() {
        section.missing(
            "team",
            "payloads of other workspaces are refused",
            "\"T0123ABCD\", the id of your workspace",
        );
    }
    let app = id(&section, "app", &['A'], "A0123ABCD");
    let bot_token = environment.needed("SLACK_BOT_TOKEN", "[slack] needs it to post messages");
    let transport = match transport? {
        true => {
            let why = "transport = \"socket\" needs it to open the socket";
            SlackTransport::Socket { app_token: environment.needed("SLACK_APP_TOKEN", why)? }
        }
        false => {
            let why = "transport = \"http\" needs it to tell Slack's requests from others";
            SlackTransport::Http { signing_secret: environment.needed("SLACK_SIGNING_SECRET", why)? }
        }
    };
    Some(SlackSettings { transport, api_url, team: team?, app, bot_token: bot_token? })
}

/// None when no service needs it and there is no `[github]`, or when something in it is wrong.
pub(super) fn github(
    root: &Section<'_>,
    is_needed: bool,
    environment: &Environment<'_>,
) -> Option<GithubSettings> {
    let section = root.section("github");
    if section.is_none() && !is_needed {
        return None;
    }
    let api_url = section.as_ref().map_or(GITHUB_API.to_owned(), |section| api_url(section, GITHUB_API));
    let webhook_secret = environment.secret("GITHUB_WEBHOOK_SECRET");
    if !environment.is_set("GITHUB_WEBHOOK_SECRET") {
        let found = Finding::in_environment("missing_secret", "GITHUB_WEBHOOK_SECRET is not set")
            .why("runs are followed by polling alone, which is slower")
            .instead("set GITHUB_WEBHOOK_SECRET, and the same secret in the webhook of the repository");
        environment.log.add(found.warning());
    }
    Some(GithubSettings { api_url, credentials: credentials(environment)?, webhook_secret })
}

fn credentials(environment: &Environment<'_>) -> Option<GithubCredentials> {
    let is_set = |name| environment.is_set(name);
    let refuse = |code, what: &str, instead: &str| {
        let why = "services of provider \"github\" are started with it";
        environment.log.add(Finding::in_environment(code, what).why(why).instead(instead));
        None
    };
    match (is_set("GITHUB_TOKEN"), is_set("GITHUB_APP_ID"), is_set("GITHUB_APP_PRIVATE_KEY")) {
        (true, false, false) => environment.secret("GITHUB_TOKEN").map(GithubCredentials::Token),
        (false, true, true) => {
            let (id, private_key) = (environment.app_id(), environment.app_key());
            Some(GithubCredentials::App { id: id?, private_key: private_key? })
        }
        (false, false, false) => refuse(
            "missing_secret",
            "neither GITHUB_TOKEN nor GITHUB_APP_ID is set",
            "set GITHUB_TOKEN, or GITHUB_APP_ID and GITHUB_APP_PRIVATE_KEY",
        ),
        (true, _, _) => refuse(
            "contradiction",
            "GITHUB_TOKEN and a GitHub App are both set",
            "unset GITHUB_TOKEN, or GITHUB_APP_ID and GITHUB_APP_PRIVATE_KEY",
        ),
        (false, false, true) => {
            refuse("missing_secret", "GITHUB_APP_ID is not set, but its private key is", "set GITHUB_APP_ID")
        }
        (false, true, false) => refuse(
            "missing_secret",
            "GITHUB_APP_PRIVATE_KEY is not set, but GITHUB_APP_ID is",
            "set GITHUB_APP_PRIVATE_KEY or GITHUB_APP_PRIVATE_KEY_FILE",
        ),
    }
}

/// None when no freeze needs it, or when it is not set.
pub(super) fn gitlab_token(policy: &Policy, environment: &Environment<'_>) -> Option<SecretString> {
    let reads_gitlab = policy
        .freezes
        .iter()
        .any(|freeze| matches!(&freeze.when, FreezeWhen::Feed { source: FeedSource::Gitlab { .. }, .. }));
    let why = "freezes with `gitlab` read the project with it";
    reads_gitlab.then(|| environment.needed("GITLAB_TOKEN", why)).flatten()
}

pub(super) fn announce(root: &Section<'_>) -> AnnounceSettings {
    let section = root.section("announce");
    let channel = |key| section.as_ref().and_then(|section| channel(section, key));
    let cards = channel("channel").unwrap_or_else(|| CHANNEL.to_owned());
    let topic = section.as_ref().and_then(|section| section.flag("topic")).unwrap_or(false);
    AnnounceSettings {
        approvals: channel("approvals").unwrap_or_else(|| cards.clone()),
        alerts: channel("alerts").unwrap_or_else(|| cards.clone()),
        channel: cards,
        topic,
    }
}

pub(super) fn channel(section: &Section<'_>, key: &str) -> Option<String> {
    let word = section.text(key, CHANNEL)?;
    let is_name = word.text.strip_prefix('#').is_some_and(|name| {
        (1..=80).contains(&name.chars().count())
            && !name.chars().any(|c| c.is_whitespace() || c.is_uppercase())
    });
    if is_name || is_id(&word.text, &['C', 'G']) {
        return Some(word.text);
    }
    let what = format!("“{}” is not a channel", clip(&word.text));
    let instead = format!("write {key} = \"{CHANNEL}\", or the id of a channel such as \"C0123ABCD\"");
    section.note(Finding::at(word.place, "bad_name", what).instead(instead));
    None
}

pub(super) fn reminders(root: &Section<'_>) -> ReminderSettings {
    let default =
        || LEADS.iter().map(|lead| lead.parse().expect("the defaults are reminder times")).collect();
    let Some(section) = root.section("reminders") else {
        return ReminderSettings { leads: default(), lock: ASK_OWNERS, crons: Vec::new() };
    };
    let leads = section.list("freeze", "[\"24h\", \"start\", \"end\"]").map(|list| {
        let mut leads: Vec<Lead> = Vec::new();
        for word in &list.words {
            match section.parse(word, "bad_time", "24h") {
                Some(lead) if leads.contains(&lead) => {
                    let what = format!("“{}” stands twice in `reminders.freeze`", clip(&word.text));
                    section.note(
                        Finding::at(word.place.clone(), "duplicate", what).instead("leave one out").warning(),
                    );
                }
                lead => leads.extend(lead),
            }
        }
        leads
    });
    let cron = |table: Section<'_>| {
        let at = table.parsed("at", "bad_cron", "0 9 * * Mon");
        if table.place_of("at").is_none() {
            table.missing("at", "", "\"0 9 * * Mon\"");
        }
        let say = table.text("say", "freezes this week");
        if say.as_ref().is_none_or(|say| say.text.trim().is_empty()) {
            table.missing("say", "a reminder says something", "\"freezes this week\"");
        }
        Some(CronReminder { at: at?, say: say?.text })
    };
    let crons = section.tables("cron").into_iter().filter_map(cron).collect();
    let lock = ask_owners(&section);
    ReminderSettings { leads: leads.unwrap_or_else(default), lock, crons }
}

/// How often the owner of a lock is asked whether it is still needed: often enough that none is forgotten for days, and
/// not so often that nobody reads it any more.
fn ask_owners(section: &Section<'_>) -> SignedDuration {
    let Some(length) = section.parsed::<Length>("lock", "bad_length", "2h").map(Length::total) else {
        return ASK_OWNERS;
    };
    if (SignedDuration::from_mins(15)..=SignedDuration::from_hours(7 * 24)).contains(&length) {
        return length;
    }
    let what = "`reminders.lock` is shorter than 15 minutes or longer than 7 days";
    let why = "owners of locks would not read it any more, or forget their lock";
    let place = section.place_of("lock").unwrap_or_else(|| section.place.clone());
    section.note(Finding::at(place, "out_of_range", what).why(why).instead("write lock = \"2h\""));
    ASK_OWNERS
}

/// Base of a vendor's API. A token goes there, so it is encrypted, or on this machine.
fn api_url(section: &Section<'_>, default: &str) -> String {
    let Some(word) = section.text("api_url", default) else { return default.to_owned() };
    if let Some(address) = web_address(section, &word, default)
        && is_open_text(&address)
    {
        let what = format!("`{}.api_url` is not encrypted", section.title);
        let why = "the token would travel for everybody to read";
        section.note(Finding::at(word.place, "not_encrypted", what).why(why).instead("write https://…"));
    }
    trimmed(&word.text)
}

pub(super) fn trimmed(address: &str) -> String {
    address.trim_end_matches('/').to_owned()
}

/// `http` to somewhere else than this machine.
pub(super) fn is_open_text(address: &Uri) -> bool {
    let host = address.host().unwrap_or_default();
    let is_here = host == "localhost" || host == "[::1]" || host.starts_with("127.");
    address.scheme_str() == Some("http") && !is_here
}

/// An `http` or `https` address without query.
pub(super) fn web_address(section: &Section<'_>, word: &Word, example: &str) -> Option<Uri> {
    let read = word.text.parse::<Uri>().ok().filter(|address| {
        let is_web = matches!(address.scheme_str(), Some("http" | "https"));
        // A user name or password in an address would end up in logs.
        let has_user = address.authority().is_some_and(|authority| authority.as_str().contains('@'));
        is_web
            && address.host().is_some_and(|host| !host.is_empty())
            && address.query().is_none()
            && !has_user
    });
    if read.is_none() {
        let what = format!("“{}” is not a web address", clip(&word.text));
        let instead = format!("write an address such as \"{example}\", without user, query or spaces");
        section.note(Finding::at(word.place.clone(), "bad_address", what).instead(instead));
    }
    read
}

/// An id of Slack: a letter for the kind, then capitals and digits.
pub(super) fn is_id(text: &str, kinds: &[char]) -> bool {
    (2..=40).contains(&text.len())
        && text.starts_with(kinds)
        && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
}

fn id(section: &Section<'_>, key: &str, kinds: &[char], example: &str) -> Option<String> {
    let word = section.text(key, example)?;
    if is_id(&word.text, kinds) {
        return Some(word.text);
    }
    let what = format!(
        "“{}” is not the id of a Slack {}",
        clip(&word.text),
        if key == "team" { "workspace" } else { key }
    );
    let instead = format!("write {key} = \"{example}\", the id and not the name");
    section.note(Finding::at(word.place, "bad_name", what).instead(instead));
    None
}
