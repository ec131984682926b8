//! Problem details ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)): how an error travels from a server to its client.

#[cfg(feature = "axum")]
mod axum;
mod details;
mod envelope;
mod read;
mod response;
mod retry_info;
mod write;

pub use details::ProblemDetails;
pub(crate) use envelope::read;
pub use response::Problem;

/// The media type of a problem.
pub(crate) const MEDIA_TYPE: &str = "application/problem+json";

/// Makes text from an untrusted source safe to show: at most `max` characters, with control characters as spaces.
fn plain(text: &str, max: usize) -> String {
    text.chars().take(max).map(|c| if c.is_control() { ' ' } else { c }).collect()
}
