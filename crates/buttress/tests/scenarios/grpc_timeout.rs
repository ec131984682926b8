//! `grpc_timeout.json`: a deadline as gRPC sends it.

use std::time::Duration;

use serde::Deserialize;

use crate::api::GrpcTimeout;
use crate::suite::{Area, Outcome, at_least_one, same};

#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Case {
    Parse { value: String, expect: Parsed },
    Format { secs: u64, nanos: u32, expect: Formatted },
}

#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum Parsed {
    Time(Time),
    Invalid(Invalid),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Time {
    secs: u64,
    nanos: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Invalid {
    invalid: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Formatted {
    #[serde(deserialize_with = "at_least_one")]
    value_any_of: Vec<String>,
}

impl Area for Case {
    const NAME: &'static str = "grpc_timeout";

    fn run(self) -> Outcome {
        match self {
            Self::Parse { value, expect } => {
                let expected = match expect {
                    Parsed::Time(Time { secs, nanos }) => Some(Duration::new(secs, nanos)),
                    Parsed::Invalid(Invalid { invalid: true }) => None,
                    Parsed::Invalid(_) => return Err("`invalid` is true or missing".to_owned()),
                };
                let read = value.parse::<GrpcTimeout>().ok().map(GrpcTimeout::duration);
                same("timeout", &expected, &read)
            }
            Self::Format { secs, nanos, expect: Formatted { value_any_of } } => {
                let text = GrpcTimeout::new(Duration::new(secs, nanos)).to_string();
                let found = value_any_of.contains(&text);
                if found { Ok(()) } else { Err(format!("expected one of {value_any_of:?}, got {text:?}")) }
            }
        }
    }
}
