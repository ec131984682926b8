//! What watches over the body of a good answer.

mod body;
mod limits;

pub use body::GuardedBody;
pub use limits::BodyGuard;
