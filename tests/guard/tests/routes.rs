//! Every address by everybody who may ask for it, against the table in `expected/routes.txt`. Which addresses there are
//! comes from the source. Not here: what the people whose words a platform brings may do (`roles`).

use crate::mutants::originals;
use crate::page::{Still, playground};
use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use jiff::Timestamp;
use shipgate::settings::Settings;
use shipgate_domain::calendar::Calendar;
use shipgate_guard::doors::{GITHUB_SECRET, Knock, NOW, SLACK_SECRET, Taken, doors};
use shipgate_web::calendar::{self, Now, Source};
use shipgate_web::ops::{self, Ops, Part};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tower::ServiceExt as _;

const TABLE: &str = include_str!("../expected/routes.txt");
const CALLERS: [&str; 8] = ["anon", "forged", "other", "copied", "old", "site", "own", "true"];
const FORM: &str = "application/x-www-form-urlencoded";
const METHODS: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"];

/// The table: by method and address, who gets in.
fn expected() -> BTreeMap<(String, String), BTreeSet<&'static str>> {
    let lines = TABLE.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty());
    lines
        .map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let [method, path, marks @ ..] = &words[..] else { panic!("{line}") };
            assert_eq!(marks.len(), CALLERS.len(), "{line}");
            assert!(marks.iter().all(|mark| matches!(*mark, "y" | "-")), "{line}");
            let may = CALLERS.into_iter().zip(marks).filter(|(_, mark)| **mark == "y");
            (((*method).to_owned(), (*path).to_owned()), may.map(|(caller, _)| caller).collect())
        })
        .collect()
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let is_test = ["tests", "examples"].contains(&path.file_stem().unwrap().to_str().unwrap());
        if path.is_dir() && !is_test {
            sources(&path, found);
        } else if path.extension().is_some_and(|kind| kind == "rs") && !is_test {
            found.push(path);
        }
    }
}

/// Every route of the program, wherever a router is made.
fn in_the_source() -> BTreeSet<(String, String)> {
    let (mut files, mut routes) = (Vec::new(), BTreeSet::new());
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../src"), &mut files);
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        for other in [".nest(", ".nest_service(", ".route_service(", ".fallback(", ".fallback_service("] {
            assert!(!text.contains(other), "{}: {other} is not understood here", file.display());
        }
        for route in text.split(".route(").skip(1) {
            let (path, rest) = route.trim_start().strip_prefix('"').unwrap().split_once('"').unwrap();
            let method = rest.trim_start_matches(|c: char| c == ',' || c.is_whitespace()).split('(').next();
            routes.insert((method.unwrap().to_uppercase(), path.to_owned()));
        }
    }
    routes
}

#[test]
fn the_table_has_a_line_for_every_route_and_no_other() {
    assert_eq!(expected().into_keys().collect::<BTreeSet<_>>(), in_the_source());
}

struct Well;

#[async_trait]
impl Ops for Well {
    async fn parts(&self) -> Vec<Part> {
        Vec::new()
    }
    fn metrics(&self) -> String {
        String::new()
    }
}

/// A calendar without a freeze.
struct Quiet;

#[async_trait]
impl Source for Quiet {
    async fn now(&self) -> Result<Now, String> {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../src/demo/shipgate.toml");
        let policy = Arc::new(Settings::names(&file));
        let at = Timestamp::from_second(NOW).map_err(|error| error.to_string())?;
        let calendar = Arc::new(Calendar::compile(&policy.schedules, &policy.freezes, at));
        Ok(Now { policy, calendar, at })
    }
}

/// What asks for this address in the right form.
fn body_for(path: &str) -> Vec<u8> {
    if let Some(original) = originals().into_iter().find(|original| original.path == path) {
        return original.body;
    }
    let form = match path {
        "/playground/say" => "as=ada&channel=deployments&text=/help",
        "/playground/press" => "as=ada&message=1&value=x",
        "/playground/submit" => "as=ada&form=1&context=x",
        "/playground/dismiss" => "as=ada&message=1",
        "/playground/clock" => "reset=1",
        _ => "",
    };
    form.into()
}

