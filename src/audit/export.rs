//! The record for auditors: a register with one line for each deploy, or every entry; as CSV or JSON Lines. Not here:
//! what a line says (`domain::audit::Register`). The columns are described in docs/audit.md, which a test compares.

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use jiff::Timestamp;
use shipgate_app::ports::Store;
use shipgate_domain::audit::{Actor, Entry, Filed, Register, Row, Verifier};
use shipgate_domain::ids::DeployId;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

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
    /// Only what came before this.
    #[arg(long, value_name = "TIME", value_parser = instant)]
    until: Option<Timestamp>,
    /// Only this environment.
    #[arg(long, value_name = "NAME")]
    environment: Option<String>,
    /// Only this service.
    #[arg(long, value_name = "NAME")]
    service: Option<String>,
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
pub async fn run(store: &dyn Store, export: &Export) -> anyhow::Result<()> {
    let out: Box<dyn Write> = match &export.output {
        None => Box::new(std::io::stdout().lock()),
        Some(path) => {
            let file = File::create_new(path)
                .with_context(|| format!("cannot write {}: name a new file", path.display()))?;
            Box::new(file)
        }
    };
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
            if let Some(Entry { deploy: Some(id), event, data, .. }) = &entry
                && matches!(event.as_str(), "requested" | "imported")
            {
                services.insert(id.clone(), data["service"].as_str().unwrap_or_default().to_owned());
                deploys.push(id.clone());
            }
            if export.what == What::Entries && export.wants_entry(entry.as_ref(), &services) {
                match export.format {
                    Format::Jsonl => table.json(row)?,
                    Format::Csv => table.cells(&entry_cells(row, entry.as_ref()))?,
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
            if !export.wants_deploy(&filed) {
                continue;
            }
            match export.format {
                Format::Jsonl => table.json(&filed)?,
                Format::Csv => table.cells(&DEPLOY_COLUMNS.map(|(_, cell)| cell(&filed)))?,
            }
        }
    }
    table.end()?;
    match broken {
        None => Ok(()),
        Some(error) => {
            anyhow::bail!("what was written is not sound: {error}. `shipgate audit verify` says more")
        }
    }
}

impl Export {
    fn is_in_time(&self, at: Option<Timestamp>) -> bool {
        let is_after = self.from.is_none_or(|from| at.is_some_and(|at| at >= from));
        is_after && self.until.is_none_or(|until| at.is_some_and(|at| at < until))
    }

    fn wants_deploy(&self, filed: &Filed) -> bool {
        self.is_in_time(filed.requested_at)
            && self.environment.as_ref().is_none_or(|name| *name == filed.environment)
            && self.service.as_ref().is_none_or(|name| *name == filed.service)
    }

    fn wants_entry(&self, entry: Option<&Entry>, services: &BTreeMap<DeployId, String>) -> bool {
        // What cannot be read is never left out.
        let Some(entry) = entry else { return true };
        let place = entry.environment.as_ref().map(ToString::to_string);
        let service = entry.deploy.as_ref().and_then(|id| services.get(id));
        self.is_in_time(Some(entry.at))
            && (self.environment.is_none() || self.environment == place)
            && (self.service.is_none() || self.service.as_ref() == service)
    }
}

const ENTRY_COLUMNS: [&str; 9] =
    ["row", "at", "event", "deploy", "environment", "person", "account", "data", "hash"];

fn entry_cells(row: &Row, entry: Option<&Entry>) -> Vec<String> {
    let Some(entry) = entry else {
        let cells = [row.seq.to_string(), String::new(), "unreadable".into()];
        return [cells.to_vec(), vec![String::new(); 4], vec![row.body.clone(), row.hash.clone()]].concat();
    };
    let (person, account) = match &entry.actor {
        Actor::Person { person, account } => (person.to_string(), account.to_string()),
        Actor::Shipgate => ("shipgate".into(), String::new()),
    };
    vec![
        row.seq.to_string(),
        entry.at.to_string(),
        entry.event.clone(),
        entry.deploy.as_ref().map(ToString::to_string).unwrap_or_default(),
        entry.environment.as_ref().map(ToString::to_string).unwrap_or_default(),
        person,
        account,
        entry.data.to_string(),
        row.hash.clone(),
    ]
}

