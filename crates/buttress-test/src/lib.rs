//! The conformance kit that every Buttress layer passes.
