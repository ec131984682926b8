//! The directives of `BUTTRESS_LOG`: a format, a level, levels of targets.

use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;

use tracing::level_filters::LevelFilter;

use crate::config::format::Format;
use crate::config::spelling::{nearest_word, translate_level};
use crate::levels::{Levels, Problem, Subject};

/// What the variable sets, and warnings about the rest.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Directives {
    pub(super) format: Option<Format>,
    pub(super) level: Option<LevelFilter>,
    pub(super) targets: Vec<(String, LevelFilter)>,
    pub(super) warnings: Vec<Warning>,
}

/// A directive that has no effect, or probably not the intended one.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Warning {
    pub(super) directive: String,
    reason: Reason,
}

#[derive(Clone, Debug, PartialEq)]
enum Reason {
    /// It has no meaning, but is similar to one that has.
    Misspelled { suggestion: String },
    /// It has no meaning.
    Unrecognized,
    /// It filters by spans or fields.
    SpanFilter,
    /// A later directive sets the same thing.
    Overridden { by: String },
    /// Its target has a hyphen. It has an effect, but on no crate.
    Hyphen { suggestion: String },
}

impl Warning {
    /// The warning as an error, where a directive without a meaning is refused instead of ignored.
    fn as_problem(&self) -> Problem {
        let directive = self.directive.clone();
        let (problem, suggestion) = match &self.reason {
            Reason::Misspelled { suggestion } => {
                (format!("{directive:?} has no meaning, did you mean {suggestion:?}?"), Some(suggestion))
            }
            Reason::Overridden { by } => (format!("{directive:?} and {by:?} set the same level"), None),
            Reason::Hyphen { suggestion } => (self.to_string(), Some(suggestion)),
            Reason::Unrecognized => (format!("{directive:?} is not a level or target=level"), None),
            Reason::SpanFilter => {
                let text = "filters on spans and fields are not supported, only target=level";
                (format!("{directive:?}: {text}"), None)
            }
        };
        Problem::Directive { suggestion: suggestion.cloned(), problem, directive }
    }
}

/// The text for the person who has set the variable.
impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let directive = &self.directive;
        match &self.reason {
            Reason::Misspelled { suggestion } => {
                write!(f, "{directive:?} is ignored, did you mean {suggestion:?}?")
            }
            Reason::Unrecognized => {
                write!(
                    f,
                    "{directive:?} is ignored: it is not a format (json, human, auto), a level or target=level"
                )
            }
            Reason::SpanFilter => {
                write!(
                    f,
                    "{directive:?} is ignored: filters on spans and fields are not supported, only target=level"
                )
            }
            Reason::Overridden { by } => write!(f, "{directive:?} is ignored: the later {by:?} overrides it"),
            Reason::Hyphen { suggestion } => {
                write!(
                    f,
                    "{directive:?} matches no crate: the targets of a crate have underscores, did you mean \
                     {suggestion:?}?"
                )
            }
        }
    }
}

impl Directives {
    /// Parses directives such as `json,info,hyper=warn`. They may come in any order, and the later of two counts. Blanks and
    /// empty directives are ignored.
    pub(super) fn parse(text: &str) -> Self {
        let mut directives = Self::default();
        for directive in split(text).map(str::trim).filter(|directive| !directive.is_empty()) {
            directives.add(directive);
        }
        directives.warn_of_hyphens();
        directives
    }

    fn add(&mut self, directive: &str) {
        if let Some(format) = parse_format(directive) {
            let earlier = self.format.replace(format);
            self.warn_of_override(earlier, &format, directive);
        } else if let Some(level) = parse_level(directive) {
            let earlier = self.level.replace(level);
            self.warn_of_override(earlier, &level, directive);
        } else if directive.contains(['[', '{']) {
            self.warn(directive, Reason::SpanFilter);
        } else if let Some((target, level)) = parse_target(directive) {
            self.targets.push((target, level));
        } else {
            let reason = suggestion(directive)
                .map_or(Reason::Unrecognized, |suggestion| Reason::Misspelled { suggestion });
            self.warn(directive, reason);
        }
    }

    fn warn(&mut self, directive: impl Into<String>, reason: Reason) {
        self.warnings.push(Warning { directive: directive.into(), reason });
    }

    fn warn_of_override<T: PartialEq + fmt::Display>(
        &mut self,
        earlier: Option<T>,
        later: &T,
        directive: &str,
    ) {
        if let Some(earlier) = earlier.filter(|earlier| earlier != later) {
            self.warn(earlier.to_string(), Reason::Overridden { by: directive.to_owned() });
        }
    }

