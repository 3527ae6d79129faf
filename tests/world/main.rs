//! The models as a process of their own, so that they survive when Shipgate is killed. It prints its addresses as one
//! line of JSON and runs until it is stopped; it keeps nothing on disk.

use std::time::Duration;

use clap::Parser;
use serde_json::json;
use shipgate_world::github::Workflow;
use shipgate_world::slack::{Group, Person};
use shipgate_world::{World, WorldConfig, control};

/// Working models of Slack and GitHub on loopback ports.
#[derive(Parser)]
#[command(name = "shipgate-world")]
struct Options {
    /// Port of Slack; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    slack_port: u16,
    /// Port of GitHub; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    github_port: u16,
    /// Port of the control API; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    control_port: u16,
    /// Where Shipgate listens, for instance http://127.0.0.1:8080.
    #[arg(long)]
    target: Option<String>,
    /// Milliseconds between the steps of every run; without it runs move by the control API only.
    #[arg(long)]
    auto_ms: Option<u64>,
    /// Deliver people's input by Socket Mode.
    #[arg(long)]
    socket: bool,
    /// Start empty: no people, no repository.
    #[arg(long)]
    empty: bool,
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let options = Options::parse();
    let config = WorldConfig {
        slack_port: options.slack_port,
        github_port: options.github_port,
        target: options.target,
        ..WorldConfig::default()
    };
    let world = World::start_with(config).await?;
    world.slack.use_socket(options.socket);
    if !options.empty {
        furnish(&world);
    }
    let control = control::start(options.control_port, &world).await?;
    let addresses = json!({
        "slack": world.slack.url(), "github": world.github.url(), "control": format!("http://{control}/_control"),
        "slack_bot_token": world.slack.config().bot_token, "slack_app_token": world.slack.config().app_token,
        "slack_signing_secret": world.slack.config().signing_secret, "github_token": world.github.config().token,
        "github_webhook_secret": world.github.config().webhook_secret,
    });
    println!("{addresses}");
    let Some(every) = options.auto_ms else {
        return tokio::signal::ctrl_c().await;
    };
    let mut steps = tokio::time::interval(Duration::from_millis(every.max(1)));
    loop {
        tokio::select! {
            stopped = tokio::signal::ctrl_c() => return stopped,
            _ = steps.tick() => world.github.tick().await,
        }
    }
}

/// Three people, a group, and `acme/shop` with three versions and a deploy workflow.
fn furnish(world: &World) {
    for (id, name) in [("U0ANN", "ann"), ("U0BEN", "ben"), ("U0EVE", "eve")] {
        world.slack.add_person(Person::new(id, name));
    }
    world.slack.add_group(Group::new("S0RELEASE", "release-managers", &["U0BEN"]));
    let github = &world.github;
    github.add_repo("acme/shop");
    github.add_workflow("acme/shop", Workflow::deploy("deploy.yml"));
    for (number, version, what) in
        [(1, "v1.2.1", "Sort the basket"), (2, "v1.2.2", "Faster search"), (3, "v1.2.3", "Gift cards")]
    {
        let sha = github.commit("acme/shop", "main", &format!("{what} (#{number})"), "ann");
        github.set_tag("acme/shop", version, &sha);
        github.add_pull("acme/shop", &sha, number, what, "ann");
        github.set_check("acme/shop", &sha, "test", Some("success"));
    }
}
