//! What is measured: a case compares subjects that do the same work.

/// Does the work so many times.
pub(crate) type Work = Box<dyn FnMut(u64) + Send>;

/// One comparison.
pub(crate) struct Case {
    /// Group and name, such as `breaker/count-100`.
    pub(crate) name: &'static str,
    /// Builds the subjects, right before they are measured: what one case sets up, no other case sees.
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

/// The work without the layer, which `net` figures are measured against.
pub(crate) const BARE: &str = "bare";

/// Our own row, which ratios are measured against.
pub(crate) const OURS: &str = "buttress";

/// Ends the name of a two-thread subject whose threads share nothing.
pub(crate) const APART: &str = "/apart";

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
