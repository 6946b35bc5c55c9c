//! E-mail addresses, telephone numbers, URLs and identifiers, by their form.

/// Whether a text holds an e-mail address.
pub(super) fn holds_email(text: &str) -> bool {
    text.contains('@') && text.split(|c: char| c.is_whitespace() || "<>(),;:\"".contains(c)).any(is_email)
}

fn is_email(word: &str) -> bool {
    let Some((local, domain)) = word.trim_end_matches('.').split_once('@') else { return false };
    let is_local = !local.is_empty() && local.chars().all(|c| c.is_alphanumeric() || "._%+-'".contains(c));
    let is_domain = domain.chars().all(|c| c.is_alphanumeric() || ".-".contains(c));
    is_local && is_domain && !domain.starts_with('.') && domain.contains('.')
}

/// Whether the whole text is a telephone number; `named`: its attribute says so.
pub(super) fn is_phone(text: &str, named: bool) -> bool {
    let allowed = |c: char| c.is_ascii_digit() || c.is_whitespace() || "+().-/".contains(c);
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    if !text.chars().all(allowed) || digits > 15 {
        return false;
    }
    let mut national = text.bytes().filter(u8::is_ascii_digit);
    let is_national = national.next() == Some(b'0') && national.next().is_some_and(|b| b != b'0');
    // `0.123456789` is a number.
    let is_decimal = text.bytes().filter(|b| *b == b'.').count() == 1;
    let is_international = text.starts_with('+') || text.starts_with("00");
    (named && digits >= 4) || (is_international && digits >= 9) || (is_national && digits == 10 && !is_decimal)
}

/// Whether the whole text is a URL; `named`: its attribute says so, and the scheme may be absent.
pub(super) fn is_url(text: &str, named: bool) -> bool {
    if text.contains(char::is_whitespace) {
        return false;
    }
    let rest =
        ["http://", "https://", "ftp://", "ftps://", "ssh://", "git://", "jdbc:"].iter().find_map(|s| strip(text, s));
    let is_host = |host: &str| {
        let host = host.split(['/', ':', '?', '#']).next().unwrap_or_default();
        host.contains('.')
            && !host.starts_with('.')
            && !host.ends_with('.')
            && host.bytes().any(|b| b.is_ascii_alphabetic())
    };
    rest.is_some_and(|r| !r.is_empty()) || (strip(text, "www.").is_some() && is_host(text)) || (named && is_host(text))
}

fn strip<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let head = text.get(..prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then(|| &text[prefix.len()..])
}

/// A UUID or a hash in hexadecimal digits.
pub(super) fn is_hash(text: &str) -> bool {
    let text = text.rsplit_once(':').map_or(text, |(name, rest)| if name.len() <= 8 { rest } else { text });
    let hex = |t: &str| t.bytes().all(|b| b.is_ascii_hexdigit());
    let parts = text.split('-').collect::<Vec<_>>();
    let is_uuid = parts.len() == 5 && [8, 4, 4, 4, 12].iter().zip(&parts).all(|(n, p)| p.len() == *n && hex(p));
    let mixed = text.bytes().any(|b| b.is_ascii_digit()) && text.bytes().any(|b| b.is_ascii_alphabetic());
    is_uuid || (text.len() >= 16 && mixed && hex(text))
}
