//! Who may ask: Ollama's rules for Host and Origin (server/routes.go `allowedHostsMiddleware`, envconfig `AllowedOrigins`,
//! gin-contrib/cors; v0.34.4), so that a web page can't use the server through a visitor's browser.

use std::net::{IpAddr, UdpSocket};
use std::time::Instant;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::task::JoinSet;

use super::reply::Fault;

/// Hosts whose pages may ask, over http and https, on any port.
const ORIGIN_HOSTS: [&str; 3] = ["localhost", "127.0.0.1", "0.0.0.0"];
/// Schemes of programs whose pages may ask.
const ORIGIN_SCHEMES: [&str; 5] = ["app://", "file://", "tauri://", "vscode-webview://", "vscode-file://"];
/// Names that only a local network resolves.
const LOCAL_NAMES: [&str; 3] = [".localhost", ".local", ".internal"];

/// Refuses foreign hosts and origins with 403; turns a panic into a 500 of that request alone.
pub(super) async fn guard(request: Request, next: Next) -> Response {
    let origin = request.headers().get(header::ORIGIN).cloned();
    let host = host(&request);
    let cross = origin.as_ref().filter(|o| !same_origin(o, &host));
    if cross.is_some_and(|o| !o.to_str().is_ok_and(allowed_origin)) {
        return StatusCode::FORBIDDEN.into_response();
    }
    if cross.is_some() && request.method() == Method::OPTIONS {
        return (StatusCode::NO_CONTENT, cross_headers(cross, true)).into_response();
    }
    if !allowed_host(&host) {
        return StatusCode::FORBIDDEN.into_response();
    }
    if request.method() == Method::OPTIONS {
        return StatusCode::NO_CONTENT.into_response();
    }
    let (began, method, path) = (Instant::now(), request.method().clone(), request.uri().path().to_owned());
    let mut response = caught(request, next).await;
    let (status, ms) = (response.status().as_u16(), began.elapsed().as_millis() as u64);
    tracing::debug!(%method, path, status, ms, "request served");
    response.headers_mut().extend(cross_headers(cross, false));
    response
}

/// The response in a task of its own, whose panic ends nothing else; the task ends with the request.
async fn caught(request: Request<Body>, next: Next) -> Response {
    let mut task = JoinSet::new();
    task.spawn(next.run(request));
    match task.join_next().await {
        Some(Ok(response)) => response,
        _ => Fault::internal("this request made the server panic; the server goes on").into_response(),
    }
}

/// The Host header; a request line may name it instead.
fn host(request: &Request) -> String {
    let said = request.headers().get(header::HOST).and_then(|h| h.to_str().ok());
    said.or_else(|| request.uri().authority().map(|a| a.as_str())).unwrap_or_default().to_owned()
}

fn same_origin(origin: &HeaderValue, host: &str) -> bool {
    let said = origin.to_str().unwrap_or("?");
    said == format!("http://{host}") || said == format!("https://{host}")
}

fn allowed_origin(origin: &str) -> bool {
    let of_host = |scheme: &str| {
        let Some(rest) = origin.strip_prefix(scheme) else { return false };
        ORIGIN_HOSTS.iter().any(|h| rest.strip_prefix(h).is_some_and(|port| port.is_empty() || port.starts_with(':')))
    };
    of_host("http://") || of_host("https://") || ORIGIN_SCHEMES.iter().any(|s| origin.starts_with(s))
}

/// The host without its port.
fn without_port(host: &str) -> &str {
    let bare = match host.rsplit_once(':') {
        Some((name, _)) if !name.contains(':') || name.ends_with(']') => name,
        _ => host,
    };
    bare.strip_prefix('[').and_then(|b| b.strip_suffix(']')).unwrap_or(bare)
}

fn allowed_host(host: &str) -> bool {
    let name = without_port(host).to_ascii_lowercase();
    if let Ok(address) = name.parse::<IpAddr>() {
        return allowed_address(address);
    }
    name.is_empty()
        || name == "localhost"
        || LOCAL_NAMES.iter().any(|local| name.ends_with(local))
        || hostname().is_some_and(|own| own == name)
}

fn allowed_address(address: IpAddr) -> bool {
    let private = match address {
        IpAddr::V4(a) => a.is_private(),
        IpAddr::V6(a) => a.is_unique_local(),
    };
    let ours = || !address.is_multicast() && UdpSocket::bind((address, 0)).is_ok();
    address.is_loopback() || private || address.is_unspecified() || ours()
}

fn hostname() -> Option<String> {
    let text =
        std::fs::read_to_string("/proc/sys/kernel/hostname").or_else(|_| std::fs::read_to_string("/etc/hostname"));
    text.ok().map(|t| t.trim().to_ascii_lowercase()).filter(|t| !t.is_empty())
}

fn cross_headers(origin: Option<&HeaderValue>, preflight: bool) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let Some(origin) = origin else { return headers };
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    headers.insert(header::VARY, HeaderValue::from_static("Origin"));
    if preflight {
        let methods = HeaderValue::from_static("GET,POST,PUT,PATCH,DELETE,HEAD,OPTIONS");
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
        let allowed = HeaderValue::from_static("Authorization,Content-Type,User-Agent,Accept,X-Requested-With");
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, allowed);
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_allowed_as_ollama_allows_them() {
        for host in [
            "",
            "localhost",
            "LOCALHOST:11434",
            "127.0.0.1:1",
            "127.9.9.9",
            "0.0.0.0:11434",
            "[::1]:11434",
            "::1",
            "10.1.2.3",
            "192.168.0.9:80",
            "box.local",
            "api.box.internal:11434",
            "x.localhost",
        ] {
            assert!(allowed_host(host), "{host}");
        }
        for host in [
            "evil.example.com",
            "evil.example.com:11434",
            "localhost.evil.com",
            "evillocal",
            "local",
            "8.8.8.8:11434",
            "127.0.0.1.nip.io",
            "[2001:db8::1]:80",
            "localhost:80:evil",
            "224.0.0.1",
        ] {
            assert!(!allowed_host(host), "{host}");
        }
        if let Some(own) = hostname() {
            assert!(allowed_host(&format!("{own}:11434")));
        }
    }

    #[test]
    fn origins_are_allowed_as_ollama_allows_them() {
        for origin in [
            "http://localhost",
            "https://localhost:3000",
            "http://127.0.0.1:8080",
            "https://0.0.0.0",
            "app://x",
            "file://",
            "tauri://localhost",
            "vscode-webview://1a2b",
            "vscode-file://vscode-app",
        ] {
            assert!(allowed_origin(origin), "{origin}");
        }
        for origin in [
            "https://evil.example.com",
            "http://localhost.evil.com",
            "http://127.0.0.1.evil.com",
            "null",
            "",
            "chrome-extension://abc",
            "http://evil.com/http://localhost",
            "ftp://localhost",
        ] {
            assert!(!allowed_origin(origin), "{origin}");
        }
        let own = HeaderValue::from_static("http://box.internal:11434");
        assert!(same_origin(&own, "box.internal:11434") && !same_origin(&own, "other:11434"));
    }
}
