//! The runner fails when it has to: no scenario may pass because nobody looked at it.

mod expectations;
mod files;
