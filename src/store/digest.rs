//! SHA-256 of bytes, files and streams, written as Ollama writes it (`sha256:<hex>`).

use std::fmt;
use std::io::{Read, Write};
use std::path::Path;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};

use super::{FileAction, StoreError, open_regular};

/// Bytes of the buffer through which a file is read for its digest.
pub const DIGEST_BUFFER: usize = 1 << 20;

/// A SHA-256 digest; `Display` gives `sha256:<hex>`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest([u8; 32]);

impl Digest {
    pub fn of_bytes(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Of a regular file's bytes.
    pub fn of_file(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = path.as_ref();
        let fault = |e| StoreError::new(FileAction::READING, path, e);
        let mut file = open_regular(FileAction::READING, path)?;
        let mut hasher = Sha256::new();
        let mut buffer = vec![0; DIGEST_BUFFER];
        loop {
            match file.read(&mut buffer).map_err(fault)? {
                0 => return Ok(Self(hasher.finalize().into())),
                n => hasher.update(&buffer[..n]),
            }
        }
    }

    /// Of named parts: SHA-256 of the list of their BLAKE3 digests and names. BLAKE3 takes a fraction of SHA-256's time,
    /// and nobody else has a name for what such parts are together.
    pub fn of_parts<'a>(parts: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Self {
        let mut list = Sha256::new();
        for (name, bytes) in parts {
            list.update(format!("{}  {name}\n", blake3::hash(bytes)));
        }
        Self(list.finalize().into())
    }

    /// The 64 hexadecimal digits alone.
    pub fn hex(&self) -> String {
        self.0.iter().map(|b| format!("{b:02x}")).collect()
    }

    /// The name of the blob in Ollama's store: `sha256-<hex>`.
    pub fn blob_name(&self) -> String {
        format!("sha256-{}", self.hex())
    }

    /// As a Content-Security-Policy names a script or a style: `sha256-<base64>`.
    pub fn source_hash(&self) -> String {
        const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut out = String::from("sha256-");
        for chunk in self.0.chunks(3) {
            let group =
                chunk.iter().fold(0usize, |group, byte| group << 8 | usize::from(*byte)) << (8 * (3 - chunk.len()));
            for place in 0..4 {
                let digit = DIGITS[group >> (18 - 6 * place) & 63];
                out.push(if place > chunk.len() { '=' } else { char::from(digit) });
            }
        }
        out
    }

    /// The first twelve hexadecimal digits, for people.
    pub fn short(&self) -> String {
        self.hex()[..12].to_owned()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Text that is no SHA-256 digest.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is no SHA-256 digest (64 hexadecimal digits, `sha256:` before them or not)")]
pub struct NotADigest(String);

impl FromStr for Digest {
    type Err = NotADigest;

    /// Takes `<hex>`, `sha256:<hex>` and `sha256-<hex>`.
    fn from_str(text: &str) -> Result<Self, NotADigest> {
        let hex = text.strip_prefix("sha256:").or_else(|| text.strip_prefix("sha256-")).unwrap_or(text);
        if hex.len() != 64 || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(NotADigest(text.chars().take(80).collect()));
        }
        let mut out = [0; 32];
        for (i, byte) in out.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).map_err(|_| NotADigest(text.to_owned()))?;
        }
        Ok(Self(out))
    }
}

impl serde::Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Passes bytes on and digests them on the way.
#[derive(Debug)]
pub struct HashingWriter<W> {
    inner: W,
    hasher: Sha256,
    written: u64,
}

impl<W: Write> HashingWriter<W> {
    pub fn new(inner: W) -> Self {
        Self { inner, hasher: Sha256::new(), written: 0 }
    }

    pub fn finish(self) -> (W, Digest, u64) {
        (self.inner, Digest(self.hasher.finalize().into()), self.written)
    }
}

impl<W: Write> Write for HashingWriter<W> {
    fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> {
        let n = self.inner.write(buf)?;
        self.hasher.update(&buf[..n]);
        self.written += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // FIPS 180-2, appendix B.1.
    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    // BLAKE3 of the same letters: `blake3.blake3(b"abc").hexdigest()` of the Python package blake3 1.0.11.
    const B3_ABC: &str = "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85";

    #[test]
    fn digests_agree_with_the_standard_however_fed() {
        assert_eq!(Digest::of_bytes(b"abc").hex(), ABC);
        let mut w = HashingWriter::new(Vec::new());
        w.write_all(b"a").unwrap();
        w.write_all(b"bc").unwrap();
        let (bytes, digest, n) = w.finish();
        assert_eq!((bytes.as_slice(), digest.hex().as_str(), n), (&b"abc"[..], ABC, 3));
        for form in [ABC.to_owned(), format!("sha256:{ABC}"), format!("sha256-{ABC}")] {
            assert_eq!(form.parse::<Digest>().unwrap(), digest);
        }
        // `b3sum abc | sha256sum`, of a file that holds these three letters.
        let named = Digest::of_parts([("abc", &b"abc"[..])]);
        assert_eq!(named, Digest::of_bytes(format!("{B3_ABC}  abc\n").as_bytes()));
        assert_ne!(named, Digest::of_parts([("b", &b"abc"[..])]));
        // `openssl dgst -sha256 -binary abc | base64`
        assert_eq!(digest.source_hash(), "sha256-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=");
        assert!("sha256:zz".parse::<Digest>().is_err());
        assert!("é".repeat(32).parse::<Digest>().is_err());
    }
}
