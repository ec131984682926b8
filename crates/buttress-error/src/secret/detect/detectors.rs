//! `Detectors`: which secrets are found in texts.

use std::borrow::Cow;
use std::ops::Range;

use super::again::{find, marked};
use super::scan::scan;

/// What replaces a secret.
pub(crate) const MARK: &str = "[redacted]";

/// The beginning of every mark, also of one with a fingerprint.
pub(super) const MARK_START: &str = "[redacted";

/// Which secrets are found in texts by their form.
///
/// Always: credentials of the schemes `Bearer` and `Basic`, JSON Web Tokens, keys and tokens with the prefix of their issuer
/// (AWS, Google, GitHub, GitLab, Stripe, Slack, SendGrid and others), client secrets of Azure, private keys in PEM, card numbers,
/// the password of a URL, and values behind the name of a secret (`password=…`, `"token":"…"`, `Authorization: …`,
/// `Cookie: …`). E-mail addresses and IP addresses are found on request.
///
/// Detection takes time proportional to the length of the text.
///
/// ```
/// use buttress_error::Detectors;
///
/// let detectors = Detectors::new().emails();
/// assert_eq!(detectors.redact("jane@example.com logged in"), "[redacted] logged in");
/// assert_eq!(detectors.redact("password=hunter2 lang=en"), "password=[redacted] lang=en");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Detectors {
    emails: bool,
    ip_addresses: bool,
}

impl Detectors {
    /// Creates the default detectors, which find credentials and card numbers.
    #[must_use]
    pub const fn new() -> Self {
        Self { emails: false, ip_addresses: false }
    }

    /// Finds e-mail addresses, too.
    #[must_use]
    pub const fn emails(mut self) -> Self {
        self.emails = true;
        self
    }

    /// Finds IP addresses, too. A version of four numbers looks like one.
    #[must_use]
    pub const fn ip_addresses(mut self) -> Self {
        self.ip_addresses = true;
        self
    }

    /// Returns where the secrets of a text are, in order and without overlap.
    #[must_use]
    pub fn find(self, text: &str) -> Vec<Range<usize>> {
        find(text, |text| scan(text, self))
    }

    /// Returns the text with `[redacted]` in place of each secret. A text without secrets is not copied. To redact a text again
    /// changes nothing.
    #[must_use]
    pub fn redact(self, text: &str) -> Cow<'_, str> {
        let spans = self.find(text);
        if spans.is_empty() { Cow::Borrowed(text) } else { Cow::Owned(marked(text, &spans)) }
    }

    pub(super) const fn wants_emails(self) -> bool {
        self.emails
    }

    pub(super) const fn wants_ip_addresses(self) -> bool {
        self.ip_addresses
    }
}

/// Returns the text with `[redacted]` in place of each secret that the default [`Detectors`] find.
///
/// ```
/// assert_eq!(
///     buttress_error::redact("cannot connect to postgres://app:s3cr3t@db/orders"),
///     "cannot connect to postgres://app:[redacted]@db/orders"
/// );
/// ```
#[must_use]
pub fn redact(text: &str) -> Cow<'_, str> {
    Detectors::new().redact(text)
}
