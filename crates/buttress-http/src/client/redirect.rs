//! `same_origin`: a redirect policy that stays inside one origin.

use std::fmt;

use reqwest::redirect::Policy;

/// The default of reqwest.
const MAX_HOPS: usize = 10;

/// Returns a policy for `reqwest::ClientBuilder::redirect` that follows up to 10 redirects inside one origin, and fails at
/// the first one to another origin.
///
/// reqwest follows redirects below every layer, and sends all headers to the next host except a few that are known to be
/// secret. The others include request id, trace, deadline, and any key in a header of the caller's own. A policy cannot
/// remove headers; it can only refuse the redirect. With this policy no part of a request reaches another origin: the call
/// fails with [`Kind::FailedPrecondition`](buttress_error::Kind::FailedPrecondition), and [`CrossOriginRedirect`] in its chain
/// names the target.
///
/// ```
/// # fn main() -> Result<(), reqwest::Error> {
/// let client = reqwest::Client::builder().redirect(buttress_http::same_origin()).build()?;
/// # Ok(()) }
/// ```
#[must_use]
pub fn same_origin() -> Policy {
    Policy::custom(|attempt| {
        // The first URL is that of the request.
        let Some(first) = attempt.previous().first() else { return attempt.follow() };
        if attempt.url().origin() != first.origin() {
            let to = attempt.url().origin().ascii_serialization();
            attempt.error(CrossOriginRedirect { to })
        } else if attempt.previous().len() > MAX_HOPS {
            attempt.error("too many redirects")
        } else {
            attempt.follow()
        }
    })
}

/// A redirect to another origin that was not followed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CrossOriginRedirect {
    to: String,
}

impl CrossOriginRedirect {
    /// Returns the other origin: scheme, host, and the port unless it is the standard one.
    #[must_use]
    pub fn to(&self) -> &str {
        &self.to
    }
}

impl fmt::Display for CrossOriginRedirect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "redirect to another origin ({})", self.to)
    }
}

impl std::error::Error for CrossOriginRedirect {}
