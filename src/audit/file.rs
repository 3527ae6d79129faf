//! A file that is there whole or not at all: written under another name, brought to disk, then renamed. Not here: what
//! is in it.

use anyhow::Context as _;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// A new file that is being written.
pub struct NewFile {
    path: PathBuf,
    part: PathBuf,
    file: File,
}

impl NewFile {
    /// Begins to write beside the name that the file will have.
    ///
    /// # Errors
    /// Something has this name already, or nothing can be written there.
    pub fn begin(path: &Path) -> anyhow::Result<Self> {
        if path.symlink_metadata().is_ok() {
            anyhow::bail!("{} is there already, and was not touched: name a new file", path.display());
        }
        let mut name = path.as_os_str().to_owned();
        name.push(".part");
        let part = PathBuf::from(name);
        let no_follow = i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).unwrap_or_default();
        let mut opening = OpenOptions::new();
        let file = opening.write(true).create(true).truncate(false).custom_flags(no_follow).open(&part);
        let file = file.with_context(|| {
            format!("cannot write {}: its folder must exist and be writable", path.display())
        })?;
        if !is_ours_alone(&file, &part)? {
            anyhow::bail!(
                "another export is just writing {}: wait for its end, or name another file",
                path.display()
            );
        }
        // What an export that was killed left behind.
        file.set_len(0).with_context(|| format!("cannot write {}", part.display()))?;
        Ok(Self { path: path.to_owned(), part, file })
    }

    /// Where to write.
    pub fn writer(&self) -> &File {
        &self.file
    }

    /// Gives the file its name, once all of it is on disk.
    ///
    /// # Errors
    /// It could not be brought to disk; then nothing is left.
    pub fn finish(self) -> anyhow::Result<()> {
        let named = self.file.sync_all().and_then(|()| rename_to_new(&self.part, &self.path));
        named.map_err(|error| self.give_up(error.into()))?;
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let synced = File::open(folder.unwrap_or(Path::new("."))).and_then(|folder| folder.sync_all());
        synced.with_context(|| {
            format!("{} is written, but a loss of power could still take its name away", self.path.display())
        })
    }

    /// Leaves nothing behind, and says so.
    pub fn give_up(&self, error: anyhow::Error) -> anyhow::Error {
        let path = self.path.display();
        let left = match fs::remove_file(&self.part) {
            Ok(()) => "what was written of it was removed".to_owned(),
            Err(_) => format!("what was written of it may still be in {}", self.part.display()),
        };
        error.context(format!("{path} was not written, and {left}"))
    }
}

/// Whether this process has the file for itself, and it still has that name: an export that just ended may have given
/// it another one.
fn is_ours_alone(file: &File, part: &Path) -> io::Result<bool> {
    match file.try_lock() {
        Ok(()) => {}
        Err(fs::TryLockError::WouldBlock) => return Ok(false),
        Err(fs::TryLockError::Error(error)) => return Err(error),
    }
    let there = fs::symlink_metadata(part).ok();
    let ours = file.metadata()?;
    Ok(there.is_some_and(|there| (there.dev(), there.ino()) == (ours.dev(), ours.ino())))
}

/// Replaces nothing that came meanwhile, on every file system that can say so.
fn rename_to_new(from: &Path, to: &Path) -> io::Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Err(Errno::INVAL | Errno::NOSYS) => fs::rename(from, to),
        renamed => Ok(renamed?),
    }
}