    /// Warns of each target with a hyphen, unless the same target with underscores is set as well.
    fn warn_of_hyphens(&mut self) {
        let targets: HashSet<&str> = self.targets.iter().map(|(target, _)| &**target).collect();
        let mut warnings = Vec::new();
        for (target, level) in &self.targets {
            let repaired = target.replace('-', "_");
            if *target != repaired && !targets.contains(&*repaired) {
                let reason = Reason::Hyphen { suggestion: format!("{repaired}={level}") };
                warnings.push(Warning { directive: format!("{target}={level}"), reason });
            }
        }
        self.warnings.append(&mut warnings);
    }

    /// The levels that the directives describe. The default level is INFO.
    pub(super) fn levels(&self) -> Levels {
        Levels::new(self.level.unwrap_or(LevelFilter::INFO), self.targets.iter().cloned())
    }

    /// Sets the level of a target. A trailing `::` is ignored.
    pub(super) fn add_target(&mut self, mut target: String, level: LevelFilter) {
        target.truncate(target.trim_end_matches("::").len());
        self.targets.push((target, level));
    }
}

/// Parses directives that change levels of the running program. All of them must have a meaning.
pub(crate) fn parse_changes(text: &str) -> Result<Vec<(Subject, LevelFilter)>, Problem> {
    let Directives { format, level, targets, warnings } = Directives::parse(text);
    if let Some(warning) = warnings.first() {
        return Err(warning.as_problem());
    }
    if let Some(format) = format {
        return Err(Problem::Directive {
            directive: format.to_string(),
            suggestion: None,
            problem: format!("{:?} is a format, which cannot change while the program runs", format.as_str()),
        });
    }
    let level = level.map(|level| (None, level));
    let targets = targets.into_iter().map(|(target, level)| (Some(target), level));
    let changes: Vec<_> = level.into_iter().chain(targets).collect();
    if changes.is_empty() { Err(Problem::Empty) } else { Ok(changes) }
}

/// Splits at commas, except at those in brackets, which belong to filters on spans. A bracket that is never closed protects no
/// comma.
fn split(text: &str) -> impl Iterator<Item = &str> {
    let closed = text.chars().fold(0, depth_after) == 0;
    let mut depth = 0;
    text.split(move |c| {
        depth = depth_after(depth, c);
        c == ',' && (depth == 0 || !closed)
    })
}

/// The number of open brackets after a character.
const fn depth_after(depth: usize, c: char) -> usize {
    match c {
        '[' | '{' => depth + 1,
        ']' | '}' => depth.saturating_sub(1),
        _ => depth,
    }
}

fn parse_format(word: &str) -> Option<Format> {
    Format::ALL.into_iter().find(|format| word.eq_ignore_ascii_case(format.as_str()))
}

/// Parses the name of a level. (`LevelFilter` would take numbers too, which here are more likely a mistake.)
fn parse_level(word: &str) -> Option<LevelFilter> {
    if word.eq_ignore_ascii_case("warning") {
        return Some(LevelFilter::WARN);
    }
    word.starts_with(|c: char| c.is_ascii_alphabetic()).then(|| LevelFilter::from_str(word).ok()).flatten()
}

fn parse_target(directive: &str) -> Option<(String, LevelFilter)> {
    let (name, level) = directive.split_once('=')?;
    let name = name.trim();
    let is_path = !name.is_empty()
        && name.chars().all(|c| c.is_alphanumeric() || "_:-./".contains(c))
        && repair_path(name) == name;
    Some((name.to_owned(), parse_level(level.trim())?)).filter(|_| is_path)
}

const LEVELS: [&str; 7] = ["off", "error", "warn", "warning", "info", "debug", "trace"];

/// A valid directive that was probably meant.
fn suggestion(directive: &str) -> Option<String> {
    match directive.split_once('=') {
        Some((name, level)) => {
            let word = Some(level.trim()).filter(|word| !word.contains('='))?;
            if parse_level(name.trim()).is_some() && parse_level(word).is_none() {
                return target_of(word, name.trim());
            }
            let level = match parse_level(word) {
                Some(_) => word,
                None => translate_level(word).or_else(|| nearest_word(word, LEVELS.into_iter()))?,
            };
            target_of(name, level)
        }
        None => {
            let words = Format::ALL.into_iter().map(Format::as_str).chain(LEVELS);
            let word = translate_level(directive).or_else(|| nearest_word(directive, words));
            // In `RUST_LOG` a bare target enables all of its levels.
            let as_target = || {
                let repaired = format!("{}=trace", repair_path(directive));
                (directive.contains(['_', ':']) && parse_target(&repaired).is_some()).then_some(repaired)
            };
            word.map(str::to_owned).or_else(|| with_other_separator(directive)).or_else(as_target)
        }
    }
}

