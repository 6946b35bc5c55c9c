//! The bytes of a Modelfile to text.

use super::ModelfileError;

/// Decodes by the byte order mark, as Ollama's parser does (editors on Windows write UTF-16); without one, UTF-8.
/// UTF-32, whose mark Ollama takes for that of UTF-16, is decoded too.
pub fn decode(bytes: &[u8]) -> Result<String, ModelfileError> {
    let utf16 = |rest: &[u8], unit: fn([u8; 2]) -> u16| {
        let (units, tail) = rest.as_chunks::<2>();
        let text = char::decode_utf16(units.iter().map(|pair| unit(*pair))).collect::<Result<String, _>>().ok();
        text.filter(|_| tail.is_empty()).ok_or(ModelfileError::Encoding("UTF-16"))
    };
    let utf32 = |rest: &[u8], unit: fn([u8; 4]) -> u32| {
        let (units, tail) = rest.as_chunks::<4>();
        let text = units.iter().map(|four| char::from_u32(unit(*four))).collect::<Option<String>>();
        text.filter(|_| tail.is_empty()).ok_or(ModelfileError::Encoding("UTF-32"))
    };
    match bytes {
        [0xff, 0xfe, 0, 0, rest @ ..] => utf32(rest, u32::from_le_bytes),
        [0, 0, 0xfe, 0xff, rest @ ..] => utf32(rest, u32::from_be_bytes),
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] | rest => {
            String::from_utf8(rest.to_vec()).map_err(|_| ModelfileError::Encoding("UTF-8"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "FROM x\r\nSYSTEM \"ä 🚀\"\r\n";

    #[test]
    fn every_byte_order_mark_is_read() {
        let marked = format!("\u{feff}{TEXT}");
        let sixteen = |unit: fn(u16) -> [u8; 2]| marked.encode_utf16().flat_map(unit).collect::<Vec<_>>();
        let thirty_two = |unit: fn(u32) -> [u8; 4]| marked.chars().flat_map(|c| unit(c.into())).collect::<Vec<_>>();
        for bytes in [
            TEXT.as_bytes().to_vec(),
            marked.clone().into_bytes(),
            sixteen(u16::to_le_bytes),
            sixteen(u16::to_be_bytes),
            thirty_two(u32::to_le_bytes),
            thirty_two(u32::to_be_bytes),
        ] {
            assert_eq!(decode(&bytes).unwrap(), TEXT, "{bytes:x?}");
        }
    }

    #[test]
    fn what_is_no_text_is_refused_by_the_name_of_its_encoding() {
        for (bytes, name) in [
            (&b"FROM \xff"[..], "UTF-8"),
            (b"\xff\xfeF\0R", "UTF-16"),
            (b"\xff\xfe\0\xd8", "UTF-16"),
            (b"\0\0\xfe\xff\0\x11\0\0", "UTF-32"),
        ] {
            let e = decode(bytes).unwrap_err().to_string();
            assert!(e.contains(name), "{e}");
        }
        assert_eq!(decode(b"").unwrap(), "");
    }
}
