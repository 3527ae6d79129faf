//! `shipgate audit`: verify, export, key. Not here: what is wrong with a record, or what a register says
//! (`domain::audit`).

mod columns;
mod export;
mod file;
mod names;

use crate::anchors::{AnchorFile, Seal};
use crate::output::{print, tell};
use crate::settings::{self, Settings, environment};
use clap::Subcommand;
use export::Export;
use jiff::Timestamp;
use shipgate_app::ports::Store;
use shipgate_app::selfcheck::compare_all;
use shipgate_domain::audit::{Anchor, Inspector};
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

/// Rows read at once.
const PAGE: u32 = 1000;
/// On a long record somebody is told how far it is after so many rows.
const TELL_EVERY: u64 = 50_000;
/// So many findings are told one by one.
const SHOWN: usize = 20;

/// What can be done with the record.
#[derive(Debug, Subcommand)]
pub enum Audit {
    /// Checks every row, the chain, the anchors, what the rows say, and every deploy, lock and freeze against them.
    Verify {
        /// File with anchors; `audit.anchor_file` of the settings when it is left out.
        #[arg(long, value_name = "FILE")]
        anchors: Option<PathBuf>,
        /// An anchor copied from chat; may be given several times.
        #[arg(long = "anchor", value_name = "SEQ:HASH")]
        anchor: Vec<String>,
        /// Only lines of the file that this key signed count; that of SHIPGATE_ANCHOR_KEY when it is left out.
        #[arg(long, value_name = "HEX", value_parser = public_key)]
        public_key: Option<String>,
    },
    /// Writes the record for auditors: one line for each deploy, or every entry.
    Export(Export),
    /// Prints the public half of SHIPGATE_ANCHOR_KEY, for those who verify.
    Key,
}

/// A public key as `shipgate audit key` prints it.
fn public_key(text: &str) -> Result<String, String> {
    if text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Ok(text.to_ascii_lowercase());
    }
    Err("a public key is 64 hex digits: give what `shipgate audit key` prints on the machine that signs"
        .into())
}

/// The public half of the key in the environment.
///
/// # Errors
/// There is none, or it is no key.
pub fn key() -> anyhow::Result<String> {
    own_key()?.ok_or_else(|| {
        anyhow::anyhow!(
            "SHIPGATE_ANCHOR_KEY is not set: make one with `openssl rand -hex 32` and put it into the environment"
        )
    })
}

fn own_key() -> anyhow::Result<Option<String>> {
    let seed = settings::anchor_key(&environment)?;
    Ok(seed.as_ref().and_then(Seal::from_seed).map(|seal| seal.public_key()))
}

/// Does what was said.
pub async fn run(store: &dyn Store, config: &Path, command: &Audit, json: bool) -> anyhow::Result<()> {
    match command {
        Audit::Key => print(key()?),
        Audit::Verify { anchors, anchor, public_key } => {
            let key = match public_key {
                Some(key) => Some(key.clone()),
                None => own_key()?,
            };
            let mut given = Given::default();
            match (anchors, Settings::audit(config, &environment).anchor_file) {
                (Some(file), _) => given.read(file, key.as_deref())?,
                (None, Some(file)) if file.exists() => given.read(&file, key.as_deref())?,
                (None, Some(file)) => given.silent = Some(format!("{} does not exist", file.display())),
                (None, None) if public_key.is_some() => anyhow::bail!(
                    "--public-key says whose lines of an anchor file count, and there is no such file here or in the \
                     settings: name it with --anchors FILE"
                ),
                (None, None) => {}
            }
            for text in anchor {
                let (seq, hash) = Anchor::parse(text)?;
                given.anchors.push((seq, hash, None));
            }
            verify(store, given, json).await
        }
        Audit::Export(export) => export::run(store, config, export).await,
    }
}

/// What was written down elsewhere.
#[derive(Default)]
struct Given {
    anchors: Vec<(u64, String, Option<Timestamp>)>,
    problems: Vec<String>,
    /// Lines that a crash cut off: they say nothing, and accuse nobody.
    cut: Vec<String>,
    /// A file that should hold anchors and holds none: why.
    silent: Option<String>,
    signed: usize,
}

impl Given {
    fn read(&mut self, file: &Path, key: Option<&str>) -> anyhow::Result<()> {
        let read = AnchorFile::read(file, key)?;
        let name = file.display();
        if read.anchors.is_empty() && read.problems.is_empty() {
            self.silent = Some(format!("{name} holds no anchor that counts"));
        }
        self.anchors.extend(read.anchors.into_iter().map(|a| (a.seq, a.hash, Some(a.at))));
        self.problems.extend(read.problems.iter().map(|problem| format!("{name}, {problem}")));
        self.cut.extend(read.cut.iter().map(|line| format!("{name}, line {line}")));
        self.signed += read.signed;
        Ok(())
    }

    /// Why nothing was compared, although somebody expects it. A record without entries has no anchors.
    fn why_silent(&self, rows: u64) -> Option<&str> {
        self.silent.as_deref().filter(|_| rows > 0)
    }
}

