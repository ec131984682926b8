//! `traceparent.json`: what a caller says of its trace, and what goes out.

use ::http::header::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;

use crate::api::Trace;
use crate::suite::{Area, Outcome, hold, same, words};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    headers: Vec<(String, String)>,
    expect: Expect,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expect {
    valid: bool,
    trace_id: Option<String>,
    parent_id: Option<String>,
    sampled: Option<bool>,
    random: Option<bool>,
    out_flags: Option<String>,
}

impl Area for Case {
    const NAME: &'static str = "traceparent";

    fn run(self) -> Outcome {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(words)?;
            headers.append(name, HeaderValue::from_str(value).map_err(words)?);
        }
        let expect = self.expect;
        let trace = read(&headers);
        same("valid", &expect.valid, &trace.is_some())?;
        let Some(trace) = trace else { return Ok(()) };
        hold("trace id", &expect.trace_id, &trace.trace_id().to_string())?;
        hold("parent id", &expect.parent_id, &trace.span_id().to_string())?;
        hold("sampled", &expect.sampled, &trace.sampled())?;
        hold("random", &expect.random, &trace.is_random())?;
        going_out(&trace, &expect.out_flags)
    }
}

/// The trace of exactly one header.
fn read(headers: &HeaderMap) -> Option<Trace> {
    let mut values = headers.get_all("traceparent").iter();
    let (value, None) = (values.next()?, values.next()) else { return None };
    Trace::parse(value.to_str().ok()?).ok()
}

/// Version 00, the same trace, a new parent.
fn going_out(trace: &Trace, flags: &Option<String>) -> Outcome {
    let text = trace.outgoing().to_string();
    let parts: Vec<_> = text.split('-').collect();
    let &[version, trace_id, parent_id, out_flags] = &parts[..] else { return Err(text) };
    same("version going out", "00", version)?;
    same("trace id going out", &*trace.trace_id().to_string(), trace_id)?;
    if parent_id == trace.span_id().to_string() {
        return Err(format!("the parent id going out is not new: {text}"));
    }
    hold("flags going out", flags, &out_flags.to_owned())
}
