//! Where containers keep their bytes: a folder of small files, seen through the few operations whose order
//! decides what survives a power cut.

mod power;

pub use power::PowerStorage;

use std::fs;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// A folder of small files. Names are made from serials, never from input.
pub trait Storage: Send {
    /// The content of a file; `None` when there is none.
    ///
    /// # Errors
    /// The storage failed.
    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>>;

    /// Writes `bytes` at `offset`, creating or extending the file. Not durable before [`Storage::sync`].
    ///
    /// # Errors
    /// The storage failed.
    fn write_at(&mut self, name: &str, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Reads up to `len` bytes at `offset`; fewer at the end of the file, none when there is no file.
    ///
    /// # Errors
    /// The storage failed.
    fn read_at(&self, name: &str, offset: u64, len: usize) -> io::Result<Vec<u8>>;

    /// Makes the content of a file durable.
    ///
    /// # Errors
    /// The storage failed.
    fn sync(&mut self, name: &str) -> io::Result<()>;

    /// Renames a file over another. Not durable before [`Storage::sync_folder`].
    ///
    /// # Errors
    /// The storage failed.
    fn rename(&mut self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file if it exists. Not durable before [`Storage::sync_folder`].
    ///
    /// # Errors
    /// The storage failed.
    fn remove(&mut self, name: &str) -> io::Result<()>;

    /// Makes names durable.
    ///
    /// # Errors
    /// The storage failed.
    fn sync_folder(&mut self) -> io::Result<()>;

    /// All file names, sorted.
    ///
    /// # Errors
    /// The storage failed.
    fn list(&self) -> io::Result<Vec<String>>;
}

/// Replaces a file atomically and durably: after a power cut at any moment it is the old one or the new one.
///
/// # Errors
/// The storage failed; the old file is still there.
pub fn replace(storage: &mut dyn Storage, name: &str, bytes: &[u8]) -> io::Result<()> {
    let temporary = format!("{name}.new");
    // A left-over of an earlier attempt may be longer than what is written now.
    storage.remove(&temporary)?;
    storage.write_at(&temporary, 0, bytes)?;
    storage.sync(&temporary)?;
    storage.rename(&temporary, name)?;
    storage.sync_folder()
}

/// A real folder. Files are readable by their owner only.
#[derive(Debug, Clone)]
pub struct DirStorage {
    folder: PathBuf,
}

impl DirStorage {
    /// Opens a folder, creating it (mode 0700) when it does not exist.
    ///
    /// # Errors
    /// The folder cannot be created.
    pub fn open(folder: &Path) -> io::Result<Self> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder)?;
        Ok(Self { folder: folder.to_owned() })
    }

    /// The path of a file.
    ///
    /// # Errors
    /// The name is not a plain file name.
    pub fn path(&self, name: &str) -> io::Result<PathBuf> {
        // Never follow a link somebody planted: it could lead the write anywhere.
        match self.metadata(name) {
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => Err(error),
            _ => Ok(self.folder.join(name)),
        }
    }

    /// What the system knows about a file.
    ///
    /// # Errors
    /// There is none, it is not a regular file, or the name is not a plain file name.
    pub fn metadata(&self, name: &str) -> io::Result<fs::Metadata> {
        let plain = !name.is_empty()
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.')
            && !name.starts_with('.');
        if !plain {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a plain file name"));
        }
        let metadata = fs::symlink_metadata(self.folder.join(name))?;
        if !metadata.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
        }
        Ok(metadata)
    }

    fn open_for_writing(&self, name: &str) -> io::Result<fs::File> {
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(self.path(name)?)
    }
}

fn absent_is_none<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

impl Storage for DirStorage {
    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        absent_is_none(fs::read(self.path(name)?))
    }

    fn write_at(&mut self, name: &str, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut file = self.open_for_writing(name)?;
        file.seek(SeekFrom::Start(offset))?;
        file.write_all(bytes)
    }

    fn read_at(&self, name: &str, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        let Some(mut file) = absent_is_none(fs::File::open(self.path(name)?))? else { return Ok(Vec::new()) };
        file.seek(SeekFrom::Start(offset))?;
        let mut out = Vec::new();
        file.take(len as u64).read_to_end(&mut out)?;
        Ok(out)
    }

    fn sync(&mut self, name: &str) -> io::Result<()> {
        self.open_for_writing(name)?.sync_all()
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path(from)?, self.path(to)?)
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        absent_is_none(fs::remove_file(self.path(name)?)).map(|_| ())
    }

    fn sync_folder(&mut self) -> io::Result<()> {
        fs::File::open(&self.folder)?.sync_all()
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        let Some(entries) = absent_is_none(fs::read_dir(&self.folder))? else { return Ok(names) };
        for entry in entries {
            let entry = entry?;
            if entry.file_type()?.is_file()
                && let Ok(name) = entry.file_name().into_string()
            {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planted_links_and_strange_names_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let mut storage = DirStorage::open(folder.path()).unwrap();
        std::os::unix::fs::symlink("/tmp/elsewhere", folder.path().join("130-1.act")).unwrap();
        assert!(storage.write_at("130-1.act", 0, b"x").is_err());
        for name in ["", "../x", "a/b", ".hidden", "a\0b"] {
            assert!(storage.write_at(name, 0, b"x").is_err(), "{name:?}");
        }
    }

    #[test]
    fn replacing_leaves_exactly_the_new_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let mut storage = DirStorage::open(folder.path()).unwrap();
        replace(&mut storage, "a", b"long content").unwrap();
        replace(&mut storage, "a", b"short").unwrap();
        assert_eq!(storage.read("a").unwrap().unwrap(), b"short");
        assert_eq!(storage.list().unwrap(), ["a"]);
    }
}
