//! The words of `BUTTRESS_LOG`: a format, a level, levels of single targets.

use std::fmt;
use std::str::FromStr;

use tracing::level_filters::LevelFilter;

use crate::filter::LevelByTarget;

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
    /// The parts that have no effect, or hardly the one that was meant.
    pub(crate) ignored: Vec<Ignored>,
}

/// A part that has no effect, or hardly the one that was meant, and why.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Ignored {
    /// It means nothing; perhaps something that is written much like it was meant.
    Unknown(String, Option<String>),
    /// A later one of its sort counts.
    Overruled(String, String),
    /// It filters by spans or fields.
    Span(String),
    /// It has an effect, but on no crate: a crate's targets have underscores.
    Hyphen(String, String),
}

impl Ignored {
    pub(crate) fn part(&self) -> &str {
        match self {
            Self::Unknown(part, _) | Self::Overruled(part, _) | Self::Span(part) | Self::Hyphen(part, _) => {
                part
            }
        }
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
            Self::Span(part) => {
                write!(
                    f,
                    "{part:?} ignored: filters on spans and fields are not supported, only target=level"
                )
            }
            Self::Hyphen(part, meant) => {
                write!(
                    f,
                    "{part:?} matches no crate: a crate's target has underscores, did you mean {meant}?"
                )
            }
            Self::Overruled(part, by) => write!(f, "{part:?} ignored, the later {by:?} counts"),
        }
    }
}

impl Directives {
    /// Reads `json,info,hyper=warn`: parts in any order, the last of a kind wins, blanks and empty parts don't matter.
    pub(crate) fn parse(text: &str) -> Self {
        let mut read = Self::default();
        for part in parts(text).map(str::trim).filter(|part| !part.is_empty()) {
            read.part(part);
        }
        read.name_hyphens();
        read
    }

    /// Names each target with a hyphen, which no crate has, unless there is one with an underscore beside it.
    fn name_hyphens(&mut self) {
        for (target, level) in &self.targets {
            let right = target.replace('-', "_");
            if *target != right && !self.targets.iter().any(|(other, _)| *other == right) {
                let level = level.to_string();
                self.ignored.push(Ignored::Hyphen(format!("{target}={level}"), format!("{right}={level}")));
            }
        }
    }

