//! `log_strings.json`: any text makes exactly one line of JSON, which decodes to the text.

use serde::Deserialize;

use crate::api::{Context, Error, Kind, Redaction, as_dyn};
use crate::log::{logged, one_line};
use crate::suite::{Area, Outcome, each_way, same};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    place: Place,
    value: Text,
    expect_value: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Place {
    Message,
    FieldValue,
    FieldKey,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Text {
    Whole(String),
    Bytes(Hex),
    Repeated(Repeated),
}

/// Bytes, two digits each.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Hex {
    hex: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Repeated {
    fill: String,
    times: usize,
}

/// The ways to log a text.
#[derive(Clone, Copy, Debug)]
enum Way {
    Message,
    /// As the message of an error.
    Error,
    Field,
    /// By its `Display`.
    Display,
    /// As a field of the context.
    Context,
    Key,
    /// As the name of an attribute of an error.
    AttributeKey,
    Bytes,
}

impl Area for Case {
    const NAME: &'static str = "log_strings";

    fn run(self) -> Outcome {
        let bytes = match self.value {
            Text::Whole(text) => text.into_bytes(),
            Text::Bytes(Hex { hex }) => unhex(&hex)?,
            Text::Repeated(Repeated { fill, times }) => fill.repeat(times).into_bytes(),
        };
        let Ok(text) = String::from_utf8(bytes.clone()) else {
            let expected = self.expect_value.ok_or("bytes without an expected text")?;
            return same("value", &*expected, &*shown(Way::Bytes, &bytes, "")?);
        };
        let ways: &[Way] = match self.place {
            Place::Message => &[Way::Message, Way::Error],
            Place::FieldValue => &[Way::Field, Way::Display, Way::Context, Way::Bytes],
            Place::FieldKey => &[Way::Key, Way::AttributeKey],
        };
        each_way(ways, |way| {
            let shown = shown(way, &bytes, &text)?;
            if matches!(way, Way::Key | Way::AttributeKey) { Ok(()) } else { same("value", &*text, &*shown) }
        })
    }
}

/// Logs a text, and returns what the line has of it; nothing for a key.
fn shown(way: Way, bytes: &[u8], text: &str) -> Result<String, String> {
    let name = || -> &'static str { text.to_owned().leak() };
    let line = logged(Redaction::off(), || match way {
        Way::Message => tracing::info!("{text}"),
        Way::Error => tracing::info!(error = as_dyn(&Error::new(Kind::Internal, text.to_owned())), "m"),
        Way::Field => tracing::info!(value = text, "m"),
        Way::Display => tracing::info!(value = %text, "m"),
        Way::Context => Context::current().with_field("value", text).run(|| tracing::info!("m")),
        Way::Key => Context::current().with_field(name(), 1).run(|| tracing::info!("m")),
        Way::AttributeKey => {
            tracing::info!(error = as_dyn(&Error::new(Kind::Internal, "m").attr(name(), 1)), "m");
        }
        Way::Bytes => tracing::info!(value = bytes, "m"),
    })?;
    let line = one_line(&line)?;
    let shown = match way {
        Way::Message => &line["message"],
        Way::Error => &line["error"]["message"],
        Way::Key | Way::AttributeKey => return Ok(String::new()),
        Way::Field | Way::Display | Way::Context | Way::Bytes => &line["value"],
    };
    shown.as_str().map(str::to_owned).ok_or_else(|| format!("no text: {}", line))
}

fn unhex(hex: &str) -> Result<Vec<u8>, String> {
    let pair =
        |pair: &[u8]| std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok());
    hex.as_bytes()
        .chunks(2)
        .map(pair)
        .collect::<Option<_>>()
        .ok_or_else(|| format!("{hex:?} is not hexadecimal"))
}
