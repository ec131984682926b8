//! `LevelSettings`: levels, changes to them, and the time at which a change ends. No clock, no lock.

use std::fmt;

use tokio::time::Instant;
use tracing::level_filters::LevelFilter;

use crate::config::TargetLevels;

/// What a level is for: a target and the targets below it, or all others.
pub(crate) type Subject = Option<String>;

/// A level for all targets, and levels of some.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Levels {
    level: LevelFilter,
    /// Sorted, each target once.
    targets: Vec<(String, LevelFilter)>,
}

impl Levels {
    /// Of two levels of one target the later one counts.
    pub(crate) fn new(level: LevelFilter, targets: impl IntoIterator<Item = (String, LevelFilter)>) -> Self {
        let mut levels = Self { level, targets: Vec::new() };
        targets.into_iter().for_each(|(target, level)| levels.set(&Some(target), level));
        levels
    }

    fn set(&mut self, subject: &Subject, level: LevelFilter) {
        let Some(target) = subject else {
            self.level = level;
            return;
        };
        match self.targets.binary_search_by(|(own, _)| own.cmp(target)) {
            Ok(index) => self.targets[index].1 = level,
            Err(index) => self.targets.insert(index, (target.clone(), level)),
        }
    }

    /// The filter of a sink with levels of its own.
    pub(crate) fn filter(&self, own: &OwnLevels, additional: Option<&(String, LevelFilter)>) -> TargetLevels {
        let targets: Vec<_> = self.targets.iter().chain(&own.targets).chain(additional).cloned().collect();
        TargetLevels::new(targets.into_iter(), own.level.unwrap_or(self.level))
    }
}

/// As directives: `info,hyper=warn`.
impl fmt::Display for Levels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.level)?;
        self.targets.iter().try_for_each(|(target, level)| write!(f, ",{target}={level}"))
    }
}

/// The levels that a sink has of its own. They override those of the program.
#[derive(Clone, Debug, Default)]
pub(crate) struct OwnLevels {
    pub(crate) level: Option<LevelFilter>,
    pub(crate) targets: Vec<(String, LevelFilter)>,
}

/// The levels at the start, as they are set now, and the changes that end by themselves.
#[derive(Debug)]
pub(crate) struct LevelSettings {
    start: Levels,
    /// Without the temporary changes.
    base: Levels,
    /// At most one of each subject.
    temporary: Vec<Temporary>,
}

#[derive(Debug)]
struct Temporary {
    subject: Subject,
    level: LevelFilter,
    until: Instant,
}

impl LevelSettings {
    pub(crate) fn new(start: Levels) -> Self {
        Self { base: start.clone(), start, temporary: Vec::new() }
    }

    /// The levels that count now.
    pub(crate) fn effective(&self) -> Levels {
        let mut levels = self.base.clone();
        self.temporary.iter().for_each(|change| levels.set(&change.subject, change.level));
        levels
    }

    /// Sets levels, and ends temporary changes of the same subjects. With `until` the levels below are kept, and count again
    /// from then on.
    pub(crate) fn change(&mut self, changes: Vec<(Subject, LevelFilter)>, until: Option<Instant>) {
        for (subject, level) in changes {
            self.temporary.retain(|change| change.subject != subject);
            match until {
                Some(until) => self.temporary.push(Temporary { subject, level, until }),
                None => self.base.set(&subject, level),
            }
        }
    }

    /// Ends the temporary changes whose time has come.
    pub(crate) fn expire(&mut self, now: Instant) {
        self.temporary.retain(|change| change.until > now);
    }

    pub(crate) fn reset(&mut self) {
        self.base.clone_from(&self.start);
        self.temporary.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    const LEVELS: [LevelFilter; 3] = [LevelFilter::WARN, LevelFilter::INFO, LevelFilter::DEBUG];

    fn subject(name: &str) -> Subject {
        Some(name.to_owned())
    }

    fn settings() -> LevelSettings {
        LevelSettings::new(Levels::new(LevelFilter::INFO, [("hyper".to_owned(), LevelFilter::WARN)]))
    }

    #[test]
    fn a_temporary_change_ends_at_its_time() {
        let (mut settings, now) = (settings(), Instant::now());
        let until = now + Duration::from_secs(60);
        settings.change(vec![(None, LevelFilter::DEBUG), (subject("app"), LevelFilter::TRACE)], Some(until));
        assert_eq!(settings.effective().to_string(), "debug,app=trace,hyper=warn");
        settings.expire(until - Duration::from_nanos(1));
        assert_eq!(settings.effective().to_string(), "debug,app=trace,hyper=warn");
        settings.expire(until);
        assert_eq!(settings.effective().to_string(), "info,hyper=warn");
    }

    /// The later change of a subject counts, and only its own expiry.
    #[test]
    fn a_later_change_replaces_an_earlier_one() {
        let (mut settings, now) = (settings(), Instant::now());
        let minutes = |minutes: u64| Some(now + Duration::from_secs(60 * minutes));
        settings.change(vec![(subject("hyper"), LevelFilter::TRACE)], minutes(1));
        settings.change(vec![(subject("hyper"), LevelFilter::DEBUG)], minutes(10));
        settings.expire(minutes(5).unwrap());
        assert_eq!(settings.effective().to_string(), "info,hyper=debug");
        settings.change(vec![(subject("hyper"), LevelFilter::ERROR)], None);
        settings.expire(minutes(10).unwrap());
        assert_eq!(settings.effective().to_string(), "info,hyper=error");
        settings.reset();
        assert_eq!(settings.effective().to_string(), "info,hyper=warn");
    }

    proptest! {
        /// After all expiries the levels are those of the permanent changes alone.
        #[test]
        fn nothing_of_a_temporary_change_stays(
            changes in proptest::collection::vec((0usize..4, 0usize..3, proptest::option::of(1u64..50)), 0..20)
        ) {
            let now = Instant::now();
            let (mut both, mut permanent) = (settings(), settings());
            for (name, level, seconds) in changes {
                let subject = ["", "hyper", "app", "app::pay"].get(name).filter(|name| !name.is_empty());
                let change = vec![(subject.map(|name| (*name).to_owned()), LEVELS[level])];
                both.change(change.clone(), seconds.map(|seconds| now + Duration::from_secs(seconds)));
                if seconds.is_none() {
                    permanent.change(change, None);
                }
            }
            both.expire(now + Duration::from_secs(50));
            prop_assert_eq!(both.effective(), permanent.effective());
        }
    }
}
