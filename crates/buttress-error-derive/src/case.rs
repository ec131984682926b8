//! `Case`: a variant, or the struct, with everything that makes its class.

use proc_macro2::{Ident, TokenStream};
use quote::quote;
use syn::{Attribute, Data, Field, Fields, Member, Result};

use crate::attrs::{Attrs, Marks, Wait};
use crate::entry::{Errors, error};
use crate::words::NEVER_RETRIED;

pub(crate) struct Case<'a> {
    /// The path of the pattern.
    pub(crate) path: TokenStream,
    pub(crate) base: Base<'a>,
    pub(crate) attrs: Attrs,
    /// The field that holds `retry_after`.
    pub(crate) wait: Option<(Member, &'a Field)>,
}

/// The class before the attributes change it.
pub(crate) enum Base<'a> {
    Kind(Ident),
    Forward {
        member: Member,
        field: &'a Field,
        /// Whether the message is that of the field.
        transparent: bool,
        /// The domain of the enum, for a field without one.
        domain: Option<String>,
    },
}

/// A variant or a struct as it is written.
struct Item<'a> {
    path: TokenStream,
    /// Its name in messages.
    called: String,
    name: &'a Ident,
    attrs: &'a [Attribute],
    fields: &'a Fields,
}

/// Returns every valid case of the type, and reports the others in `errors`.
pub(crate) fn cases<'a>(
    name: &'a Ident,
    attrs: &'a [Attribute],
    data: &'a Data,
    errors: &mut Errors,
) -> Vec<Case<'a>> {
    match data {
        Data::Struct(data) => {
            let called = format!("struct `{name}`");
            let item = Item { path: quote!(Self), called, name, attrs, fields: &data.fields };
            item.read(Some(&Attrs::default()), errors).into_iter().collect()
        }
        Data::Enum(data) => {
            let defaults = Attrs::read(attrs, errors);
            let defaults = (errors.len() == 0).then_some(&defaults);
            let read = |variant: &'a syn::Variant| {
                let name = &variant.ident;
                let (path, called) = (quote!(Self::#name), format!("variant `{name}`"));
                let item = Item { path, called, name, attrs: &variant.attrs, fields: &variant.fields };
                item.read(defaults, errors)
            };
            data.variants.iter().filter_map(read).collect()
        }
        Data::Union(data) => {
            errors
                .check(error::<()>(&data.union_token, "a union has no class: derive `Classify` on an enum"));
            Vec::new()
        }
    }
}

