//! A file that is there whole or not at all: written under another name, brought to disk, then renamed. Not here: what
//! is in it.

use anyhow::Context as _;
use std::fs::{self, File};
use std::io;
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
        // What an export that was killed left behind; or a link that somebody put there, which is not followed.
        let _ = fs::remove_file(&part);
        let file = File::create_new(&part).with_context(|| {
            format!("cannot write {}: its folder must exist and be writable", path.display())
        })?;
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
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let whole = || -> io::Result<()> {
            self.file.sync_all()?;
            fs::rename(&self.part, &self.path)?;
            File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
        };
        whole().map_err(|error| self.give_up(error.into()))
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
