//! The words that decide whether a name is secret, one list for each effect.

/// Secret wherever they stand in a name.
#[rustfmt::skip]
pub(super) const SECRETS: &[&str] = &[
    "auth", "authorization", "bearer", "connstr", "cookie", "cred", "credential", "cvc", "cvv", "dsn", "hotp", "htpasswd",
    "jsessionid", "jwt", "keytab", "kubeconfig", "mnemonic", "netrc", "otp", "otpauth", "passkey", "pgpass", "phpsessid",
    "privkey", "pw", "sessid", "session", "sessionid", "ssn", "totp",
];

/// Secret as a word, and as the end of a longer one: `sessiontoken`, `pgpassword`.
#[rustfmt::skip]
pub(super) const ENDS: &[&str] = &[
    "apikey", "passcode", "passphrase", "passwd", "password", "pwd", "secret", "token",
];

/// Secret as the last word: `db_pass`, but not `pass_rate`.
pub(super) const LAST: &[&str] = &["pass", "pin"];

/// Secret as the whole name, as of a parameter in a URL.
pub(super) const ALONE: &[&str] = &["sig", "signature"];

/// Secret together: a word of the first list before the second, as two words or as one (`access_key`, `accesskey`).
#[rustfmt::skip]
pub(super) const COMPOUNDS: &[(&[&str], &str)] = &[
    (&[
        "access", "account", "api", "auth", "client", "crypto", "decryption", "deploy", "encryption", "hmac", "license",
        "licence", "master", "private", "secret", "service", "session", "shared", "sign", "signing", "ssh", "storage",
        "subscription", "webhook", "wrapping",
    ], "key"),
    (&[
        "access", "activation", "backup", "challenge", "factor", "login", "mfa", "oauth", "pin", "recovery", "reset",
        "security", "sms", "verification",
    ], "code"),
    (&["card"], "number"),
    (&["credit"], "card"),
    (&["seed", "recovery", "pass"], "phrase"),
    (&["pass"], "word"),
    (&["connection", "conn"], "string"),
    (&["conn"], "str"),
    (&["kube"], "config"),
    (&["amz", "aws", "goog", "hub", "request", "sas", "url", "webhook"], "signature"),
    (&["client"], "assertion"),
    (&["magic"], "link"),
];

/// Before one of these a `pass` is a turn of work and no password: `render_pass`.
#[rustfmt::skip]
pub(super) const PASSES: &[&str] = &[
    "backward", "blur", "build", "compiler", "compute", "depth", "final", "first", "forward", "gc", "last", "lighting",
    "lint", "multi", "next", "opt", "optimizer", "parse", "post", "pre", "previous", "render", "second", "shadow", "single",
    "sort", "test", "third",
];

/// As the last word these describe a secret, and the name holds none, whatever the type of its value: `token_type`.
#[rustfmt::skip]
pub(super) const DESCRIBING: &[&str] = &[
    // How many, how much, how long.
    "age", "attempt", "attempts", "avg", "bucket", "buckets", "bytes", "count", "delay", "duration", "elapsed", "errors",
    "failures", "hits", "index", "interval", "kb", "kib", "latency", "len", "length", "level", "limit", "matches", "max",
    "mb", "mean", "mib", "micros", "millis", "min", "minutes", "misses", "ms", "nanos", "ns", "offset", "p", "pct",
    "percent", "percentage", "position", "priority", "rank", "rate", "ratio", "requests", "retries", "sec", "seconds",
    "secs", "size", "step", "strength", "sum", "threshold", "timeout", "total", "ttl", "us", "window",
    // When.
    "date", "exp", "expired", "expires", "expiration", "expiry", "iat", "nbf", "time", "timestamp",
    // Where.
    "domain", "dir", "directory", "endpoint", "file", "filename", "host", "hostname", "path", "port", "realm", "region",
    "scope", "scopes", "server",
    // What kind, whose, and how.
    "algorithm", "audience", "backend", "category", "class", "encoding", "format", "httponly", "issuer", "kind", "method",
    "mode", "name", "policy", "protocol", "provider", "role", "samesite", "schema", "scheme", "source", "strategy", "type",
    "version",
    // Yes or no.
    "agreement", "configured", "consent", "enabled", "disabled", "exists", "match", "preference", "present", "required",
    "result", "state", "status", "supported", "valid", "validity",
];

/// After a secret word these still lead to the secret, also if the value is a number or a boolean: `otp_code`,
/// `password_old`. After any other word a number is a measure, and a boolean a state: `tokens_in`, `auth_port`.
#[rustfmt::skip]
pub(super) const VALUES: &[&str] = &[
    "base", "body", "code", "content", "data", "digits", "hash", "header", "hex", "id", "key", "number", "plain", "plaintext",
    "raw", "string", "text", "value",
    // One of several.
    "backup", "current", "dev", "new", "old", "previous", "prod", "production", "staging",
];

/// Before or after a secret word in the singular these make a number a measure: `max_token`. (`invalid_otp` is the secret.)
pub(super) const STATISTICS: &[&str] = &["avg", "count", "max", "mean", "min", "num", "sum", "total"];

/// Beside one of these a plural is a number of secrets, also as text: `max_tokens`, `active_sessions`.
#[rustfmt::skip]
pub(super) const COUNTING: &[&str] = &[
    "active", "cached", "completion", "input", "max", "min", "num", "open", "output", "per", "prompt", "reasoning",
    "remaining", "total", "used",
];

/// As the first word these ask about a secret: `has_password`.
pub(super) const QUESTIONS: &[&str] = &["has", "is", "needs", "no"];