type Column = (&'static str, fn(&Filed) -> String);

/// The register as a table. What is a list in JSON is one cell here, its items parted by “; ”.
const DEPLOY_COLUMNS: [Column; 42] = [
    ("deploy", |f| f.deploy.clone()),
    ("short_id", |f| f.short.clone()),
    ("kind", |f| f.kind.clone()),
    ("service", |f| f.service.clone()),
    ("environment", |f| f.environment.clone()),
    ("version", |f| f.version.clone()),
    ("commit", |f| text(&f.commit)),
    ("commit_title", |f| text(&f.commit_title)),
    ("commit_author", |f| text(&f.commit_author)),
    ("outcome", |f| f.outcome.clone()),
    ("outcome_reason", |f| text(&f.outcome_reason)),
    ("requested_at", |f| time(f.requested_at)),
    ("requested_by", |f| f.requested_by.clone()),
    ("requested_account", |f| f.requested_account.clone()),
    ("reason", |f| text(&f.reason)),
    ("emergency_reason", |f| text(&f.emergency)),
    ("approvals", |f| {
        list(&f.approvals, |a| {
            let stale = if a.is_current { "" } else { " (to older rules, does not count)" };
            format!("{} ({}) {}{stale}", a.person, a.account, a.at)
        })
    }),
    ("overrides", |f| {
        list(&f.overrides, |o| {
            let what = if o.freezes.is_empty() {
                o.gate.clone()
            } else {
                format!("{} {}", o.gate, o.freezes.join(", "))
            };
            format!("{what}: by {}", o.by.join(", "))
        })
    }),
    ("gates", |f| list(&f.gates, |g| format!("{}={} {}", g.gate, g.answer, g.code))),
    ("decided_at", |f| time(f.decided_at)),
    ("rules_version", |f| text(&f.rules)),
    ("approved_digest", |f| text(&f.digest)),
    ("attempts", |f| f.attempts.to_string()),
    ("sent_at", |f| time(f.sent_at)),
    ("started_at", |f| time(f.started_at)),
    ("ended_at", |f| time(f.ended_at)),
    ("run_url", |f| text(&f.run_url)),
    ("run", |f| text(&f.run)),
    ("run_attempt", |f| f.run_attempt.map(|n| n.to_string()).unwrap_or_default()),
    ("provider", |f| text(&f.provider)),
    ("repository", |f| text(&f.repo)),
    ("workflow", |f| text(&f.workflow)),
    ("workflow_branch", |f| text(&f.git_ref)),
    ("replaces_version", |f| text(&f.replaces_version)),
    ("replaces_commit", |f| text(&f.replaces_commit)),
    ("new_commits", |f| f.new_commits.map(|n| n.to_string()).unwrap_or_default()),
    ("compare_url", |f| text(&f.compare_url)),
    ("other_acts", |f| {
        list(&f.acts, |a| {
            let said = a.said.as_ref().map(|said| format!(": {said}")).unwrap_or_default();
            format!("{} by {} ({}) {}{said}", a.event, a.person, a.account, a.at)
        })
    }),
    ("rerun_of", |f| text(&f.rerun_of)),
    ("first_row", |f| f.first_row.to_string()),
    ("last_row", |f| f.last_row.to_string()),
    ("last_hash", |f| f.last_hash.clone()),
];

fn text(value: &Option<String>) -> String {
    value.clone().unwrap_or_default()
}

fn time(at: Option<Timestamp>) -> String {
    at.map(|at| at.to_string()).unwrap_or_default()
}

fn list<T>(items: &[T], say: impl Fn(&T) -> String) -> String {
    items.iter().map(say).collect::<Vec<_>>().join("; ")
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
