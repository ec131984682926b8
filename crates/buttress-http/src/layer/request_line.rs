//! `RequestLine`: the method and URL of a request, for the note of an error.

use std::fmt;

use http::{Method, Uri};

/// `GET http://localhost/orders/7`, without user-info and query.
///
/// It is stored inline, because a call that succeeds must not pay an allocation for it; a long line is cut.
pub(super) struct RequestLine {
    text: [u8; Self::MAX],
    len: u8,
    url_start: u8,
}

impl RequestLine {
    /// The number of bytes that are kept.
    const MAX: usize = 110;

    /// The number of bytes of the method that are kept. `PROPPATCH` has nine.
    const MAX_METHOD: usize = 16;

    pub(super) fn new(method: &Method, uri: &Uri) -> Self {
        let mut line = Self { text: [0; Self::MAX], len: 0, url_start: 0 };
        let method = method.as_str();
        // A method is ASCII.
        line.push(&method[..method.len().min(Self::MAX_METHOD)]);
        line.push(" ");
        line.url_start = line.len;
        if let Some(scheme) = uri.scheme_str() {
            line.push(scheme);
            line.push("://");
        }
        if let Some(authority) = uri.authority() {
            let authority = authority.as_str();
            line.push(authority.rsplit_once('@').map_or(authority, |(_, host)| host));
        }
        line.push(uri.path());
        line
    }

    fn push(&mut self, text: &str) {
        let free = &mut self.text[usize::from(self.len)..];
        let size = text.len().min(free.len());
        free[..size].copy_from_slice(&text.as_bytes()[..size]);
        self.len += u8::try_from(size).unwrap_or(0);
    }

    pub(super) fn url(&self) -> &str {
        self.from(self.url_start)
    }

    fn from(&self, start: u8) -> &str {
        let bytes = &self.text[start.into()..self.len.into()];
        // A cut may have split a character.
        str::from_utf8(bytes)
            .or_else(|error| str::from_utf8(&bytes[..error.valid_up_to()]))
            .unwrap_or_default()
    }
}

impl fmt::Display for RequestLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.from(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(method: &str, uri: &str) -> RequestLine {
        RequestLine::new(&method.parse().unwrap(), &uri.parse().unwrap())
    }

    #[test]
    fn leaves_out_user_info_and_query() {
        let get = line("GET", "http://user:secret@localhost:8080/orders/7?token=secret");
        assert_eq!(get.to_string(), "GET http://localhost:8080/orders/7");
        assert_eq!(get.url(), "http://localhost:8080/orders/7");
    }

    #[test]
    fn cuts_a_long_line() {
        let path = format!("/{}", "ä".repeat(200));
        let long = line(&"M".repeat(100), &path);
        let text = long.to_string();
        assert!(text.starts_with(&format!("{} /ä", "M".repeat(16))), "{text}");
        assert!((RequestLine::MAX - 1..=RequestLine::MAX).contains(&text.len()), "{text}");
        assert!(path.starts_with(long.url()));
    }
}
