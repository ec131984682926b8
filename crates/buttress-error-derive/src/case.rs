//! `Case`: one variant, or the struct, with all that its class is made of.

use proc_macro2::{Ident, TokenStream};
use quote::quote;
use syn::{Attribute, Data, Field, Fields, Member, Result};

use crate::attrs::{Attrs, Marks, Wait};
use crate::entry::{Errors, error};
use crate::words::NEVER_RETRIED;

pub(crate) struct Case<'a> {
    /// What stands in a pattern before the fields.
    pub(crate) path: TokenStream,
    pub(crate) base: Base<'a>,
    pub(crate) attrs: Attrs,
    /// The field that holds `retry_after`.
    pub(crate) wait: Option<(Member, &'a Field)>,
}

/// Where the class comes from that the attributes change.
pub(crate) enum Base<'a> {
    Kind(Ident),
    Forward {
        member: Member,
        field: &'a Field,
        /// Its message is that of the field.
        transparent: bool,
        /// The domain of the enum: for a field that has none.
        domain: Option<String>,
    },
}

/// A variant or a struct as it is written.
struct Item<'a> {
    path: TokenStream,
    /// What it is called in messages.
    called: String,
    name: &'a Ident,
    attrs: &'a [Attribute],
    fields: &'a Fields,
}

/// Every case of the type; those that are wrong are missing, and told in `errors`.
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
    /// Of an item whose attributes, or whose defaults, can't be read, nothing else is said.
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
            ", or above the enum for all that have none"
        } else {
            ""
        };
        let forward =
            if self.fields.is_empty() { "" } else { "; or `#[classify(forward)]` if a field knows it" };
        let called = &self.called;
        error(
            self.name,
            format_args!(
                "{called} has no kind: write `#[classify(kind = Internal)]` above it{above}{forward}"
            ),
        )
    }

    /// The field that was marked; else the only one, or the one that thiserror takes for the source.
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
            let message =
                format!("{} has several fields: put `#[classify(forward)]` on the one to ask", self.called);
            return error(self.name, message);
        };
        Ok(Base::Forward {
            member,
            field,
            transparent: self.attrs.iter().any(is_transparent),
            domain: defaults.domain.clone(),
        })
    }

    /// The field that bears `retry_after`, unless the item has the key itself; else the one that the key names.
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

/// The one field that is marked, if any, and where.
fn one<'m>(marks: impl Iterator<Item = Option<&'m Ident>>, key: &str) -> Result<Option<(usize, &'m Ident)>> {
    let mut marked = marks.enumerate().filter_map(|(index, at)| at.map(|at| (index, at)));
    let first = marked.next();
    match marked.next() {
        Some((_, at)) => error(at, format_args!("`{key}` is given twice")),
        None => Ok(first),
    }
}

/// Refuses an advice that breaks the taxonomy's fourth law, or might.
fn advice(base: &Base<'_>, attrs: &Attrs) -> Result<()> {
    let Some(retry) = attrs.retry.as_ref().filter(|retry| *retry != "Never") else {
        return Ok(());
    };
    match base {
        Base::Kind(kind) if NEVER_RETRIED.iter().any(|never| kind == never) => error(
            kind,
            format_args!(
                "an error of kind `{kind}` is never retried: remove `retry = {retry}`, or choose a kind that may pass, such as `Unavailable`"
            ),
        ),
        Base::Forward { .. } => error(
            retry,
            "what is forwarded knows whether to repeat it: beside `forward` stands only `retry = Never`",
        ),
        Base::Kind(_) => Ok(()),
    }
}

/// `#[error(transparent)]`, of thiserror.
fn is_transparent(attr: &Attribute) -> bool {
    attr.path().is_ident("error") && attr.parse_args::<Ident>().is_ok_and(|word| word == "transparent")
}
