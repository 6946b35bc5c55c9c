//! The table of parameters in `/api/show`: a line each, the name padded to 30, the value as Go's `%#v` writes it.

/// Reads the table; `stop` may repeat. A value in quotes is unquoted; what can't be is kept as it stands.
pub(super) fn parse(table: &str) -> Vec<(String, String)> {
    let rows = table.lines().filter_map(|line| line.trim().split_once(char::is_whitespace));
    rows.map(|(name, value)| (name.to_owned(), unquote(value.trim()).unwrap_or_else(|| value.trim().to_owned())))
        .collect()
}

/// Go's strconv.Unquote for double-quoted text; None where that isn't what it is.
fn unquote(text: &str) -> Option<String> {
    let inner = text.strip_prefix('"')?.strip_suffix('"')?;
    let mut out = Vec::new();
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        if c == '"' {
            return None;
        }
        if c != '\\' {
            out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            continue;
        }
        let plain = match chars.next()? {
            'a' => 7,
            'b' => 8,
            'f' => 12,
            'n' => b'\n',
            'r' => b'\r',
            't' => b'\t',
            'v' => 11,
            '\\' => b'\\',
            '"' => b'"',
            'x' => u8::try_from(hex(&mut chars, 2)?).ok()?,
            wide @ ('u' | 'U') => {
                let c = char::from_u32(hex(&mut chars, if wide == 'u' { 4 } else { 8 })?)?;
                out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                continue;
            }
            _ => return None,
        };
        out.push(plain);
    }
    Some(String::from_utf8_lossy(&out).into_owned())
}

fn hex(chars: &mut std::str::Chars<'_>, digits: usize) -> Option<u32> {
    (0..digits).try_fold(0, |n: u32, _| Some(n.checked_mul(16)? + chars.next()?.to_digit(16)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_a_real_daemon_is_read() {
        // 0.32.15's answer, and stops with what Go quotes.
        let table = "stop                           \"<|eot_id|>\"\nstop                           \"\\\"\\n\\\\ \\u00e9\\x41 ü\"\n\
                     temperature                    0\nnum_ctx                        512\nrepeat_penalty                 1.1\n\
                     stop                           \"\"\nuse_mmap                       true";
        let want = [
            ("stop", "<|eot_id|>"),
            ("stop", "\"\n\\ éA ü"),
            ("temperature", "0"),
            ("num_ctx", "512"),
            ("repeat_penalty", "1.1"),
            ("stop", ""),
            ("use_mmap", "true"),
        ];
        let got = parse(table);
        assert_eq!(got, want.map(|(k, v)| (k.to_owned(), v.to_owned())));
    }

    #[test]
    fn what_is_no_table_gives_no_panic() {
        for text in ["", "\n", "a", "a \"", "a \"\\", "a \"\\u12\"", "a \"\\Uffffffff\"", "a \"b\"c\"", "é  \"\\xg0\""]
        {
            let _ = parse(text);
        }
        assert_eq!(parse("a \"\\"), [("a".to_owned(), "\"\\".to_owned())]);
    }
}
