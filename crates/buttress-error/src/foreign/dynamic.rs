//! anyhow's and eyre's errors: boxes that are no `std::error::Error` themselves.

#[cfg(any(feature = "anyhow", feature = "eyre"))]
use std::error::Error as StdError;

use crate::BoxError;

#[cfg(any(feature = "anyhow", feature = "eyre"))]
type Link = dyn StdError + 'static;

/// Converts an error of any type into a box in which [`classify`](crate::classify) finds what `E` holds. The own
/// conversions of `anyhow::Error` and `eyre::Report` hide the type of their content.
pub(crate) fn into_box<E: Into<BoxError> + 'static>(error: E) -> BoxError {
    #[cfg(any(feature = "anyhow", feature = "eyre"))]
    {
        let mut slot = Some(error);
        #[cfg(feature = "anyhow")]
        if let Some(error) = crate::error::taken::<_, anyhow::Error>(&mut slot) {
            return match error.downcast_ref::<BoxError>() {
                Some(boxed) if std::ptr::addr_eq(boxed, &*error) => error.downcast().expect("it is a box"),
                _ => error.reallocate_into_boxed_dyn_error_without_backtrace(),
            };
        }
        #[cfg(feature = "eyre")]
        if let Some(report) = crate::error::taken(&mut slot) {
            return Report(report).into();
        }
        slot.expect("it was not taken").into()
    }
    #[cfg(not(any(feature = "anyhow", feature = "eyre")))]
    error.into()
}

/// An `eyre::Report` that is an error: it has the message and the causes of what the report holds.
#[cfg(feature = "eyre")]
pub(crate) struct Report(pub(crate) eyre::Report);

#[cfg(feature = "eyre")]
impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(feature = "eyre")]
impl std::fmt::Debug for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(feature = "eyre")]
impl StdError for Report {
    fn source(&self) -> Option<&Link> {
        content(&self.0).source()
    }
}

/// Returns what the report holds: its outermost context, or the error itself.
#[cfg(feature = "eyre")]
pub(super) fn content(report: &eyre::Report) -> &Link {
    let outermost: &Link = &**report;
    unboxed(outermost, report.downcast_ref())
}

/// A report made of a box hides the error in that box, and has its address.
#[cfg(any(feature = "anyhow", feature = "eyre"))]
fn unboxed<'e>(outermost: &'e Link, boxed: Option<&'e BoxError>) -> &'e Link {
    match boxed {
        Some(boxed) if std::ptr::addr_eq(boxed, outermost) => &**boxed,
        _ => outermost,
    }
}

#[cfg(any(feature = "anyhow", feature = "eyre"))]
macro_rules! classified {
    ($feature:literal, $type:ty) => {
        #[cfg_attr(docsrs, doc(cfg(feature = $feature)))]
        impl crate::Classified for $type {
            fn classified(&self) -> crate::Class {
                super::classify(unboxed(&**self, self.downcast_ref()))
            }

            fn stamp(&mut self, summary: &crate::RetrySummary) {
                // With or without contexts above it.
                if self.is::<crate::Error>() {
                    if let Some(error) = self.downcast_mut::<crate::Error>() {
                        error.set_retry_summary(summary);
                    }
                } else if let Some(error) = self.downcast_mut::<std::io::Error>() {
                    crate::Classified::stamp(error, summary);
                } else if let Some(error) = self.downcast_mut::<BoxError>() {
                    error.stamp(summary);
                }
            }

            fn keep(&self) -> Option<crate::Error> {
                self.passed_on().cloned()
            }

            fn passed_on(&self) -> Option<&crate::Error> {
                super::ours(unboxed(&**self, self.downcast_ref()))
            }
        }

        /// Searches what the box holds, as [`classify`](crate::classify) does, with or without contexts above it.
        #[cfg_attr(docsrs, doc(cfg(feature = $feature)))]
        impl From<$type> for crate::Error {
            #[track_caller]
            fn from(error: $type) -> Self {
                Self::unbox(into_box(error), Some(std::panic::Location::caller()))
            }
        }

        #[cfg_attr(docsrs, doc(cfg(feature = $feature)))]
        impl<Res> crate::Classifier<Res, $type> for crate::Chain {
            fn judge(&self, outcome: &Result<Res, $type>) -> crate::Verdict {
                match outcome {
                    Ok(_) => crate::Verdict::success(),
                    Err(error) => crate::Verdict::of(self.classify(unboxed(&**error, error.downcast_ref()))),
                }
            }

            fn stamp(&self, outcome: &mut Result<Res, $type>, summary: &crate::RetrySummary) {
                crate::ByKind.stamp(outcome, summary);
            }

            fn keep(&self, outcome: &Result<Res, $type>) -> Option<crate::Error> {
                crate::ByKind.keep(outcome)
            }
        }
    };
}

#[cfg(feature = "anyhow")]
classified!("anyhow", anyhow::Error);
#[cfg(feature = "eyre")]
classified!("eyre", eyre::Report);
