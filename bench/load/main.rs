//! Load and soak on the finished binary, from outside: a full installation, slow systems around it, and as many commands
//! as are asked for. Loopback only, bounded in time. Not here: the comparison with Bolt (`shipgate-bench`).

mod fair;
mod models;
mod sample;
mod server;
mod soak;

use anyhow::{Context as _, Result, bail};
use clap::{Args, Parser, Subcommand};
use jiff::Timestamp;
use models::Mood;
use rusqlite::Connection;
use sample::{Sample, Watch};
use server::Server;
use shipgate_bench::arrive::{self, Arrivals, Outcome};
use shipgate_bench::check;
use shipgate_bench::line::{ACME, Said, Signed, signed};
use shipgate_bench::seed::{self, Size};
use shipgate_cluster::Cluster;
use shipgate_store::postgres::{Address, Opening};
use shipgate_store::{PostgresStore, SqliteStore};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Load and soak.
#[derive(Debug, Parser)]
#[command(name = "shipgate-load")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Args)]
struct Common {
    /// The binary to measure.
    #[arg(long)]
    shipgate: PathBuf,
    /// A new folder on a real disk.
    #[arg(long)]
    folder: PathBuf,
    /// The database: a file in the folder, the address of an empty PostgreSQL, or `postgres` for a temporary server.
    #[arg(long, default_value = "sqlite://shipgate.db")]
    store: String,
    /// Leaves the database empty.
    #[arg(long)]
    empty: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Commands by a schedule, on a full database, with slow systems around.
    Steady {
        #[command(flatten)]
        common: Common,
        /// Commands a second.
        #[arg(long, default_value_t = 200)]
        rate: u32,
        /// For so long.
        #[arg(long, default_value_t = 60)]
        seconds: u64,
        /// How long Slack and GitHub take for each answer.
        #[arg(long, default_value_t = 300)]
        slow_ms: u64,
    },
    /// As many commands as are acknowledged.
    Flat {
        #[command(flatten)]
        common: Common,
        /// Connections, each with one command at a time.
        #[arg(long, default_value_t = 128)]
        connections: u32,
        /// For so long.
        #[arg(long, default_value_t = 15)]
        seconds: u64,
    },
    /// Ten thousand messages to twenty channels, one of which is told 429.
    Fair {
        #[command(flatten)]
        common: Common,
        /// For so long.
        #[arg(long, default_value_t = 30)]
        seconds: u64,
    },
    /// Hours of commands with faults of the systems around, and a look at memory and descriptors.
    Soak {
        #[command(flatten)]
        common: Common,
        /// For so long.
        #[arg(long, default_value_t = 30)]
        minutes: u64,
        /// Commands a second.
        #[arg(long, default_value_t = 20)]
        rate: u32,
        /// Kills the process so often, with SIGKILL.
        #[arg(long)]
        kill_every_minutes: Option<u64>,
        /// Where a chart goes, as SVG.
        #[arg(long)]
        chart: Option<PathBuf>,
    },
    /// Fills a database and starts nothing.
    Seed {
        /// A new SQLite file.
        file: PathBuf,
        /// Deploys that are over, each with ten messages that were delivered.
        #[arg(long, default_value_t = FULL.past)]
        past: u32,
        /// Deploys that are not over.
        #[arg(long, default_value_t = FULL.deploys)]
        deploys: u32,
        /// Messages that are due.
        #[arg(long, default_value_t = FULL.messages)]
        messages: u32,
        /// Rows of the audit log.
        #[arg(long, default_value_t = FULL.audit)]
        audit: u32,
    },
}

/// A full installation on a bad day.
const FULL: Size = Size { past: 20_000, deploys: 50_000, running: 1_000, messages: 10_000, audit: 1_000_000 };

