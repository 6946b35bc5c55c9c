//! Pages of a manual to a folder.

use std::path::{Path, PathBuf};

use super::Failure;
use crate::store::write_whole;

/// One file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    pub name: String,
    pub text: Vec<u8>,
}

/// Writes each page to `dir`, over an older one; the paths of all.
pub fn write(dir: &Path, pages: &[Page]) -> Result<Vec<PathBuf>, Failure> {
    let one = |page: &Page| {
        let path = dir.join(&page.name);
        write_whole(&path, &page.text)?;
        Ok(path)
    };
    pages.iter().map(one).collect()
}
