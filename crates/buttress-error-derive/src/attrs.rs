//! `Attrs`: the `#[classify(…)]` attributes above a variant, struct or enum.

use proc_macro2::{Ident, TokenStream};
use quote::ToTokens;
use syn::{Attribute, Expr, ExprLit, Lit, Result};

use crate::entry::{Entry, Errors, entries, error, keys};
use crate::words::{self, DELIVERIES, KEYS, KINDS, RETRIES};

#[derive(Clone, Default)]
pub(crate) struct Attrs {
    pub(crate) kind: Option<Ident>,
    /// The key, for its position.
    pub(crate) forward: Option<Ident>,
    pub(crate) reason: Option<String>,
    pub(crate) domain: Option<String>,
    pub(crate) http: Option<u16>,
    pub(crate) exit: Option<u8>,
    pub(crate) retry: Option<Ident>,
    pub(crate) delivery: Option<Ident>,
    pub(crate) retry_after: Option<Wait>,
    pub(crate) public: Option<bool>,
}

#[derive(Clone)]
pub(crate) enum Wait {
    Seconds(u64),
    Field(Ident),
    /// An expression of type `Duration`, or an option of one.
    Value(TokenStream),
}

impl Attrs {
    pub(crate) fn read(attrs: &[Attribute], errors: &mut Errors) -> Self {
        let mut all = Self::default();
        for entry in entries(attrs, errors) {
            let taken = all.take(&entry);
            errors.check(taken);
        }
        if let (Some(_), Some(forward)) = (&all.kind, &all.forward) {
            errors.check(error::<()>(
                forward,
                "`forward` takes the kind from the field: remove it, or remove `kind`",
            ));
        }
        all
    }

    fn take(&mut self, entry: &Entry) -> Result<()> {
        let key = &entry.key;
        match entry.key().as_str() {
            "kind" => set(&mut self.kind, key, entry.word(&KINDS, "Timeout")),
            "forward" => set(&mut self.forward, key, entry.bare().map(|()| key.clone())),
            "reason" => set(&mut self.reason, key, reason(entry)),
            "domain" => set(&mut self.domain, key, domain(entry)),
            "http" => set(&mut self.http, key, entry.number(400..=599, "the HTTP status of an error")),
            "exit" => set(&mut self.exit, key, exit(entry)),
            "retry" => set(&mut self.retry, key, entry.word(&RETRIES, "Never")),
            "delivery" => set(&mut self.delivery, key, entry.word(&DELIVERIES, "NotProcessed")),
            "retry_after" => set(&mut self.retry_after, key, wait(entry)),
            "public" => set(&mut self.public, key, entry.flag()),
            other => unknown(other, key),
        }
    }

    /// Fills missing keys from `defaults`, except for the kind, which `Item::case` chooses.
    pub(crate) fn or(self, defaults: &Self) -> Self {
        let defaults = defaults.clone();
        Self {
            kind: self.kind,
            forward: self.forward,
            reason: self.reason.or(defaults.reason),
            domain: self.domain.or(defaults.domain),
            http: self.http.or(defaults.http),
            exit: self.exit.or(defaults.exit),
            retry: self.retry.or(defaults.retry),
            delivery: self.delivery.or(defaults.delivery),
            retry_after: self.retry_after.or(defaults.retry_after),
            public: self.public.or(defaults.public),
        }
    }
}

/// The attributes above a field.
#[derive(Default)]
pub(crate) struct Marks {
    pub(crate) forward: Option<Ident>,
    pub(crate) retry_after: Option<Ident>,
}

impl Marks {
    pub(crate) fn read(attrs: &[Attribute], errors: &mut Errors) -> Self {
        let mut marks = Self::default();
        for entry in entries(attrs, errors) {
            let key = &entry.key;
            let taken = match entry.key().as_str() {
                "forward" => set(&mut marks.forward, key, entry.bare().map(|()| key.clone())),
                "retry_after" => set(&mut marks.retry_after, key, entry.bare().map(|()| key.clone())),
                other if KEYS.contains(&other) => error(
                    key,
                    format_args!("`{other}` belongs above the variant or the struct, not on a field"),
                ),
                other => unknown(other, key),
            };
            errors.check(taken);
        }
        marks
    }
}

fn set<T>(slot: &mut Option<T>, key: &Ident, value: Result<T>) -> Result<()> {
    if slot.is_some() {
        return error(key, format_args!("`{key}` is given twice"));
    }
    *slot = Some(value?);
    Ok(())
}

fn unknown(key: &str, at: &Ident) -> Result<()> {
    match words::nearest(key, &KEYS) {
        Some(meant) => {
            error(at, format_args!("unknown key `{key}`: did you mean `{meant}`? (expected {})", keys()))
        }
        None => error(at, format_args!("unknown key `{key}`: expected {}", keys())),
    }
}

fn reason(entry: &Entry) -> Result<String> {
    let at = entry.text("\"CARD_DECLINED\"")?;
    let text = at.value();
    if text.len() > 63 {
        return error(
            at,
            format_args!("a reason has at most 63 characters; this one has {}", text.chars().count()),
        );
    }
    let upper_snake = text.starts_with(|c: char| c.is_ascii_uppercase())
        && text.split('_').all(|word| !word.is_empty())
        && text.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
    if upper_snake {
        return Ok(text);
    }
    let fixed = text
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_uppercase)
        .collect::<Vec<_>>()
        .join("_");
    match text.is_ascii() && fixed.starts_with(|c: char| c.is_ascii_uppercase()) {
        true => error(at, format_args!("a reason is UPPER_SNAKE: write `reason = \"{fixed}\"`")),
        false => error(
            at,
            "a reason is UPPER_SNAKE and begins with a letter, such as `reason = \"CARD_DECLINED\"`",
        ),
    }
}

fn domain(entry: &Entry) -> Result<String> {
    let at = entry.text("\"payments\"")?;
    let text = at.value();
    match text.is_empty() || text.contains(|c: char| c.is_whitespace() || c.is_control()) {
        true => error(at, "a domain is one word, such as `domain = \"payments\"`"),
        false => Ok(text),
    }
}

fn exit(entry: &Entry) -> Result<u8> {
    let code = entry.number(1..=255, "the exit code of a program that failed")?;
    Ok(u8::try_from(code).expect("the range is that of u8"))
}

fn wait(entry: &Entry) -> Result<Wait> {
    match entry.value("30")? {
        Expr::Lit(ExprLit { lit: Lit::Int(seconds), .. }) => seconds.base10_parse().map(Wait::Seconds),
        Expr::Lit(other) => error(
            other,
            "`retry_after` is a whole number of seconds, the name of a field, or an expression of type `Duration`",
        ),
        Expr::Path(path) => match path.path.get_ident() {
            // A field, not a constant.
            Some(name) if name.to_string().starts_with(|c: char| !c.is_uppercase()) => {
                Ok(Wait::Field(name.clone()))
            }
            _ => Ok(Wait::Value(path.to_token_stream())),
        },
        other => Ok(Wait::Value(other.to_token_stream())),
    }
}
