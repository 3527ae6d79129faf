//! The installation of these tests: places that people contend for, and people of each place. Not here: the processes
//! (`replica`).

use shipgate_world::World;
use shipgate_world::github::{Input, JobPlan, Workflow};
use shipgate_world::slack::Person;
use std::fmt::Write as _;

/// The repository of the service `api`.
pub const REPO: &str = "acme/api";
/// Its workflow.
pub const WORKFLOW: &str = "deploy.yml";
/// The channel of cards and results.
pub const DEPLOYMENTS: &str = "deployments";

/// How Slack reaches the replicas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Through the balancer.
    Http,
    /// Over sockets that the replicas open, any of which gets the next envelope.
    Socket,
}

/// The people of a place: two who ask, two who approve. Nobody acts in two places, so no limit for one person is met.
pub fn people(place: usize) -> [String; 4] {
    ["asks", "begs", "nods", "agrees"].map(|name| format!("{name}{place}"))
}

/// The name of a place.
pub fn place_name(place: usize) -> String {
    format!("place{place}")
}

/// How many people must say yes in a place.
pub fn needed(place: usize) -> u32 {
    [0, 1, 2][place % 3]
}

/// The settings of all replicas.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the database is.
    pub store: String,
    /// How Slack reaches the replicas.
    pub transport: Transport,
    /// How many places there are.
    pub places: usize,
    /// More tables.
    pub more: String,
}

impl Settings {
    /// The whole file.
    pub fn to_toml(&self, world: &World) -> String {
        let transport = match self.transport {
            Transport::Http => "http",
            Transport::Socket => "socket",
        };
        let slack_api = world.slack.api_url();
        let mut toml = format!(
            "timezone = \"UTC\"\n\
             [http]\nlisten = \"127.0.0.1:0\"\npublic_url = \"https://shipgate.example.com\"\n\
             [limits]\nperson_each_second = 0\nperson_each_minute = 0\nall_each_second = 0\n\
             [store]\nurl = \"{}\"\n\
             [slack]\ntransport = \"{transport}\"\napi_url = \"{}\"\nteam = \"T0123\"\napp = \"A0123\"\n\
             [github]\napi_url = \"{}\"\n\
             [announce]\nchannel = \"#{DEPLOYMENTS}\"\n\
             [reminders]\nfreeze = []\n\
             [services.api]\ndefault = true\nprovider = \"github\"\nrepo = \"{REPO}\"\nworkflow = \"{WORKFLOW}\"\n\
             inputs = {{ environment = \"{{environment}}\", version = \"{{version}}\", sha = \"{{sha}}\", \
             deployment_id = \"{{deploy}}\" }}\n",
            self.store,
            slack_api.trim_end_matches('/'),
            world.github.url(),
        );
        let mut groups = String::from("[groups]\n");
        for place in 0..self.places {
            let all = people(place);
            for person in &all {
                let _ = writeln!(toml, "[people.{person}]\nslack = \"{}\"", account(person));
            }
            let (name, [asks, begs, nods, agrees]) = (place_name(place), all);
            let _ = writeln!(groups, "askers{place} = [\"{asks}\", \"{begs}\"]");
            let mut approvals = String::new();
            if needed(place) > 0 {
                let _ = writeln!(groups, "approvers{place} = [\"{nods}\", \"{agrees}\"]");
                let needed = needed(place);
                approvals = format!("approvals = {{ needed = {needed}, from = [\"approvers{place}\"] }}");
            }
            let _ = writeln!(
                toml,
                "[environments.{name}]\ndeployers = [\"askers{place}\"]\nchecks = \"none\"\n{approvals}"
            );
        }
        format!("{toml}{groups}{}", self.more)
    }
}

/// The Slack account of a person.
pub fn account(person: &str) -> String {
    format!("U0{}", person.to_uppercase())
}

/// Slack with the people of all places, GitHub with a repository whose runs have one job.
pub async fn world(places: usize) -> World {
    let world = World::start().await.expect("loopback ports are free");
    for person in (0..places).flat_map(people) {
        world.slack.add_person(Person::new(&account(&person), &person));
    }
    world.github.add_repo(REPO);
    let mut workflow = Workflow::deploy(WORKFLOW);
    let inputs = ["deployment_id", "sha", "environment", "version"];
    workflow.inputs = Some(inputs.map(Input::required).to_vec());
    workflow.jobs = vec![JobPlan::new("deploy", &["Roll out"])];
    world.github.add_workflow(REPO, workflow);
    // Every race has versions of its own; they may share a commit.
    let sha = world.github.commit(REPO, "main", "First", "octocat");
    world.github.set_tag(REPO, "v0", &sha);
    world
}

/// One more version, with a commit of its own.
pub fn release(world: &World, version: &str) {
    let sha = world.github.commit(REPO, "main", &format!("Change of {version}"), "octocat");
    world.github.set_tag(REPO, version, &sha);
}
