//! Looking at a database without a right to write, and at files that may be none. Not here: opening one to work on it
//! (`open`).

use super::fault::Fault;
use super::open::{self, OpenError};
use rusqlite::{Connection, OpenFlags};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How every SQLite file begins. Source: sqlite.org, “Database File Format”, §1.3.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// Makes sure that a file is there and is a database of Shipgate, without touching it or its folder.
pub(super) fn check_ours(path: &Path, named_by: &'static str) -> Result<(), OpenError> {
    let failed = |source| OpenError::File { path: path.to_owned(), source };
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(OpenError::Missing { path: path.to_owned(), named_by });
        }
        Err(source) => return Err(failed(source)),
    };
    let not_ours = |found: &str| OpenError::NotOurs { path: path.to_owned(), found: found.into(), named_by };
    if file.metadata().map_err(failed)?.is_dir() {
        return Err(not_ours("it is a folder"));
    }
    // Everything of a young database may still be in its log.
    let has_log = length(&beside(path, "-wal")).is_some_and(|length| length > 0);
    let mut magic = Vec::new();
    file.by_ref().take(MAGIC.len() as u64).read_to_end(&mut magic).map_err(failed)?;
    match magic.as_slice() {
        [] if has_log => return Ok(()),
        [] => return Err(not_ours("it is empty")),
        begins if begins == MAGIC => {}
        _ => return Err(not_ours("it is no SQLite file")),
    }
    drop(file);
    let tables =
        |sql: &str| -> rusqlite::Result<bool> { unchanging(path)?.query_row(sql, [], |row| row.get(0)) };
    // One that only lost some of its tables is ours all the same, and is told which.
    let ours = "SELECT count(*) > 1 FROM sqlite_schema
                WHERE type = 'table' AND name IN ('shipgate_migrations', 'deploys', 'effects', 'audit')";
    match tables(ours) {
        Ok(false) if !has_log => Err(not_ours("it holds none of its tables")),
        // What is wrong with it is found, and said, when it is opened.
        Ok(_) | Err(_) => Ok(()),
    }
}

/// A connection for somebody who may not write: neither the file nor beside it.
pub(super) fn connect(path: &Path) -> Result<Connection, OpenError> {
    let failed = |error: rusqlite::Error| OpenError::Database { path: path.to_owned(), source: error.into() };
    let (log, shared) = (length(&beside(path, "-wal")), length(&beside(path, "-shm")));
    // Where nobody works on the file, it is all there is. SQLite then wants neither a log nor locks.
    let db = if log.is_none() || (log == Some(0) && shared.is_none()) {
        unchanging(path).map_err(failed)?
    } else {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Connection::open_with_flags(path, flags).map_err(failed)?;
        db.busy_timeout(Duration::from_secs(5)).map_err(failed)?;
        let looked = db.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()));
        looked.map_err(|error| match Fault::from(error) {
            Fault::Disk { detail } => OpenError::LogBeside { path: path.to_owned(), detail },
            source => OpenError::Database { path: path.to_owned(), source },
        })?;
        db
    };
    open::settle(&db).map_err(failed)?;
    Ok(db)
}

/// Whether the file itself may be written.
pub(super) fn is_writable(path: &Path) -> bool {
    OpenOptions::new().write(true).open(path).is_ok()
}

/// A file that nobody changes meanwhile. Source: sqlite.org, “Uniform Resource Identifiers”, `immutable`.
fn unchanging(path: &Path) -> rusqlite::Result<Connection> {
    let mut address = String::from("file:");
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' => address.push(char::from(*byte)),
            byte if byte.is_ascii_alphanumeric() => address.push(char::from(*byte)),
            byte => address.push_str(&format!("%{byte:02X}")),
        }
    }
    address.push_str("?mode=ro&immutable=1");
    let flags =
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    Connection::open_with_flags(address, flags)
}

fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

fn length(path: &Path) -> Option<u64> {
    fs::metadata(path).ok().map(|file| file.len())
}
