//! Error values: made, put into context, carried by `?`, dropped and written.
//!
//! Peers are set up as they come: no backtrace (neither `RUST_BACKTRACE` is set), eyre with its own report handler. What
//! a value holds differs: ours a class and a place, anyhow nothing but the chain, eyre and error-stack a place, snafu
//! the bare types, unboxed.

use std::fmt::{Debug, Display, Write};
use std::hint::black_box;
use std::io;

use buttress::{Kind, ResultExt};

use crate::case::{BARE, Case, OURS, Subject};
use crate::peers;

pub(super) const CASES: [Case; 7] = [
    Case { name: "error/new", subjects: new },
    Case { name: "error/formatted", subjects: formatted },
    Case { name: "error/foreign", subjects: foreign },
    Case { name: "error/two-contexts", subjects: || levels(true) },
    Case { name: "error/no-error", subjects: || levels(false) },
    Case { name: "error/line", subjects: line },
    Case { name: "error/report", subjects: report },
];

const REFUSED: &str = "connection refused";
const READ: &str = "cannot read the order";
const PAY: &str = "cannot pay";

/// A peer that wants a type where others take a text.
#[derive(Debug, snafu::Snafu)]
#[snafu(display("connection refused"))]
struct Refused;

#[derive(Debug, snafu::Snafu)]
#[snafu(display("cannot read the order"))]
struct NotRead {
    source: Refused,
}

#[derive(Debug, snafu::Snafu)]
#[snafu(display("cannot pay"))]
struct NotPaid {
    source: NotRead,
}

/// The same for error-stack, whose types have no fields.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the order")]
struct Reading;

#[derive(Debug, thiserror::Error)]
#[error("cannot pay")]
struct Paying;

/// Makes an error and drops it.
fn each<E>(name: impl Into<String>, make: impl Fn(u64) -> E + Send + 'static) -> Subject {
    Subject::new(name, move |n| (0..n).for_each(|call| drop(black_box(make(black_box(call))))))
}

fn bare() -> Subject {
    each(BARE, |call| call)
}

fn new() -> Vec<Subject> {
    vec![
        bare(),
        each(OURS, |_| buttress::Error::new(Kind::Unavailable, REFUSED)),
        each(peers::anyhow(), |_| anyhow::Error::msg(REFUSED)),
        each(peers::eyre(), |_| eyre::Report::msg(REFUSED)),
        each(peers::error_stack(), |_| error_stack::Report::new(Refused)),
        each(peers::snafu(), |_| Refused),
    ]
}

fn formatted() -> Vec<Subject> {
    vec![
        each(BARE, |call| format!("no order {call}")),
        each(OURS, |call| buttress::Error::new(Kind::NotFound, format!("no order {call}"))),
        each(peers::anyhow(), |call| anyhow::anyhow!("no order {call}")),
        each(peers::eyre(), |call| eyre::eyre!("no order {call}")),
    ]
}

/// A foreign error by `?`; making that one costs nothing.
fn foreign() -> Vec<Subject> {
    fn refused() -> io::Error {
        black_box(io::ErrorKind::ConnectionRefused).into()
    }
    vec![
        each(BARE, |_| refused()),
        each(OURS, |_| buttress::Error::from(refused())),
        each(peers::anyhow(), |_| anyhow::Error::from(refused())),
        each(peers::eyre(), |_| eyre::Report::from(refused())),
        each(peers::error_stack(), |_| error_stack::Report::from(refused())),
    ]
}

/// Three functions that call each other. `?` carries what the innermost returns outward through two contexts.
macro_rules! levels {
    ($name:ident, $inner:ty, $middle:ty, $outer:ty, $make:expr, $read:expr, $pay:expr) => {
        mod $name {
            use super::*;

            #[inline(never)]
            fn connect(fails: bool) -> Result<u64, $inner> {
                if black_box(fails) { Err($make) } else { Ok(1) }
            }

            #[inline(never)]
            fn read(fails: bool) -> Result<u64, $middle> {
                let read: fn(Result<u64, $inner>) -> Result<u64, $middle> = $read;
                Ok(read(connect(fails))? + 1)
            }

            #[inline(never)]
            pub(super) fn pay(fails: bool) -> Result<u64, $outer> {
                let pay: fn(Result<u64, $middle>) -> Result<u64, $outer> = $pay;
                Ok(pay(read(fails))? + 1)
            }
        }
    };
    ($name:ident, $error:ty, $make:expr, $read:expr, $pay:expr) => {
        levels!($name, $error, $error, $error, $make, $read, $pay);
    };
}

