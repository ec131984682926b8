//! How a nested value passes through `tracing`, which knows it as a `Debug` only.
//!
//! Before the encoder formats a `Debug`, it offers to take JSON. A value that is JSON accepts: it leaves its JSON in a buffer of
//! the thread and formats nothing. If nothing else was formatted, the JSON is the whole value. So no text can pass for JSON, and
//! JSON inside a larger value is text.

use std::cell::Cell;
use std::fmt::{self, Debug};

use serde::Serialize;

use crate::encode::nested::redact;
use crate::encode::nested::serializer::JsonWriter;
use crate::encode::value::ValueFormat;
use crate::limits::Limits;

#[derive(Clone, Copy)]
enum Offer {
    /// No encoder would take JSON now.
    None,
    /// JSON of about this many bytes is welcome.
    Open(usize),
    /// The buffer has the JSON.
    Accepted,
    /// The JSON was in the buffer, but another value has used it since.
    Lost,
}

thread_local! {
    static OFFER: Cell<Offer> = const { Cell::new(Offer::None) };
    static BUFFER: Cell<Option<Box<JsonWriter>>> = const { Cell::new(None) };
}

/// A longer buffer is freed after its use.
const MAX_KEPT: usize = 4 << 10;

/// Formats a value for whoever asks: the encoder, or any other user of `Debug`.
pub(crate) fn debug<T: Serialize + ?Sized>(f: &mut fmt::Formatter<'_>, value: &T) -> fmt::Result {
    let offer = OFFER.replace(Offer::None);
    let Offer::Open(limit) = offer else {
        let mut text = JsonWriter::default();
        text.serialize(value, Limits::default().field());
        OFFER.set(offer);
        return f.write_str(text.json());
    };
    let mut buffer = BUFFER.try_with(Cell::take).ok().flatten().unwrap_or_default();
    buffer.serialize(value, limit);
    if BUFFER.try_with(|kept| kept.set(Some(buffer))).is_ok() {
        OFFER.set(Offer::Accepted);
        return Ok(());
    }
    // The thread is ending.
    debug(f, value)
}

/// Appends the value of the field `name`, which is encoded: JSON as such, and any other `Debug` as a string.
pub(crate) fn write(out: &mut Vec<u8>, name: &[u8], value: &dyn Debug, format: ValueFormat<'_>) {
    let start = out.len();
    let outer = OFFER.replace(Offer::Open(format.limit));
    let mut text = format.open(out, format.limit);
    text.push_fmt(format_args!("{value:?}"));
    let offer = OFFER.replace(match outer {
        Offer::Accepted => Offer::Lost,
        _ => outer,
    });
    match offer {
        Offer::Open(_) | Offer::None => text.close(),
        Offer::Accepted if text.is_empty() => {
            out.truncate(start);
            if let Ok(Some(mut buffer)) = BUFFER.try_with(Cell::take) {
                redact::append(out, name, buffer.json(), format);
                buffer.shrink_to(MAX_KEPT);
                let _ = BUFFER.try_with(|kept| kept.set(Some(buffer)));
            } else {
                out.extend_from_slice(b"null");
            }
        }
        Offer::Accepted | Offer::Lost => {
            out.truncate(start);
            let outer = OFFER.replace(Offer::None);
            let mut text = format.open(out, format.limit);
            text.push_fmt(format_args!("{value:?}"));
            text.close();
            OFFER.set(outer);
        }
    }
}
