//! JSON text: writing it by hand, and reading back what was written. Knows nothing of logging.

pub(crate) mod array;
pub(crate) mod escape;
pub(crate) mod number;
pub(crate) mod reader;
pub(crate) mod string;
