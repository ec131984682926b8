//! The trait `Classify` by itself: the derive of that name in `buttress-error` emits paths of a crate that those who
//! depend on the facade alone don't have. `lib.rs` puts the facade's own derive beside it.

#[doc(no_inline)]
pub use buttress_error::Classify;
