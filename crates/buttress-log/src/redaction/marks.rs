//! The search for the marks of tokens: all of them in one pass of vector instructions.

use std::sync::LazyLock;

use aho_corasick::packed::{Config, MatchKind, Searcher};
use buttress_error::__private::MARKS;

/// A shorter text has no token, and is faster searched for the names of the schemes alone.
const SHORT: usize = 15;

/// Returns `false` only if the text has none of the [`MARKS`] with a token behind it.
pub(super) fn may_be_in(text: &[u8]) -> bool {
    // Teddy: https://github.com/BurntSushi/aho-corasick/blob/master/src/packed/teddy/README.md
    static SEARCHER: LazyLock<Option<Searcher>> =
        LazyLock::new(|| Config::new().match_kind(MatchKind::LeftmostFirst).builder().extend(MARKS).build());
    if text.len() < SHORT {
        return text.windows(5).any(|part| matches!(part, b"asic " | b"ASIC " | b"arer " | b"ARER "));
    }
    match &*SEARCHER {
        Some(searcher) => searcher.find(text).is_some(),
        // Without vector instructions every text is searched.
        None => true,
    }
}
