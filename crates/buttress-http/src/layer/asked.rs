//! `Asked`: which request it was, for the notes of an error.

use std::fmt;

use http::{Method, Uri};

/// Method and URL, without user-info and query. Inline: a call that goes well must not pay an allocation for it.
pub(super) struct Asked {
    method: Method,
    url: [u8; Self::MAX],
    len: usize,
}

impl Asked {
    /// How many bytes of a URL are kept.
    const MAX: usize = 160;

    pub(super) fn new(method: &Method, uri: &Uri) -> Self {
        let mut asked = Self { method: method.clone(), url: [0; Self::MAX], len: 0 };
        if let Some(scheme) = uri.scheme_str() {
            asked.push(scheme);
            asked.push("://");
        }
        if let Some(authority) = uri.authority() {
            let place = authority.as_str();
            asked.push(place.rsplit_once('@').map_or(place, |(_, place)| place));
        }
        asked.push(uri.path());
        asked
    }

    fn push(&mut self, text: &str) {
        let room = &mut self.url[self.len..];
        let size = text.len().min(room.len());
        room[..size].copy_from_slice(&text.as_bytes()[..size]);
        self.len += size;
    }

    pub(super) fn url(&self) -> &str {
        let bytes = &self.url[..self.len];
        // The end may be in the middle of a character.
        str::from_utf8(bytes)
            .or_else(|error| str::from_utf8(&bytes[..error.valid_up_to()]))
            .unwrap_or_default()
    }
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let method: String = self.method.as_str().chars().take(32).collect();
        write!(f, "{method} {}", self.url())
    }
}
