//! The words of `BUTTRESS_LOG`: a format, a level, levels of single targets.

use std::fmt;
use std::str::FromStr;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;

/// How lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// [`Human`](Self::Human) if standard error is a terminal, else [`Json`](Self::Json).
    #[default]
    Auto,
    /// One JSON object a line.
    Json,
    /// A line for people, its error below it.
    Human,
}

impl Format {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Json => "json",
            Self::Human => "human",
        }
    }
}

/// As `BUTTRESS_LOG` spells it.
impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What was asked for, as far as it was understood.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Directives {
    pub(crate) format: Option<Format>,
    pub(crate) level: Option<LevelFilter>,
    pub(crate) targets: Vec<(String, LevelFilter)>,
    /// The parts that have no effect.
    pub(crate) ignored: Vec<Ignored>,
}

/// A part that has no effect, and why.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Ignored {
    /// It means nothing; perhaps something that is written much like it was meant.
    Unknown(String, Option<String>),
    /// A later one of its sort counts.
    Overruled(String, String),
}

impl Ignored {
    pub(crate) fn part(&self) -> &str {
        let (Self::Unknown(part, _) | Self::Overruled(part, _)) = self;
        part
    }
}

/// What to tell the one who wrote it.
impl fmt::Display for Ignored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(part, Some(meant)) => write!(f, "{part:?} ignored, did you mean {meant}?"),
            Self::Unknown(part, None) => {
                write!(f, "{part:?} ignored: no format (json, human, auto), no level, no target=level")
            }
            Self::Overruled(part, by) => write!(f, "{part:?} ignored, the later {by:?} counts"),
        }
    }
}

impl Directives {
    /// Reads `json,info,hyper=warn`: parts in any order, the last of a kind wins, blanks and empty parts don't matter.
    pub(crate) fn parse(text: &str) -> Self {
        let mut read = Self::default();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            read.part(part);
        }
        read
    }

    fn part(&mut self, part: &str) {
        if let Some(format) = format(part) {
            let earlier = self.format.replace(format);
            self.overrule(earlier, &format, part);
        } else if let Some(level) = level(part) {
            let earlier = self.level.replace(level);
            self.overrule(earlier, &level, part);
        } else if let Some((target, level)) = target(part) {
            self.targets.push((target, level));
        } else {
            self.ignored.push(Ignored::Unknown(part.to_owned(), meant(part)));
        }
    }

    fn overrule<T: PartialEq + fmt::Display>(&mut self, earlier: Option<T>, later: &T, part: &str) {
        if let Some(earlier) = earlier.filter(|earlier| earlier != later) {
            self.ignored.push(Ignored::Overruled(earlier.to_string(), part.to_owned()));
        }
    }

    /// The filter; what no target directive names logs at the level, by default INFO.
    pub(crate) fn filter(&self) -> Targets {
        Targets::new()
            .with_targets(self.targets.clone())
            .with_default(self.level.unwrap_or(LevelFilter::INFO))
    }
}

fn format(word: &str) -> Option<Format> {
    [Format::Auto, Format::Json, Format::Human]
        .into_iter()
        .find(|format| word.eq_ignore_ascii_case(format.as_str()))
}

/// A level by its name. (Numbers, which `LevelFilter` would take, are more likely a slip.)
fn level(word: &str) -> Option<LevelFilter> {
    if word.eq_ignore_ascii_case("warning") {
        return Some(LevelFilter::WARN);
    }
    word.starts_with(|c: char| c.is_ascii_alphabetic()).then(|| LevelFilter::from_str(word).ok()).flatten()
}

/// The part that has a slip in its word, put right.
fn meant(part: &str) -> Option<String> {
    let levels = LEVELS.iter().copied();
    match part.split_once('=') {
        Some((name, word)) => {
            let right = format!("{}={}", name.trim(), nearest(word.trim(), levels)?);
            target(&right).map(|_| right)
        }
        None => nearest(part, FORMATS.into_iter().chain(levels)).map(str::to_owned),
    }
}

const FORMATS: [&str; 3] = ["json", "human", "auto"];
const LEVELS: [&str; 7] = ["off", "error", "warn", "warning", "info", "debug", "trace"];

