//! `shipgate demo`: everything on this machine, in the browser. Real rules, real deploys of a small site, a clock that
//! can be moved. Not here: the page (`shipgate-web`), the rules (`demo/shipgate.toml`).

mod clock;
mod demo_time;
mod history;
mod repository;
mod sites;

use crate::database;
use crate::live::Live;
use crate::outlook::Served;
use crate::output::{print, tell};
use crate::selfcheck::{Anchoring, Lookout, Status};
use crate::serve::{Operations, commands, keep_house, rules, run_until_stopped};
use crate::settings::{LogFormat, LogSettings, Settings};
use crate::telemetry;
use crate::wiring::{Intake, SystemRandom};
use anyhow::Context as _;
use clock::{DemoClock, DemoTimes};
use demo_time::InDemoTime;
use shipgate_app::commands::Grammar;
use shipgate_app::limits::Rates;
use shipgate_app::ports::{Clock, Providers, Store};
use shipgate_app::{App, Ports};
use shipgate_domain::ids::{Account, Platform};
use shipgate_domain::policy::Provider;
use shipgate_store::postgres::Opening;
use shipgate_web::playground::{Channel, CommandHint, Person, Playground, PlaygroundSettings, World};
use shipgate_web::server::Hosts;
use shipgate_web::{calendar, ops};
use sites::DemoSites;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Whom a visitor can be: name in the settings, name to show, role.
const PEOPLE: [(&str, &str, &str); 4] = [
    ("ada", "Ada", "developer"),
    ("grace", "Grace", "release manager"),
    ("linus", "Linus", "release manager"),
    ("mallory", "Mallory", "in no group, may only look"),
];
const SUGGESTIONS: [&str; 6] = [
    "/deploy production v1.2.3",
    "/deploy staging v1.3.0",
    "/deploy status",
    "/rollback production",
    "/when production",
    "/deploy help",
];

