//! The same line in the words of other log systems. Each file is the mapping of one of them.

mod datadog;
mod ecs;
mod gcp;
mod native_line;
mod otel;
#[expect(clippy::module_inception, reason = "the type that the module is about")]
mod schema;
mod simple;
mod writer;

pub use schema::Schema;
pub(crate) use writer::render;
pub use writer::{SchemaLine, SchemaWriter};
