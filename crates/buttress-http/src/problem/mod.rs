//! Problem details ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)): errors as they leave a server and reach a client.

mod answer;
#[cfg(feature = "axum")]
mod axum;
mod details;
mod envelope;
mod read;
mod retry_info;
mod write;

pub use answer::Problem;
pub use details::ProblemDetails;
pub(crate) use envelope::read;

/// The media type of a problem.
pub(crate) const MEDIA_TYPE: &str = "application/problem+json";

/// Text that came from anywhere, as it may be shown: at most `max` characters, control characters as spaces.
fn plain(text: &str, max: usize) -> String {
    text.chars().take(max).map(|c| if c.is_control() { ' ' } else { c }).collect()
}
