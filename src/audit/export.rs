//! The record for auditors: a register with one line for each deploy, or every entry; as CSV or JSON Lines. Not here:
//! the columns of the register (`columns`). All columns are described in docs/audit.md, which a test compares.

use super::columns::{DEPLOY_COLUMNS, text, time};
use super::file::NewFile;
use super::names::Wanted;
use clap::{Args, ValueEnum};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use shipgate_app::ports::Store;
use shipgate_domain::audit::{Actor, BrokenChain, Entry, Filed, Register, Row, Verifier};
use shipgate_domain::ids::{DeployId, EnvironmentName};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// Rows read at once.
const PAGE: u32 = 1000;

/// What is written, and how.
#[derive(Debug, Args)]
pub struct Export {
    /// One line for each deploy, or every entry of the record.
    #[arg(value_enum, default_value_t = What::Entries)]
    what: What,
    /// Table for spreadsheets, or one JSON object a line.
    #[arg(long, value_enum, default_value_t = Format::Jsonl)]
    format: Format,
    /// Only what was asked for (deploys) or happened (entries) at or after this: 2026-11-01 or 2026-11-01T08:00:00Z.
    #[arg(long, value_name = "TIME", value_parser = instant)]
    from: Option<Timestamp>,
    /// Only what came before this; later than --from.
    #[arg(long, value_name = "TIME", value_parser = instant)]
    until: Option<Timestamp>,
    /// Only this environment: its name or alias, also one that is no longer configured.
    #[arg(long, value_name = "NAME")]
    pub(super) environment: Option<String>,
    /// Only this service.
    #[arg(long, value_name = "NAME")]
    pub(super) service: Option<String>,
    /// A new file; standard output when it is left out.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum What {
    /// The register: one line for each deploy.
    Deploys,
    /// Every entry as it is stored.
    Entries,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Csv,
    Jsonl,
}

