//! An amount of memory: `2GiB`, `800 MiB`, `1.5G`; a plain number is bytes.

use std::fmt;
use std::str::FromStr;

/// Bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory(pub u64);

const UNITS: [(&str, u32); 5] = [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10), ("", 0)];

impl FromStr for Memory {
    type Err = String;
    /// 1024s, whatever the letters (`G`, `GB`, `GiB`): what programs hold is counted so.
    fn from_str(text: &str) -> Result<Self, String> {
        let fault = || format!("{text:?} is no amount of memory; say, for example, 2GiB or 800MiB");
        let text = text.trim();
        let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
        let number: f64 = text[..end].parse().map_err(|_| fault())?;
        let unit = text[end..].trim().to_ascii_lowercase();
        let unit = unit.strip_suffix("ib").or(unit.strip_suffix('b')).unwrap_or(&unit);
        let shift = match unit {
            "" => 0,
            "k" => 10,
            "m" => 20,
            "g" => 30,
            "t" => 40,
            _ => return Err(fault()),
        };
        let bytes = number * f64::from(1u32 << 10).powi(shift / 10);
        // 2^53: from there on a float no longer names one integer.
        if bytes.is_finite() && bytes < 9_007_199_254_740_992.0 { Ok(Self(bytes as u64)) } else { Err(fault()) }
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exact = |shift: &u32| self.0 > 0 && self.0.is_multiple_of(1 << shift) || *shift == 0;
        let (unit, shift) = UNITS.iter().find(|(_, shift)| exact(shift)).copied().unwrap_or_default();
        write!(f, "{}{unit}", self.0 >> shift)
    }
}

impl serde::Serialize for Memory {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_and_shown() {
        for (text, bytes) in
            [("2GiB", 2 << 30), ("800 MiB", 800 << 20), ("1.5g", 3 << 29), ("512kb", 512 << 10), ("1000", 1000)]
        {
            let read: Memory = text.parse().unwrap();
            assert_eq!(read.0, bytes, "{text}");
            assert_eq!(read.to_string().parse::<Memory>().unwrap(), read);
        }
        assert_eq!(Memory(800 << 20).to_string(), "800MiB");
        for text in ["", "much", "2XB", "-1GiB", "1e9999", "nan", "99999999TiB", "1.2.3M", "bib"] {
            assert!(text.parse::<Memory>().is_err(), "{text}");
        }
    }
}
