//! The words that an attribute may contain, and suggestions for other words.

pub(crate) const KEYS: [&str; 10] =
    ["kind", "forward", "reason", "domain", "http", "exit", "retry", "delivery", "retry_after", "public"];

pub(crate) const KINDS: [&str; 22] = [
    "Cancelled",
    "Unknown",
    "InvalidArgument",
    "DeadlineExceeded",
    "NotFound",
    "AlreadyExists",
    "PermissionDenied",
    "ResourceExhausted",
    "FailedPrecondition",
    "Aborted",
    "OutOfRange",
    "Unimplemented",
    "Internal",
    "Unavailable",
    "DataLoss",
    "Unauthenticated",
    "Throttled",
    "Timeout",
    "Rejected",
    "BadResponse",
    "Config",
    "Panic",
];

pub(crate) const RETRIES: [&str; 4] = ["Never", "Call", "Operation", "AfterRemedy"];

pub(crate) const DELIVERIES: [&str; 3] = ["NotProcessed", "Unknown", "Processed"];

/// Rule 4 of the taxonomy: errors of these kinds are never retried.
pub(crate) const NEVER_RETRIED: [&str; 5] = ["InvalidArgument", "Internal", "DataLoss", "Config", "Panic"];

/// Other names for these words, such as the reason phrases of HTTP.
const ALIASES: [(&str, &str); 7] = [
    ("badrequest", "InvalidArgument"),
    ("unauthorized", "Unauthenticated"),
    ("forbidden", "PermissionDenied"),
    ("conflict", "Aborted"),
    ("toomanyrequests", "Throttled"),
    ("ratelimited", "Throttled"),
    ("status", "http"),
];

/// Returns the word that was probably meant: an alias, a different spelling, one contained in it, or one at most two typos
/// away.
pub(crate) fn nearest(word: &str, words: &[&'static str]) -> Option<&'static str> {
    let word = plain(word);
    if let Some((_, meant)) = ALIASES.iter().find(|(alias, meant)| *alias == word && words.contains(meant)) {
        return Some(meant);
    }
    let distance = |candidate: &str| {
        let candidate = plain(candidate);
        if word.contains(&candidate) { typos(&word, &candidate).min(2) } else { typos(&word, &candidate) }
    };
    // A short word is all typos away from any other.
    let limit = 2.min(word.len() / 2);
    words.iter().copied().map(|w| (distance(w), w)).filter(|(d, _)| *d <= limit).min().map(|(_, w)| w)
}

/// Returns the letters and digits in lower case, so that `snake_case` equals `CamelCase`.
fn plain(word: &str) -> String {
    word.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The Levenshtein distance: letters to add, to remove or to change, row by row.
fn typos(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.chars().enumerate() {
            let change = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use buttress_error::{Delivery, Kind, RetryAdvice};

    use super::*;

    #[test]
    fn the_words_are_those_of_the_taxonomy() {
        assert_eq!(KINDS.map(str::to_owned), Kind::ALL.map(|kind| format!("{kind:?}")));
        let retries =
            [RetryAdvice::Never, RetryAdvice::Call, RetryAdvice::Operation, RetryAdvice::AfterRemedy];
        assert_eq!(RETRIES.map(str::to_owned), retries.map(|retry| format!("{retry:?}")));
        let deliveries = [Delivery::NotProcessed, Delivery::Unknown, Delivery::Processed];
        assert_eq!(DELIVERIES.map(str::to_owned), deliveries.map(|delivery| format!("{delivery:?}")));
    }

    #[test]
    fn what_is_never_retried_has_no_other_advice_by_itself() {
        for name in NEVER_RETRIED {
            let kind = Kind::ALL.into_iter().find(|kind| format!("{kind:?}") == name).unwrap();
            assert_eq!(kind.retry(), RetryAdvice::Never, "{name}");
        }
    }

    #[test]
    fn finds_what_was_meant() {
        for (word, meant) in [
            ("TimeOut", Some("Timeout")),
            ("timeout", Some("Timeout")),
            ("not_found", Some("NotFound")),
            ("Canceled", Some("Cancelled")),
            ("GatewayTimeout", Some("Timeout")),
            ("Forbidden", Some("PermissionDenied")),
            ("Unavialable", Some("Unavailable")),
            ("Banana", None),
            ("X", None),
        ] {
            assert_eq!(nearest(word, &KINDS), meant, "{word}");
        }
        assert_eq!(nearest("code", &KEYS), None);
        assert_eq!(nearest("retryAfter", &KEYS), Some("retry_after"));
        assert_eq!(nearest("status", &KEYS), Some("http"));
    }

    #[test]
    fn counts_typos() {
        for (a, b, n) in
            [("", "", 0), ("", "abc", 3), ("abc", "", 3), ("kitten", "sitting", 3), ("ab", "ba", 2)]
        {
            assert_eq!(typos(a, b), n, "{a} {b}");
        }
    }
}