fn main() -> Result<()> {
    match Cli::parse().command {
        Command::Steady { common, rate, seconds, slow_ms } => steady(&common, rate, seconds, slow_ms),
        Command::Flat { common, connections, seconds } => flat(&common, connections, seconds),
        Command::Fair { common, seconds } => fair::run(Bench::begin(&common, 50)?, seconds),
        Command::Soak { common, minutes, rate, kill_every_minutes, chart } => {
            let plan = soak::Plan { minutes, rate, kill_every_minutes, chart };
            soak::run(Bench::begin(&common, 50)?, &plan)
        }
        Command::Seed { file, past, deploys, messages, audit } => {
            fill(&file, Size { past, deploys, messages, audit, ..FULL })
        }
    }
}

/// A running Shipgate with the world around it.
struct Bench {
    mood: Arc<Mood>,
    server: Server,
    folder: PathBuf,
    store: String,
    password: String,
}

impl Bench {
    fn begin(common: &Common, slow_ms: u64) -> Result<Self> {
        let mood = Arc::new(Mood::default());
        let outside = models::start(&mood).context("cannot stand in for Slack and GitHub")?;
        let folder = &common.folder;
        let mut temporary = None;
        let (store, password) = match common.store.as_str() {
            // It ends with this process.
            "postgres" => {
                let server: &Cluster = Box::leak(Box::new(Cluster::start()));
                let (user, port, database) = (shipgate_cluster::OWNER, server.port(), server.database());
                let url = format!("postgres://{user}@127.0.0.1:{port}/{}", database.name());
                temporary = Some(database);
                (url, shipgate_cluster::PASSWORD.to_owned())
            }
            named => (named.to_owned(), std::env::var("DATABASE_PASSWORD").unwrap_or_default()),
        };
        if folder.exists() {
            bail!("{} is there already: name a new folder", folder.display());
        }
        let mut server = Server::prepare(&common.shipgate, folder, &store, &password, outside)?;
        if !common.empty {
            match store.strip_prefix("sqlite://") {
                Some(file) => fill(&folder.join(file), FULL)?,
                None => fill_postgres(&store, &password, FULL)?,
            }
        }
        // A million rows that came within a minute make the server tidy up for the next: no installation is like that.
        if let Some(database) = temporary {
            database.sql("VACUUM (ANALYZE)");
            database.sql("CHECKPOINT");
        }
        mood.delay.store(slow_ms, Ordering::Relaxed);
        let took = server.start()?;
        println!("start to first acknowledged command: {:.0} ms", took.as_secs_f64() * 1000.0);
        Ok(Self { mood, server, folder: folder.clone(), store, password })
    }

    /// Stops, and says what became of everything. Fails if anything that was acknowledged is not there.
    fn end(mut self, outcome: &Outcome) -> Result<()> {
        self.server.stop()?;
        let missing = check::missing(&self.store, &self.password, &self.folder, &outcome.acknowledged)?;
        let is_whole = self.server.audit_is_whole()?;
        println!("acknowledged and not in the database: {missing}");
        println!("record of who did what: {}", if is_whole { "whole" } else { "BROKEN" });
        if missing > 0 || !is_whole {
            bail!("a promise was broken; everything is kept in {}", self.folder.display());
        }
        Ok(())
    }
}

fn fill(file: &Path, size: Size) -> Result<()> {
    let store = SqliteStore::open(file, now())?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    runtime.block_on(seed::fill(&store, size, now()))?;
    drop(store);
    // What was said once keeps its key for ever.
    Connection::open(file)?.execute(
        "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ?1)
         INSERT INTO effects (key, effect, lane, repeat, state, due, asked, attempts, ended_at)
         SELECT 'past/' || n, '', 'chat', 'once', 'done', n, n, 1, n FROM n WHERE ?1 > 0",
        [size.past * 10],
    )?;
    Ok(())
}

fn fill_postgres(url: &str, password: &str, size: Size) -> Result<()> {
    let address =
        Address::read(url, Some(password)).context("`--store` is not the address of a PostgreSQL")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let store = PostgresStore::open(address, Opening::Work, now()).await?;
        seed::fill(&store, size, now()).await?;
        Ok(())
    })
}