/// An instant, or a day: its first moment in UTC.
fn instant(text: &str) -> Result<Timestamp, String> {
    let day = || {
        let date: jiff::civil::Date = text.parse().ok()?;
        Some(date.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
    };
    text.parse().ok().or_else(day).ok_or_else(|| {
        format!("“{text}” is no time: write a day such as 2026-11-01 (UTC) or an instant such as 2026-11-01T08:00:00Z")
    })
}

/// Writes what was asked for. A record that is not sound is written all the same, and said to be so.
pub async fn run(store: &dyn Store, config: &Path, export: &Export) -> anyhow::Result<()> {
    if let (Some(from), Some(until)) = (export.from, export.until)
        && from >= until
    {
        anyhow::bail!(
            "--from {from} is not before --until {until}, so nothing lies between them and nothing was written: \
             exchange them, or leave one out"
        );
    }
    let wanted = Wanted::of(store, config, export).await?;
    let broken = match &export.output {
        None => write(store, export, &wanted, std::io::stdout().lock()).await?,
        Some(path) => {
            let file = NewFile::begin(path)?;
            match write(store, export, &wanted, file.writer()).await {
                Ok(broken) => file.finish().map(|()| broken)?,
                Err(error) => return Err(file.give_up(error)),
            }
        }
    };
    match broken {
        None => Ok(()),
        Some(error) => {
            anyhow::bail!("what was written is not sound: {error}. `shipgate audit verify` says more")
        }
    }
}

/// Writes everything that is wanted. Says what is wrong with the record, if anything is.
async fn write(
    store: &dyn Store,
    export: &Export,
    wanted: &Wanted,
    out: impl Write,
) -> anyhow::Result<Option<BrokenChain>> {
    let mut table = Table::new(BufWriter::new(out), export.format);
    let mut verifier = Verifier::default();
    let mut broken = None;
    let mut deploys: Vec<DeployId> = Vec::new();
    let mut services: BTreeMap<DeployId, String> = BTreeMap::new();
    if export.what == What::Entries {
        table.heading(&ENTRY_COLUMNS)?;
    }
    let mut head = 0;
    loop {
        let rows = store.audit(head, PAGE).await?;
        for row in &rows {
            if let Err(error) = verifier.check(row) {
                broken = broken.or(Some(error));
                verifier.go_on_after(row);
            }
            let entry: Option<Entry> = serde_json::from_str(&row.body).ok();
            if let Some((id, service)) = entry.as_ref().and_then(asked_for) {
                services.insert(id.clone(), service.to_owned());
                deploys.push(id.clone());
            }
            if export.what == What::Entries && wanted.has_entry(export, entry.as_ref(), &services) {
                let line = Line::of(row, entry.as_ref());
                match export.format {
                    Format::Jsonl => table.json(&line)?,
                    Format::Csv => table.cells(&line.cells())?,
                }
            }
        }
        let last = rows.last().map_or(head, |row| row.seq);
        if rows.len() < PAGE as usize || last <= head {
            break;
        }
        head = last;
    }
    drop(services);
    if export.what == What::Deploys {
        table.heading(&DEPLOY_COLUMNS.map(|(name, _)| name))?;
        for id in deploys {
            let Some(filed) = Register::file(&id, &store.audit_of(&id).await?) else { continue };
            if !wanted.has_deploy(export, &filed) {
                continue;
            }
            match export.format {
                Format::Jsonl => table.json(&filed)?,
                Format::Csv => table.cells(&DEPLOY_COLUMNS.map(|(_, cell)| cell(&filed)))?,
            }
        }
    }
    table.end()?;
    Ok(broken)
}

/// The deploy that an entry begins, and its service.
fn asked_for(entry: &Entry) -> Option<(&DeployId, &str)> {
    let is_first = matches!(entry.event.as_str(), "requested" | "imported");
    let id = entry.deploy.as_ref().filter(|_| is_first)?;
    Some((id, entry.data["service"].as_str().unwrap_or_default()))
}

impl Export {
    fn is_in_time(&self, at: Option<Timestamp>) -> bool {
        let is_after = self.from.is_none_or(|from| at.is_some_and(|at| at >= from));
        is_after && self.until.is_none_or(|until| at.is_some_and(|at| at < until))
    }
}

impl Wanted {
    fn has_deploy(&self, export: &Export, filed: &Filed) -> bool {
        export.is_in_time(filed.requested_at)
            && has(&self.environments, Some(&filed.environment))
            && has(&self.services, Some(&filed.service))
    }

    fn has_entry(
        &self,
        export: &Export,
        entry: Option<&Entry>,
        services: &BTreeMap<DeployId, String>,
    ) -> bool {
        // What cannot be read is never left out.
        let Some(entry) = entry else { return true };
        let place = entry.environment.as_ref().map(ToString::to_string);
        let service = entry.deploy.as_ref().and_then(|id| services.get(id));
        export.is_in_time(Some(entry.at))
            && has(&self.environments, place.as_ref())
            && has(&self.services, service)
    }
}

fn has(wanted: &Option<BTreeSet<String>>, name: Option<&String>) -> bool {
    wanted.as_ref().is_none_or(|wanted| name.is_some_and(|name| wanted.contains(name)))
}

const ENTRY_COLUMNS: [&str; 11] =
    ["row", "at", "event", "deploy", "environment", "person", "account", "data", "prev", "body", "hash"];

/// One entry: readable, and as it is stored, so that its hash can be computed again.
#[derive(Serialize)]
struct Line<'a> {
    row: u64,
    at: Option<Timestamp>,
    event: &'a str,
    deploy: Option<&'a DeployId>,
    environment: Option<&'a EnvironmentName>,
    person: String,
    account: Option<String>,
    data: Option<&'a Value>,
    prev: &'a str,
    body: &'a str,
    hash: &'a str,
}

impl<'a> Line<'a> {
    fn of(row: &'a Row, entry: Option<&'a Entry>) -> Self {
        let (person, account) = match entry.map(|entry| &entry.actor) {
            None => (String::new(), None),
            Some(Actor::Person { person, account }) => (person.to_string(), Some(account.to_string())),
            Some(Actor::Shipgate) => ("shipgate".into(), None),
        };
        Self {
            row: row.seq,
            at: entry.map(|entry| entry.at),
            event: entry.map_or("unreadable", |entry| &entry.event),
            deploy: entry.and_then(|entry| entry.deploy.as_ref()),
            environment: entry.and_then(|entry| entry.environment.as_ref()),
            person,
            account,
            data: entry.map(|entry| &entry.data),
            prev: &row.prev,
            body: &row.body,
            hash: &row.hash,
        }
    }

