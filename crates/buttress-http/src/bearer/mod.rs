//! Bearer tokens on requests.

mod layer;
mod service;
mod token;

pub use layer::BearerLayer;
pub use service::BearerService;
pub use token::Bearer;