/// A directive for a target and its level, if the target can be repaired.
fn target_of(name: &str, level: &str) -> Option<String> {
    let repaired = format!("{}={}", repair_path(name.trim()), level.to_ascii_lowercase());
    parse_target(&repaired).map(|_| repaired)
}

/// What `app:debug` and `app debug` were meant to be. (`app::debug` may be a target.)
fn with_other_separator(directive: &str) -> Option<String> {
    let (name, level) = directive.rsplit_once([':', ' '])?;
    let is_pair = !name.ends_with(':') && parse_level(name.trim()).is_none() && parse_level(level).is_some();
    is_pair.then(|| target_of(name, level)).flatten()
}

/// The path without colons at its ends, and with two colons between its parts.
fn repair_path(name: &str) -> String {
    name.split(':').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("::")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directives_in_any_order() {
        let read = Directives::parse(" info , hyper=warn,JSON,, tower::retry = Trace ,hyper=off");
        assert_eq!(read.format, Some(Format::Json));
        assert_eq!(read.level, Some(LevelFilter::INFO));
        let expected =
            [("hyper", LevelFilter::WARN), ("tower::retry", LevelFilter::TRACE), ("hyper", LevelFilter::OFF)];
        assert_eq!(read.targets, expected.map(|(name, level)| (name.to_owned(), level)));
        assert!(read.warnings.is_empty());
        assert_eq!(Directives::parse(""), Directives::default());
    }

    #[test]
    fn unrecognized_directives_are_reported() {
        let read = Directives::parse("human,inof,=warn,hyper=wran,3,a b=info,debug");
        let parts: Vec<_> = read.warnings.iter().map(|warning| &*warning.directive).collect();
        assert_eq!(parts, ["inof", "=warn", "hyper=wran", "3", "a b=info"]);
        assert_eq!((read.format, read.level), (Some(Format::Human), Some(LevelFilter::DEBUG)));
    }

    #[test]
    fn typos_have_a_suggestion() {
        for (typo, expected) in [
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
            ("app:debug", Some("app=debug")),
            ("app::pay:WARN", Some("app::pay=warn")),
            ("app debug", Some("app=debug")),
            ("app::debug", Some("app::debug=trace")),
            ("info debug", None),
            ("INFO=app", Some("app=info")),
            ("warn = app:pay", Some("app::pay=warn")),
            ("info=", None),
            ("::app=debug", Some("app=debug")),
            ("a=b=c", None),
            ("a=b=info", None),
            ("=warn", None),
            ("app=warn=", None),
            ("é", None),
            (&"x".repeat(100), None),
        ] {
            let suggestion = expected.map(str::to_owned);
            let reason =
                suggestion.map_or(Reason::Unrecognized, |suggestion| Reason::Misspelled { suggestion });
            assert_eq!(Directives::parse(typo).warnings, [Warning { directive: typo.to_owned(), reason }]);
        }
        let warning = |text| Directives::parse(text).warnings[0].to_string();
        assert_eq!(warning("jsn"), "\"jsn\" is ignored, did you mean \"json\"?");
        assert_eq!(
            warning("6"),
            "\"6\" is ignored: it is not a format (json, human, auto), a level or target=level"
        );
    }

    #[test]
    fn warning_is_warn() {
        let read = Directives::parse("Warning,hyper=warning");
        assert_eq!(read, Directives::parse("warn,hyper=warn"));
        assert_eq!(read.level, Some(LevelFilter::WARN));
    }

    #[test]
    fn the_later_of_two_counts_and_the_other_is_reported() {
        let read = Directives::parse("info,json,debug,human");
        assert_eq!((read.format, read.level), (Some(Format::Human), Some(LevelFilter::DEBUG)));
        let warnings: Vec<_> = read.warnings.iter().map(ToString::to_string).collect();
        assert_eq!(
            warnings,
            [
                "\"info\" is ignored: the later \"debug\" overrides it",
                "\"json\" is ignored: the later \"human\" overrides it"
            ]
        );
        assert!(Directives::parse("info,info,hyper=warn,hyper=info").warnings.is_empty());
    }

    #[test]
    fn other_targets_log_at_info() {
        use crate::levels::OwnLevels;
        use tracing::Level;
        let program = Directives::parse("hyper=warn,app=debug,off_limits=OFF");
        let filter = program.levels().filter(&OwnLevels::default(), None);
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

    /// A hyphen is reported, and the directive still counts for a target of that spelling.
    #[test]
    fn a_hyphen_is_reported() {
        let read = Directives::parse("my-app=debug,info");
        assert_eq!(read.targets, [("my-app".to_owned(), LevelFilter::DEBUG)]);
        assert_eq!(
            read.warnings[0].to_string(),
            "\"my-app=debug\" matches no crate: the targets of a crate have underscores, did you mean \"my_app=debug\"?"
        );
        assert_eq!(Directives::parse("a-b::c-d=off").warnings[0].directive, "a-b::c-d=off");
        assert_eq!(Directives::parse("my-app=debug,my_app=warn").warnings, []);
        assert_eq!(Directives::parse("my_app=debug").warnings, []);
    }

    /// Filters on spans and fields, which other loggers have, are ignored as a whole.
    #[test]
    fn filters_on_spans_are_reported() {
        for part in [
            "[span]=debug",
            "app[span]=debug",
            "app[span{a=1,b=2}]=trace",
            "[{user=\"ann, bob\"}]=trace",
            "app[span{a=1}]",
            "app{a}=info",
        ] {
            let read = Directives::parse(&format!("json,{part},warn"));
            assert_eq!(read.warnings, [Warning { directive: part.to_owned(), reason: Reason::SpanFilter }]);
            assert_eq!((read.format, read.level), (Some(Format::Json), Some(LevelFilter::WARN)));
        }
        assert_eq!(
            Directives::parse("app[s]=info").warnings[0].to_string(),
            "\"app[s]=info\" is ignored: filters on spans and fields are not supported, only target=level"
        );
    }

    /// A bracket that is never closed takes only its own directive with it.
    #[test]
    fn an_unclosed_bracket_ends_at_the_comma() {
        let read = Directives::parse("app[span=debug,json,warn");
        assert_eq!((read.format, read.level), (Some(Format::Json), Some(LevelFilter::WARN)));
        assert_eq!(read.warnings[0].directive, "app[span=debug");
        assert_eq!(Directives::parse("]}info").warnings[0].directive, "]}info");
    }

    /// Odd, hostile and huge values: each is a setting or a warning, and none takes long.
    #[test]
    fn hostile_values() {
        for value in [
            "hyper.*=debug",
            "(a|b)+=warn",
            "^app$=info",
            "*=trace",
            "app=*",
            "\\=info",
            "a\nb=info",
            "app=info=warn",
            "==",
            "=",
            "::",
            ":::=info",
            "a::::b=info",
            "\u{202e}=info",
            "\0=info",
            "in\0fo",
            "app =",
            "'info'",
            "\"info\"",
            "info;debug",
            "info debug",
            "app=info:debug",
            "\u{fffd}",
            "-",
            "--json",
        ] {
            let read = Directives::parse(value);
            assert_eq!((read.format, read.level, &*read.targets), (None, None, &[][..]), "{value:?}");
            assert_eq!(read.warnings.len(), 1, "{value:?}");
            assert!(!read.warnings[0].to_string().contains(['\n', '\0', '\u{202e}']), "{value:?}");
        }
        let many = "a-b=off,x".repeat(20_000);
        assert!(Directives::parse(&many).targets.len() >= 20_000);
        assert_eq!(Directives::parse(&"[".repeat(200_000)).warnings.len(), 1);
        assert_eq!(Directives::parse(&",".repeat(200_000)), Directives::default());
        let long = format!("{}=warn", "m".repeat(100_000));
        assert_eq!(Directives::parse(&long).targets[0].0.len(), 100_000);
    }

    proptest::proptest! {
        /// Any text parses, and no warning can break a line.
        #[test]
        fn never_panics(text in "(?s).*", directives in "[a-z=:,\\[\\]{}-]{0,40}") {
            for text in [text, directives] {
                for warning in Directives::parse(&text).warnings {
                    proptest::prop_assert!(!warning.to_string().contains(['\n', '\r']));
                }
            }
        }
    }
}