async fn verify(store: &dyn Store, given: Given, json: bool) -> anyhow::Result<()> {
    let mut inspector = Inspector::default();
    for (seq, hash, _) in &given.anchors {
        inspector.expect_anchor(*seq, hash);
    }
    let compared = inspect(store, &mut inspector).await?;
    inspector.end();
    let told =
        if json { in_json(&inspector, &given, compared)? } else { in_words(&inspector, &given, compared) };
    print(told)?;
    if !inspector.findings().is_empty() || !given.problems.is_empty() {
        anyhow::bail!(
            "the record is not sound: {}, {} that cannot be believed",
            counted(inspector.findings().len() as u64, "finding", "findings"),
            counted(given.problems.len() as u64, "anchor", "anchors")
        )
    }
    if let Some(why) = given.why_silent(inspector.head().0) {
        anyhow::bail!(
            "{why}, so nothing was compared with it: whoever emptied or removed it could have rewritten the whole record. A \
             Shipgate that was started just now writes its first anchor within a minute; otherwise find out who \
             can write that file, and verify with anchors that were copied elsewhere: --anchors FILE or \
             --anchor SEQ:HASH"
        )
    }
    Ok(())
}

/// Reads the whole record and compares every stored row with it. Says how many rows were compared.
pub async fn inspect(store: &dyn Store, inspector: &mut Inspector) -> anyhow::Result<u64> {
    take_all(store, inspector).await?;
    let compared = compare_all(store, inspector).await?;
    // What was written meanwhile is no difference: the record tells of it by now.
    take_all(store, inspector).await?;
    inspector.settle();
    Ok(compared)
}

/// Reads every row, and tells whoever watches how far it is.
async fn take_all(store: &dyn Store, inspector: &mut Inspector) -> anyhow::Result<()> {
    let is_watched = std::io::stderr().is_terminal();
    loop {
        let (head, _) = inspector.head();
        let rows = store.audit(head, PAGE).await?;
        rows.iter().for_each(|row| inspector.take(row));
        let now = inspector.head().0;
        if is_watched && now / TELL_EVERY > head / TELL_EVERY {
            let findings = counted(inspector.findings().len() as u64, "finding", "findings");
            tell(format_args!("… {now} entries checked, {findings}"));
        }
        if rows.len() < PAGE as usize || now <= head {
            return Ok(());
        }
    }
}

fn in_json(inspector: &Inspector, given: &Given, compared: u64) -> anyhow::Result<String> {
    let (rows, head) = inspector.head();
    let is_sound = inspector.findings().is_empty() && given.problems.is_empty();
    let is_compared = given.why_silent(rows).is_none();
    Ok(serde_json::to_string(&serde_json::json!({
        "verified": is_sound && is_compared,
        "rows": rows,
        "head": head,
        "compared": compared,
        "anchors": given.anchors.len(),
        "signed": given.signed,
        "findings": inspector.findings(),
        "anchor_problems": given.problems,
        "cut_anchors": given.cut,
    }))?)
}

fn in_words(inspector: &Inspector, given: &Given, compared: u64) -> String {
    let (rows, head) = inspector.head();
    let findings = inspector.findings();
    let newest = given.anchors.iter().max_by_key(|(seq, ..)| *seq);
    if findings.is_empty() && given.problems.is_empty() {
        let anchored = match (newest, given.why_silent(rows)) {
            (None, Some(why)) => format!("No anchor was compared: {why}."),
            (None, None) => {
                "No anchors were given: whoever can write the database could have rewritten all of it. \
                             Name them with --anchors FILE or --anchor SEQ:HASH."
                    .to_owned()
            }
            (Some((seq, _, at)), _) => {
                let at = at.map(|at| format!(" of {at}")).unwrap_or_default();
                let anchors = counted(given.anchors.len() as u64, "anchor agrees", "anchors agree");
                let signed = given.signed;
                format!(
                    "{anchors} ({signed} signed); the newest{at} is of row {seq}. Rows after it are only chained."
                )
            }
        };
        let entries = counted(rows, "entry", "entries");
        return format!(
            "The chain of {entries} is whole. Its head is {head}.\n{} with it.\n{anchored}{}",
            counted(compared, "stored row that gates read agrees", "stored rows that gates read agree"),
            in_words_cut(given)
        );
    }
    let mut told = format!("The record of {} is NOT sound.\n", counted(rows, "entry", "entries"));
    for finding in findings.iter().take(SHOWN) {
        told.push_str(&format!("  - {finding}\n"));
    }
    if findings.len() > SHOWN {
        told.push_str(&format!("  - and {} more: --json has all\n", findings.len() - SHOWN));
    }
    for problem in given.problems.iter().take(SHOWN) {
        told.push_str(&format!("  - anchors: {problem}\n"));
    }
    let mut meanings: Vec<&str> = findings.iter().map(|finding| finding.kind.meaning()).collect();
    if !given.problems.is_empty() {
        meanings.push("Somebody wrote into the file of anchors, or another key signed them.");
    }
    meanings.sort_unstable();
    meanings.dedup();
    told.push_str(&format!("What it means: {}\n", meanings.join(" ")));
    told.push_str(
        "What to do: let nothing be deployed, keep a copy of the database and its -wal file as they are, and find out \
         who could write them. Check backups in the same way, newest first: the newest sound one, together with the \
         anchors, says which entries were changed. Compare what really runs with `/shipgate status`.",
    );
    told.push_str(&in_words_cut(given));
    told
}

/// What is said of lines that a crash cut off.
fn in_words_cut(given: &Given) -> String {
    let Some(first) = given.cut.first() else { return String::new() };
    let more = match given.cut.len() - 1 {
        0 => String::new(),
        more => format!(" (and {more} more)"),
    };
    format!(
        "\n{first}{more} is cut: Shipgate, or its machine, probably crashed while it was written. It says nothing; the \
         other lines were checked."
    )
}

/// "1 finding", "3 findings".
fn counted(n: u64, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}
