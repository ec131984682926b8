//! Which fields are secret, judged by the words of their name.

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

/// A name whose last word is one of these describes a secret and holds none: `token_type`, `password_policy`.
const DESCRIBING: &[&str] = &[
    "age",
    "algorithm",
    "attempt",
    "attempts",
    "bytes",
    "count",
    "enabled",
    "endpoint",
    "expired",
    "expires",
    "expiry",
    "kind",
    "len",
    "length",
    "limit",
    "method",
    "mode",
    "name",
    "policy",
    "present",
    "required",
    "scheme",
    "size",
    "source",
    "state",
    "status",
    "ttl",
    "type",
    "valid",
    "version",
];

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

/// Whether the name of a field says that its value is secret. Names are judged by whole words in snake, kebab,
/// dotted or camel case: `apiKey`, `DB_PASSWORD` and `cookies` are secret, `author` and `passenger` are not.
///
/// ```
/// use buttress_error::is_secret;
///
/// assert!(is_secret("refreshToken") && is_secret("tokens"));
/// assert!(!is_secret("token_type") && !is_secret("max_tokens"));
/// ```
#[must_use]
pub fn is_secret(name: &str) -> bool {
    let (mut secret, mut secrets, mut counted) = (false, false, false);
    let mut last = Word::default();
    for (place, word) in words(name).enumerate() {
        let text = word.as_str();
        if place == 0 && ASKING.contains(&text) {
            return false;
        }
        secret |= is_secret_word(last.as_str(), text);
        secrets |= text.strip_suffix('s').is_some_and(|one| is_secret_word(last.as_str(), one));
        counted |= COUNTING.contains(&text);
        last = word;
    }
    let last = last.as_str();
    secret |= SECRET_LAST.contains(&last);
    secrets |= last.strip_suffix('s').is_some_and(|one| SECRET_LAST.contains(&one));
    (secret || secrets && !counted) && !DESCRIBING.contains(&last)
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

/// Splits at everything that is no letter or digit, before a capital that follows a small letter or digit, and
/// before the last capital of a run that a small letter follows (`XMLToken` is `xml`, `token`).
fn words(name: &str) -> impl Iterator<Item = Word> {
    name.split(|c: char| !c.is_alphanumeric())
        .flat_map(camel_words)
        .filter(|word| !word.is_empty())
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

    #[test]
    fn splits_into_words() {
        let split = |name| words(name).map(|word| word.as_str().to_owned()).collect::<Vec<_>>();
        assert_eq!(split("X-Octopus-ApiKey"), ["x", "octopus", "api", "key"]);
        assert_eq!(split("DB_PASSWORD"), ["db", "password"]);
        assert_eq!(split("HTTPToken.v2Id"), ["http", "token", "v", "id"]);
        assert_eq!(split("--a..b"), ["a", "b"]);
    }
}