    fn cells(&self) -> [String; 11] {
        [
            self.row.to_string(),
            time(self.at),
            self.event.to_owned(),
            self.deploy.map(ToString::to_string).unwrap_or_default(),
            self.environment.map(ToString::to_string).unwrap_or_default(),
            self.person.clone(),
            text(&self.account),
            self.data.map(ToString::to_string).unwrap_or_default(),
            self.prev.to_owned(),
            self.body.to_owned(),
            self.hash.to_owned(),
        ]
    }
}

/// Rows in one of the two forms.
enum Table<W: Write> {
    Csv(Box<csv::Writer<W>>),
    Jsonl(W),
}

impl<W: Write> Table<W> {
    fn new(out: W, format: Format) -> Self {
        match format {
            Format::Jsonl => Self::Jsonl(out),
            Format::Csv => {
                let writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(out);
                Self::Csv(Box::new(writer))
            }
        }
    }

    fn heading(&mut self, names: &[&str]) -> anyhow::Result<()> {
        match self {
            Self::Csv(csv) => Ok(csv.write_record(names)?),
            Self::Jsonl(_) => Ok(()),
        }
    }

    fn cells(&mut self, cells: &[String]) -> anyhow::Result<()> {
        if let Self::Csv(csv) = self {
            csv.write_record(cells.iter().map(|cell| inert(cell)))?;
        }
        Ok(())
    }

    fn json(&mut self, value: &impl serde::Serialize) -> anyhow::Result<()> {
        if let Self::Jsonl(out) = self {
            writeln!(out, "{}", serde_json::to_string(value)?)?;
        }
        Ok(())
    }

    fn end(self) -> anyhow::Result<()> {
        match self {
            Self::Csv(mut csv) => csv.flush()?,
            Self::Jsonl(mut out) => out.flush()?,
        }
        Ok(())
    }
}

/// A cell that no spreadsheet takes for a formula: an apostrophe keeps it text. Characters that look like the dangerous
/// ones count too, and those that hide behind blanks.
fn inert(cell: &str) -> String {
    let first = cell.trim_start().chars().next().or_else(|| cell.chars().next());
    let is_blank_first = cell.starts_with(['\t', '\r', '\n']);
    let is_dangerous =
        first.is_some_and(|c| matches!(c, '=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠' | '|' | '%'));
    if is_dangerous || is_blank_first { format!("'{cell}") } else { cell.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(rows: &[Vec<&str>]) -> String {
        let mut out = Vec::new();
        let mut table = Table::new(&mut out, Format::Csv);
        for row in rows {
            table.cells(&row.iter().map(|cell| (*cell).to_owned()).collect::<Vec<_>>()).unwrap();
        }
        table.end().unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn cells_are_quoted_as_rfc_4180_says() {
        let text = written(&[vec!["plain", "a, b", "say \"hi\"", "two\nlines", ""]]);
        assert_eq!(text, "plain,\"a, b\",\"say \"\"hi\"\"\",\"two\nlines\",\r\n");
        let mut back = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
        let cells: Vec<String> =
            back.records().next().unwrap().unwrap().iter().map(ToOwned::to_owned).collect();
        assert_eq!(cells, ["plain", "a, b", "say \"hi\"", "two\nlines", ""]);
    }

    #[test]
    fn no_cell_is_a_formula() {
        for cell in
            ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "\n=cmd|'/c calc'!A0", "＝1", "|x", "%x"]
        {
            assert!(inert(cell).starts_with('\''), "{cell:?}");
        }
        for cell in ["v1.2.3", "", "ada (slack:U0ADA)", "a=b", "2026-11-21T12:00:00Z"] {
            assert_eq!(inert(cell), cell);
        }
    }

    #[test]
    fn a_day_is_its_first_moment() {
        assert_eq!(instant("2026-11-01").unwrap(), instant("2026-11-01T00:00:00Z").unwrap());
        assert!(instant("yesterday").unwrap_err().contains("2026-11-01"));
    }

    #[test]
    fn every_column_is_described() {
        let page = include_str!("../../docs/audit.md");
        for name in DEPLOY_COLUMNS.iter().map(|(name, _)| *name).chain(ENTRY_COLUMNS) {
            assert!(page.contains(&format!("| `{name}` |")), "docs/audit.md does not describe {name}");
        }
    }
}
