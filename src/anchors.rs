//! Anchors in a file: signed, appended, read back, and compared with a database before it is worked on. Not here: when
//! an anchor is due (`selfcheck`), what an anchor is (`domain::audit`), or how a line is signed (`line`).

mod line;
#[cfg(test)]
mod tests;

pub use line::Seal;

use anyhow::Context as _;
use jiff::Timestamp;
use line::{Line, Signed, What};
use shipgate_app::ports::Store;
use shipgate_domain::audit::Anchor;
use shipgate_domain::audit::Verifier;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

/// Longer than any line that Shipgate writes.
const LONGEST_LINE: u64 = 64 * 1024;

/// How each of them begins.
const BEGIN: &[u8] = br#"{"what":""#;

/// A file to which anchors are appended.
#[derive(Clone, Debug)]
pub struct AnchorFile {
    path: PathBuf,
}

/// What a whole file says.
#[derive(Debug, Default)]
pub struct Anchors {
    /// Every anchor that counts.
    pub anchors: Vec<Anchor>,
    /// Lines that are no anchors, or whose signature is wrong.
    pub problems: Vec<String>,
    /// Numbers of lines that were cut off while they were written.
    pub cut: Vec<usize>,
    /// How many are signed by the key that was asked for, or by the one they name.
    pub signed: usize,
}

impl AnchorFile {
    /// Makes sure that the file can be appended to.
    ///
    /// # Errors
    /// It cannot; the message says what to do.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        let file = Self { path: path.to_owned() };
        file.appending().with_context(|| {
            format!(
                "cannot append to the anchor file {}: give Shipgate the right to, or correct `audit.anchor_file`",
                path.display()
            )
        })?;
        Ok(file)
    }

    fn appending(&self) -> io::Result<File> {
        may_hold_anchors(&self.path)?;
        OpenOptions::new().append(true).create(true).open(&self.path)
    }

    /// Appends an anchor; it is on disk when this returns.
    pub fn append(&self, anchor: &Anchor, seal: Option<&Seal>) -> io::Result<()> {
        self.append_line(What::Anchor(anchor.clone()), seal)
    }

    /// Writes down that people restored a backup whose head is this, so that anchors of rows it lost are void.
    pub fn append_restored(
        &self,
        seq: u64,
        hash: &str,
        at: Timestamp,
        seal: Option<&Seal>,
    ) -> io::Result<()> {
        self.append_line(What::Restored { seq, hash: hash.to_owned(), at }, seal)
    }

    fn append_line(&self, what: What, seal: Option<&Seal>) -> io::Result<()> {
        let mut text = serde_json::to_string(&Line::new(what, seal)).map_err(io::Error::other)?;
        text.push('\n');
        // A line that a crash cut off stays alone.
        if self.is_cut_off().is_ok_and(|is_cut_off| is_cut_off) {
            text.insert(0, '\n');
        }
        let mut file = self.appending()?;
        file.write_all(text.as_bytes())?;
        file.sync_data()
    }

    fn is_cut_off(&self) -> io::Result<bool> {
        let mut file = File::open(&self.path)?;
        let mut last = [b'\n'];
        if file.seek(SeekFrom::End(0))? > 0 {
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
        }
        Ok(last != [b'\n'])
    }

    /// The newest anchor that counts, if there is one. With `key`, only what it signed counts, once it has signed
    /// anything. The newest is the one that names the latest time: an old line that is appended again stays old.
    pub fn newest(&self, key: Option<&str>) -> io::Result<Option<Anchor>> {
        let mut file = BufReader::new(File::open(&self.path)?);
        let (mut places, mut from, mut text) = (Vec::new(), 0, Vec::new());
        while let length @ 1.. = read_line(&mut file, &mut text)? as u64 {
            if let Ok(line) = serde_json::from_slice::<Line>(&text) {
                places.push((line.at(), from));
            }
            from += length;
            text.clear();
        }
        places.sort_unstable();
        let mut newest = None;
        for (_, from) in places.into_iter().rev() {
            file.seek(SeekFrom::Start(from))?;
            text.clear();
            read_line(&mut file, &mut text)?;
            let line: Line = serde_json::from_slice(&text)?;
            if key.is_none() || line.signed(key) == Signed::Yes {
                return Ok(line.what.head());
            }
            newest = newest.or(Some(line));
        }
        Ok(newest.and_then(|line| line.what.head()))
    }

    /// Reads a whole file. With `key`, only what it signed counts.
    pub fn read(path: &Path, key: Option<&str>) -> anyhow::Result<Anchors> {
        let unreadable = || format!("cannot read the anchors in {}", path.display());
        let mut file = BufReader::new(File::open(path).with_context(unreadable)?);
        let mut reading = Reading { key, counting: Vec::new(), problems: Vec::new(), cut: Vec::new() };
        let (mut number, mut line) = (0, Vec::new());
        while read_line(&mut file, &mut line).with_context(unreadable)? > 0 {
            number += 1;
            let text = line.trim_ascii();
            if !text.is_empty() {
                reading.take(number, text);
            }
            line.clear();
        }
        let Reading { counting, problems, cut, .. } = reading;
        let signed = counting.iter().filter(|(_, key)| key.is_some()).count();
        let anchors = counting.into_iter().map(|(anchor, _)| anchor).collect();
        Ok(Anchors { anchors, problems, cut, signed })
    }
}

