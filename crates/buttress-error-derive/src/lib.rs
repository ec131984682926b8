#![doc = include_str!("../README.md")]

mod attrs;
mod case;
mod entry;
mod expand;
#[cfg(doctest)]
mod misuse;
mod words;

use proc_macro::TokenStream;
use quote::quote;

/// Implements the trait `Classify` for an enum or a struct, as its `#[classify(…)]` attributes say.
///
/// ```
/// use buttress_error::{Classify, Kind, Rejection};
///
/// #[derive(Debug, thiserror::Error, Classify)]
/// #[classify(domain = "payments")]
/// enum PaymentError {
///     #[error("card declined")]
///     #[classify(kind = FailedPrecondition, reason = "CARD_DECLINED", http = 402, public)]
///     CardDeclined,
///     #[error("gateway did not answer")]
///     #[classify(kind = Timeout)]
///     GatewayTimeout(#[source] std::io::Error),
///     #[error(transparent)]
///     #[classify(forward)]
///     Refused(#[from] Rejection),
/// }
///
/// assert_eq!(PaymentError::CardDeclined.class().kind, Kind::FailedPrecondition);
/// assert_eq!(PaymentError::CardDeclined.class().http, Some(402));
/// ```
///
#[doc = include_str!("keys.md")]
#[proc_macro_derive(Classify, attributes(classify))]
pub fn classify(input: TokenStream) -> TokenStream {
    expand::derive(input.into(), &quote!(::buttress_error)).into()
}

/// Implements the trait `Classify` for an enum or a struct, as its `#[classify(…)]` attributes say. The crate `buttress`
/// exports it as `Classify`; the code that it writes needs no other crate.
///
#[doc = include_str!("keys.md")]
#[proc_macro_derive(ClassifyFacade, attributes(classify))]
pub fn classify_facade(input: TokenStream) -> TokenStream {
    expand::derive(input.into(), &quote!(::buttress::error)).into()
}
