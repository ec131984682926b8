//! The guard of the body of a good response.

mod body;
mod limits;

pub use body::GuardedBody;
pub use limits::BodyGuard;