/// Whether anchors may be appended to what is there. Devices and pipes keep nothing, and some of them can be read for
/// ever; a line in the middle of another file destroys it.
pub fn may_hold_anchors(path: &Path) -> io::Result<()> {
    match std::fs::metadata(path) {
        Ok(there) if !there.is_file() => return Err(io::Error::other("it is no regular file")),
        Ok(there) if there.len() == 0 => return Ok(()),
        Ok(_) => {}
        // It is made when something is appended; everything else says why then.
        Err(_) => return Ok(()),
    }
    let file = match File::open(path) {
        // Whoever may only append is not asked to read.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Ok(()),
        opened => opened?,
    };
    let (mut file, mut line) = (BufReader::new(file), Vec::new());
    while read_line(&mut file, &mut line)? > 0 {
        let text = line.trim_ascii();
        // A crash leaves half a line, or blocks of nothing: what is left of a line may be the first of the file.
        let is_cut_off = text.starts_with(BEGIN) || BEGIN.starts_with(text);
        let is_blank = text.iter().all(|byte| *byte == 0);
        if !is_cut_off && !is_blank {
            return Err(io::Error::other("it holds something else than anchors"));
        }
        if !is_blank {
            break;
        }
        line.clear();
    }
    Ok(())
}

/// Adds the next line, and says how long it is. What has no lines, such as a device, is no anchor file.
fn read_line(file: &mut impl io::BufRead, line: &mut Vec<u8>) -> io::Result<usize> {
    let length = file.take(LONGEST_LINE).read_until(b'\n', line)?;
    if length as u64 == LONGEST_LINE && !line.ends_with(b"\n") {
        return Err(io::Error::other("it has a line longer than any anchor: it is another file"));
    }
    Ok(length)
}

/// A file that is being read.
struct Reading<'a> {
    key: Option<&'a str>,
    /// Anchors, and by which key each is signed.
    counting: Vec<(Anchor, Option<String>)>,
    problems: Vec<String>,
    cut: Vec<usize>,
}

