//! The words of `BUTTRESS_LOG`: a format, a level, levels of single targets.

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

/// What was asked for, as far as it was understood.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Directives {
    pub(crate) format: Option<Format>,
    pub(crate) level: Option<LevelFilter>,
    pub(crate) targets: Vec<(String, LevelFilter)>,
    /// The parts that mean nothing.
    pub(crate) unknown: Vec<String>,
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
            self.format = Some(format);
        } else if let Some(level) = level(part) {
            self.level = Some(level);
        } else if let Some((target, level)) = target(part) {
            self.targets.push((target, level));
        } else {
            self.unknown.push(part.to_owned());
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
    [("auto", Format::Auto), ("json", Format::Json), ("human", Format::Human)]
        .into_iter()
        .find_map(|(name, format)| word.eq_ignore_ascii_case(name).then_some(format))
}

/// A level by its name. (Numbers, which `LevelFilter` would take, are more likely a slip.)
fn level(word: &str) -> Option<LevelFilter> {
    word.starts_with(|c: char| c.is_ascii_alphabetic()).then(|| LevelFilter::from_str(word).ok()).flatten()
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
        assert!(read.unknown.is_empty());
        assert_eq!(Directives::parse(""), Directives::default());
    }

    #[test]
    fn what_means_nothing_is_named() {
        let read = Directives::parse("human,inof,=warn,hyper=wran,3,a b=info,debug");
        assert_eq!(read.unknown, ["inof", "=warn", "hyper=wran", "3", "a b=info"]);
        assert_eq!((read.format, read.level), (Some(Format::Human), Some(LevelFilter::DEBUG)));
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
