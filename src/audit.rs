//! `shipgate audit`: verify, export, key. Not here: what is wrong with a record, or what a register says
//! (`domain::audit`).

mod export;

use crate::anchors::{AnchorFile, Seal};
use crate::settings::{Settings, environment};
use clap::Subcommand;
use export::Export;
use jiff::Timestamp;
use shipgate_app::ports::Store;
use shipgate_app::selfcheck::compare_all;
use shipgate_domain::audit::{Anchor, Inspector};
use std::io::{IsTerminal as _, Write as _};
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
        /// Only anchors signed by this key count; that of SHIPGATE_ANCHOR_KEY when it is set.
        #[arg(long, value_name = "HEX")]
        public_key: Option<String>,
    },
    /// Writes the record for auditors: one line for each deploy, or every entry.
    Export(Export),
    /// Prints the public half of SHIPGATE_ANCHOR_KEY, for those who verify.
    Key,
}

/// Does what was said.
pub async fn run(store: &dyn Store, config: &Path, command: &Audit, json: bool) -> anyhow::Result<()> {
    let settings = Settings::audit(config, &environment);
    let own_key = settings.key.as_ref().and_then(Seal::from_seed).map(|seal| seal.public_key());
    match command {
        Audit::Key => match own_key {
            Some(key) => {
                writeln!(std::io::stdout(), "{key}")?;
                Ok(())
            }
            None => anyhow::bail!(
                "SHIPGATE_ANCHOR_KEY is not set: make one with `openssl rand -hex 32` and put it into the environment"
            ),
        },
        Audit::Verify { anchors, anchor, public_key } => {
            let mut given = Given::default();
            let key = public_key.as_deref().or(own_key.as_deref());
            // A file that was named must be there; the one of the settings may not have been begun yet.
            let file = anchors.clone().or(settings.anchor_file.filter(|file| file.exists()));
            if let Some(file) = file {
                given.read(&file, key)?;
            }
            for text in anchor {
                let (seq, hash) = Anchor::parse(text)?;
                given.anchors.push((seq, hash, None));
            }
            verify(store, given, json).await
        }
        Audit::Export(export) => export::run(store, export).await,
    }
}

/// What was written down elsewhere.
#[derive(Default)]
struct Given {
    anchors: Vec<(u64, String, Option<Timestamp>)>,
    problems: Vec<String>,
    signed: usize,
}

impl Given {
    fn read(&mut self, file: &Path, key: Option<&str>) -> anyhow::Result<()> {
        let read = AnchorFile::read(file, key)?;
        self.anchors.extend(read.anchors.into_iter().map(|a| (a.seq, a.hash, Some(a.at))));
        self.problems.extend(read.problems.iter().map(|problem| format!("{}, {problem}", file.display())));
        self.signed += read.signed;
        Ok(())
    }
}

async fn verify(store: &dyn Store, given: Given, json: bool) -> anyhow::Result<()> {
    let mut inspector = Inspector::default();
    for (seq, hash, _) in &given.anchors {
        inspector.expect_anchor(*seq, hash);
    }
    take_all(store, &mut inspector).await?;
    let compared = compare_all(store, &mut inspector).await?;
    // What was written meanwhile is no difference: the record tells of it by now.
    take_all(store, &mut inspector).await?;
    inspector.settle();
    inspector.end();
    let is_sound = inspector.findings().is_empty() && given.problems.is_empty();
    let mut out = std::io::stdout().lock();
    let told =
        if json { in_json(&inspector, &given, compared)? } else { in_words(&inspector, &given, compared) };
    writeln!(out, "{told}")?;
    if is_sound {
        return Ok(());
    }
    anyhow::bail!(
        "the record is not sound: {} findings, {} anchors that cannot be believed",
        inspector.findings().len(),
        given.problems.len()
    )
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
            eprintln!("… {now} entries checked, {} findings", inspector.findings().len());
        }
        if rows.len() < PAGE as usize || now <= head {
            return Ok(());
        }
    }
}

fn in_json(inspector: &Inspector, given: &Given, compared: u64) -> anyhow::Result<String> {
    let (rows, head) = inspector.head();
    let is_sound = inspector.findings().is_empty() && given.problems.is_empty();
    Ok(serde_json::to_string(&serde_json::json!({
        "verified": is_sound,
        "rows": rows,
        "head": head,
        "compared": compared,
        "anchors": given.anchors.len(),
        "signed": given.signed,
        "findings": inspector.findings(),
        "anchor_problems": given.problems,
    }))?)
}

fn in_words(inspector: &Inspector, given: &Given, compared: u64) -> String {
    let (rows, head) = inspector.head();
    let findings = inspector.findings();
    let newest = given.anchors.iter().max_by_key(|(seq, ..)| *seq);
    if findings.is_empty() && given.problems.is_empty() {
        let anchored = match newest {
            None => "No anchors were given: whoever can write the database could have rewritten all of it. \
                     Name them with --anchors FILE or --anchor SEQ:HASH."
                .to_owned(),
            Some((seq, _, at)) => {
                let at = at.map(|at| format!(" of {at}")).unwrap_or_default();
                let (count, signed) = (given.anchors.len(), given.signed);
                format!(
                    "{count} anchors agree ({signed} signed); the newest{at} is of row {seq}. Rows after it are only chained."
                )
            }
        };
        return format!(
            "The chain of {rows} entries is whole. Its head is {head}.\nThe {compared} stored deploys, locks and freezes are what it \
             says.\n{anchored}"
        );
    }
    let mut told = format!("The record of {rows} entries is NOT sound.\n");
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
    told
}
