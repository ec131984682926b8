//! Which fields are secret, judged by the words of their name.

use crate::Value;

/// Words that make a name secret wherever they stand in it.
const SECRET_WORDS: &[&str] = &[
    "accesstoken",
    "apikey",
    "apitoken",
    "auth",
    "authorization",
    "authtoken",
    "bearer",
    "clientsecret",
    "cookie",
    "credential",
    "csrftoken",
    "cvc",
    "cvv",
    "jwt",
    "otp",
    "passcode",
    "passphrase",
    "passwd",
    "password",
    "privatekey",
    "pwd",
    "refreshtoken",
    "secret",
    "secretkey",
    "session",
    "sessionid",
    "ssn",
    "token",
    "xsrftoken",
];

/// Words that make a name secret where they are its last: `db_pass`, but not `pass_rate`.
const SECRET_LAST: &[&str] = &["pass", "pin"];

/// Words that make a longer one secret whose end they are: `pgpassword`.
const SECRET_ENDS: &[&str] = &["passphrase", "passwd", "password"];

/// Two neighbouring words that are secret together; `key` alone is not.
const SECRET_PAIRS: &[(&str, &str)] = &[
    ("access", "key"),
    ("account", "key"),
    ("api", "key"),
    ("encryption", "key"),
    ("master", "key"),
    ("pass", "phrase"),
    ("pass", "word"),
    ("pin", "code"),
    ("private", "key"),
    ("shared", "key"),
    ("signing", "key"),
    ("ssh", "key"),
];

/// Before one of these, `pass` is a turn of work and no password: `render_pass`.
const PASSES_OF: &[&str] = &[
    "backward",
    "blur",
    "build",
    "compiler",
    "compute",
    "depth",
    "final",
    "first",
    "forward",
    "gc",
    "last",
    "lighting",
    "lint",
    "multi",
    "next",
    "opt",
    "optimizer",
    "parse",
    "post",
    "pre",
    "previous",
    "render",
    "second",
    "shadow",
    "single",
    "sort",
    "test",
    "third",
];

/// A name whose last word is one of these describes a secret and holds none: `token_type`, `password_policy`. So do units,
/// whatever the type of the value: `auth_duration_ms`.
const DESCRIBING: &[&str] = &[
    "age",
    "algorithm",
    "attempt",
    "attempts",
    "avg",
    "bucket",
    "buckets",
    "bytes",
    "count",
    "delay",
    "domain",
    "duration",
    "elapsed",
    "enabled",
    "endpoint",
    "errors",
    "exp",
    "expired",
    "expires",
    "expiry",
    "failures",
    "format",
    "hits",
    "httponly",
    "iat",
    "index",
    "interval",
    "issuer",
    "kb",
    "kib",
    "kind",
    "latency",
    "len",
    "length",
    "limit",
    "max",
    "mb",
    "mean",
    "method",
    "mib",
    "micros",
    "millis",
    "min",
    "minutes",
    "misses",
    "mode",
    "ms",
    "name",
    "nanos",
    "nbf",
    "ns",
    "offset",
    "p",
    "path",
    "percent",
    "policy",
    "position",
    "present",
    "provider",
    "rate",
    "ratio",
    "requests",
    "required",
    "retries",
    "samesite",
    "scheme",
    "sec",
    "seconds",
    "secs",
    "size",
    "source",
    "state",
    "status",
    "step",
    "sum",
    "timeout",
    "total",
    "ttl",
    "type",
    "us",
    "valid",
    "version",
    "window",
];

/// After a secret word one of these makes a number a measure, and a boolean a state: `tokens_in`, `token_refreshed`.
const MEASURES: &[&str] = &[
    "accepted",
    "active",
    "allowed",
    "at",
    "bits",
    "budget",
    "cached",
    "capacity",
    "changed",
    "characters",
    "chars",
    "closed",
    "cost",
    "created",
    "day",
    "days",
    "deleted",
    "denied",
    "end",
    "ended",
    "entropy",
    "epoch",
    "failed",
    "failure",
    "found",
    "generation",
    "hit",
    "hour",
    "hours",
    "in",
    "issued",
    "left",
    "locked",
    "matched",
    "miss",
    "missing",
    "needed",
    "ok",
    "open",
    "opened",
    "out",
    "price",
    "quota",
    "refreshed",
    "rejected",
    "remaining",
    "revision",
    "revoked",
    "rotated",
    "round",
    "rounds",
    "score",
    "secure",
    "sent",
    "set",
    "start",
    "started",
    "strength",
    "success",
    "successes",
    "updated",
    "usage",
    "used",
    "verified",
    "words",
    "year",
    "years",
];

