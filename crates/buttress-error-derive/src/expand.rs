//! From the input of the derive to the implementation.

use std::slice;

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{DeriveInput, Field, Generics, Type, parse_quote};

use crate::attrs::{Attrs, Wait};
use crate::case::{Base, Case, cases};
use crate::entry::Errors;

/// The implementation, with the paths of the crate `root`; or what is wrong with the input.
pub(crate) fn derive(input: TokenStream, root: &TokenStream) -> TokenStream {
    let DeriveInput { ident, attrs, mut generics, data, .. } = match syn::parse2(input) {
        Ok(input) => input,
        Err(error) => return error.to_compile_error(),
    };
    let mut errors = Errors::default();
    let cases = cases(&ident, &attrs, &data, &mut errors);
    let (mistakes, methods) = match errors.into_result() {
        Ok(()) => (None, methods(&cases, root)),
        // An implementation all the same, so that the mistake is told once and not at every `?`.
        Err(errors) => (Some(errors.to_compile_error()), stub(root)),
    };
    bounds(&ident, &mut generics, &cases, root);
    let (parameters, arguments, clause) = generics.split_for_impl();
    quote! {
        #mistakes
        #[automatically_derived]
        #[allow(deprecated, unused_qualifications)]
        impl #parameters #root::Classify for #ident #arguments #clause { #methods }
    }
}