type Stack<T> = error_stack::Report<T>;

levels!(nothing, u64, 1, |result| result, |result| result);
levels!(
    ours,
    buttress::Error,
    buttress::Error::new(Kind::Unavailable, REFUSED),
    |result| ResultExt::add_context(result, READ),
    |result| ResultExt::add_context(result, PAY)
);
levels!(
    ours_noted,
    buttress::Error,
    buttress::Error::new(Kind::Unavailable, REFUSED),
    |result| ResultExt::note(result, READ),
    |result| ResultExt::note(result, PAY)
);
levels!(
    by_anyhow,
    anyhow::Error,
    anyhow::Error::msg(REFUSED),
    |result| anyhow::Context::context(result, READ),
    |result| anyhow::Context::context(result, PAY)
);
levels!(
    by_eyre,
    eyre::Report,
    eyre::Report::msg(REFUSED),
    |result| eyre::WrapErr::wrap_err(result, READ),
    |result| eyre::WrapErr::wrap_err(result, PAY)
);
levels!(
    by_error_stack,
    Stack<Refused>,
    Stack<Reading>,
    Stack<Paying>,
    Stack::new(Refused),
    |result| error_stack::ResultExt::change_context(result, Reading),
    |result| error_stack::ResultExt::change_context(result, Paying)
);
levels!(
    by_snafu,
    Refused,
    NotRead,
    NotPaid,
    Refused,
    |result| snafu::ResultExt::context(result, NotReadSnafu),
    |result| snafu::ResultExt::context(result, NotPaidSnafu)
);

/// Through all levels and into the bin.
fn levels(fails: bool) -> Vec<Subject> {
    fn row<T: 'static>(name: impl Into<String>, pay: fn(bool) -> T, fails: bool) -> Subject {
        each(name, move |_| pay(fails))
    }
    vec![
        row(BARE, nothing::pay, fails),
        row(OURS, ours::pay, fails),
        row(format!("{OURS}/note"), ours_noted::pay, fails),
        row(peers::anyhow(), by_anyhow::pay, fails),
        row(peers::eyre(), by_eyre::pay, fails),
        row(peers::error_stack(), by_error_stack::pay, fails),
        row(peers::snafu(), by_snafu::pay, fails),
    ]
}

/// Writes one error over and over, into the same string.
fn written<E: Send + 'static>(name: impl Into<String>, error: E, write: fn(&mut String, &E)) -> Subject {
    let mut text = String::with_capacity(4_096);
    Subject::new(name, move |n| {
        for _ in 0..n {
            text.clear();
            write(&mut text, black_box(&error));
            assert!(black_box(text.as_str()).contains(PAY), "{text}");
        }
    })
}

/// What a row costs that writes the outermost message alone.
fn bare_text() -> Subject {
    written(BARE, PAY, |text, error| text.push_str(error))
}

/// The chain on one line. (snafu leaves that to its caller.)
fn line() -> Vec<Subject> {
    fn line<E: Display>(text: &mut String, error: &E) {
        let _ = write!(text, "{error:#}");
    }
    vec![
        bare_text(),
        written(OURS, failed(ours::pay), line),
        written(peers::anyhow(), failed(by_anyhow::pay), line),
        written(peers::eyre(), failed(by_eyre::pay), line),
        written(peers::error_stack(), failed(by_error_stack::pay), line),
    ]
}

/// What `main` would show of it.
fn report() -> Vec<Subject> {
    fn report<E: Debug>(text: &mut String, error: &E) {
        let _ = write!(text, "{error:?}");
    }
    vec![
        bare_text(),
        written(OURS, failed(ours::pay), report),
        written(peers::anyhow(), failed(by_anyhow::pay), report),
        written(peers::eyre(), failed(by_eyre::pay), report),
        written(peers::error_stack(), failed(by_error_stack::pay), report),
        written(peers::snafu(), failed(by_snafu::pay), |text, error| {
            let _ = write!(text, "{}", snafu::Report::from_error(error));
        }),
    ]
}

fn failed<T, E>(pay: fn(bool) -> Result<T, E>) -> E {
    pay(true).err().expect("it fails")
}
