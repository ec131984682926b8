//! One line for logs.

use std::fmt;

use super::build::Message;
use super::{Error, What};

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let domain = match self.0.what {
            // What it is about names the origin itself.
            What::Context(_) => self.extra().and_then(|extra| extra.domain.as_deref()),
            _ => self.origin(),
        };
        if let Some(domain) = domain {
            write!(f, "{domain}: ")?;
        }
        Message(&self.0.what).fmt(f)?;
        if f.alternate() {
            if let Some(group) = self.wrapped().and_then(|error| error.downcast_ref::<crate::ErrorGroup>()) {
                return group.members_on_a_line(f);
            }
            for cause in self.chain() {
                write!(f, ": {cause}")?;
            }
        }
        Ok(())
    }
}

/// The [report](Error::report) without colour.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.report().fmt(f)
    }
}
