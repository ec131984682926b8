//! Bearer tokens, put on requests below the retry.

mod layer;
mod service;
mod token;

pub use layer::BearerLayer;
pub use service::BearerService;
pub use token::Bearer;
