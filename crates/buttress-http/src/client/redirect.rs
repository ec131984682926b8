//! Redirects that stay where the request was sent.

use std::fmt;

use reqwest::redirect::Policy;

/// reqwest's default is 10 as well.
const MAX_HOPS: usize = 10;

/// A redirect policy for `reqwest::ClientBuilder::redirect`: follows up to 10 redirects inside one origin, and fails at
/// the first that leads to another.
///
/// reqwest follows redirects below every layer, and copies to the next host all headers but a few that it knows to be
/// secret: so also request id, trace and deadline, and whatever key the caller put into a header of its own. A policy
/// can't take headers off, it can only refuse. With this one nothing of a request reaches an origin that it was not
/// meant for; the call fails with [`Kind::FailedPrecondition`](buttress_error::Kind::FailedPrecondition), and
/// [`CrossOriginRedirect`] in its chain says where it was sent to.
///
/// ```
/// # fn main() -> Result<(), reqwest::Error> {
/// let client = reqwest::Client::builder().redirect(buttress_http::same_origin()).build()?;
/// # Ok(()) }
/// ```
#[must_use]
pub fn same_origin() -> Policy {
    Policy::custom(|attempt| {
        // The first is the request itself.
        let Some(asked) = attempt.previous().first() else { return attempt.follow() };
        if attempt.url().origin() != asked.origin() {
            let to = attempt.url().origin().ascii_serialization();
            attempt.error(CrossOriginRedirect { to })
        } else if attempt.previous().len() > MAX_HOPS {
            attempt.error("too many redirects")
        } else {
            attempt.follow()
        }
    })
}

/// A redirect led to another origin, and was not followed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CrossOriginRedirect {
    to: String,
}

impl CrossOriginRedirect {
    /// The other origin: scheme, host, and the port where it is not the standard one.
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
