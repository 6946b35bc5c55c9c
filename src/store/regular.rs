//! Reading files that somebody else may have made: regular files only, and never more than a limit.

use std::fs::{File, OpenOptions};
use std::io::{Error, ErrorKind, Read};
use std::path::Path;

use super::{FileAction, StoreError};

/// Largest configuration file, suite or other small text file, in bytes.
pub const MAX_TEXT: u64 = 64 << 20;

/// The bytes of a regular file of at most `max` bytes. Devices, pipes and sockets are refused before they are read,
/// because `/dev/zero` never ends and a pipe without a writer never starts.
pub fn read_regular(action: FileAction, path: &Path, max: u64) -> Result<Vec<u8>, StoreError> {
    bytes(path, max).map_err(|e| StoreError::new(action, path, e))
}

/// As [`read_regular`], as text in UTF-8.
pub fn read_text(action: FileAction, path: &Path, max: u64) -> Result<String, StoreError> {
    let bytes = read_regular(action, path, max)?;
    utf8(bytes).map_err(|what| StoreError::new(action, path, Error::new(ErrorKind::InvalidData, what)))
}

/// The bytes of a file as text; the first byte that is none is named with its line.
pub fn utf8(bytes: Vec<u8>) -> Result<String, String> {
    String::from_utf8(bytes).map_err(|e| {
        let (at, bytes) = (e.utf8_error().valid_up_to(), e.as_bytes());
        let line = bytes[..at].iter().filter(|b| **b == b'\n').count() + 1;
        format!("line {line} is not UTF-8 (byte 0x{:02x}); save the file as UTF-8", bytes[at])
    })
}

/// Opens a regular file for reading, without waiting for the other end of a named pipe.
pub fn open_regular(action: FileAction, path: &Path) -> Result<File, StoreError> {
    open(path).map_err(|e| StoreError::new(action, path, e))
}

fn bytes(path: &Path, max: u64) -> Result<Vec<u8>, Error> {
    let file = open(path)?;
    let length = file.metadata()?.len();
    let too_large =
        || Error::new(ErrorKind::FileTooLarge, format!("it has more than {max} bytes, the most that is read"));
    if length > max {
        return Err(too_large());
    }
    // The length of files below /proc is 0, and a file may grow while it is read.
    let mut bytes = Vec::with_capacity(length as usize);
    file.take(max + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > max { Err(too_large()) } else { Ok(bytes) }
}

fn open(path: &Path) -> Result<File, Error> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.custom_flags(rustix::fs::OFlags::NONBLOCK.bits() as i32);
    }
    let file = options.open(path)?;
    let kind = file.metadata()?.file_type();
    if kind.is_file() {
        return Ok(file);
    }
    Err(match kind.is_dir() {
        true => Error::new(ErrorKind::IsADirectory, "it is a folder; expected a file"),
        false => Error::new(ErrorKind::InvalidInput, "it is a pipe, socket or device; expected a regular file"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_within_the_limit_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        std::fs::write(&path, "abc").unwrap();
        assert_eq!(read_text(FileAction::READING, &path, 3).unwrap(), "abc");
        let e = read_regular(FileAction::READING, &path, 2).unwrap_err();
        assert_eq!(e.source.kind(), ErrorKind::FileTooLarge);
        std::fs::write(&path, b"a\nb\xff").unwrap();
        let e = read_text(FileAction::READING, &path, 99).unwrap_err().to_string();
        assert!(e.contains("line 2 is not UTF-8 (byte 0xff)"), "{e}");
        assert_eq!(
            read_regular(FileAction::READING, dir.path(), 9).unwrap_err().source.kind(),
            ErrorKind::IsADirectory
        );
        assert_eq!(
            read_regular(FileAction::READING, &dir.path().join("x"), 9).unwrap_err().source.kind(),
            ErrorKind::NotFound
        );
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn devices_and_pipes_end_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("pipe");
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RUSR).unwrap();
        for path in [Path::new("/dev/zero"), &pipe] {
            let e = read_regular(FileAction::READING, path, 1 << 20).unwrap_err();
            assert_eq!(e.source.kind(), ErrorKind::InvalidInput, "{e}");
        }
        // Its length reads as 0.
        assert!(!read_regular(FileAction::READING, Path::new("/proc/self/status"), 1 << 20).unwrap().is_empty());
    }
}
