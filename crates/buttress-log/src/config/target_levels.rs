//! `TargetLevels`: the filter by target and level.

use std::cmp::Reverse;

use tracing::Level;
use tracing::level_filters::LevelFilter;

/// A level for each of some targets and the targets below them, and a level for all others.
///
/// One target is below another if it begins with that target's whole path: `tokio::net` is below `tokio`, `tokio_xmpp` is not.
/// The longest matching path decides, and the later one of two equal paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TargetLevels {
    /// The longest path first.
    levels: Vec<(String, LevelFilter)>,
    default: LevelFilter,
}

impl TargetLevels {
    pub(crate) fn new(
        levels: impl DoubleEndedIterator<Item = (String, LevelFilter)>,
        default: LevelFilter,
    ) -> Self {
        let mut levels: Vec<_> = levels.rev().collect();
        levels.sort_by_key(|(path, _)| Reverse(path.len())); // Stable: the later of two equal paths stays first.
        Self { levels, default }
    }

    pub(crate) fn enables(&self, target: &str, level: Level) -> bool {
        let matches = |path: &str| {
            target.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
        };
        let longest = self.levels.iter().find(|(path, _)| matches(path));
        longest.map_or(self.default, |(_, level)| *level) >= level
    }

    /// Returns the most verbose level that any target has.
    pub(crate) fn max_level(&self) -> LevelFilter {
        self.levels.iter().map(|(_, level)| *level).fold(self.default, LevelFilter::max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(levels: &[(&str, LevelFilter)]) -> TargetLevels {
        let levels = levels.iter().map(|(path, level)| ((*path).to_owned(), *level));
        TargetLevels::new(levels, LevelFilter::INFO)
    }

    /// A target matches if it equals the path, or continues it with `::`. A common prefix is not enough.
    #[test]
    fn a_target_is_matched_as_a_path() {
        let filter =
            filter(&[("tokio", LevelFilter::WARN), ("app", LevelFilter::DEBUG), ("a::b", LevelFilter::OFF)]);
        for (target, level, enabled) in [
            ("tokio", Level::INFO, false),
            ("tokio::net", Level::INFO, false),
            ("tokio::net::tcp", Level::WARN, true),
            ("tokio_xmpp", Level::INFO, true),
            ("tokio-xmpp", Level::INFO, true),
            ("tokio:net", Level::INFO, true),
            ("toki", Level::INFO, true),
            ("app", Level::DEBUG, true),
            ("app::pay", Level::DEBUG, true),
            ("apprise", Level::DEBUG, false),
            ("app.pay", Level::DEBUG, false),
            ("my::app", Level::DEBUG, false),
            ("a::b", Level::ERROR, false),
            ("a::b::c", Level::ERROR, false),
            ("a::bc", Level::ERROR, true),
            ("a", Level::INFO, true),
            ("", Level::INFO, true),
        ] {
            assert_eq!(filter.enables(target, level), enabled, "{target} {level}");
        }
    }

    #[test]
    fn the_longest_path_decides_and_the_later_of_two_equal_ones() {
        let levels =
            [("a::b", LevelFilter::ERROR), ("a", LevelFilter::TRACE), ("a::b::c", LevelFilter::DEBUG)];
        for (one, two, three) in [(0, 1, 2), (2, 1, 0), (1, 2, 0), (1, 0, 2)] {
            let filter = filter(&[levels[one], levels[two], levels[three]]);
            assert!(filter.enables("a::x", Level::TRACE));
            assert!(!filter.enables("a::b::x", Level::WARN));
            assert!(filter.enables("a::b::c::x", Level::DEBUG) && !filter.enables("a::b::c", Level::TRACE));
            assert_eq!(filter.max_level(), LevelFilter::TRACE);
        }
        let twice = filter(&[("a", LevelFilter::OFF), ("a", LevelFilter::DEBUG)]);
        assert!(twice.enables("a", Level::DEBUG));
        assert_eq!(filter(&[("a", LevelFilter::WARN)]).max_level(), LevelFilter::INFO);
    }
}
