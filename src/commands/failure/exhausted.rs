//! A disk, a limit or the memory of the machine that is used up, found behind an error of any module.

/// What the machine ran out of, where that is behind the error, however many modules it passed through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exhausted {
    Disk,
    FileSize,
    Files,
    Memory,
}

impl Exhausted {
    pub(super) fn behind(e: &(dyn std::error::Error + 'static)) -> Option<Self> {
        std::iter::successors(Some(e), |e| e.source())
            .filter_map(|e| e.downcast_ref::<std::io::Error>())
            .find_map(Self::of)
    }

    fn of(e: &std::io::Error) -> Option<Self> {
        use std::io::ErrorKind;
        // EMFILE and ENFILE have no kind of their own in std; the kind of EFBIG may also be an input beyond a limit of ours.
        const TOO_MANY_FILES: [i32; 2] = [24, 23];
        match (e.kind(), Self::code(e)) {
            (ErrorKind::StorageFull | ErrorKind::QuotaExceeded, _) => Some(Self::Disk),
            (ErrorKind::OutOfMemory, _) => Some(Self::Memory),
            (ErrorKind::FileTooLarge, Some(_)) => Some(Self::FileSize),
            (_, Some(code)) if cfg!(unix) && TOO_MANY_FILES.contains(&code) => Some(Self::Files),
            _ => e.get_ref().and_then(|inner| Self::behind(inner as _)),
        }
    }

    /// The system's number, from std's words where a library wrapped the error and kept those alone.
    fn code(e: &std::io::Error) -> Option<i32> {
        e.raw_os_error().or_else(|| code_in(&e.to_string()))
    }

    /// Of an error that keeps its cause as text.
    pub(super) fn in_words(words: &str) -> Option<Self> {
        Self::of(&std::io::Error::from_raw_os_error(code_in(words).filter(|_| cfg!(unix))?))
    }

    pub(super) fn hint(self) -> Option<String> {
        let limit = |what: &str, flag: &str| Some(format!("{what}: raise it (`ulimit {flag}`)"));
        match self {
            Self::Disk => Some("free some space, then start again: what is finished is kept".to_owned()),
            Self::FileSize => limit("the limit on a file's size is reached", "-f"),
            Self::Files => limit("the limit on open files is reached", "-n"),
            Self::Memory => limit("memory is used up, or its limit is reached", "-v"),
        }
    }
}

/// N of std's "(os error N)".
fn code_in(words: &str) -> Option<i32> {
    words.split_once("(os error ")?.1.split_once(')')?.0.parse().ok()
}