/// What a caller brings along.
fn fields(caller: &str, path: &str, body: &[u8]) -> Vec<(&'static str, String)> {
    let sign = |body: &[u8], is_others: bool, at: i64| {
        let secret = if (path == "/github/webhooks") == is_others { SLACK_SECRET } else { GITHUB_SECRET };
        match path {
            "/github/webhooks" => Knock::github_signed(body, secret),
            _ => Knock::slack_signed("/slack/commands", body, secret, at),
        }
    };
    let from = |site: &str, origin: &str| {
        let fields = [("sec-fetch-site", site), ("origin", origin), ("host", "127.0.0.1:7878")];
        fields.map(|(name, value)| (name, value.to_owned())).to_vec()
    };
    let knock = match caller {
        "anon" => return Vec::new(),
        "site" => return from("cross-site", "https://evil.example"),
        "own" => return from("same-origin", "http://127.0.0.1:7878"),
        "forged" => {
            let mut knock = sign(body, false, NOW);
            let digits = knock.signature.find('=').unwrap() + 1;
            knock.signature.replace_range(digits.., &"0".repeat(64));
            knock
        }
        "other" => sign(body, true, NOW),
        "copied" => sign(b"another", false, NOW),
        "old" => sign(body, false, NOW - 3600),
        _ => sign(body, false, NOW),
    };
    knock.proof().map(|(name, value)| (name, value.to_owned())).to_vec()
}

/// All routers of the program in one, and what came in through them.
struct Program {
    routes: Router,
    taken: Arc<Taken>,
    heard: Arc<Still>,
}

impl Program {
    fn new() -> Self {
        let ((doors, taken), (page, heard)) = (doors(), playground());
        let routes = doors.merge(ops::routes(Arc::new(Well))).merge(page.routes());
        let routes = routes.merge(calendar::routes(Arc::new(Quiet)));
        let routes = routes.merge(calendar::secret::routes(Arc::new(Quiet), "secret"));
        Self { routes, taken, heard }
    }

    /// The answer, and whether anything was taken in.
    async fn ask(&self, method: &str, path: &str, caller: &str) -> (StatusCode, bool) {
        let body = body_for(path);
        let name = if path.starts_with("/calendar/feed/") { "secret.ics" } else { "icon.svg" };
        let address = path.replace("{environment}", "production").replace("{name}", name);
        let kind = if path == "/github/webhooks" { "application/json" } else { FORM };
        let start = Request::builder().method(method).uri(address).header("content-type", kind);
        let fields = fields(caller, path, &body);
        let start = fields.into_iter().fold(start, |request, (name, value)| request.header(name, value));
        let count = || self.taken.count() + self.heard.count();
        let before = count();
        let answer = self.routes.clone().oneshot(start.body(Body::from(body)).unwrap()).await.unwrap();
        (answer.status(), count() > before)
    }
}

#[tokio::test]
async fn everybody_gets_exactly_as_far_as_the_table_says() {
    let program = Program::new();
    // A message to press on.
    assert!(program.ask("POST", "/playground/say", "own").await.0.is_redirection());
    let (mut wrong, mut cells) = (Vec::new(), 0);
    for ((method, path), may) in expected() {
        for caller in CALLERS {
            cells += 1;
            let (status, is_taken) = program.ask(&method, &path, caller).await;
            let is_in = status.is_success() || status.is_redirection();
            let is_refused = matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) && !is_taken;
            let is_right = if may.contains(caller) { is_in } else { is_refused };
            if !is_right {
                wrong.push(format!("{method} {path}: {caller} got {status}, taken in: {is_taken}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {cells} cells:\n{}", wrong.len(), wrong.join("\n"));
}

#[tokio::test]
async fn no_address_takes_a_method_that_is_not_in_the_table() {
    let (table, program) = (expected(), Program::new());
    for path in table.keys().map(|(_, path)| path).collect::<BTreeSet<_>>() {
        for method in METHODS {
            if table.contains_key(&(method.to_owned(), path.clone())) {
                continue;
            }
            for caller in ["anon", "own", "true"] {
                let (status, is_taken) = program.ask(method, path, caller).await;
                let is_refused = matches!(status, StatusCode::METHOD_NOT_ALLOWED | StatusCode::FORBIDDEN);
                assert!(is_refused && !is_taken, "{method} {path}: {caller} got {status}");
            }
        }
    }
}
