//! `Origin`: scheme, host and port of a server.

use std::fmt;

use buttress_error::{Class, Classify, Delivery, Kind};
use http::Uri;
use http::uri::Scheme;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    scheme: Scheme,
    host: String,
    port: u16,
}

impl Origin {
    /// Reads an origin; `setting` is the setter that takes it.
    pub(crate) fn parse(setting: &'static str, text: &str) -> Result<Self, InvalidOrigin> {
        let invalid = || {
            // A password may precede the `@`.
            let host = text.rsplit_once('@').map_or(text, |(_, host)| host);
            InvalidOrigin { setting, text: host.chars().take(128).collect() }
        };
        let uri: Uri = text.parse().map_err(|_not_a_uri| invalid())?;
        let bare = uri.path_and_query().is_none_or(|rest| rest == "/")
            && uri.authority().is_some_and(|authority| !authority.as_str().contains('@'))
            // `Uri` drops the fragment.
            && !text.contains('#');
        let (scheme, host, port) = parts(&uri).filter(|_| bare).ok_or_else(invalid)?;
        Ok(Self { scheme: scheme.clone(), host: host.to_ascii_lowercase(), port })
    }

    pub(crate) fn is_of(&self, uri: &Uri) -> bool {
        parts(uri).is_some_and(|(scheme, host, port)| {
            *scheme == self.scheme && port == self.port && self.host.eq_ignore_ascii_case(host)
        })
    }
}

fn parts(uri: &Uri) -> Option<(&Scheme, &str, u16)> {
    let scheme = uri.scheme()?;
    let standard = match scheme.as_str() {
        "http" => 80,
        "https" => 443,
        _ => return None,
    };
    let host = uri.host().filter(|host| !host.is_empty())?;
    let authority = uri.authority()?.as_str();
    let host_and_port = authority.rsplit_once('@').map_or(authority, |(_, rest)| rest);
    // An invalid port does not mean the standard port.
    let port = if host_and_port.len() > host.len() { uri.port_u16()? } else { standard };
    Some((scheme, host, port))
}

/// A text that is not an origin. An origin is `http` or `https`, a host, and a port unless it is the standard one, such as
/// `https://api.example.com` or `http://127.0.0.1:8080`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvalidOrigin {
    setting: &'static str,
    text: String,
}

impl fmt::Display for InvalidOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {:?} is not an origin such as https://api.example.com", self.setting, self.text)
    }
}

impl std::error::Error for InvalidOrigin {}

impl Classify for InvalidOrigin {
    fn class(&self) -> Class {
        Class::new(Kind::Config).delivery(Delivery::NotProcessed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compares_scheme_host_and_port() {
        let same = |origin: &str, uri: &str| {
            Origin::parse("send_deadline_to", origin).unwrap().is_of(&uri.parse().unwrap())
        };
        assert!(same("https://api.example.com", "https://API.example.com/a?b=c"));
        assert!(same("https://api.example.com/", "https://api.example.com:443/"));
        assert!(same("http://[::1]:80", "http://[::1]/x"));
        assert!(same("https://api.example.com", "https://user@api.example.com/"));
        assert!(!same("https://api.example.com", "http://api.example.com/"));
        assert!(!same("https://api.example.com", "https://api.example.com:8443/"));
        assert!(!same("https://api.example.com", "https://api.example.com.evil.test/"));
        assert!(!same("https://api.example.com", "/relative"));
        assert!(!same("https://api.example.com", "https://api.example.com:65536/"));
        assert!(!same("https://api.example.com", "https://api.example.com:80@evil.test/"));
    }

    /// [S8] a bad origin is refused where it is set, by a typed error that names the setting.
    #[test]
    fn refuses_invalid_origins() {
        let bare = ["", "api.example.com", "/", "ftp://x", "https://", "http://:80", "http://u:p@x"];
        for text in bare.into_iter().chain([
            "http://x/path",
            "http://x?q",
            "http://x#f",
            "http://x:",
            "http://x:65536",
        ]) {
            let error = Origin::parse("send_deadline_to", text).unwrap_err();
            assert!(error.to_string().starts_with("send_deadline_to:"), "{error}");
            assert_eq!(error.class().kind, Kind::Config);
        }
    }

    /// [S38] a password in the text does not get into a log.
    #[test]
    fn an_error_shows_no_password() {
        let error = Origin::parse("origin", "https://user:hunter2@api.example.com").unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"));
        assert!(error.to_string().contains("api.example.com"));
    }
}
