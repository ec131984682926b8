//! Reading an error.

use std::borrow::Cow;
use std::iter;

use super::render::shown;
use super::{BELOW, Error, MAX_DEPTH, Place};
use crate::foreign::first_ours;
use crate::{Class, Kind, RetryAdvice, RetrySummary, Safe, Value, Violation};

impl Error {
    /// The kind.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.inner().class.kind
    }

    /// The whole class. (No `Classify`: `Error` is what classified errors become.)
    #[must_use]
    pub fn class(&self) -> &Class {
        &self.inner().class
    }

    /// The class for those who show its `Display`, which tells more than is public: domain, context, or a message that
    /// was replaced for clients.
    pub(crate) fn class_as_shown(&self) -> Class {
        let replaced = self.extra().is_some_and(|extra| extra.public.is_some());
        let context = self.0.contexts() > 0 || self.about().is_some();
        let told = self.said_origin().is_none() && !context && !replaced;
        self.class().public_if(told)
    }

    /// Is this its reason?
    ///
    /// ```
    /// use buttress_error::{Error, Kind};
    ///
    /// let error = Error::new(Kind::FailedPrecondition, "card declined").reason("CARD_DECLINED");
    /// assert!(error.is_reason("CARD_DECLINED"));
    /// ```
    #[must_use]
    pub fn is_reason(&self, reason: &str) -> bool {
        self.class().reason == Some(reason)
    }

    /// The retry advice: [`RetryAdvice::Never`] once a retry layer has given up on it.
    #[must_use]
    pub fn advice(&self) -> RetryAdvice {
        if self.class().exhausted { RetryAdvice::Never } else { self.class().retry }
    }

    /// The part of the system that it comes from: what [`domain`](Self::domain) said, else its class, else the first
    /// error of ours below the error of another type that it wraps.
    #[must_use]
    pub fn origin(&self) -> Option<&str> {
        iter::successors(Some(self), |&error| first_ours(error.innermost_wrapped()?))
            .take(MAX_DEPTH)
            .find_map(Self::said_origin)
    }

    fn said_origin(&self) -> Option<&str> {
        let said = self.layers().find_map(|error| error.extra()?.domain.as_deref());
        said.or(self.class().domain)
    }

    /// The notes, oldest first.
    pub fn notes(&self) -> impl ExactSizeIterator<Item = &str> {
        self.extra().map_or(&[][..], |extra| &extra.notes).iter().map(AsRef::as_ref)
    }

    /// The hints, oldest first.
    pub fn hints(&self) -> impl ExactSizeIterator<Item = &str> {
        self.extra().map_or(&[][..], |extra| &extra.hints).iter().map(AsRef::as_ref)
    }

    /// The attributes, oldest first, one of each key. Whoever writes them leaves out the values of
    /// [secret](crate::is_secret) keys.
    #[must_use]
    pub fn attrs(&self) -> impl ExactSizeIterator<Item = (&'static str, &Value)> {
        self.extra().map_or(&[][..], |extra| &extra.attrs).iter().map(|(key, value)| (*key, value))
    }

    /// The fields of the request that are wrong.
    #[must_use]
    pub fn violations(&self) -> &[Violation] {
        self.extra().map_or(&[], |extra| &extra.violations)
    }

    /// What clients may read: the words of [`public`](Self::public), else its own message where its class allows that
    /// and the fault is the caller's. What really leaves is for [`safe`](Self::safe) to say.
    #[must_use]
    pub fn public_message(&self) -> Option<Cow<'_, str>> {
        if let Some(public) = self.extra().and_then(|extra| extra.public.as_deref()) {
            return Some(public.into());
        }
        let class = self.class();
        if !class.public || class.kind.fault() != crate::Fault::Caller {
            return None;
        }
        // A context is no part of what the class allows, unless it was allowed with the context in place.
        let error = self.layers().find(|error| error.inner().public_at != BELOW).unwrap_or(self);
        Some(match error.0.context(error.inner().public_at) {
            Some(context) => context.into(),
            None => shown(&error.inner().what).into(),
        })
    }

    /// Only what may leave this program.
    #[must_use]
    pub fn safe(&self) -> Safe<'_> {
        Safe::new(self)
    }

    /// Where it was made; none where a layer made it, or the standard library, whose own line would tell nothing. The
    /// compiler passes a place inside of the standard library for `map_err(Error::from)` and `collect()`: write
    /// `map_err(|error| Error::from(error))` to have that line.
    #[must_use]
    pub fn location(&self) -> Place {
        self.inner().location.filter(|place| !is_std(place.file()))
    }

    /// What a retry layer did before it gave up on it. None where there was none, or nothing for it to do: a failure of the
    /// first attempt that is not to be repeated, or that of a call without retries.
    #[must_use]
    pub fn retry_summary(&self) -> Option<&RetrySummary> {
        self.extra()?.effort.as_ref()
    }

    /// What a [`barrier`](Self::barrier) hides.
    #[must_use]
    pub fn hidden(&self) -> Option<&Self> {
        self.extra()?.hidden.as_ref()
    }

    /// True for the first who asks, false ever after, for all its clones: so that an error is reported once, however
    /// many handlers see it. (A clone that something was added to before that asks for itself.)
    #[must_use = "it says whether to report"]
    pub fn report_once(&self) -> bool {
        self.inner().logged.first()
    }
}

/// Is it a source file of the standard library, as the compiler names it, or as it is installed?
fn is_std(file: &str) -> bool {
    let remapped = file.starts_with("/rustc/");
    remapped
        || file.contains("/rustlib/src/rust/library/")
        || file.contains("\\rustlib\\src\\rust\\library\\")
}

#[cfg(test)]
mod tests {
    use super::is_std;

    #[test]
    fn only_the_standard_library_is_passed_over() {
        for file in [
            "/rustc/59807616e1fa/library/core/src/ops/function.rs",
            "/home/u/.rustup/toolchains/stable/lib/rustlib/src/rust/library/core/src/convert/mod.rs",
            "C:\\rustup\\lib\\rustlib\\src\\rust\\library\\core\\src\\result.rs",
        ] {
            assert!(is_std(file), "{file}");
        }
        for file in ["src/main.rs", "crates/library/core/src/lib.rs", "/home/u/rustc/src/main.rs", ""] {
            assert!(!is_std(file), "{file}");
        }
    }
}
