//! Where the database is and how to get there: `postgres://` addresses. Not here: going there (`connect`).

use std::path::PathBuf;
use std::str::FromStr as _;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

/// Whether what is said to the database is encrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Encryption {
    /// It is not: the database is on this machine, or somebody asked for it.
    None,
    /// It is, and the server's certificate is checked to be for its name, by the system's authorities or by those
    /// in a file.
    Checked(Option<PathBuf>),
}

/// The address of a PostgreSQL database. It holds the password, so it is never printed.
#[derive(Clone)]
pub struct Address {
    pub(super) config: Config,
    pub(super) encryption: Encryption,
}

impl std::fmt::Debug for Address {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        to.debug_struct("Address").field("place", &self.place()).finish_non_exhaustive()
    }
}

/// An address that cannot be used. It says why without repeating the address, which may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadAddress(pub String);

impl Address {
    /// Reads `postgres://USER@HOST:PORT/DATABASE?sslmode=…`; a password from elsewhere replaces the one in it.
    ///
    /// # Errors
    /// See [`BadAddress`].
    pub fn read(url: &str, password: Option<&str>) -> Result<Self, BadAddress> {
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err(bad("an address begins with postgres://"));
        }
        let (plain, options) = url.split_once('?').unwrap_or((url, ""));
        let (mut mode, mut authorities) = (None, None);
        let mut rest = Vec::new();
        for option in options.split('&').filter(|option| !option.is_empty()) {
            match option.split_once('=') {
                Some(("sslmode", value)) => mode = Some(value),
                Some(("sslrootcert", value)) => authorities = Some(PathBuf::from(value.replace("%2F", "/"))),
                Some(("options", _)) => {
                    return Err(bad(
                        "`options` is of no use here: behind a pooler, settings of a session belong to nobody. \
                         Set them for the role: ALTER ROLE … SET …",
                    ));
                }
                _ => rest.push(option),
            }
        }
        let url = format!("{plain}?{}", rest.join("&"));
        // What the parser says names the part that is wrong, never its value.
        let mut config = Config::from_str(&url).map_err(|error| {
            let why = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
            bad(format!("the address cannot be read ({why})"))
        })?;
        if config.get_user().is_none_or(str::is_empty) {
            return Err(bad("the address names no user: write postgres://USER@…"));
        }
        if config.get_dbname().is_none_or(str::is_empty) {
            return Err(bad("the address names no database: write postgres://…/DATABASE"));
        }
        if config.get_hosts().is_empty() {
            return Err(bad("the address names no server: write postgres://…@HOST/…"));
        }
        if let Some(password) = password {
            config.password(password);
        }
        let encryption = encryption(&config, mode, authorities)?;
        config.ssl_mode(match encryption {
            Encryption::None => SslMode::Disable,
            Encryption::Checked(_) => SslMode::Require,
        });
        config.application_name("shipgate");
        Ok(Self { config, encryption })
    }

    /// Server and database, for people: no user, no password.
    #[must_use]
    pub fn place(&self) -> String {
        let ports = self.config.get_ports();
        let port = |index: usize| ports.get(index).or(ports.first()).copied().unwrap_or(5432);
        let hosts: Vec<String> = self
            .config
            .get_hosts()
            .iter()
            .enumerate()
            .map(|(index, host)| match host {
                Host::Tcp(name) => format!("{name}:{}", port(index)),
                Host::Unix(folder) => folder.display().to_string(),
            })
            .collect();
        format!("the database {} at {}", self.config.get_dbname().unwrap_or_default(), hosts.join(", "))
    }

    /// Whether the address itself holds a password.
    #[must_use]
    pub fn has_password(&self) -> bool {
        self.config.get_password().is_some()
    }

    /// The role that it connects as.
    #[must_use]
    pub fn user(&self) -> &str {
        self.config.get_user().unwrap_or_default()
    }

    /// Its command line for the programs of PostgreSQL: without the password.
    #[must_use]
    pub fn for_programs(&self) -> String {
        let host = match self.config.get_hosts().first() {
            Some(Host::Tcp(name)) => name.clone(),
            Some(Host::Unix(folder)) => folder.display().to_string(),
            None => "localhost".to_owned(),
        };
        let port = self.config.get_ports().first().copied().unwrap_or(5432);
        let database = self.config.get_dbname().unwrap_or_default();
        format!("--host={host} --port={port} --username={} {database}", self.user())
    }
}

fn bad(why: impl Into<String>) -> BadAddress {
    BadAddress(why.into())
}

fn encryption(
    config: &Config,
    mode: Option<&str>,
    authorities: Option<PathBuf>,
) -> Result<Encryption, BadAddress> {
    let is_here = config.get_hosts().iter().all(|host| match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => {
            let bare = name.trim_start_matches('[').trim_end_matches(']');
            name == "localhost" || bare.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
        }
    });
    match mode {
        Some("disable") => Ok(Encryption::None),
        None if is_here && authorities.is_none() => Ok(Encryption::None),
        None | Some("require" | "verify-full") => Ok(Encryption::Checked(authorities)),
        Some("allow" | "prefer" | "verify-ca") => Err(bad(
            "`sslmode` is `verify-full` (also called `require` here: the certificate is always checked) or \
             `disable`; what lies between protects from nobody who can change what is sent",
        )),
        Some(_) => Err(bad("`sslmode` is `verify-full`, `require` or `disable`")),
    }
}
