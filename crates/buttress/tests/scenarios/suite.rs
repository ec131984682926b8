//! One file of scenarios: reads it, runs every case, and tells of all that failed.

use std::collections::HashSet;
use std::fmt::Debug;
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::{fmt, fs};

use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use crate::directory::directory;

/// What failed, in words.
pub(crate) type Outcome = Result<(), String>;

/// The cases of one area, as they stand in its file (without name, source and note).
pub(crate) trait Area: DeserializeOwned {
    /// Its name: of the file, of the schema.
    const NAME: &'static str;

    /// Runs the case through every way that the API offers.
    fn run(self) -> Outcome;
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    schema: String,
    cases: Vec<Value>,
}

/// What cases of all areas have in common. The rest is the area's, which knows all of its keys.
#[derive(Deserialize)]
struct Labelled {
    name: String,
    source: String,
    #[serde(rename = "note")]
    _note: Option<String>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

/// A step of a case, which can be shown when it fails.
pub(crate) struct Step<S> {
    text: String,
    pub(crate) step: S,
}

impl<S> Step<S> {
    /// Says that the trouble is in this step, the `index`-th from zero.
    pub(crate) fn blame(&self, index: usize) -> impl FnOnce(String) -> String {
        move |trouble| format!("step {} {}: {trouble}", index + 1, self.text)
    }
}

impl<'de, S: DeserializeOwned> Deserialize<'de> for Step<S> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let text = value.to_string();
        let step = serde_json::from_value(value)
            .map_err(|error| D::Error::custom(format!("{error} in step {text}")))?;
        Ok(Self { text, step })
    }
}

/// What came of a file.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// Cases that have been run, whatever came of them.
    pub(crate) cases: usize,
    pub(crate) failures: Vec<String>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} failures in {} cases", self.failures.len(), self.cases)?;
        self.failures.iter().try_for_each(|failure| write!(f, "\n  {failure}"))
    }
}

/// The test of an area, on the directory that was asked for.
pub(crate) fn check<A: Area>() {
    let directory = directory();
    assert!(directory.is_dir(), "{} is no directory", directory.display());
    match run::<A>(&directory) {
        None => say(&format!("{0}: skipped, the directory has no {0}.json", A::NAME)),
        Some(report) => {
            say(&format!("{}: {} cases", A::NAME, report.cases));
            assert!(report.failures.is_empty(), "{}: {report}", A::NAME);
        }
    }
}

/// Runs the file of an area; none where the directory has no such file.
pub(crate) fn run<A: Area>(directory: &Path) -> Option<Report> {
    let path = directory.join(A::NAME).with_extension("json");
    if !path.exists() {
        return None;
    }
    let mut report = Report::default();
    match read::<A>(&path) {
        Err(trouble) => report.failures.push(trouble),
        Ok(cases) => {
            let mut names = HashSet::new();
            for case in cases {
                report.cases += 1;
                let name = name(&case).to_owned();
                if let Err(trouble) = run_case::<A>(case) {
                    report.failures.push(trouble);
                }
                if !names.insert(name.clone()) {
                    report.failures.push(format!("{name:?} is the name of more than one case"));
                }
            }
        }
    }
    Some(report)
}

/// The cases of a file.
pub(crate) fn read<A: Area>(path: &Path) -> Result<Vec<Value>, String> {
    let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
    let File { schema, cases } = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    same("schema", &format!("{}/1", A::NAME), &schema)?;
    if cases.is_empty() { Err("there are no cases".to_owned()) } else { Ok(cases) }
}

/// Runs one case; what failed begins with its name and source. A panic is a failure like any other.
pub(crate) fn run_case<A: Area>(case: Value) -> Outcome {
    let unlabelled = format!("{:?}", name(&case));
    let Labelled { name, source, rest, .. } =
        serde_json::from_value(case).map_err(|error| format!("{unlabelled}: {error}"))?;
    let outcome =
        serde_json::from_value::<A>(rest.into()).map_err(|error| error.to_string()).and_then(|case| {
            catch_unwind(AssertUnwindSafe(|| case.run())).unwrap_or_else(|panic| {
                let text = panic.downcast_ref::<String>().map(String::as_str);
                let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
                Err(format!("panicked: {}", text.unwrap_or("without a message")))
            })
        });
    outcome.map_err(|trouble| format!("{name:?} ({source}): {trouble}"))
}

fn name(case: &Value) -> &str {
    case.get("name").and_then(Value::as_str).unwrap_or("a case without a name")
}

/// Runs a case through each way that the API offers, and tells of all in which it failed.
pub(crate) fn each_way<W: Debug + Copy>(ways: &[W], run: impl Fn(W) -> Outcome) -> Outcome {
    let through = |way: &W| run(*way).err().map(|trouble| format!("through {way:?}: {trouble}"));
    let troubles: Vec<_> = ways.iter().filter_map(through).collect();
    if troubles.is_empty() { Ok(()) } else { Err(troubles.join("\n    ")) }
}

/// Fails where what came is not what was expected.
pub(crate) fn same<T: PartialEq + Debug + ?Sized>(what: &str, expected: &T, got: &T) -> Outcome {
    if expected == got { Ok(()) } else { Err(format!("{what}: expected {expected:?}, got {got:?}")) }
}

/// The same where something was expected at all.
pub(crate) fn hold<T: PartialEq + Debug>(what: &str, expected: &Option<T>, got: &T) -> Outcome {
    expected.as_ref().map_or(Ok(()), |expected| same(what, expected, got))
}

/// Tells of a failed call in the words of its error.
pub(crate) fn words(error: impl fmt::Display) -> String {
    error.to_string()
}

/// A line that is seen also when the test succeeds: the handle is not captured.
pub(crate) fn say(line: &str) {
    // Nobody may be listening.
    let _ = writeln!(io::stderr(), "scenarios: {line}");
}

/// A value that may be null but not missing.
pub(crate) fn nullable<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    Option::deserialize(deserializer)
}

/// A value that may be missing, and null, which are not the same.
pub(crate) fn maybe_null<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// A list that may not be empty: nothing would be tested.
pub(crate) fn at_least_one<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    let items = Vec::deserialize(deserializer)?;
    if items.is_empty() { Err(D::Error::custom("an empty list")) } else { Ok(items) }
}

/// Expectations that may all be missing, but not at once.
pub(crate) fn not_nothing<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default + PartialEq>(
    deserializer: D,
) -> Result<T, D::Error> {
    let value = T::deserialize(deserializer)?;
    if value == T::default() { Err(D::Error::custom("nothing is expected")) } else { Ok(value) }
}