/// A forwarded field of a generic type has to be classified. One that holds the type itself will be, if the others are.
fn bounds(name: &Ident, generics: &mut Generics, cases: &[Case<'_>], root: &TokenStream) {
    let parameters: Vec<Ident> = generics.type_params().map(|parameter| parameter.ident.clone()).collect();
    for case in cases {
        if let Base::Forward { field, .. } = case.base {
            let ty = &field.ty;
            if mentions(ty, &parameters) && !mentions(ty, slice::from_ref(name)) {
                generics.make_where_clause().predicates.push(parse_quote!(#ty: #root::Classified));
            }
        }
    }
}

/// A name of our own, which none of the user's can be, or be taken for: neither a constant, which a pattern would match,
/// nor what an expression in an attribute speaks of.
fn own(name: &str) -> Ident {
    format_ident!("__buttress_{name}", span = Span::mixed_site())
}

fn mentions(ty: &Type, names: &[Ident]) -> bool {
    fn any(tokens: TokenStream, names: &[Ident]) -> bool {
        tokens.into_iter().any(|token| match token {
            TokenTree::Ident(ident) => names.contains(&ident),
            TokenTree::Group(group) => any(group.stream(), names),
            _ => false,
        })
    }
    any(quote!(#ty), names)
}

fn stub(root: &TokenStream) -> TokenStream {
    quote! {
        fn class(&self) -> #root::Class {
            ::core::panic!()
        }
    }
}

fn methods(cases: &[Case<'_>], root: &TokenStream) -> TokenStream {
    let arms = cases.iter().map(|case| class(case, root));
    // A reference to a type without values counts as one with values, so it has to be looked through.
    let scrutinee = if cases.is_empty() { quote!(*self) } else { quote!(self) };
    let (summary, passes_on) = (note_retry_summary(cases, root), passes_on(cases, root));
    quote! {
        fn class(&self) -> #root::Class {
            match #scrutinee { #(#arms)* }
        }
        #summary
        #passes_on
    }
}

/// One arm of `class`.
fn class(case: &Case<'_>, root: &TokenStream) -> TokenStream {
    let Case { path, base, attrs, wait } = case;
    let mut fields = Vec::new();
    let mut changes = changes(attrs, root);
    let (class, inner, after) = (own("class"), own("inner"), own("wait"));
    let made = match base {
        Base::Kind(kind) => {
            let made = changed(&quote!(#root::Class::new(#root::Kind::#kind)), &std::mem::take(&mut changes));
            quote!(const { #made })
        }
        Base::Forward { member, field, transparent, domain } => {
            fields.push(quote!(#member: #inner));
            if let (Some(domain), None) = (domain, &attrs.domain) {
                changes
                    .push(quote!(#class.domain = #class.domain.or(::core::option::Option::Some(#domain));));
            }
            // The field spoke of its own message; this one is another.
            if !transparent && attrs.public.is_none() {
                changes.push(quote!(#class.public = false;));
            }
            let classified = classified(field, root);
            quote_spanned!(place(field)=> #classified::classified(#inner))
        }
    };
    let value = match (wait, &attrs.retry_after) {
        (Some((member, field)), _) => {
            fields.push(quote!(#member: #after));
            Some((quote!(*#after), place(field)))
        }
        (None, Some(Wait::Value(value))) => Some((value.clone(), value.span())),
        (None, _) => None,
    };
    if let Some((value, span)) = value {
        let from = quote_spanned!(span=> ::core::option::Option::<::core::time::Duration>::from);
        changes.push(quote!(#class.retry_after = #from(#value);));
    }
    let made = changed(&made, &changes);
    quote!(#path { #(#fields,)* .. } => #made,)
}

/// Where the field's type stands, for messages; names mean what they mean in the derive, whoever wrote the type.
fn place(field: &Field) -> Span {
    field.ty.span().resolved_at(Span::call_site())
}

/// The trait, named where the field is: an error of a type without a class is told there.
fn classified(field: &Field, root: &TokenStream) -> TokenStream {
    let path = quote!(#root::Classified).into_iter().map(|mut token| {
        token.set_span(place(field));
        token
    });
    path.collect()
}

fn changed(made: &TokenStream, changes: &[TokenStream]) -> TokenStream {
    if changes.is_empty() {
        return made.clone();
    }
    let class = own("class");
    quote!({
        let mut #class = #made;
        #(#changes)*
        #class
    })
}

/// What the attributes change in the class, but for a `retry_after` that only the value knows.
fn changes(attrs: &Attrs, root: &TokenStream) -> Vec<TokenStream> {
    let class = own("class");
    let some = |field: &str, value: TokenStream| {
        let field = Ident::new(field, Span::call_site());
        quote!(#class.#field = ::core::option::Option::Some(#value);)
    };
    let Attrs { kind: _, forward: _, reason, domain, http, exit, retry, delivery, retry_after, public } =
        attrs;
    let seconds = match retry_after {
        Some(Wait::Seconds(seconds)) => Some(quote!(::core::time::Duration::from_secs(#seconds))),
        _ => None,
    };
    let changes = [
        reason.as_ref().map(|reason| some("reason", quote!(#reason))),
        domain.as_ref().map(|domain| some("domain", quote!(#domain))),
        http.map(|http| some("http", quote!(#http))),
        exit.map(|exit| some("exit", quote!(#exit))),
        retry.as_ref().map(|retry| quote!(#class.retry = #root::RetryAdvice::#retry;)),
        delivery.as_ref().map(|delivery| quote!(#class.delivery = #root::Delivery::#delivery;)),
        seconds.map(|seconds| some("retry_after", seconds)),
        public.map(|public| quote!(#class.public = #public;)),
    ];
    changes.into_iter().flatten().collect()
}

/// A forwarded error keeps what a retry layer tells it.
fn note_retry_summary(cases: &[Case<'_>], root: &TokenStream) -> Option<TokenStream> {
    let (inner, summary) = (own("inner"), own("summary"));
    let stamp = |field: &Field| {
        let classified = classified(field, root);
        quote_spanned!(place(field)=> #classified::stamp(#inner, #summary))
    };
    let arms = forwards(cases, |_| true, stamp, &quote!({}))?;
    Some(quote! {
        fn note_retry_summary(&mut self, #summary: &#root::RetrySummary) {
            match self { #arms }
        }
    })
}

/// An error whose message is that of another tells all that was added to that one.
fn passes_on(cases: &[Case<'_>], root: &TokenStream) -> Option<TokenStream> {
    let inner = own("inner");
    let passed_on = |field: &Field| {
        let classified = classified(field, root);
        quote_spanned!(place(field)=> #classified::passed_on(#inner))
    };
    let told = |case: &Case<'_>| {
        matches!(case.base, Base::Forward { transparent: true, .. }) && case.attrs.public != Some(false)
    };
    let arms = forwards(cases, told, passed_on, &quote!(::core::option::Option::None))?;
    Some(quote! {
        fn passes_on(&self) -> ::core::option::Option<&#root::Error> {
            match self { #arms }
        }
    })
}

/// The arms of a match: for each of the `wanted` cases that forward what is `done` with the field, for all others `rest`;
/// none where there are no such.
fn forwards(
    cases: &[Case<'_>],
    wanted: impl Fn(&Case<'_>) -> bool,
    done: impl Fn(&Field) -> TokenStream,
    rest: &TokenStream,
) -> Option<TokenStream> {
    let inner = own("inner");
    let arms: Vec<_> = cases
        .iter()
        .filter(|case| wanted(case))
        .filter_map(|case| match &case.base {
            Base::Forward { member, field, .. } => {
                let (path, done) = (&case.path, done(field));
                Some(quote!(#path { #member: #inner, .. } => #done,))
            }
            Base::Kind(_) => None,
        })
        .collect();
    let others = (arms.len() < cases.len()).then(|| quote!(_ => #rest,));
    (!arms.is_empty()).then(|| quote!(#(#arms)* #others))
}
