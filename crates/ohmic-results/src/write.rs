//! Writing a file so that it is whole or not there.

use crate::Error;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

/// Writes a file whole or not at all: a temporary file in the same folder, flushed to disk, then renamed over
/// `path`, then the folder flushed; folders that are missing are made.
///
/// # Errors
/// [`Error::Io`]; the temporary file is then removed and a file that was there before is unchanged.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let folder = match path.parent() {
        Some(p) if !p.as_os_str().is_empty() => p,
        _ => Path::new("."),
    };
    fs::create_dir_all(folder).map_err(Error::io("create the folder", folder))?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = folder.join(format!(".{name}.{}.partial", std::process::id()));
    let written = File::create(&temporary)
        .map_err(Error::io("create", path))
        .and_then(|mut f| write_durably(&mut f, path, bytes))
        .and_then(|()| fs::rename(&temporary, path).map_err(Error::io("write", path)));
    if let Err(e) = written {
        let _ = fs::remove_file(&temporary); // what matters is the first error
        return Err(e);
    }
    sync_folder(folder)
}

/// Writes and flushes to the disk; `path` is for the message.
pub(crate) fn write_durably(file: &mut File, path: &Path, bytes: &[u8]) -> Result<(), Error> {
    file.write_all(bytes).map_err(Error::io("write", path))?;
    file.sync_all().map_err(Error::io("write", path))
}

/// Flushes a folder's entries, so that a new name survives a power cut (a folder is no file outside of Unix).
pub(crate) fn sync_folder(folder: &Path) -> Result<(), Error> {
    if cfg!(unix) {
        File::open(folder).and_then(|f| f.sync_all()).map_err(Error::io("write", folder))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_whole_and_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("deep/er/results.csv");
        write_atomically(&path, b"old").unwrap();
        write_atomically(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn a_failed_rename_keeps_what_was_there() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("taken");
        fs::create_dir(&path).unwrap(); // a folder cannot be replaced by a file
        let message = write_atomically(&path, b"new").unwrap_err().to_string();
        assert!(message.contains("taken") && message.contains("cannot write"), "{message}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "temporary file left behind");
    }

    #[test]
    fn a_file_in_the_way_of_a_folder_is_named() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("file"), b"").unwrap();
        let message = write_atomically(&dir.path().join("file/results.csv"), b"").unwrap_err().to_string();
        assert!(message.contains("file: cannot create the folder"), "{message}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_said_so() {
        let path = Path::new("/dev/full"); // every write to it answers ENOSPC
        let mut full = File::options().write(true).open(path).unwrap();
        let message = write_durably(&mut full, path, b"x").unwrap_err().to_string();
        assert!(message.starts_with("/dev/full: cannot write: the disk is full"), "{message}");
    }

    #[cfg(unix)]
    #[test]
    fn a_read_only_folder_is_said_so() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o555)).unwrap();
        if fs::write(dir.path().join("probe"), b"").is_ok() {
            println!("SKIPPED: this user may write to a read-only folder");
            return;
        }
        let message = write_atomically(&dir.path().join("results.csv"), b"x").unwrap_err().to_string();
        assert!(message.contains("no permission to write there"), "{message}");
    }
}
