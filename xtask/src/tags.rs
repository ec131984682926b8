//! Finds the tests that have the tag of a promise: `/// [S9] the cap is an upper bound` above the function.

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Proof {
    pub(crate) test: String,
    /// Each number once.
    pub(crate) promises: Vec<u32>,
}

/// The tags and attributes above an item.
#[derive(Default)]
struct Above<'a> {
    tags: Vec<u32>,
    attributes: Vec<&'a str>,
}

/// The tagged tests of one Rust source.
///
/// # Errors
///
/// Names the line of a malformed tag, or of one above an item that never runs as a test.
pub(crate) fn parse(source: &str) -> Result<Vec<Proof>, String> {
    let mut proofs = Vec::new();
    let mut above = Above::default();
    let mut rest = source.trim_start();
    while !rest.is_empty() {
        let here = |why| format!("line {}: {why}", source[..source.len() - rest.len()].lines().count() + 1);
        let line = rest.lines().next().unwrap_or_default();
        let mut length = line.len();

        if let Some(doc) = line.strip_prefix("///") {
            above.tags.extend(tags(doc).map_err(here)?);
        } else if rest.starts_with("#[") {
            length = attribute_length(rest).ok_or_else(|| here("an attribute without end".to_owned()))?;
            above.attributes.push(attribute_name(&rest[..length]));
        } else if !line.starts_with("//") {
            proofs.extend(proof(std::mem::take(&mut above), line).map_err(here)?);
        }
        rest = rest[length..].trim_start();
    }
    Ok(proofs)
}

fn proof(above: Above<'_>, item: &str) -> Result<Option<Proof>, String> {
    let Above { tags: mut promises, attributes } = above;
    promises.sort_unstable();
    promises.dedup();
    let Some(number) = promises.first() else { return Ok(None) };
    match function_name(item) {
        None => Err(format!("[S{number}] is not above a function: {item}")),
        Some(name) if !attributes.contains(&"test") => Err(format!("[S{number}]: `{name}` is not a test")),
        Some(name) if attributes.contains(&"ignore") => Err(format!("[S{number}]: `{name}` is ignored")),
        Some(name) => Ok(Some(Proof { test: name.to_owned(), promises })),
    }
}

/// The numbers of all `[S9]` in a line.
fn tags(doc: &str) -> Result<Vec<u32>, String> {
    doc.split("[S")
        .skip(1)
        .filter(|tag| tag.starts_with(|first: char| first.is_ascii_digit()))
        .map(|tag| {
            let number = tag.split_once(']').and_then(|(number, _)| number.parse().ok());
            number.ok_or_else(|| format!("not a tag such as [S9]: [S{tag}"))
        })
        .collect()
}

/// The bytes from `#[` to the bracket that closes it.
fn attribute_length(text: &str) -> Option<usize> {
    let (mut depth, mut quoted, mut escaped) = (0, false, false);
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = quoted,
            b'"' => quoted = !quoted,
            b'[' if !quoted => depth += 1,
            b']' if !quoted => depth -= 1,
            _ => {}
        }
        if byte == b']' && depth == 0 {
            return Some(index + 1);
        }
    }
    None
}

/// `test` for `#[test]` as well as for `#[tokio::test(start_paused = true)]`.
fn attribute_name(attribute: &str) -> &str {
    let path = attribute.trim_start_matches("#[").trim_start();
    let end = path.find(|c: char| !c.is_alphanumeric() && c != '_' && c != ':').unwrap_or(path.len());
    path[..end].rsplit(':').next().unwrap_or_default()
}

fn function_name(item: &str) -> Option<&str> {
    let words = item.split_whitespace();
    let mut words =
        words.skip_while(|word| word.starts_with("pub") || matches!(*word, "async" | "const" | "unsafe"));
    let name = words.next().filter(|word| *word == "fn").and_then(|_| words.next())?;
    name.split(['(', '<']).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proof(test: &str, promises: &[u32]) -> Proof {
        Proof { test: test.to_owned(), promises: promises.to_vec() }
    }

    fn refused(source: &str) -> String {
        parse(source).expect_err(source)
    }

    #[test]
    fn finds_tags_above_tests_of_every_form() {
        let source = r#"
//! [S1] A module proves nothing.

/// No tag here.
#[test]
fn untagged() {}

/// [S9] The cap is an upper bound.
/// Also [S10], and [S9] again; a [Service] is no tag.
#[tokio::test(start_paused = true)]
async fn capped() { let list = ["[S2]"]; }

// [S3] in a plain comment says nothing.
/// [S12] Above an attribute and
#[cfg_attr(
    unix,
    expect(lint, reason = "a ] \" in a string")
)]
/// [S11] below it,
// with a remark and a gap,

#[test] pub(crate) fn late<T>() {}
"#;
        assert_eq!(parse(source), Ok(vec![proof("capped", &[9, 10]), proof("late", &[11, 12])]));
    }

    #[test]
    fn a_tag_belongs_to_the_next_item_only() {
        assert_eq!(
            parse("/// [S4]\n#[test]\nfn first() {}\n#[test]\nfn second() {}\n"),
            Ok(vec![proof("first", &[4])])
        );
    }

    #[test]
    fn refuses_a_tag_above_an_item_that_never_runs() {
        assert!(refused("\n/// [S4]\nstruct Layer;\n").starts_with("line 3: [S4] is not above a function"));
        assert!(refused("/// [S4]\nfn helper() {}\n").contains("`helper` is not a test"));
        assert!(refused("/// [S4]\n#[cfg(test)]\nfn helper() {}\n").contains("`helper` is not a test"));
        assert!(
            refused("/// [S4]\n#[test]\n#[ignore = \"slow\"]\nfn slow() {}\n").contains("`slow` is ignored")
        );
    }

    #[test]
    fn refuses_a_tag_of_another_form() {
        for tag in ["[S4, S5]", "[S4", "[S4b]"] {
            assert!(
                refused(&format!("/// {tag}\n#[test]\nfn test() {{}}\n")).starts_with("line 1: not a tag")
            );
        }
    }
}
