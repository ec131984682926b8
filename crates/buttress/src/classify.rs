//! The trait `Classify` without the derive of that name in `buttress-error`, which emits paths of `buttress-error`. Programs
//! that depend only on the facade need the facade's own derive, which `lib.rs` exports with the trait.

#[doc(no_inline)]
pub use buttress_error::Classify;
