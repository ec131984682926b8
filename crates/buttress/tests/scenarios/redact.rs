//! `redact.json`: which values are redacted, and which are not.

use serde::Deserialize;
use serde_json::Value;

use crate::api::{Context, Detectors, Error, Kind, Redaction, as_dyn};
use crate::log::{logged, one_line};
use crate::suite::{Area, Outcome, each_way, words};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    key: String,
    value: Text,
    #[serde(default)]
    options: Options,
    expect: Expect,
}

/// A text, or its parts: scanners of repositories would report some of them.
#[derive(Deserialize)]
#[serde(untagged)]
enum Text {
    Whole(String),
    Parts(Vec<String>),
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Options {
    emails: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expect {
    redacted: bool,
    #[serde(default)]
    gone: Vec<String>,
    #[serde(default)]
    kept: Vec<String>,
}

#[derive(Clone, Copy, Debug)]
enum Way {
    /// A field with a name that is known at run time.
    Field,
    /// An attribute of an error.
    Attribute,
    /// The message, where the key says that it is one.
    Message,
    /// A note of an error, likewise.
    Note,
}

impl Area for Case {
    const NAME: &'static str = "redact";

    fn run(self) -> Outcome {
        let value = match self.value {
            Text::Whole(text) => text,
            Text::Parts(parts) => parts.concat(),
        };
        let ways: &[Way] = match &*self.key {
            "message" => &[Way::Field, Way::Attribute, Way::Message, Way::Note],
            _ => &[Way::Field, Way::Attribute],
        };
        each_way(ways, |way| run(way, &self.key, &value, &self.options, &self.expect))
    }
}

fn run(way: Way, key: &str, value: &str, options: &Options, expect: &Expect) -> Outcome {
    // The names of fields are static.
    let name: &'static str = key.to_owned().leak();
    let detectors = if options.emails { Detectors::new().emails() } else { Detectors::new() };
    let redaction = Redaction::builder().detectors(detectors).build().map_err(words)?;
    let text = logged(redaction, || match way {
        Way::Field => Context::current().with_field(name, value).run(|| tracing::info!("m")),
        Way::Attribute => {
            let error = Error::new(Kind::Internal, "m").attr(name, value);
            tracing::info!(error = as_dyn(&error), "m");
        }
        Way::Message => tracing::info!("{value}"),
        Way::Note => {
            tracing::info!(error = as_dyn(&Error::new(Kind::Internal, "m").note(value.to_owned())), "m");
        }
    })?;
    let line = one_line(&text)?;
    let shown = match way {
        // A name of the line's own gets an underscore.
        Way::Field => line.get(format!("{key}_")).or_else(|| line.get(key)),
        Way::Attribute => line["error"]["attrs"].get(key),
        Way::Message => line.get("message"),
        Way::Note => line["error"]["notes"].get(0),
    };
    let shown = shown.and_then(Value::as_str).ok_or_else(|| format!("no value in {text}"))?;
    if (shown != value) != expect.redacted {
        return Err(format!("redacted: expected {}, got {shown:?}", expect.redacted));
    }
    if let Some(left) = expect.gone.iter().find(|gone| text.contains(*gone)) {
        return Err(format!("{left:?} is left in {text}"));
    }
    match expect.kept.iter().find(|kept| !shown.contains(*kept)) {
        Some(kept) => Err(format!("{kept:?} is missing in {shown:?}")),
        None => Ok(()),
    }
}
