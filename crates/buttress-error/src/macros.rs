//! Macros that return or create an error.

use std::fmt;

use crate::error::Text;

/// Returns an error early: a new one of a class, with a message as in `format!`, or an existing one.
///
/// ```
/// use buttress_error::{Kind, Result, bail};
///
/// fn port(text: &str) -> Result<u16> {
///     match text.parse() {
///         Ok(0) => bail!(Kind::InvalidArgument, "port {text} is reserved"),
///         Ok(port) => Ok(port),
///         Err(_) => bail!(buttress_error::Error::invalid("port", "must be a number")),
///     }
/// }
///
/// assert_eq!(port("0").unwrap_err().to_string(), "port 0 is reserved");
/// assert_eq!(port("x").unwrap_err().kind(), Kind::InvalidArgument);
/// ```
#[macro_export]
macro_rules! bail {
    ($error:expr $(,)?) => {
        return ::core::result::Result::Err(::core::convert::Into::into($error))
    };
    ($class:expr, $($message:tt)+) => {
        return ::core::result::Result::Err(::core::convert::Into::into($crate::Error::new(
            $class,
            $crate::__private::text(::core::format_args!($($message)+)),
        )))
    };
}

/// Returns an error early unless a condition holds. The other arguments are those of [`bail!`].
///
/// ```
/// use buttress_error::{Kind, Result, ensure};
///
/// fn withdraw(balance: u32, amount: u32) -> Result<u32> {
///     ensure!(amount <= balance, Kind::FailedPrecondition, "{} short", amount - balance);
///     Ok(balance - amount)
/// }
///
/// assert_eq!(withdraw(5, 7).unwrap_err().to_string(), "2 short");
/// ```
#[macro_export]
macro_rules! ensure {
    ($condition:expr, $($error:tt)+) => {
        if !$condition {
            $crate::bail!($($error)+);
        }
    };
}

/// Creates the error of a broken invariant: of [`Kind::Internal`](crate::Kind::Internal), never retried, and with a backtrace
/// if backtraces are enabled. The result is a value; return it or pass it on.
///
/// ```
/// use buttress_error::{Result, bug};
///
/// fn total(sums: &[u64]) -> Result<u64> {
///     sums.last().copied().ok_or_else(|| bug!("an order of {} lines has no total", sums.len()))
/// }
///
/// assert!(total(&[]).unwrap_err().kind().is_bug());
/// ```
#[macro_export]
macro_rules! bug {
    ($($message:tt)+) => {
        $crate::Error::new(
            $crate::Kind::Internal,
            $crate::__private::text(::core::format_args!($($message)+)),
        )
    };
}

/// Allocates only if the message has arguments.
#[must_use]
pub fn text(message: fmt::Arguments<'_>) -> Text {
    match message.as_str() {
        Some(text) => text.into(),
        None => message.to_string().into(),
    }
}
