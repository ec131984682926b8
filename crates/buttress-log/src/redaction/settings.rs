//! `Redaction`: which values are shown as `[redacted]`.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use buttress_error::{Detectors, FingerprintKey};

use super::builder::RedactionBuilder;
use super::glob::Glob;
use super::pattern::TokenPattern;

/// Which values of a line are shown as `[redacted]`: for [`Config`](crate::Config) and [`JsonLayer`](crate::JsonLayer).
///
/// By default the values of [secret names](buttress_error::is_secret), and the secrets that the default
/// [`Detectors`] find in any text: in fields, messages, errors with their causes, notes and attributes, and fields of spans and
/// of the context. A [builder](Self::builder) changes that.
///
/// ```
/// use buttress_error::Detectors;
/// use buttress_log::Redaction;
///
/// let redaction = Redaction::builder()
///     .hide(["headers.*", "user.email"])
///     .patterns(["acme_live_*"])
///     .detectors(Detectors::new().emails())
///     .build()?;
/// let layer = buttress_log::JsonLayer::new(std::io::stderr).redaction(redaction);
/// # let _ = layer;
/// # Ok::<_, buttress_log::RedactionError>(())
/// ```
///
/// It is cheap to clone.
#[derive(Clone)]
pub struct Redaction(pub(super) Arc<Settings>);

pub(super) struct Settings {
    /// Distinguishes redactions that may differ.
    pub(super) id: usize,
    pub(super) on: bool,
    pub(super) hide: Vec<Glob>,
    pub(super) show: Vec<Glob>,
    pub(super) show_only: Option<Vec<Glob>>,
    pub(super) patterns: Vec<TokenPattern>,
    pub(super) detectors: Detectors,
    pub(super) fingerprints: Option<FingerprintKey>,
}

const DEFAULT_ID: usize = 1;

/// Returns an id that no other redaction has. Never 0.
pub(super) fn new_id() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(DEFAULT_ID + 1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            id: DEFAULT_ID,
            on: true,
            hide: Vec::new(),
            show: Vec::new(),
            show_only: None,
            patterns: Vec::new(),
            detectors: Detectors::new(),
            fingerprints: None,
        }
    }
}

impl Redaction {
    /// Creates the default redaction.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(Settings::default()))
    }

    /// Shows every value. For a program's own tests.
    #[must_use]
    pub fn off() -> Self {
        Self(Arc::new(Settings { on: false, ..Settings::default() }))
    }

    /// Begins with the default redaction.
    pub fn builder() -> RedactionBuilder {
        RedactionBuilder::default()
    }
}

impl Default for Redaction {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Redaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Settings { id: _, on, hide, show, show_only, patterns, detectors, fingerprints } = &*self.0;
        f.debug_struct("Redaction")
            .field("on", on)
            .field("hide", hide)
            .field("show", show)
            .field("show_only", show_only)
            .field("patterns", patterns)
            .field("detectors", detectors)
            .field("fingerprints", fingerprints)
            .finish()
    }
}
