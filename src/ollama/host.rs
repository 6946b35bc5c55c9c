//! Where the daemon is, read as Ollama reads `OLLAMA_HOST` (envconfig/config.go, v0.34.4: `Host`, `ConnectableHost`).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::OllamaError;

/// The address of a daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// `http`; `https` is refused (there is no TLS in this client).
    pub scheme: String,
    /// A name or an address; an unspecified one (`0.0.0.0`, `::`) is already the loopback one.
    pub host: String,
    pub port: u16,
    /// What a reverse proxy serves the daemon under, without slashes at its ends; mostly empty.
    pub path: String,
}

impl Default for Host {
    fn default() -> Self {
        Self { scheme: "http".into(), host: "127.0.0.1".into(), port: 11434, path: String::new() }
    }
}

impl Host {
    /// Reads a host as Ollama does: blank and quotes around it are trimmed; scheme, port and path may be missing; a
    /// port that is no port becomes the default one. `https`, other schemes and names no URL can hold are refused.
    pub fn parse(text: &str) -> Result<Self, OllamaError> {
        let trimmed = text.trim().trim_matches(['"', '\'']).trim();
        let bad = |reason: &str| OllamaError::BadHost { text: text.to_owned(), reason: reason.to_owned() };
        let (scheme, rest, default_port) = match trimmed.split_once("://") {
            None if trimmed == "ollama.com" => {
                return Err(bad("it is Ollama's cloud; a daemon of one's own is needed"));
            }
            None => ("http", trimmed, 11434),
            Some(("http", rest)) => ("http", rest, 80),
            Some(("https", _)) => {
                return Err(bad(
                    "this client has no TLS; give the daemon's own http address (a tunnel, say `ssh -L`, keeps it private)",
                ));
            }
            Some((other, _)) => return Err(bad(&format!("the scheme {other:?} is not http"))),
        };
        let (hostport, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (host, port) = match split_host_port(hostport) {
            Some((host, port)) => (host.to_owned(), port.parse::<u16>().unwrap_or(default_port)),
            None => (bare_host(hostport), default_port),
        };
        if !is_plain(&host) {
            return Err(bad("the host is neither a name nor an address"));
        }
        Ok(Self { scheme: scheme.into(), host: connectable(host), port, path: path.trim_matches('/').to_owned() })
    }

    /// Whether the daemon runs on this machine, so that its store can be read.
    pub fn is_loopback(&self) -> bool {
        self.host.parse::<IpAddr>().map_or(self.host.eq_ignore_ascii_case("localhost"), |ip| ip.is_loopback())
    }
}

impl fmt::Display for Host {
    /// The URL, without a slash at its end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scheme, host, port, path } = self;
        if host.contains(':') {
            write!(f, "{scheme}://[{host}]:{port}")?;
        } else {
            write!(f, "{scheme}://{host}:{port}")?;
        }
        if path.is_empty() { Ok(()) } else { write!(f, "/{path}") }
    }
}

/// Go's `net.SplitHostPort`; None where it gives an error.
fn split_host_port(text: &str) -> Option<(&str, &str)> {
    if let Some(inner) = text.strip_prefix('[') {
        let (host, port) = inner.split_once(']')?;
        let port = port.strip_prefix(':')?;
        let clean = |s: &str| !s.contains(['[', ']']);
        return (clean(host) && clean(port) && !port.contains(':')).then_some((host, port));
    }
    let (host, port) = text.rsplit_once(':')?;
    (!host.contains([':', '[', ']']) && !port.contains(['[', ']'])).then_some((host, port))
}

/// A host without a port: an address in brackets or not, a name, or nothing.
fn bare_host(text: &str) -> String {
    match text.trim_matches(['[', ']']).parse::<IpAddr>() {
        Ok(ip) => ip.to_string(),
        Err(_) if text.is_empty() => "127.0.0.1".into(),
        Err(_) => text.to_owned(),
    }
}

/// An unspecified or missing host can be listened on, but not connected to.
fn connectable(host: String) -> String {
    match host.parse::<IpAddr>() {
        _ if host.is_empty() => Ipv4Addr::LOCALHOST.to_string(),
        Ok(IpAddr::V4(ip)) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.to_string(),
        Ok(IpAddr::V6(ip)) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.to_string(),
        _ => host,
    }
}

fn is_plain(host: &str) -> bool {
    host.parse::<IpAddr>().is_ok() || host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The cases of Ollama's own TestHost (envconfig/config_test.go, v0.34.4) that are http, and ours.
    #[test]
    fn hosts_are_read_as_ollama_reads_them() {
        for (text, want) in [
            ("", "http://127.0.0.1:11434"),
            ("1.2.3.4", "http://1.2.3.4:11434"),
            (":1234", "http://127.0.0.1:1234"),
            ("1.2.3.4:1234", "http://1.2.3.4:1234"),
            ("example.com", "http://example.com:11434"),
            ("example.com:1234", "http://example.com:1234"),
            (":0", "http://127.0.0.1:0"),
            (":66000", "http://127.0.0.1:11434"),
            (":-1", "http://127.0.0.1:11434"),
            ("[::1]", "http://[::1]:11434"),
            ("[::]", "http://[::1]:11434"),
            ("::1", "http://[::1]:11434"),
            ("[::1]:1337", "http://[::1]:1337"),
            (" 1.2.3.4 ", "http://1.2.3.4:11434"),
            ("\"1.2.3.4\"", "http://1.2.3.4:11434"),
            ("\" 1.2.3.4 \"", "http://1.2.3.4:11434"),
            ("'1.2.3.4'", "http://1.2.3.4:11434"),
            ("http://1.2.3.4", "http://1.2.3.4:80"),
            ("http://1.2.3.4:4321", "http://1.2.3.4:4321"),
            ("http://example.com/path", "http://example.com:80/path"),
            ("example.com/a/b/", "http://example.com:11434/a/b"),
            ("http://:56789", "http://127.0.0.1:56789"),
            ("0.0.0.0", "http://127.0.0.1:11434"),
            ("0.0.0.0:99", "http://127.0.0.1:99"),
            ("example.com:", "http://example.com:11434"),
            ("http://example.com:x", "http://example.com:80"),
            ("localhost:11434", "http://localhost:11434"),
        ] {
            assert_eq!(Host::parse(text).unwrap().to_string(), want, "{text:?}");
        }
    }

    #[test]
    fn what_no_url_can_hold_is_refused_with_the_reason() {
        for (text, word) in [
            ("https://example.com", "TLS"),
            ("ollama.com", "cloud"),
            ("ftp://x", "scheme"),
            ("user:pw@example.com:11434", "neither"),
            ("a:b:c", "neither"),
            ("exa mple", "neither"),
            ("[fe80::1%eth0]:1", "neither"),
        ] {
            let e = Host::parse(text).unwrap_err().to_string();
            assert!(e.contains(word), "{text}: {e}");
        }
    }

    #[test]
    fn loopback_is_known() {
        for (text, is) in [
            ("", true),
            ("localhost", true),
            ("127.9.9.9:1", true),
            ("[::]", true),
            ("10.0.0.1", false),
            ("gpu-box", false),
        ] {
            assert_eq!(Host::parse(text).unwrap().is_loopback(), is, "{text}");
        }
    }
}