#[allow(clippy::disallowed_methods, reason = "a measuring tool lives in real time")]
fn now() -> Timestamp {
    Timestamp::now()
}

/// What people say: half of them ask, a fifth want a deploy.
fn command(to: SocketAddr, slack: SocketAddr, n: u64) -> Signed {
    let small = u32::try_from(n % 1_000_000_007).unwrap_or_default();
    let (service, environment) = (seed::service(small / 3), seed::environment(small / 7));
    let user = format!("U0LOAD{:02}", n % u64::from(seed::PEOPLE));
    let (command, text) = match n % 10 {
        0..4 => ("/shipgate", format!("status {service} {environment}")),
        4..6 => ("/when", format!("{service} {environment}")),
        6..8 => ("/shipgate", format!("history {service} {environment}")),
        _ => ("/deploy", format!("{service} {environment} v9.{n}.0")),
    };
    signed(ACME, to, &Said { user: &user, command, text: &text, number: n + 1, slack })
}

fn steady(common: &Common, rate: u32, seconds: u64, slow_ms: u64) -> Result<()> {
    let bench = Bench::begin(common, slow_ms)?;
    let (to, slack) = (bench.server.address, bench.server.outside);
    let watch = Watch::begin(bench.server.pid()?, Duration::from_millis(500));
    let arrivals = Arrivals::Each { second: rate };
    let time = Duration::from_secs(seconds);
    let outcome = arrive::run(to, arrivals, 64, time, &|n| command(to, slack, n));
    let samples = watch.end();
    println!("{rate} commands a second for {seconds} s, answers of Slack and GitHub take {slow_ms} ms");
    tell(&outcome, &samples);
    println!("messages delivered meanwhile: {}", bench.mood.delivered());
    bench.end(&outcome)
}

fn flat(common: &Common, connections: u32, seconds: u64) -> Result<()> {
    let bench = Bench::begin(common, 0)?;
    let (to, slack) = (bench.server.address, bench.server.outside);
    let (pid, me) = (bench.server.pid()?, std::process::id());
    let before = (sample::look(pid)?, sample::look(me)?);
    let watch = Watch::begin(pid, Duration::from_millis(500));
    let time = Duration::from_secs(seconds);
    let outcome = arrive::run(to, Arrivals::FlatOut, connections, time, &|n| command(to, slack, n));
    let samples = watch.end();
    let after = (sample::look(pid)?, sample::look(me)?);
    let each = |busy: Duration| busy.as_secs_f64() * 1e6 / outcome.times.len().max(1) as f64;
    println!("flat out for {seconds} s over {connections} connections");
    println!("acknowledged: {:.0} a second", outcome.times.len() as f64 / outcome.took.as_secs_f64());
    println!(
        "time on the processors for each: Shipgate {:.0} µs, generator and models {:.0} µs",
        each(after.0.busy.saturating_sub(before.0.busy)),
        each(after.1.busy.saturating_sub(before.1.busy))
    );
    tell(&outcome, &samples);
    bench.end(&outcome)
}

fn tell(outcome: &Outcome, samples: &[Sample]) {
    println!("acknowledged: {}, not: {}", outcome.times.len(), outcome.failed.len());
    for why in outcome.failed.iter().take(5) {
        println!("  {why}");
    }
    let at = |part| outcome.quantile(part);
    println!(
        "milliseconds: p50 {:.2}, p90 {:.2}, p99 {:.2}, p99.9 {:.2}, slowest {:.2}",
        at(0.5),
        at(0.9),
        at(0.99),
        at(0.999),
        outcome.longest()
    );
    let most = |of: fn(&Sample) -> u64| samples.iter().map(of).max().unwrap_or_default();
    println!(
        "resident memory at most {:.1} MiB, descriptors at most {}, threads {}",
        most(|s| s.memory) as f64 / 1024.0,
        most(|s| s.descriptors as u64),
        most(|s| s.threads)
    );
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!("load of the machine: {}", load.split(' ').take(3).collect::<Vec<_>>().join(" "));
}
