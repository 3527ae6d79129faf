//! Several replicas, what is in front of them and what is behind them. Not here: one process (`replica`).

use crate::balancer::Balancer;
use crate::proxy::Proxy;
use crate::replica::{LOOK, PATIENCE, Replica};
use crate::settings::{self, DEPLOYMENTS, Settings, Transport};
use crate::shared::read;
use shipgate_world::World;
use std::sync::Arc;
use std::time::Instant;
use tempfile::TempDir;

/// What a fleet is made of.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How many replicas.
    pub replicas: usize,
    /// How Slack reaches them.
    pub transport: Transport,
    /// How many places people contend for.
    pub places: usize,
    /// The name of the database on a server; `None` for a file.
    pub database: Option<String>,
    /// The port behind the wires: the server's or the pooler's.
    pub port: u16,
}

/// Replicas on one database, with the models of Slack and GitHub around them.
pub struct Fleet {
    /// The replicas.
    pub replicas: Vec<Replica>,
    /// Slack and GitHub.
    pub world: Arc<World>,
    /// In front of the replicas.
    pub balancer: Balancer,
    /// What it is made of.
    pub plan: Plan,
    folder: TempDir,
    environment: Vec<(&'static str, String)>,
}

impl Fleet {
    /// Writes settings; starts nothing.
    pub async fn prepare(plan: Plan) -> Self {
        let world = Arc::new(settings::world(plan.places).await);
        world.slack.use_socket(plan.transport == Transport::Socket);
        let balancer = Balancer::start().await;
        world.set_target(&balancer.url());
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (slack, github) = (world.slack.config(), world.github.config());
        let environment = vec![
            ("SLACK_BOT_TOKEN", slack.bot_token.clone()),
            ("GITHUB_TOKEN", github.token.clone()),
            ("DATABASE_PASSWORD", shipgate_cluster::PASSWORD.to_owned()),
            ("GITHUB_WEBHOOK_SECRET", github.webhook_secret.clone()),
            ("SHIPGATE_LOG", "info,shipgate=debug,shipgate_app=debug,shipgate_store=debug".to_owned()),
            ("SHIPGATE_LOG_FORMAT", "json".to_owned()),
            match plan.transport {
                Transport::Http => ("SLACK_SIGNING_SECRET", slack.signing_secret.clone()),
                Transport::Socket => ("SLACK_APP_TOKEN", slack.app_token.clone()),
            },
        ];
        let mut replicas = Vec::new();
        for number in 0..plan.replicas {
            let wire = match plan.database {
                Some(_) => Some(Proxy::start(plan.port).await),
                None => None,
            };
            let name = folder.path().join(format!("replica-{number}"));
            replicas.push(Replica::new(name, environment.clone(), wire));
        }
        let fleet = Self { replicas, world, balancer, plan, folder, environment };
        (0..fleet.replicas.len()).for_each(|number| fleet.write_settings(number, ""));
        fleet
    }

    /// Writes settings and starts every replica.
    pub async fn start(plan: Plan) -> Self {
        let mut fleet = Self::prepare(plan).await;
        fleet.replicas.iter_mut().for_each(Replica::spawn);
        for number in 0..fleet.replicas.len() {
            fleet.joins(number).await;
        }
        fleet
    }

    /// The settings that a replica reads at its next start, with more tables.
    pub fn write_settings(&self, number: usize, more: &str) {
        let replica = &self.replicas[number];
        let store = match (&self.plan.database, &replica.wire) {
            (Some(database), Some(wire)) => address(database, wire.port()),
            _ => "sqlite://shipgate.db".to_owned(),
        };
        let settings = self.settings(store, more);
        replica.write_settings(&settings.to_toml(&self.world));
    }

    /// Starts a replica and puts it behind the balancer.
    pub async fn run(&mut self, number: usize) {
        self.replicas[number].spawn();
        self.joins(number).await;
    }

    /// The same, for the last act of a trouble.
    pub async fn run_at_the_end(mut self, number: usize) -> Self {
        self.run(number).await;
        self
    }

    /// Waits until a started replica is up and puts it behind the balancer.
    pub async fn joins(&mut self, number: usize) {
        self.replicas[number].is_up().await;
        self.balancer.put(number, self.replicas[number].address());
    }

    /// Somebody who reads the record by the command line, past the wires; it never serves.
    pub fn looker(&self) -> Replica {
        let looker = Replica::new(self.folder.path().join("looker"), self.environment.clone(), None);
        let store = match &self.plan.database {
            Some(database) => address(database, self.plan.port),
            None => format!("sqlite://{}", self.replicas[0].folder().join("shipgate.db").display()),
        };
        looker.write_settings(&self.settings(store, "").to_toml(&self.world));
        looker
    }

    fn settings(&self, store: String, more: &str) -> Settings {
        let Plan { transport, places, .. } = self.plan;
        Settings { store, transport, places, more: more.to_owned() }
    }

    /// Waits until `check` finds what it looks for in the models.
    pub async fn until<T>(&self, what: &str, mut check: impl FnMut(&World) -> Option<T>) -> T {
        let give_up = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = check(&self.world) {
                return found;
            }
            assert!(Instant::now() < give_up, "this did not come: {what}\n{}", self.picture());
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Everything that helps to see why something did not come.
    pub fn picture(&self) -> String {
        let mut picture = format!("\n--- #{DEPLOYMENTS}\n");
        for message in self.world.slack.messages(DEPLOYMENTS) {
            let thread = if message.thread_ts.is_some() { "  ↳ " } else { "" };
            let key = crate::people::key_of(&message);
            picture.push_str(&format!("{thread}[{key}] {}\n", read::message(&message)));
        }
        picture.push_str("--- private\n");
        for private in self.world.slack.ephemerals() {
            picture.push_str(&format!("[{}] {}\n", private.user, read::private(&private)));
        }
        for (number, replica) in self.replicas.iter().enumerate() {
            picture.push_str(&format!("--- replica {number}, running: {}\n", replica.is_running()));
            let log = replica.log();
            let lines: Vec<&str> = log.lines().filter(|line| line.contains("shipgate")).collect();
            picture.push_str(&lines[lines.len().saturating_sub(25)..].join("\n"));
            picture.push('\n');
        }
        picture
    }
}

/// The address of a database behind this port of this machine; the password stands elsewhere.
fn address(database: &str, port: u16) -> String {
    format!("postgres://{}@127.0.0.1:{port}/{database}", shipgate_cluster::OWNER)
}
