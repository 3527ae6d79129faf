//! The command line: what can be said, and who does it. Not here: doing it.

use crate::output::{NOBODY_READS, is_unread, print, tell};
use crate::reload::Files;
use crate::wiring::SystemClock;
use crate::{audit, database, demo, online, outlook, serve, settings};
use clap::{Parser, Subcommand};
use shipgate_app::commands::{Grammar, slack_manifest};
use shipgate_app::ports::Clock as _;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// A chat-ops bot that stands between people and their deploys.
#[derive(Debug, Parser)]
#[command(name = "shipgate", version, about, arg_required_else_help = true)]
struct Cli {
    /// Settings file [default: shipgate.toml].
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Answers for programs instead of people.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Everything on this machine, in the browser, without any account.
    Demo {
        /// Where the page listens; port 0 takes a free one.
        #[arg(long, default_value = "127.0.0.1:7878", value_name = "ADDRESS")]
        listen: SocketAddr,
        /// A name of this machine by which the page may be opened, besides its numeric addresses and localhost; may be
        /// given several times.
        #[arg(long, value_name = "NAME")]
        host: Vec<String>,
    },
    /// Runs the bot.
    Serve {
        /// The database was put back from a backup: close every environment off, ask the CI systems for what it has
        /// forgotten, and let people decide.
        #[arg(long)]
        restored: bool,
    },
    /// All problems of the settings and the environment at once.
    Check {
        /// Asks Slack, GitHub and calendars too whether what the settings say of them is so. Nothing is changed anywhere.
        #[arg(long)]
        online: bool,
    },
    /// Why a moment is open for deploys or not. Ends with 0 when it is, with 3 when it is not.
    Explain(outlook::Explain),
    /// When deploys will be open and closed in the next weeks, and why.
    Simulate(outlook::Simulate),
    /// What a chat platform must be told about the app.
    Manifest {
        #[command(subcommand)]
        platform: ManifestOf,
    },
    /// The address of the calendar's feed that nobody can guess, where `[http] calendar` = "secret".
    CalendarAddress,
    /// The record of who did what.
    Audit {
        #[command(subcommand)]
        command: audit::Audit,
    },
    /// Copies the database while the bot works.
    Backup {
        /// New file.
        to: PathBuf,
    },
    /// Tables of a PostgreSQL database, and moving into one.
    Migrate {
        #[command(subcommand)]
        what: Migrate,
    },
    /// Asks a running server whether it is ready; for a container's health check.
    Healthcheck,
    /// Supervises one run of a `command` service. Started by Shipgate itself.
    #[command(name = "run-command", hide = true)]
    Supervise {
        /// The run's folder.
        folder: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
enum ManifestOf {
    /// The Slack app manifest, as JSON.
    Slack {
        /// The server's public address; read from the settings when it is left out. For transport = "http".
        #[arg(long)]
        url: Option<String>,
        /// For transport = "socket".
        #[arg(long)]
        socket: bool,
    },
}

#[derive(Debug, Subcommand)]
enum Migrate {
    /// Makes the tables in the PostgreSQL database of the settings, or brings them up to date.
    Tables {
        /// Lets this role work with them, which then needs no right to change them.
        #[arg(long, value_name = "ROLE")]
        grant_to: Option<String>,
    },
    /// Moves an installation from a SQLite file into the PostgreSQL database of the settings, completely or not at all.
    SqliteToPostgres {
        /// The file. Its Shipgate must be stopped.
        #[arg(long, value_name = "FILE")]
        from: PathBuf,
    },
}

/// The whole program.
pub fn main() -> ExitCode {
    // One TLS provider for every client, before any of them exists.
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        tell("shipgate: another TLS provider was installed first");
        return ExitCode::FAILURE;
    }
    run(Cli::parse())
}

/// Does what was said.
fn run(cli: Cli) -> ExitCode {
    if let Some(why) = in_vain(&cli) {
        tell(format_args!("shipgate: {why}"));
        return ExitCode::FAILURE;
    }
    let config = cli.config.unwrap_or_else(|| PathBuf::from("shipgate.toml"));
    match cli.command {
        Command::Demo { listen, host } => demo::main(listen, host),
        Command::Serve { restored } => serve::main(Files { config }, restored),
        Command::Check { online } => {
            let ask: Option<settings::Ask> = online.then_some(online::ask);
            let (output, code) = settings::check(&config, cli.json, ask);
            answered(print(output), code)
        }
        Command::Explain(asked) => outlook::explain(&config, &asked, cli.json, SystemClock::default().now()),
        Command::Simulate(asked) => {
            outlook::simulate(&config, &asked, cli.json, SystemClock::default().now())
        }
        Command::Manifest { platform: ManifestOf::Slack { url, socket } } => {
            match settings::Settings::commands(&config) {
                Ok(grammar) => manifest(&config, &grammar, url, socket),
                Err(problems) => {
                    tell(problems);
                    ExitCode::FAILURE
                }
            }
        }
        Command::CalendarAddress => calendar_address(&config),
        // The key is in the environment: no database is asked.
        Command::Audit { command: audit::Audit::Key } => {
            answered(audit::key().and_then(print), ExitCode::SUCCESS)
        }
        Command::Audit { command } => with_store(&config, async |settings| {
            audit::run(&*database::look_at(settings).await?, &config, &command, cli.json).await
        }),
        Command::Backup { to } => with_store(&config, async |settings| {
            database::backup(settings, &to, SystemClock::default().now()).await?;
            print(format_args!("wrote {}", to.display()))
        }),
        Command::Migrate { what } => with_store(&config, async |settings| match what {
            Migrate::Tables { grant_to } => database::tables(settings, grant_to.as_deref()).await,
            Migrate::SqliteToPostgres { from } => database::move_in(settings, &from).await,
        }),
        Command::Healthcheck => healthcheck(&config),
        Command::Supervise { folder } => shipgate_pipelines::command::supervisor::main(&folder),
    }
}

/// Why what was said would have no effect, if that is so: whoever says it believes otherwise.
fn in_vain(cli: &Cli) -> Option<String> {
    let file = cli.config.as_ref().filter(|_| matches!(cli.command, Command::Demo { .. }))?;
    Some(format!(
        "the demo has rules of its own and reads no settings file, so “{}” would change nothing in it. Leave out \
         --config; to try your own rules out, use `shipgate check`, `shipgate explain` and `shipgate simulate`",
        file.display()
    ))
}

fn manifest(config: &Path, grammar: &Grammar, url: Option<String>, socket: bool) -> ExitCode {
    if socket && url.is_some() {
        tell("shipgate: --socket needs no address; leave out --url, or --socket");
        return ExitCode::FAILURE;
    }
    if let Some(url) = url.as_deref().filter(|url| !url.starts_with("https://")) {
        tell(format_args!("shipgate: “{url}” is no public address for Slack; write https://…"));
        return ExitCode::FAILURE;
    }
    let read = settings::Settings::read(config, &settings::environment).ok();
    let is_socket = socket
        || read
            .as_ref()
            .and_then(|s| s.slack.as_ref())
            .is_some_and(|slack| matches!(slack.transport, settings::SlackTransport::Socket { .. }));
    let url = url.or_else(|| read.as_ref().map(|s| s.http.public_url.clone()));
    if !is_socket && url.is_none() {
        tell(
            "shipgate: Slack must know this server's public address, and neither --url nor [http] public_url names it.\n\
             The manifest below has a placeholder in its place; or use --socket, which needs no address.",
        );
    }
    let manifest = slack_manifest(grammar, url.as_deref(), is_socket);
    let text = serde_json::to_string_pretty(&manifest).expect("a manifest is plain data");
    answered(print(text), ExitCode::SUCCESS)
}

/// For whoever may read the settings and the key: they could make the address themselves.
fn calendar_address(config: &Path) -> ExitCode {
    match settings::Settings::read(config, &settings::environment) {
        Ok(settings) => match settings.http.secret_feed() {
            Some(address) => answered(print(address), ExitCode::SUCCESS),
            None => {
                tell(
                    "shipgate: the calendar has no secret address. Write calendar = \"secret\" under [http] and set \
                     SHIPGATE_CALENDAR_KEY (`openssl rand -hex 32`).",
                );
                ExitCode::FAILURE
            }
        },
        Err(problems) => {
            tell(problems);
            ExitCode::FAILURE
        }
    }
}

/// Does something with the database that the settings name.
fn with_store(
    config: &Path,
    work: impl AsyncFnOnce(&settings::StoreSettings) -> anyhow::Result<()>,
) -> ExitCode {
    let settings = match settings::Settings::store(config, &settings::environment) {
        Ok(settings) => settings,
        Err(problems) => {
            tell(problems);
            return ExitCode::FAILURE;
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime.map_err(anyhow::Error::from).and_then(|runtime| runtime.block_on(work(&settings))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if is_unread(&error) => ExitCode::from(NOBODY_READS),
        Err(error) => {
            tell(format_args!("shipgate: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// How a command ends that has its answer: with its own code, unless the answer could not be given.
fn answered(printed: anyhow::Result<()>, code: ExitCode) -> ExitCode {
    match printed {
        Ok(()) => code,
        Err(error) => {
            tell(format_args!("shipgate: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// A plain request over loopback: the image needs no other program for its health check.
fn healthcheck(config: &Path) -> ExitCode {
    let listen = settings::Settings::read(config, &settings::environment)
        .map_or_else(|_| SocketAddr::from(([127, 0, 0, 1], 8080)), |settings| settings.http.listen);
    let address =
        if listen.ip().is_unspecified() { SocketAddr::from(([127, 0, 0, 1], listen.port())) } else { listen };
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(2))?;
        stream.set_read_timeout(Some(Duration::from_secs(3)))?;
        write!(stream, "GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.take(16 * 1024).read_to_string(&mut answer)?;
        Ok(answer)
    };
    match ask() {
        Ok(answer) if answer.starts_with("HTTP/1.1 200") => ExitCode::SUCCESS,
        Ok(answer) => {
            tell(format_args!("shipgate: not ready: {}", answer.lines().last().unwrap_or_default()));
            ExitCode::FAILURE
        }
        Err(error) => {
            tell(format_args!("shipgate: no answer from {address}: {error}"));
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_settings_file_for_the_demo_is_refused_and_for_everything_else_is_not() {
        let said = |words: &[&str]| in_vain(&Cli::try_parse_from(words).expect("it can be said"));
        for words in [
            ["shipgate", "--config", "/nonexistent.toml", "demo"],
            ["shipgate", "demo", "--config", "/nonexistent.toml"],
        ] {
            let why = said(&words).expect("a refusal");
            assert!(why.contains("/nonexistent.toml") && why.contains("shipgate explain"), "{why}");
        }
        assert_eq!(said(&["shipgate", "demo"]), None);
        assert_eq!(said(&["shipgate", "--config", "other.toml", "check"]), None);
    }
}
