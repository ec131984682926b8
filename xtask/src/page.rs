//! Parses the page of promises: every heading `### 9. Backoff — kept` is one.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    /// Every clause holds.
    Kept,
    /// Some clauses hold; the page lists the others.
    Partly,
    /// Nothing is claimed.
    Later,
}

impl Status {
    /// Returns `true` if the page claims something that a test has to prove.
    pub(crate) fn claims(self) -> bool {
        self != Self::Later
    }

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Partly => "partly",
            Self::Later => "later",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        [Self::Kept, Self::Partly, Self::Later].into_iter().find(|status| status.word() == word)
    }
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Promise {
    pub(crate) number: u32,
    pub(crate) title: String,
    pub(crate) status: Status,
}

/// The promises of the page in their order: 1, 2, 3 and so on.
///
/// # Errors
///
/// Names the first heading of another form, or out of order.
pub(crate) fn parse(page: &str) -> Result<Vec<Promise>, String> {
    let mut promises = Vec::new();
    for heading in page.lines().filter_map(|line| line.strip_prefix("### ")) {
        let promise = promise(heading).ok_or_else(|| {
            format!("`### {heading}`: expected `### <number>. <title> — kept`, `partly` or `later`")
        })?;
        let next = promises.len() + 1;
        if promise.number as usize != next {
            return Err(format!("`### {heading}`: expected promise {next} here"));
        }
        promises.push(promise);
    }
    Ok(promises)
}

fn promise(heading: &str) -> Option<Promise> {
    let (number, rest) = heading.split_once(". ")?;
    let (title, status) = rest.rsplit_once(" — ")?;
    Some(Promise {
        number: number.parse().ok()?,
        title: title.trim().to_owned(),
        status: Status::parse(status.trim())?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn title(number: u32, title: &str, status: Status) -> Promise {
        Promise { number, title: title.to_owned(), status }
    }

    #[test]
    fn reads_number_title_and_status() {
        let page = "# Page\n## Part\n### 1. Clones — kept\ntext\n### 2. Panic — and poll — partly\n### 3. Hedge — later\n";
        let expected = [
            title(1, "Clones", Status::Kept),
            title(2, "Panic — and poll", Status::Partly),
            title(3, "Hedge", Status::Later),
        ];
        assert_eq!(parse(page).as_deref(), Ok(&expected[..]));
    }

    #[test]
    fn refuses_a_heading_without_a_clear_claim() {
        for heading in ["1. Clones", "1. Clones — done", "one. Clones — kept", "Clones — kept"] {
            let why = parse(&format!("### {heading}\n")).expect_err(heading);
            assert!(why.contains(heading), "{why}");
        }
    }

    #[test]
    fn refuses_gaps_and_doubles() {
        for page in
            ["### 2. B — kept\n", "### 1. A — kept\n### 1. A — kept\n", "### 1. A — kept\n### 3. C — kept\n"]
        {
            let why = parse(page).expect_err(page);
            assert!(why.contains("expected promise"), "{why}");
        }
    }
}
