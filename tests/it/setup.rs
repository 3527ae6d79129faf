//! The settings file of a test, and a GitHub that fits it. Not here: the process that reads them (`harness`).

use shipgate_world::World;
use shipgate_world::github::{Input, JobPlan, Workflow};
use shipgate_world::slack::{Group, Person};

/// The repository of the service `api`.
pub const REPO: &str = "acme/api";
/// Its workflow.
pub const WORKFLOW: &str = "deploy.yml";

/// How Slack reaches the bot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    Http,
    Socket,
}

/// The parts of `shipgate.toml` that tests change. Each is TOML.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The zone at the top.
    pub timezone: String,
    /// `[limits]`: none by default, since the people of the tests are faster than any.
    pub limits: String,
    /// More keys of `[slack]`.
    pub slack: String,
    /// `[announce]`.
    pub announce: String,
    /// Inputs of the workflow.
    pub inputs: String,
    /// More keys of `[environments.staging]`.
    pub staging: String,
    /// More keys of `[environments.production]`.
    pub production: String,
    /// More tables: services, schedules, freezes, reminders.
    pub more: String,
    /// Blocks of 512 bytes that the child may write into one file; `None` for no limit.
    pub file_blocks: Option<u32>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            timezone: "UTC".into(),
            limits: "person_each_second = 0\nperson_each_minute = 0\nall_each_second = 0".into(),
            slack: "app = \"A0123\"".into(),
            announce: "channel = \"#deployments\"".into(),
            inputs: "environment = \"{environment}\", version = \"{version}\", sha = \"{sha}\", \
                     deployment_id = \"{deploy}\""
                .into(),
            staging: String::new(),
            production: "after = \"staging\"\n\
                         approvals = { needed = 1, from = [\"release-managers\"], own = false }"
                .into(),
            more: "[reminders]\nfreeze = []".into(),
            file_blocks: None,
        }
    }
}

impl Setup {
    /// The whole file.
    pub fn to_toml(&self, world: &World, transport: Transport) -> String {
        let transport = match transport {
            Transport::Http => "http",
            Transport::Socket => "socket",
        };
        let Self { timezone, limits, slack, announce, inputs, staging, production, more, .. } = self;
        let slack_api = world.slack.api_url();
        let slack_api = slack_api.trim_end_matches('/');
        let github_api = world.github.url();
        format!(
            r#"timezone = "{timezone}"
[http]
listen = "127.0.0.1:0"
public_url = "https://shipgate.example.com"
[limits]
{limits}
[store]
url = "sqlite://shipgate.db"
[slack]
transport = "{transport}"
api_url = "{slack_api}"
team = "T0123"
{slack}
[github]
api_url = "{github_api}"
[announce]
{announce}
[people.ada]
slack = "U0ADA"
github = "ada"
[people.grace]
slack = "U0GRACE"
github = "grace"
[people.linus]
slack = "U0LINUS"
[groups]
deployers = ["ada", "linus", "grace"]
release-managers = ["grace", "slack:S0RELEASE"]
[services.api]
default = true
provider = "github"
repo = "{REPO}"
workflow = "{WORKFLOW}"
ref = "main"
inputs = {{ {inputs} }}
[environments.staging]
deployers = ["deployers"]
{staging}
[environments.production]
aliases = ["prod"]
deployers = ["deployers"]
{production}
{more}
"#
        )
    }
}

/// Slack with its people, GitHub with `acme/api`: tags v1.2.1 to v1.2.3 on `main`, green checks, a deploy workflow.
pub async fn world() -> World {
    let world = World::start().await.expect("loopback ports are free");
    let slack = &world.slack;
    for (id, name) in
        [("U0ADA", "ada"), ("U0GRACE", "grace"), ("U0LINUS", "linus"), ("U0EVE", "eve"), ("U0MAX", "max")]
    {
        slack.add_person(Person::new(id, name));
    }
    let mut guest = Person::new("U0GUEST", "guest");
    guest.team = Some("T9999".into());
    guest.is_restricted = true;
    slack.add_person(guest);
    slack.add_group(Group::new("S0RELEASE", "release-managers", &["U0MAX"]));
    let github = &world.github;
    github.add_repo(REPO);
    github.add_workflow(REPO, workflow());
    for (number, version, what) in
        [(1, "v1.2.1", "Sort the basket"), (2, "v1.2.2", "Faster search"), (3, "v1.2.3", "Gift cards")]
    {
        release(&world, number, version, what);
    }
    world
}

/// One more green version on `main`; returns its commit.
pub fn release(world: &World, number: u64, version: &str, what: &str) -> String {
    let github = &world.github;
    let sha = github.commit(REPO, "main", &format!("{what} (#{number})"), "ada");
    github.set_tag(REPO, version, &sha);
    github.add_pull(REPO, &sha, number, what, "ada");
    github.set_check(REPO, &sha, "test", Some("success"));
    sha
}

/// The workflow as `Setup::default` expects it.
pub fn workflow() -> Workflow {
    let mut workflow = Workflow::deploy(WORKFLOW);
    workflow.inputs = Some(vec![
        Input::required("deployment_id"),
        Input::required("sha"),
        Input::required("environment"),
        Input::required("version"),
    ]);
    workflow.jobs = vec![
        JobPlan::new("build", &["Set up job", "Check out", "Build"]),
        JobPlan::new("test", &["Set up job", "Test"]),
        JobPlan::new("deploy", &["Set up job", "Roll out", "Smoke test"]),
    ];
    workflow
}

/// Settings without a chat platform and without a store: each command that needs one gets it from the test.
#[allow(dead_code, reason = "tests/kill has no use for it")]
pub const NO_CHAT: &str = r#"
timezone = "UTC"
[github]
[announce]
channel = "C0DEPLOYS"
[people]
ada = { slack = "U0ADA" }
[groups]
deployers = ["ada"]
[services.api]
provider = "github"
repo = "acme/api"
workflow = "deploy.yml"
ref = "main"
inputs = { sha = "{sha}", deployment_id = "{deploy}" }
[environments.staging]
checks = "none"
deployers = ["deployers"]
"#;