/// Before a secret word one of these makes a number a measure: `max_token`. (`invalid_otp` or `used_pin` would be the secret.)
const EXTREMES: &[&str] = &["avg", "count", "max", "mean", "min", "num", "sum", "total"];

/// A name whose last word is one of these holds a value, whatever stands before it: `otp_used_code`.
const VALUES: &[&str] = &["code", "digits", "hash", "key", "number", "plain", "plaintext", "raw", "value"];

/// Beside one of these a plural is a number of secrets: `max_tokens`, `active_sessions`.
const COUNTING: &[&str] = &[
    "active",
    "cached",
    "completion",
    "input",
    "max",
    "min",
    "num",
    "open",
    "output",
    "per",
    "prompt",
    "reasoning",
    "remaining",
    "total",
    "used",
];

/// A name that begins with one of these asks about a secret: `has_password`.
const ASKING: &[&str] = &["has", "is", "needs", "no"];

/// The longest word that any list holds; a longer one is none of them.
const LONGEST: usize = 16;

/// Returns `true` if the name of a field says that its value is secret. Names are judged by whole words in snake, kebab,
/// dotted or camel case: `apiKey`, `DB_PASSWORD` and `cookies` are secret, `author` and `passenger` are not.
///
/// This judges text. A number of the same name may be a count: see [`is_secret_number`].
///
/// ```
/// use buttress_error::is_secret;
///
/// assert!(is_secret("refreshToken") && is_secret("tokens"));
/// assert!(!is_secret("token_type") && !is_secret("max_tokens"));
/// ```
#[must_use]
pub fn is_secret(name: &str) -> bool {
    secrecy(name) != Secrecy::Open
}

/// Returns `true` if the name of a field says that its value is secret even if it is a number or a boolean: `pin`, `otp`,
/// `password`. A plural, and a name with a word for a unit or a state, are counts and measures: `audio_tokens`, `tokens_in`,
/// `session_active`. Each name that this is `true` for [`is_secret`] is `true` for, too.
///
/// ```
/// use buttress_error::{is_secret, is_secret_number};
///
/// assert!(is_secret_number("pin") && is_secret_number("token"));
/// assert!(!is_secret_number("audio_tokens") && is_secret("audio_tokens"));
/// ```
#[must_use]
pub fn is_secret_number(name: &str) -> bool {
    secrecy(name) == Secrecy::Always
}

/// Returns `true` if an attribute of an error must not be shown.
pub(crate) fn is_secret_value(key: &str, value: &Value) -> bool {
    match value {
        Value::Str(_) => is_secret(key),
        _ => is_secret_number(key),
    }
}

/// Which values of a name are secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Secrecy {
    Open,
    /// Text, but no number.
    Text,
    Always,
}

fn secrecy(name: &str) -> Secrecy {
    let (mut secret, mut secrets, mut counted, mut extreme) = (false, false, false, false);
    // Of the last secret word: is it a plural, and does a measure follow it?
    let (mut plural, mut measured) = (false, false);
    let (mut before, mut last) = (Word::default(), Word::default());
    for (place, word) in words(name).enumerate() {
        let text = word.as_str();
        if place == 0 && ASKING.contains(&text) {
            return Secrecy::Open;
        }
        let one = is_secret_word(last.as_str(), text);
        let many = text.strip_suffix('s').is_some_and(|one| is_secret_word(last.as_str(), one));
        if one || many {
            (plural, measured) = (!one, false);
        }
        measured |= MEASURES.contains(&text) || DESCRIBING.contains(&text);
        secret |= one;
        secrets |= many;
        counted |= COUNTING.contains(&text);
        extreme |= EXTREMES.contains(&text);
        (before, last) = (last, word);
    }
    let last = last.as_str();
    if DESCRIBING.contains(&last) {
        return Secrecy::Open;
    }
    if SECRET_LAST.contains(&last) && !(last == "pass" && PASSES_OF.contains(&before.as_str())) {
        (secret, plural, measured) = (true, false, false);
    } else if last.strip_suffix('s').is_some_and(|one| SECRET_LAST.contains(&one)) {
        (secrets, plural) = (true, true);
    }
    let measure = plural || extreme || measured && !VALUES.contains(&last);
    match secret || secrets && !counted {
        true if measure => Secrecy::Text,
        true => Secrecy::Always,
        false => Secrecy::Open,
    }
}