/// The word that is one slip away, or of a long one two.
fn nearest<'w>(word: &str, words: impl Iterator<Item = &'w str>) -> Option<&'w str> {
    let word = word.to_ascii_lowercase();
    let slips = if word.len() < 5 { 1 } else { 2 };
    words
        .map(|right| (distance(&word, right), right))
        .filter(|(distance, _)| *distance <= slips)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, right)| right)
}

/// How many letters are missing, too many, wrong, or changed with their neighbour: the optimal string alignment of
/// [Damerau](https://doi.org/10.1145/363958.363994) and Levenshtein.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(16).collect(), b.chars().collect());
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let wrong = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut least = wrong.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(rows[i - 2][j - 2] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

fn target(part: &str) -> Option<(String, LevelFilter)> {
    let (name, word) = part.split_once('=')?;
    let name = name.trim();
    let is_path = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || "_:-./".contains(c));
    Some((name.to_owned(), level(word.trim())?)).filter(|_| is_path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_in_any_order() {
        let read = Directives::parse(" info , hyper=warn,JSON,, tower::retry = Trace ,hyper=off");
        assert_eq!(read.format, Some(Format::Json));
        assert_eq!(read.level, Some(LevelFilter::INFO));
        let expected =
            [("hyper", LevelFilter::WARN), ("tower::retry", LevelFilter::TRACE), ("hyper", LevelFilter::OFF)];
        assert_eq!(read.targets, expected.map(|(name, level)| (name.to_owned(), level)));
        assert!(read.ignored.is_empty());
        assert_eq!(Directives::parse(""), Directives::default());
    }

    #[test]
    fn what_means_nothing_is_named() {
        let read = Directives::parse("human,inof,=warn,hyper=wran,3,a b=info,debug");
        let parts: Vec<_> = read.ignored.iter().map(Ignored::part).collect();
        assert_eq!(parts, ["inof", "=warn", "hyper=wran", "3", "a b=info"]);
        assert_eq!((read.format, read.level), (Some(Format::Human), Some(LevelFilter::DEBUG)));
    }

    #[test]
    fn slips_are_put_right() {
        for (slip, meant) in [
            ("jsn", Some("json")),
            ("JOSN", Some("json")),
            ("inof", Some("info")),
            ("warnign", Some("warning")),
            ("deubg", Some("debug")),
            ("errors", Some("error")),
            ("hyper=wran", Some("hyper=warn")),
            ("hyper=jsn", None),
            ("a b=wran", None),
            ("=wran", None),
            ("3", None),
            ("verbose", None),
            ("é", None),
            (&"x".repeat(100), None),
        ] {
            let ignored = Ignored::Unknown(slip.to_owned(), meant.map(str::to_owned));
            assert_eq!(Directives::parse(slip).ignored, [ignored]);
        }
        let told = |text| Directives::parse(text).ignored[0].to_string();
        assert_eq!(told("jsn"), "\"jsn\" ignored, did you mean json?");
        assert_eq!(told("3"), "\"3\" ignored: no format (json, human, auto), no level, no target=level");
    }

    #[test]
    fn warning_is_warn() {
        let read = Directives::parse("Warning,hyper=warning");
        assert_eq!(read, Directives::parse("warn,hyper=warn"));
        assert_eq!(read.level, Some(LevelFilter::WARN));
    }

    #[test]
    fn the_last_of_a_sort_counts_and_says_so() {
        let read = Directives::parse("info,json,debug,human");
        assert_eq!((read.format, read.level), (Some(Format::Human), Some(LevelFilter::DEBUG)));
        let told: Vec<_> = read.ignored.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            ["\"info\" ignored, the later \"debug\" counts", "\"json\" ignored, the later \"human\" counts"]
        );
        assert!(Directives::parse("info,info,hyper=warn,hyper=info").ignored.is_empty());
    }

    #[test]
    fn the_rest_logs_at_info() {
        use tracing::Level;
        let filter = Directives::parse("hyper=warn,app=debug").filter();
        for (target, level, enabled) in [
            ("hyper::client", Level::INFO, false),
            ("hyper::client", Level::WARN, true),
            ("app", Level::DEBUG, true),
            ("other", Level::INFO, true),
            ("other", Level::DEBUG, false),
        ] {
            assert_eq!(filter.would_enable(target, &level), enabled, "{target} {level}");
        }
    }
}
