//! Reading an error.

use std::borrow::Cow;
use std::iter;

use super::render::shown;
use super::{BELOW, Error, MAX_DEPTH, Place};
use crate::axes::RetryAdvice;
use crate::class::Class;
use crate::foreign::first_ours;
use crate::kind::Kind;
use crate::retry_summary::RetrySummary;
use crate::safe::Safe;
use crate::value::Value;
use crate::violation::Violation;

impl Error {
    /// Returns the kind.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.inner().class.kind
    }

    /// Returns the class. (`Error` does not implement `Classify`: classified errors become an `Error`.)
    #[must_use]
    pub fn class(&self) -> &Class {
        &self.inner().class
    }

    /// Returns the class for errors that show its `Display`, which may contain more than is public: a domain, context, or a
    /// message that was replaced for clients.
    pub(crate) fn class_as_shown(&self) -> Class {
        let replaced = self.extra().is_some_and(|extra| extra.public.is_some());
        let context = self.0.contexts() > 0 || self.about().is_some();
        let same = self.said_origin().is_none() && !context && !replaced;
        self.class().public_if(same)
    }

    /// Returns `true` if this is its reason.
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

    /// Returns the retry advice: [`RetryAdvice::Never`] once a retry layer has exhausted it.
    #[must_use]
    pub fn advice(&self) -> RetryAdvice {
        if self.class().exhausted { RetryAdvice::Never } else { self.class().retry }
    }

    /// Returns the part of the system that it comes from: the [domain](Self::domain) of the error, else of its class, else
    /// of the first `Error` below the error of another type that it wraps.
    #[must_use]
    pub fn domain(&self) -> Option<&str> {
        iter::successors(Some(self), |&error| first_ours(error.innermost_wrapped()?))
            .take(MAX_DEPTH)
            .find_map(Self::said_origin)
    }

    fn said_origin(&self) -> Option<&str> {
        let said = self.layers().find_map(|error| error.extra()?.domain.as_deref());
        said.or(self.class().domain)
    }

    /// Iterates over the notes, oldest first.
    pub fn notes(&self) -> impl ExactSizeIterator<Item = &str> {
        self.extra().map_or(&[][..], |extra| &extra.notes).iter().map(AsRef::as_ref)
    }

    /// Iterates over the hints, oldest first.
    pub fn hints(&self) -> impl ExactSizeIterator<Item = &str> {
        self.extra().map_or(&[][..], |extra| &extra.hints).iter().map(AsRef::as_ref)
    }

    /// Iterates over the attributes, oldest first, one of each key. Redact the values of [secret](crate::is_secret) keys
    /// before you write them.
    #[must_use]
    pub fn attrs(&self) -> impl ExactSizeIterator<Item = (&'static str, &Value)> {
        self.extra().map_or(&[][..], |extra| &extra.attrs).iter().map(|(key, value)| (*key, value))
    }

    /// Returns the invalid fields of the request.
    #[must_use]
    pub fn violations(&self) -> &[Violation] {
        self.extra().map_or(&[], |extra| &extra.violations)
    }

    /// Returns the message for clients: that of [`public`](Self::public), else its own message if the class is public and the
    /// fault is the caller's. Respond to clients with [`safe`](Self::safe), which also reduces the answers of dependencies.
    #[must_use]
    pub fn public_message(&self) -> Option<Cow<'_, str>> {
        if let Some(public) = self.extra().and_then(|extra| extra.public.as_deref()) {
            return Some(public.into());
        }
        let class = self.class();
        if !class.public || class.kind.fault() != crate::Fault::Caller {
            return None;
        }
        // Context is public only if it was there when the class became public.
        let error = self.layers().find(|error| error.inner().public_at != BELOW).unwrap_or(self);
        Some(match error.0.context(error.inner().public_at) {
            Some(context) => context.into(),
            None => shown(&error.inner().content).into(),
        })
    }

    /// Returns the part that clients may see.
    #[must_use]
    pub fn safe(&self) -> Safe<'_> {
        Safe::new(self)
    }

    /// Returns where it was created; none if a layer or the standard library created it, whose own line does not help. For
    /// `map_err(Error::from)` and `collect()` that is the standard library. Write `map_err(|error| Error::from(error))` to get
    /// your own line.
    #[must_use]
    pub fn location(&self) -> Place {
        self.inner().location.filter(|place| !is_std(place.file()))
    }

    /// Returns the attempts of the retry layer that stopped at it. None without a retry layer, and if the first attempt failed
    /// and was not retryable.
    #[must_use]
    pub fn retry_summary(&self) -> Option<&RetrySummary> {
        self.extra()?.retry_summary.as_ref()
    }

    /// Returns the error that a [`barrier`](Self::barrier) hides.
    #[must_use]
    pub fn hidden(&self) -> Option<&Self> {
        self.extra()?.hidden.as_ref()
    }

    /// Returns `true` for the first call on an error and its clones, and `false` for all later calls, so that several
    /// handlers report an error once. (A clone that was changed before the first call is counted by itself.)
    #[must_use = "returns whether to report the error"]
    pub fn report_once(&self) -> bool {
        self.inner().logged.first()
    }
}

/// Returns `true` for a source file of the standard library, as the compiler names it or as it is installed.
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
