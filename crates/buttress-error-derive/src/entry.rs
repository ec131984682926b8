//! `Entry`: one `key` or `key = value` of an attribute, and the values that it may have.

use std::fmt::Display;
use std::ops::RangeInclusive;

use proc_macro2::Ident;
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Attribute, Error, Expr, ExprLit, Lit, LitStr, Result, Token};

use crate::words;

/// Every mistake of one derive, so that one build reports them all.
#[derive(Default)]
pub(crate) struct Errors(Vec<Error>);

impl Errors {
    /// The value, unless it is a mistake.
    pub(crate) fn check<T>(&mut self, result: Result<T>) -> Option<T> {
        result.map_err(|error| self.0.push(error)).ok()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// All in one.
    pub(crate) fn into_result(self) -> Result<()> {
        let all = self.0.into_iter().reduce(|mut all, error| {
            all.combine(error);
            all
        });
        all.map_or(Ok(()), Err)
    }
}

/// A mistake, under all of the tokens `at`.
pub(crate) fn error<T>(at: impl ToTokens, message: impl Display) -> Result<T> {
    Err(Error::new_spanned(at, message))
}

pub(crate) struct Entry {
    pub(crate) key: Ident,
    value: Option<Expr>,
}

impl Parse for Entry {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let Ok(key) = Ident::parse_any(input) else {
            return Err(input.error(format_args!("expected a key: {}", keys())));
        };
        let value = if input.peek(Token![=]) {
            input.parse::<Token![=]>()?;
            let missing = |_| Error::new(key.span(), format_args!("`{key}` needs a value after the `=`"));
            Some(input.parse().map_err(missing)?)
        } else if input.is_empty() || input.peek(Token![,]) {
            None
        } else {
            return Err(input.error(format_args!("expected `=` or `,` after `{key}`")));
        };
        Ok(Self { key, value })
    }
}

/// All entries of the `#[classify(…)]` among `attrs`.
pub(crate) fn entries(attrs: &[Attribute], errors: &mut Errors) -> Vec<Entry> {
    let ours = attrs.iter().filter(|attr| attr.path().is_ident("classify"));
    let parse = |attr: &Attribute| match attr.meta.require_list() {
        Ok(list) => list.parse_args_with(Punctuated::<Entry, Token![,]>::parse_terminated),
        Err(_) => error(attr, "expected keys in parentheses: `#[classify(kind = Timeout)]`"),
    };
    ours.filter_map(|attr| errors.check(parse(attr))).flatten().collect()
}

pub(crate) fn keys() -> String {
    format!("one of `{}`", words::KEYS.join("`, `"))
}

impl Entry {
    pub(crate) fn key(&self) -> String {
        self.key.unraw().to_string()
    }

    /// Its value, out of the invisible parentheses in which macros put what they were given.
    pub(crate) fn value(&self, example: &str) -> Result<&Expr> {
        let Some(mut value) = self.value.as_ref() else {
            let key = &self.key;
            return error(key, format_args!("`{key}` needs a value: `{key} = {example}`"));
        };
        while let Expr::Group(group) = value {
            value = &group.expr;
        }
        Ok(value)
    }

    /// No value: the key says it all.
    pub(crate) fn bare(&self) -> Result<()> {
        match &self.value {
            None => Ok(()),
            Some(value) => error(value, format_args!("`{0}` takes no value: write `{0}`", self.key)),
        }
    }

    /// Yes, unless it says no.
    pub(crate) fn flag(&self) -> Result<bool> {
        if self.value.is_none() {
            return Ok(true);
        }
        match self.value("false")? {
            Expr::Lit(ExprLit { lit: Lit::Bool(flag), .. }) => Ok(flag.value),
            other => error(
                other,
                format_args!("`{0}` takes no value or `false`: write `{0}` or `{0} = false`", self.key),
            ),
        }
    }

    /// One of `words`.
    pub(crate) fn word(&self, words: &[&'static str], example: &str) -> Result<Ident> {
        let (key, value) = (&self.key, self.value(example)?);
        let given = match value {
            Expr::Path(path) => match path.path.get_ident() {
                Some(ident) if words.iter().any(|word| ident == word) => return Ok(ident.clone()),
                _ => path.path.segments.last().map(|segment| segment.ident.to_string()),
            },
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value()),
            _ => None,
        };
        match given.as_deref().map(|given| (given, words::nearest(given, words))) {
            Some((given, Some(meant))) if given == meant => {
                error(value, format_args!("write the bare name: `{key} = {meant}`"))
            }
            Some((given, Some(meant))) => {
                error(value, format_args!("unknown {key} `{given}`: did you mean `{key} = {meant}`?"))
            }
            _ => error(value, format_args!("`{key}` is one of `{}`", words.join("`, `"))),
        }
    }

    pub(crate) fn text(&self, example: &str) -> Result<&LitStr> {
        match self.value(example)? {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Ok(text),
            other => error(other, format_args!("`{0}` is a string: `{0} = {example}`", self.key)),
        }
    }

    /// A whole number in `range`, which is for `what`.
    pub(crate) fn number(&self, range: RangeInclusive<u16>, what: &str) -> Result<u16> {
        let (first, last) = (range.start(), range.end());
        let value = self.value(&first.to_string())?;
        let number = match value {
            Expr::Lit(ExprLit { lit: Lit::Int(number), .. }) => number.base10_parse().ok(),
            _ => None,
        };
        match number.filter(|number| range.contains(number)) {
            Some(number) => Ok(number),
            None => error(value, format_args!("`{}` is {what}, {first} to {last}", self.key)),
        }
    }
}