/// Is a word secret, alone or after the one before it?
fn is_secret_word(before: &str, word: &str) -> bool {
    SECRET_WORDS.contains(&word)
        || SECRET_PAIRS.contains(&(before, word))
        || SECRET_ENDS.iter().any(|end| word.ends_with(end))
}

/// A word in lower case, without a number at its end (`token2`); empty when it is too long or not ASCII.
#[derive(Clone, Copy, Default)]
struct Word {
    bytes: [u8; LONGEST],
    len: usize,
}

impl Word {
    fn new(text: &str) -> Self {
        let mut word = Self::default();
        let text = text.trim_end_matches(|c: char| c.is_ascii_digit());
        if let Some(bytes) = word.bytes.get_mut(..text.len()) {
            bytes.copy_from_slice(text.as_bytes());
            bytes.make_ascii_lowercase();
            word.len = text.len();
        }
        word
    }

    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.len]).unwrap_or_default()
    }
}

/// The words, without those that are numbers only. Splits at everything that is no letter or digit, before a capital that follows a small letter or digit, and
/// before the last capital of a run that a small letter follows (`XMLToken` is `xml`, `token`).
fn words(name: &str) -> impl Iterator<Item = Word> {
    name.split(|c: char| !c.is_alphanumeric())
        .flat_map(camel_words)
        .filter(|word| !word.bytes().all(|byte| byte.is_ascii_digit()))
        .map(Word::new)
}

fn camel_words(mut rest: &str) -> impl Iterator<Item = &str> {
    std::iter::from_fn(move || {
        let (word, after) = rest.split_at(camel_end(rest)?);
        rest = after;
        Some(word)
    })
}