    fn part(&mut self, part: &str) {
        if let Some(format) = format(part) {
            let earlier = self.format.replace(format);
            self.overrule(earlier, &format, part);
        } else if let Some(level) = level(part) {
            let earlier = self.level.replace(level);
            self.overrule(earlier, &level, part);
        } else if part.contains(['[', '{']) {
            self.ignored.push(Ignored::Span(part.to_owned()));
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
    pub(crate) fn filter(&self, further: Option<(String, LevelFilter)>) -> LevelByTarget {
        let targets = self.targets.iter().cloned().chain(further);
        LevelByTarget::new(targets, self.level.unwrap_or(LevelFilter::INFO))
    }
}

/// The parts between commas, but for commas in brackets: those belong to filters on spans.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0usize;
    text.split(move |c| {
        match c {
            '[' | '{' => depth += 1,
            ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    })
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

/// The part that has a slip in its word, or another logger's word, put right.
fn meant(part: &str) -> Option<String> {
    let levels = LEVELS.iter().copied();
    match part.split_once('=') {
        Some((name, word)) => {
            let word = Some(word.trim()).filter(|word| !word.contains('='))?;
            let level = match level(word) {
                Some(_) => word,
                None => translated(word).or_else(|| nearest(word, levels))?,
            };
            let right = format!("{}={level}", path_of(name.trim()));
            target(&right).map(|_| right)
        }
        None => {
            let word = translated(part).or_else(|| nearest(part, FORMATS.into_iter().chain(levels)));
            // Another logger takes a bare target for all of its levels.
            let as_target =
                || target(&format!("{}=trace", path_of(part))).filter(|_| part.contains(['_', ':']));
            word.map(str::to_owned).or_else(|| as_target().map(|(target, _)| format!("{target}=trace")))
        }
    }
}

/// A path without colons at its ends, and with two where one is.
fn path_of(name: &str) -> String {
    name.split(':').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("::")
}

/// Words and numbers that other loggers have for our levels.
fn translated(word: &str) -> Option<&'static str> {
    const WORDS: [(&str, &str); 13] = [
        ("0", "off"),
        ("1", "error"),
        ("2", "warn"),
        ("3", "info"),
        ("4", "debug"),
        ("5", "trace"),
        ("all", "trace"),
        ("verbose", "trace"),
        ("dbg", "debug"),
        ("err", "error"),
        ("fatal", "error"),
        ("critical", "error"),
        ("none", "off"),
    ];
    WORDS.iter().find(|(other, _)| word.eq_ignore_ascii_case(other)).map(|(_, ours)| *ours)
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
    let is_path = !name.is_empty()
        && name.chars().all(|c| c.is_alphanumeric() || "_:-./".contains(c))
        && path_of(name) == name;
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
            ("3", Some("info")),
            ("app=3", Some("app=info")),
            ("app=0", Some("app=off")),
            ("6", None),
            ("verbose", Some("trace")),
            ("app=fatal", Some("app=error")),
            ("app=debugg", Some("app=debug")),
            ("app=DEBGU", Some("app=debug")),
            ("app=", None),
            ("app", None),
            ("my_app", Some("my_app=trace")),
            ("app::pay", Some("app::pay=trace")),
            ("app:pay=debug", Some("app::pay=debug")),
            ("app::=debug", Some("app=debug")),
            ("::app=debug", Some("app=debug")),
            ("a=b=c", None),
            ("a=b=info", None),
            ("=warn", None),
            ("app=warn=", None),
            ("é", None),
            (&"x".repeat(100), None),
        ] {
            let ignored = Ignored::Unknown(slip.to_owned(), meant.map(str::to_owned));
            assert_eq!(Directives::parse(slip).ignored, [ignored]);
        }
        let told = |text| Directives::parse(text).ignored[0].to_string();
        assert_eq!(told("jsn"), "\"jsn\" ignored, did you mean json?");
        assert_eq!(told("6"), "\"6\" ignored: no format (json, human, auto), no level, no target=level");
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
        let filter = Directives::parse("hyper=warn,app=debug,off_limits=OFF").filter(None);
        for (target, level, enabled) in [
            ("hyper::client", Level::INFO, false),
            ("hyper::client", Level::WARN, true),
            ("app", Level::DEBUG, true),
            ("other", Level::INFO, true),
            ("off_limits", Level::ERROR, false),
            ("other", Level::DEBUG, false),
        ] {
            assert_eq!(filter.enables(target, level), enabled, "{target} {level}");
        }
    }

    /// Line 24 of the reports: a hyphen is named, and the directive counts for a target that is spelled so.
    #[test]
    fn a_hyphen_is_named() {
        let read = Directives::parse("my-app=debug,info");
        assert_eq!(read.targets, [("my-app".to_owned(), LevelFilter::DEBUG)]);
        assert_eq!(
            read.ignored[0].to_string(),
            "\"my-app=debug\" matches no crate: a crate's target has underscores, did you mean my_app=debug?"
        );
        assert_eq!(Directives::parse("a-b::c-d=off").ignored[0].part(), "a-b::c-d=off");
        assert_eq!(Directives::parse("my-app=debug,my_app=warn").ignored, []);
        assert_eq!(Directives::parse("my_app=debug").ignored, []);
    }

    /// Line 24 of the reports: filters on spans and fields, which other loggers know, are refused whole.
    #[test]
    fn filters_on_spans_are_named() {
        for part in [
            "[span]=debug",
            "app[span]=debug",
            "app[span{a=1,b=2}]=trace",
            "[{user=\"ann, bob\"}]=trace",
            "app[span{a=1}]",
            "app{a}=info",
        ] {
            let read = Directives::parse(&format!("json,{part},warn"));
            assert_eq!(read.ignored, [Ignored::Span(part.to_owned())]);
            assert_eq!((read.format, read.level), (Some(Format::Json), Some(LevelFilter::WARN)));
        }
        assert_eq!(
            Directives::parse("app[s]=info").ignored[0].to_string(),
            "\"app[s]=info\" ignored: filters on spans and fields are not supported, only target=level"
        );
    }
}
