//! `LevelByTarget`: which target logs at which level.

use tracing::level_filters::LevelFilter;
use tracing::subscriber::Interest;
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// A level for each of some targets and for those below them, and one for all others.
///
/// A target is below another if it begins with its whole path: `tokio::net` is below `tokio`, `tokio_xmpp` is not. Of several
/// that fit the longest counts, and of two equal ones the later.
#[derive(Clone, Debug)]
pub(crate) struct LevelByTarget {
    /// The longest path first.
    levels: Vec<(String, LevelFilter)>,
    default: LevelFilter,
}

impl LevelByTarget {
    pub(crate) fn new(
        targets: impl DoubleEndedIterator<Item = (String, LevelFilter)>,
        default: LevelFilter,
    ) -> Self {
        let mut levels: Vec<_> = targets.rev().collect();
        levels.sort_by_key(|(path, _)| std::cmp::Reverse(path.len())); // stable: of equal ones the later stays first
        Self { levels, default }
    }

    pub(crate) fn enables(&self, target: &str, level: Level) -> bool {
        let fits = |path: &str| {
            target.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
        };
        let found = self.levels.iter().find(|(path, _)| fits(path));
        found.map_or(self.default, |(_, level)| *level) >= level
    }
}

impl<S: Subscriber> Layer<S> for LevelByTarget {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.enables(metadata.target(), *metadata.level()) {
            Interest::always()
        } else {
            Interest::never()
        }
    }

    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        self.enables(metadata.target(), *metadata.level())
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        self.levels.iter().map(|(_, level)| *level).chain([self.default]).max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(levels: &[(&str, LevelFilter)]) -> LevelByTarget {
        let levels = levels.iter().map(|(path, level)| ((*path).to_owned(), *level));
        LevelByTarget::new(levels, LevelFilter::INFO)
    }

    /// Line 24 of the reports: equal, or followed by `::`.
    #[test]
    fn a_target_is_a_path_and_no_prefix() {
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
    fn the_longest_path_counts_and_of_equal_ones_the_later() {
        let levels =
            [("a::b", LevelFilter::ERROR), ("a", LevelFilter::TRACE), ("a::b::c", LevelFilter::DEBUG)];
        for (one, two, three) in [(0, 1, 2), (2, 1, 0), (1, 2, 0), (1, 0, 2)] {
            let filter = filter(&[levels[one], levels[two], levels[three]]);
            assert!(filter.enables("a::x", Level::TRACE));
            assert!(!filter.enables("a::b::x", Level::WARN));
            assert!(filter.enables("a::b::c::x", Level::DEBUG) && !filter.enables("a::b::c", Level::TRACE));
            assert_eq!(
                Layer::<tracing_subscriber::Registry>::max_level_hint(&filter),
                Some(LevelFilter::TRACE)
            );
        }
        let twice = filter(&[("a", LevelFilter::OFF), ("a", LevelFilter::DEBUG)]);
        assert!(twice.enables("a", Level::DEBUG));
        let hint =
            Layer::<tracing_subscriber::Registry>::max_level_hint(&filter(&[("a", LevelFilter::WARN)]));
        assert_eq!(hint, Some(LevelFilter::INFO));
    }
}