fn camel_end(text: &str) -> Option<usize> {
    let mut chars = text.char_indices().peekable();
    let (_, mut before) = chars.next()?;
    while let Some((at, c)) = chars.next() {
        let next_is_small = chars.peek().is_some_and(|(_, next)| next.is_lowercase());
        if c.is_uppercase() && (!before.is_uppercase() || next_is_small) {
            return Some(at);
        }
        before = c;
    }
    Some(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// [S38] A field whose name has a secret word in any spelling is secret.
    #[test]
    fn secret_names() {
        for name in [
            "password",
            "secret",
            "apikey",
            "credentials",
            "token",
            "cookie",
            "set_cookie",
            "csrftoken",
            "auth",
            "my_password_super_secure",
            "apiKey",
            "X-Octopus-ApiKey",
            "DB_PASSWORD",
            "proxy-authorization",
            "aws_secret_access_key",
            "AWSSecretKey",
            "http.request.header.authorization",
            "refreshToken",
            "session",
            "sessionId",
            "stripe.api_key",
            "x-api-key",
            "private_key",
            "user.passwd",
            "XMLToken2",
            "x-authtoken",
            "accesstoken",
            "refreshtoken",
            "apitoken",
            "clientsecret",
            "passcode",
            "master_key",
            "pass",
            "DB_PASS",
            "smtpPass",
            "pin",
            "card.pin",
            "pinCode",
            "pass_word",
            "ssn",
            "customer_ssn",
            "cvv",
            "otp",
            "PGPASSWORD",
            "dbpasswd",
            "tokens",
            "refreshTokens",
            "secrets",
            "cookies",
            "passwords",
            "credentials",
            "sessions",
            "api_keys",
            "apikeys",
            "otps",
            "pins",
        ] {
            assert!(is_secret(name), "{name}");
        }
    }

    /// [S38] Whole words only, and a name that describes a secret is none.
    #[test]
    fn harmless_names() {
        for name in [
            "author",
            "authenticated",
            "primary_key2",
            "cache_key",
            "monkey",
            "passenger",
            "spinning",
            "mapping",
            "compass",
            "pass_rate",
            "passed",
            "bypass",
            "pinned",
            "pin_count",
            "opinion",
            "classname",
            "secretary",
            "active_sessions",
            "prompt_tokens",
            "tokens_per_second",
            "max_tokens",
            "token_type",
            "password_policy",
            "session_count",
            "card",
            "message",
            "url",
            "trace_id",
            "commit",
            "hasPassword",
            "is_secret",
            "",
            "_",
            "tokenizer",
            "key",
            "Schlüssel",
            "🔑",
        ] {
            assert!(!is_secret(name), "{name}");
        }
    }

    /// Line 26 of the reports: a number with a plural, a unit or a state word is a measure; text of that name may be secret.
    #[test]
    fn numbers_that_are_measures() {
        for name in [
            "audio_tokens",
            "tokens_in",
            "tokensOut",
            "tokens",
            "prompt_tokens_cached",
            "cached_tokens",
            "completion_tokens",
            "reasoningTokens",
            "llm.usage.tokens",
            "image-tokens",
            "max_tokens",
            "max_token",
            "token_count",
            "token_count_by_user",
            "total_tokens",
            "tokens_per_second",
            "tokens_left",
            "tokens_used",
            "token_budget",
            "token_cost",
            "token_bucket",
            "token_bucket_size",
            "token_ttl_secs",
            "token_expires_in",
            "token_issued_at",
            "token_refreshed",
            "token_exp",
            "tokenAge",
            "auth_duration_ms",
            "authDurationMs",
            "auth_ms",
            "auth_latency_p99",
            "auth.latency.seconds",
            "auth_retries",
            "auth_failed",
            "auth_failures",
            "auth_ok",
            "auth_success",
            "auth_attempts",
            "auth_status",
            "auth_tokens",
            "authorization_duration",
            "authorized",
            "authors",
            "cookie_domain",
            "cookie_path",
            "cookie_max_age",
            "cookie_count",
            "cookie_bytes",
            "cookie_secure",
            "cookie_httponly",
            "cookies",
            "cookies_set",
            "render_pass",
            "second-pass",
            "optimizerPass",
            "passes",
            "pass_rate",
            "pass_count",
            "password_attempts",
            "password_length",
            "password_strength",
            "password_entropy_bits",
            "password_changed",
            "password_age_days",
            "min_password_len",
            "passwords",
            "passwords_checked",
            "secret_version",
            "secrets",
            "secrets_rotated",
            "session_count",
            "session_duration",
            "session_active",
            "session_started_at",
            "sessions",
            "active_sessions",
            "sessions_open",
            "key_len",
            "api_keys",
            "api_key_count",
            "api_key_version",
            "private_key_bits",
            "pins",
            "pin_attempts",
            "pin_length",
            "gpio_pins",
            "otps_sent",
            "otp_ttl",
            "otp_verified",
            "jwt_size",
            "jwts",
            "credential_age",
            "credentials",
            "has_token",
            "is_secret",
        ] {
            assert!(!is_secret_number(name), "{name}");
        }
    }

    /// Line 26 of the reports: real secrets stay hidden whatever the type of their value.
    #[test]
    fn numbers_that_are_secrets() {
        for name in [
            "pin",
            "PIN",
            "pin_1",
            "card_pin",
            "pinCode",
            "input_pin",
            "used_pin",
            "invalid_otp",
            "otp",
            "otp2",
            "otp_code",
            "otp_used_code",
            "otp_value",
            "smsOtp",
            "cvv",
            "cvc",
            "card.cvv",
            "cvv_code",
            "ssn",
            "customer_ssn",
            "password",
            "db_password",
            "db_pass",
            "pass",
            "pass_2",
            "smtpPass",
            "passcode",
            "pgpassword",
            "password_hash",
            "new_password",
            "token",
            "access_token",
            "refreshToken",
            "csrf-token",
            "token_value",
            "expired_token",
            "tokens_secret",
            "api_key",
            "apiKey",
            "x-api-key",
            "X-Octopus-ApiKey",
            "set-cookie",
            "cookie",
            "session",
            "session_id",
            "user_session",
            "secret",
            "client_secret",
            "clientSecret",
            "aws_secret_access_key",
            "auth",
            "auth_code",
            "authorization",
            "proxy-authorization",
            "bearer",
            "jwt",
            "private_key",
            "signing_key",
            "my_password_super_secure_code",
        ] {
            assert!(is_secret_number(name), "{name}");
            assert!(is_secret(name), "{name}");
        }
    }

    /// Line 26 of the reports: as text, what may hold secrets stays hidden, and what describes one does not.
    #[test]
    fn text_of_measures() {
        for name in
            ["tokens", "audio_tokens", "tokens_in", "auth_failed", "cookies", "sessions_in_use", "pins"]
        {
            assert!(is_secret(name), "{name}");
        }
        for name in
            ["token_bucket", "cookie_domain", "render_pass", "auth_duration", "secret_version", "passes"]
        {
            assert!(!is_secret(name), "{name}");
        }
    }

    #[test]
    fn splits_into_words() {
        let split = |name| words(name).map(|word| word.as_str().to_owned()).collect::<Vec<_>>();
        assert_eq!(split("X-Octopus-ApiKey"), ["x", "octopus", "api", "key"]);
        assert_eq!(split("DB_PASSWORD"), ["db", "password"]);
        assert_eq!(split("HTTPToken.v2Id"), ["http", "token", "v", "id"]);
        assert_eq!(split("--a..b"), ["a", "b"]);
    }
}