impl Reading<'_> {
    fn take(&mut self, number: usize, text: &[u8]) {
        let line = match serde_json::from_slice::<Line>(text) {
            Ok(line) => line,
            // Half a line, or what a power cut left where one was to be. Whoever wants an anchor gone can take its whole
            // line away: a half one proves nothing against anybody.
            Err(error) if error.is_eof() || text.iter().all(|byte| *byte == 0) => {
                return self.cut.push(number);
            }
            Err(error) => return self.problems.push(format!("line {number} is no anchor ({error})")),
        };
        let by = match line.signed(self.key) {
            Signed::Yes => self.key.map(str::to_owned).or(line.key),
            Signed::Not => None,
            Signed::Wrong => {
                let what = &line.what;
                return self
                    .problems
                    .push(format!("line {number}: {what} is not signed by the key it should be"));
            }
        };
        match line.what {
            What::Anchor(anchor) => self.counting.push((anchor, by)),
            What::Restored { seq, at, .. } => {
                // Not what was anchored since: an old line that is appended again voids nothing new.
                let is_lost = |anchor: &Anchor| anchor.seq > seq && anchor.at <= at;
                let is_of_another = |key: &Option<String>| key.is_some() && *key != by;
                if self.counting.iter().any(|(anchor, key)| is_lost(anchor) && is_of_another(key)) {
                    let what = &line.what;
                    return self.problems.push(format!(
                        "line {number}: {what} is not signed by the key of the anchors that it would make void"
                    ));
                }
                self.counting.retain(|(anchor, _)| !is_lost(anchor));
            }
        }
    }
}

/// What the newest anchor says of a database that is behind it, or is another one.
///
/// # Errors
/// The database or the file cannot be read.
pub async fn behind(
    store: &dyn Store,
    file: &AnchorFile,
    seal: Option<&Seal>,
) -> anyhow::Result<Option<String>> {
    let key = seal.map(Seal::public_key);
    let newest = file
        .newest(key.as_deref())
        .with_context(|| format!("cannot read the anchor file {}", file.path.display()))?;
    let Some(anchor) = newest else { return Ok(None) };
    let rows = store.audit(anchor.seq.saturating_sub(1), 1).await?;
    Ok(match rows.first().filter(|row| row.seq == anchor.seq) {
        Some(row) if row.hash == anchor.hash => None,
        Some(_) => Some(format!(
            "the record in the database is another one than was anchored at {}: row {} has another hash",
            anchor.at, anchor.seq
        )),
        None => Some(format!(
            "the record in the database ends before row {}, which was anchored at {}",
            anchor.seq, anchor.at
        )),
    })
}

/// Ends the start of a database that is behind its anchors.
///
/// # Errors
/// It is, and the message says what to do; or something cannot be read.
pub async fn refuse_if_behind(
    store: &dyn Store,
    file: &AnchorFile,
    seal: Option<&Seal>,
) -> anyhow::Result<()> {
    let Some(why) = behind(store, file, seal).await? else { return Ok(()) };
    anyhow::bail!(
        "{why}. The database was restored from a backup, cut, or rewritten, and does not know what was started since. \
         Nothing was started. If a backup was restored on purpose, follow “After restoring a backup” in \
         docs/operating.md and start with `shipgate serve --restored`; if not, keep the database as it is and run \
         `shipgate audit verify` on it"
    )
}

/// Writes down that people begin again from this database, if it is behind its anchors: those of rows that it lost are
/// void from now on.
///
/// # Errors
/// Its own chain is broken, or something cannot be read or written.
pub async fn accept_restored(
    store: &dyn Store,
    file: &AnchorFile,
    seal: Option<&Seal>,
    now: Timestamp,
) -> anyhow::Result<()> {
    const PAGE: u32 = 1000;
    let Some(why) = behind(store, file, seal).await? else { return Ok(()) };
    let mut verifier = Verifier::default();
    loop {
        let rows = store.audit(verifier.head().0, PAGE).await?;
        for row in &rows {
            verifier.check(row)?;
        }
        if rows.len() < PAGE as usize {
            break;
        }
    }
    let (seq, hash) = verifier.head();
    file.append_restored(seq, hash, now, seal)?;
    tracing::warn!("begun again from a database that was restored to row {seq}: {why}");
    Ok(())
}