impl<'a> Item<'a> {
    /// Returns no case, and no further errors, if its attributes or its defaults can't be read.
    fn read(self, defaults: Option<&Attrs>, errors: &mut Errors) -> Option<Case<'a>> {
        let before = errors.len();
        let own = Attrs::read(self.attrs, errors);
        let marks: Vec<_> = self.fields.iter().map(|field| Marks::read(&field.attrs, errors)).collect();
        let defaults = defaults.filter(|_| errors.len() == before)?;
        let case = self.case(own, &marks, defaults);
        errors.check(case)
    }

    fn case(self, own: Attrs, marks: &[Marks], defaults: &Attrs) -> Result<Case<'a>> {
        let marked = one(marks.iter().map(|marks| marks.forward.as_ref()), "forward")?;
        let kind = match (&own.kind, &own.forward, marked, &defaults.kind, &defaults.forward) {
            (Some(_), _, Some((_, at)), ..) => {
                return error(at, "`forward` takes the kind from this field: remove it, or remove `kind`");
            }
            (Some(kind), ..) => Some(kind.clone()),
            (None, None, None, Some(kind), _) => Some(kind.clone()),
            (None, None, None, None, None) => return self.no_kind(),
            _ => None,
        };
        let keyed = own.retry_after.is_some();
        let (base, attrs) = match kind {
            Some(kind) => (Base::Kind(kind), own.or(defaults)),
            None => (self.forward(marked.map(|(at, _)| at), defaults)?, own),
        };
        advice(&base, &attrs)?;
        let wait = self.wait(&attrs, keyed, marks)?;
        Ok(Case { path: self.path, base, attrs, wait })
    }

    fn no_kind<T>(&self) -> Result<T> {
        let above = if self.called.starts_with("variant") {
            ", or above the enum as the default of its variants"
        } else {
            ""
        };
        let forward = if self.fields.is_empty() {
            ""
        } else {
            "; or write `#[classify(forward)]` if a field has the class"
        };
        let called = &self.called;
        error(
            self.name,
            format_args!(
                "{called} has no kind: write `#[classify(kind = Internal)]` above it{above}{forward}"
            ),
        )
    }

    /// Returns the marked field, else the only one, or the one that thiserror uses as the source.
    fn forward(&self, marked: Option<usize>, defaults: &Attrs) -> Result<Base<'a>> {
        let is_source = |field: &Field| {
            field.ident.as_ref().is_some_and(|name| name == "source")
                || field
                    .attrs
                    .iter()
                    .any(|attr| attr.path().is_ident("from") || attr.path().is_ident("source"))
        };
        let index = match self.fields.len() {
            0 => {
                let message = format!("{} has no field to forward to: give it a `kind`", self.called);
                return error(self.name, message);
            }
            1 => Some(0),
            _ => marked.or_else(|| self.fields.iter().position(is_source)),
        };
        let Some((member, field)) = index.and_then(|index| self.fields.members().zip(self.fields).nth(index))
        else {
            let message = format!(
                "{} has several fields: put `#[classify(forward)]` on the one that has the class",
                self.called
            );
            return error(self.name, message);
        };
        Ok(Base::Forward {
            member,
            field,
            transparent: self.attrs.iter().any(is_transparent),
            domain: defaults.domain.clone(),
        })
    }

    /// Returns the field marked with `retry_after`, or the one that the key of the item names.
    fn wait(&self, attrs: &Attrs, keyed: bool, marks: &[Marks]) -> Result<Option<(Member, &'a Field)>> {
        let marked = one(marks.iter().map(|marks| marks.retry_after.as_ref()), "retry_after")?;
        let index = match (marked, &attrs.retry_after) {
            (Some((_, at)), _) if keyed => {
                return error(at, "`retry_after` is given twice");
            }
            (Some((index, _)), _) => index,
            (None, Some(Wait::Field(name))) => {
                match self.fields.iter().position(|field| field.ident.as_ref() == Some(name)) {
                    Some(index) => index,
                    None => return error(name, format_args!("{} has no field `{name}`", self.called)),
                }
            }
            (None, _) => return Ok(None),
        };
        Ok(self.fields.members().zip(self.fields).nth(index))
    }
}

/// Returns the only marked field, if any, and its position.
fn one<'m>(marks: impl Iterator<Item = Option<&'m Ident>>, key: &str) -> Result<Option<(usize, &'m Ident)>> {
    let mut marked = marks.enumerate().filter_map(|(index, at)| at.map(|at| (index, at)));
    let first = marked.next();
    match marked.next() {
        Some((_, at)) => error(at, format_args!("`{key}` is given twice")),
        None => Ok(first),
    }
}

/// Rejects retry advice that breaks rule 4 of the taxonomy, or might.
fn advice(base: &Base<'_>, attrs: &Attrs) -> Result<()> {
    let Some(retry) = attrs.retry.as_ref().filter(|retry| *retry != "Never") else {
        return Ok(());
    };
    match base {
        Base::Kind(kind) if NEVER_RETRIED.iter().any(|never| kind == never) => error(
            kind,
            format_args!(
                "an error of kind `{kind}` is never retried: remove `retry = {retry}`, or choose a kind that may be retried, such as `Unavailable`"
            ),
        ),
        Base::Forward { .. } => error(
            retry,
            "`forward` takes the retry advice from the field: remove `retry`, or write `retry = Never`",
        ),
        Base::Kind(_) => Ok(()),
    }
}

/// `#[error(transparent)]`, of thiserror.
fn is_transparent(attr: &Attribute) -> bool {
    attr.path().is_ident("error") && attr.parse_args::<Ident>().is_ok_and(|word| word == "transparent")
}