/// Runs until it is stopped. The page may be opened by these names too.
pub fn main(listen: SocketAddr, hosts: Vec<String>) -> ExitCode {
    let filter = std::env::var("SHIPGATE_LOG").unwrap_or_else(|_| "warn".into());
    telemetry::logs(&LogSettings { filter, format: LogFormat::Human });
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let ran =
        runtime.context("cannot start the runtime").and_then(|runtime| runtime.block_on(run(listen, hosts)));
    match ran {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell(format_args!("shipgate: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn run(listen: SocketAddr, hosts: Vec<String>) -> anyhow::Result<()> {
    let stop = CancellationToken::new();
    stop_with_the_terminal(stop.clone())?;
    let listener = TcpListener::bind(listen).await.with_context(|| {
        format!(
            "cannot listen on {listen}. Is another demo running? Try `shipgate demo --listen 127.0.0.1:0`"
        )
    })?;
    let folder =
        tempfile::Builder::new().prefix("shipgate-demo-").tempdir().context("cannot make a folder")?;
    let root = folder.path();
    let settings = settings(root)?;
    let versions = repository::create(&root.join("site"))?;
    sites::prepare(root, &versions)?;

    let zone = settings.policy.zone.clone();
    let clock = Arc::new(DemoClock::starting_on_a_quiet_tuesday(&settings.policy));
    let store: Arc<dyn Store> = database::open(&settings.store, Opening::Work, clock.now()).await?;
    let intake = Arc::new(Intake::new(store.clone(), clock.clone(), Rates::default()));
    let figures = telemetry::figures(&stop)?;
    let rules = rules(&settings);
    history::write(store.as_ref(), &rules, &versions, clock.now()).await?;

    let times = Arc::new(DemoTimes::new(clock.clone(), zone, &rules.policy));
    let world = World {
        sink: intake.clone(),
        sites: Arc::new(DemoSites::new(root)),
        clock: times.clone(),
        open_times: times.clone(),
    };
    let page = Playground::new(page(&rules.grammar), world, stop.clone());
    let commands = Arc::new(commands(root.join("runs"))?);
    let ports = Ports {
        store: store.clone(),
        chat: Arc::new(page.clone()),
        providers: Providers::default().with(
            Provider::Command,
            Arc::new(InDemoTime::new(commands.clone(), clock.clone())),
            commands,
        ),
        clock: clock.clone(),
        random: Arc::new(SystemRandom),
    };
    let app = Arc::new(App::new(rules, ports));
    let live = Live::new(app.clone());
    intake.connect(live.clone());
    times.connect(app.clone());
    app.start().await?;

    let self_check = Arc::new(Status::default());
    let operations = Operations {
        live: live.clone(),
        store: store.clone(),
        figures,
        sockets: None,
        self_check: self_check.clone(),
        rules: None,
    };
    let served = Served { live: live.clone(), clock: clock.clone() };
    let routes =
        page.routes().merge(ops::routes(Arc::new(operations))).merge(calendar::routes(Arc::new(served)));
    let mut background = tokio::task::JoinSet::new();
    background.spawn(app.clone().run(stop.clone()));
    let lookout = Lookout::new(live, Anchoring::default(), self_check, clock.clone());
    background.spawn(lookout.keep_looking(stop.clone()));
    background.spawn(times.clone().keep_calendar(stop.clone()));
    background.spawn(keep_house(store, clock, stop.clone()));
    let address = listener.local_addr()?;
    greet(address, root)?;
    let served = run_until_stopped(listener, routes, Hosts::called(hosts), stop, background).await;
    drop(folder);
    served
}

/// Somebody who closes the terminal is done: the folder goes away as after Ctrl-C. Waits for it from the first moment
/// on, before there is a folder that could stay behind.
fn stop_with_the_terminal(stop: CancellationToken) -> anyhow::Result<()> {
    let mut hangup = signal(SignalKind::hangup()).context("cannot wait for SIGHUP")?;
    tokio::spawn(async move {
        if hangup.recv().await.is_some() {
            stop.cancel();
        }
    });
    Ok(())
}

fn greet(address: SocketAddr, root: &Path) -> anyhow::Result<()> {
    print(format_args!(
        "\n  Shipgate's demo is at  http://{address}/\n\n\
         \x20 Say  /deploy production v1.2.3  there, then be Grace and approve it.\n\
         \x20 It needs no account and no network. Everything is in {} and goes with it.\n\
         \x20 Ctrl-C, or closing the terminal, ends it.\n",
        root.display()
    ))?;
    Ok(())
}

/// The demo's settings, with everybody's account on the page.
fn settings(root: &Path) -> anyhow::Result<Settings> {
    let file = root.join("shipgate.toml");
    let text = format!(
        "{}\n[store]\nurl = \"sqlite://{}\"\n",
        include_str!("demo/shipgate.toml").replace("./site", &root.join("site").display().to_string()),
        root.join("shipgate.db").display()
    );
    std::fs::write(&file, text).context("cannot write the demo's settings")?;
    let mut settings = Settings::read(&file, &|_| None)
        .map_err(|problems| anyhow::anyhow!("the demo's own settings are wrong:\n{problems}"))?;
    for (id, account) in PEOPLE.iter().map(|(id, ..)| (*id, account(id))) {
        let person = id.parse().context("a name of the demo")?;
        settings.policy.people.link(person, account);
    }
    Ok(settings)
}

fn account(id: &str) -> Account {
    Account { platform: Platform::Playground, id: id.to_owned() }
}

/// Who is there and what can be said.
fn page(grammar: &Grammar) -> PlaygroundSettings {
    let commands = grammar.commands().iter().flat_map(|command| {
        let page = grammar.help(Some(&command.name)).ok();
        page.into_iter().flat_map(move |page| {
            page.usage
                .iter()
                .map(|line| {
                    let (command, usage) = line.split_once(' ').unwrap_or((line, ""));
                    CommandHint {
                        command: command.to_owned(),
                        usage: usage.to_owned(),
                        summary: page.summary.clone(),
                        examples: page.examples.clone(),
                    }
                })
                .collect::<Vec<_>>()
        })
    });
    PlaygroundSettings {
        people: PEOPLE
            .iter()
            .filter_map(|(id, name, role)| {
                Some(Person {
                    id: id.parse().ok()?,
                    name: (*name).to_owned(),
                    role: (*role).to_owned(),
                    account: account(id),
                })
            })
            .collect(),
        channels: vec![Channel {
            name: "#deployments".into(),
            purpose: "Every deploy of the coffee site: asked for, judged, approved, announced".into(),
        }],
        groups: BTreeMap::new(),
        commands: commands.collect(),
        suggestions: SUGGESTIONS.iter().map(|s| (*s).to_owned()).collect(),
    }
}
