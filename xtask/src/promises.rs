//! `cargo xtask promises`: lists the tests that prove each promise. A claim without a test is a failure.

use crate::{
    command,
    page::{self, Promise},
    sources, tags,
};
use std::{collections::BTreeMap, fmt::Write as _, fs};

const PAGE: &str = "docs/semantics.md";

/// The tests that carry the tag of a promise, by its number.
type Tests = BTreeMap<u32, Vec<String>>;

pub(crate) fn check() -> Result<(), String> {
    let text = fs::read_to_string(command::root().join(PAGE)).map_err(|error| format!("{PAGE}: {error}"))?;
    let promises = page::parse(&text).map_err(|why| format!("{PAGE}: {why}"))?;
    let tests = tests()?;
    print!("{}", table(&promises, &tests));
    match complaints(&promises, &tests).as_slice() {
        [] => Ok(()),
        complaints => Err(complaints.join("\n       ")),
    }
}

/// Every tagged test below `crates/` and `tests/`, as `crate::file::function`.
fn tests() -> Result<Tests, String> {
    let mut tests = Tests::new();
    let (mut paths, outer) = (sources::files("crates", ".rs")?, sources::files("tests", ".rs")?);
    paths.extend(outer);
    for path in paths {
        let name =
            path.strip_prefix(command::root()).unwrap_or(&path).display().to_string().replace('\\', "/");
        let source = fs::read_to_string(&path).map_err(|error| format!("{name}: {error}"))?;
        for proof in tags::parse(&source).map_err(|why| format!("{name}: {why}"))? {
            for number in proof.promises {
                tests.entry(number).or_default().push(full_name(&name, &proof.test));
            }
        }
    }
    Ok(tests)
}

/// `crates/buttress-retry/tests/budget.rs` and `f` become `buttress-retry::tests/budget.rs::f`.
fn full_name(path: &str, test: &str) -> String {
    let path = path.strip_prefix("crates/").unwrap_or(path);
    format!("{}::{test}", path.replacen('/', "::", 1))
}

fn table(promises: &[Promise], tests: &Tests) -> String {
    let mut table = String::new();
    for Promise { number, title, status } in promises {
        let tests = tests.get(number).map_or(&[][..], Vec::as_slice);
        let _ = writeln!(table, "{number:>3}  {:6}  {:>2} tests  {title}", status.word(), tests.len());
        for test in tests {
            let _ = writeln!(table, "{:24}{test}", "");
        }
    }
    let (claimed, proofs) =
        (promises.iter().filter(|promise| promise.status.claims()), tests.values().flatten());
    let _ = writeln!(
        table,
        "{} of {} promises claimed, {} proofs",
        claimed.count(),
        promises.len(),
        proofs.count()
    );
    table
}

fn complaints(promises: &[Promise], tests: &Tests) -> Vec<String> {
    let unproven = promises
        .iter()
        .filter(|promise| promise.status.claims() && !tests.contains_key(&promise.number))
        .map(|Promise { number, title, status }| {
            format!(
                "promise {number} ({title}) is {} on the page, but no test has the tag [S{number}]",
                status.word()
            )
        });
    let unknown = tests
        .iter()
        .filter(|(number, _)| promises.iter().all(|promise| promise.number != **number))
        .map(|(number, tests)| format!("[S{number}] is not a promise of {PAGE}: {}", tests.join(", ")));
    unproven.chain(unknown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "### 1. Clones — kept\n### 2. Panic — partly\n### 3. Hedge — later\n";

    fn promises() -> Vec<Promise> {
        page::parse(TEXT).expect("the page is well formed")
    }

    fn proven(numbers: &[u32]) -> Tests {
        numbers.iter().map(|number| (*number, vec![format!("layer::src/lib.rs::test_{number}")])).collect()
    }

    #[test]
    fn each_claim_needs_a_test_and_a_later_promise_needs_none() {
        assert_eq!(complaints(&promises(), &proven(&[1, 2])), [""; 0]);
        assert_eq!(complaints(&promises(), &proven(&[1, 2, 3])), [""; 0]);
        assert_eq!(
            complaints(&promises(), &proven(&[])),
            [
                "promise 1 (Clones) is kept on the page, but no test has the tag [S1]",
                "promise 2 (Panic) is partly on the page, but no test has the tag [S2]",
            ]
        );
    }

    #[test]
    fn a_tag_needs_a_promise() {
        assert_eq!(
            complaints(&promises(), &proven(&[1, 2, 4])),
            ["[S4] is not a promise of docs/semantics.md: layer::src/lib.rs::test_4"]
        );
    }

    #[test]
    fn the_table_names_the_tests_below_their_promise() {
        let table = table(&promises(), &proven(&[2]));
        let lines: Vec<_> = table.lines().collect();
        assert_eq!(
            lines,
            [
                "  1  kept     0 tests  Clones",
                "  2  partly   1 tests  Panic",
                "                        layer::src/lib.rs::test_2",
                "  3  later    0 tests  Hedge",
                "2 of 3 promises claimed, 1 proofs",
            ]
        );
    }

    #[test]
    fn a_test_is_named_by_crate_file_and_function() {
        assert_eq!(full_name("crates/retry/tests/budget.rs", "f"), "retry::tests/budget.rs::f");
        assert_eq!(full_name("tests/scenarios.rs", "f"), "tests::scenarios.rs::f");
    }

    #[test]
    fn the_page_of_this_repository_is_well_formed() {
        let text = fs::read_to_string(command::root().join(PAGE)).expect("the page exists");
        assert_eq!(page::parse(&text).map(|promises| promises.len()), Ok(42));
    }
}
