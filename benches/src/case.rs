//! A case compares subjects that do the same work.

use crate::service::Failure;

/// Does the work the given number of times.
pub(crate) type Work = Box<dyn FnMut(u64) + Send>;

/// One comparison.
pub(crate) struct Case {
    /// Group and name, such as `breaker/count-100`.
    pub(crate) name: &'static str,
    /// Builds the subjects right before they are measured: no case sees what another one sets up.
    pub(crate) subjects: fn() -> Vec<Subject>,
}

impl Case {
    /// Its subjects: all, or `only` those of one name.
    pub(crate) fn wanted(&self, only: Option<&str>) -> Vec<Subject> {
        let mut subjects = (self.subjects)();
        subjects.retain(|subject| only.is_none_or(|name| subject.name == name));
        subjects
    }
}

/// One way to do the work of a case.
pub(crate) struct Subject {
    /// `bare`, `buttress` or a peer with its version; a variant follows after a slash.
    pub(crate) name: String,
    /// One work per thread.
    pub(crate) work: Vec<Work>,
}

/// The work without the layer; it is subtracted for the net figures.
pub(crate) const BARE: &str = "bare";

/// Our own row; ratios are relative to it.
pub(crate) const OURS: &str = "buttress";

/// Ends the name of a two-thread subject whose threads share nothing.
pub(crate) const APART: &str = "/apart";

/// The variants of error types. A row that ends with one is compared with `bare` and `buttress` of the same.
pub(crate) const ERROR_TYPES: [&str; 2] = ["/error", "/box"];

/// The variant of an error type that `subject` ends with; none for the application's enum.
pub(crate) fn error_type(subject: &str) -> &str {
    ERROR_TYPES.into_iter().find(|variant| subject.ends_with(variant)).unwrap_or_default()
}

/// The name of a subject whose service fails with `E`.
pub(crate) fn named<E: Failure>(name: impl Into<String>) -> String {
    name.into() + E::VARIANT
}

/// All rows that `rows` makes for an application's error enum, for `buttress_error::Error` and for `BoxError`.
macro_rules! with_each_error {
    ($rows:ident($($argument:expr),*)) => {{
        let mut rows = $rows::<$crate::service::App>($($argument),*);
        rows.extend($rows::<buttress::Error>($($argument),*));
        rows.extend($rows::<buttress::BoxError>($($argument),*));
        rows
    }};
}
pub(crate) use with_each_error;

impl Subject {
    /// Work for one thread.
    pub(crate) fn new(name: impl Into<String>, work: impl FnMut(u64) + Send + 'static) -> Self {
        Self { name: name.into(), work: vec![Box::new(work)] }
    }

    /// Work for two threads, made once for each.
    pub(crate) fn pair<W: FnMut(u64) + Send + 'static>(
        name: impl Into<String>,
        make: impl Fn() -> W,
    ) -> Self {
        Self { name: name.into(), work: vec![Box::new(make()), Box::new(make())] }
    }

    pub(crate) fn threads(&self) -> usize {
        self.work.len()
    }
}
