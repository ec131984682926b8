//! Several failures as one, and the search through them.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::sync::Arc;

use buttress_error::{BoxError, Class, Classify, Error, ErrorGroup, Kind, RetryAdvice, classify};
use proptest::prelude::*;

fn leaf(kind: Kind) -> Error {
    Error::new(kind, kind.title())
}

fn reset() -> Error {
    Error::from(io::Error::from(io::ErrorKind::ConnectionReset))
}

fn group(members: impl IntoIterator<Item = Error>) -> ErrorGroup {
    ErrorGroup::of(members).expect("not empty")
}

/// Rule 6, for the value.
#[test]
fn a_group_is_its_worst_member() {
    let members = || [leaf(Kind::Cancelled), leaf(Kind::NotFound), leaf(Kind::Unavailable)];
    let error = Error::from(group(members()));
    assert_eq!((error.kind(), error.advice()), (Kind::Unavailable, RetryAdvice::Never));
    assert_eq!(error.source().map(ToString::to_string).as_deref(), Some("unavailable"));
    assert_eq!(classify(&group(members())), group(members()).class(), "not that of the member it shows");

    let mut grown = ErrorGroup::new(leaf(Kind::Cancelled));
    assert_eq!(grown.class().kind, Kind::Cancelled);
    grown.extend([leaf(Kind::NotFound)]);
    grown.push(leaf(Kind::Unavailable));
    assert_eq!(grown.class(), group(members()).class());
    assert_eq!(grown.into_iter().map(|member| member.kind()).collect::<Vec<_>>().len(), 3);
    assert!(ErrorGroup::of([]).is_none());
}

#[test]
fn it_is_written_on_a_line_and_as_a_tree() {
    let inner = group([leaf(Kind::Aborted), leaf(Kind::NotFound)]).message("two replicas failed");
    let outer = group([leaf(Kind::Timeout).caused_by(reset()), inner.into()]);
    assert_eq!(outer.to_string(), "2 errors");
    let line = "2 errors: [timeout: connection reset; two replicas failed (2 errors): [aborted; not found]]";
    assert_eq!(format!("{outer:#}"), line);
    let error = Error::from(outer).context("saving");
    assert_eq!(error.to_string(), "saving");
    assert_eq!(format!("{error:#}"), format!("saving: {line}"));
    let report = format!("{error:?}");
    let tree: Vec<_> =
        report.lines().filter(|line| !line.contains(" at: ") && !line.contains("kind: ")).collect();
    let expected = [
        "saving",
        "  caused by: 2 errors",
        "  1: timeout",
        "      caused by: connection reset",
        "  2: two replicas failed (2 errors)",
        "      1: aborted",
        "      2: not found",
    ];
    assert_eq!(tree, expected, "{report}");
}

#[test]
fn a_search_goes_through_members_and_their_causes() {
    let deep = group([leaf(Kind::Aborted), leaf(Kind::Timeout).caused_by(reset())]);
    let error = Error::from(group([leaf(Kind::NotFound), deep.into()])).note("n").context("c");
    assert!(error.is::<io::Error>() && error.is::<ErrorGroup>());
    assert!(!error.is::<fmt::Error>());
    assert_eq!(error.group().map(|group| group.members().len()), Some(2));
    // Also inside an `io::Error`, and past one that a wrapped error's own cause hides.
    let carried = Error::from(io::Error::other(Error::from(group([leaf(Kind::NotFound), reset()]))));
    assert!(carried.is::<ErrorGroup>());
    assert_eq!(carried.find::<io::Error>().map(io::Error::kind), Some(io::ErrorKind::Other));
    let hidden = Error::from(group([leaf(Kind::NotFound)])).caused_by(fmt::Error);
    assert!(hidden.is::<fmt::Error>());
}

#[test]
fn the_outermost_and_first_is_found() {
    let first = io::Error::from(io::ErrorKind::NotFound);
    let last = Error::from(io::Error::from(io::ErrorKind::TimedOut));
    let error = Error::from(group([leaf(Kind::Aborted), Error::from(first), last]));
    assert_eq!(error.find::<io::Error>().map(io::Error::kind), Some(io::ErrorKind::NotFound));
}

#[derive(Debug)]
struct Endless;

impl fmt::Display for Endless {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("again")
    }
}

impl StdError for Endless {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(self)
    }
}

/// "At most 64 links deep."
#[test]
fn a_search_has_a_bottom() {
    let under = |depth| (0..depth).fold(reset(), |error, _| error.context("c"));
    // The error that wraps it is a link, too.
    assert!(under(63).is::<io::Error>() && !under(64).is::<io::Error>());
}

/// An error that is its own source, and groups that share their members over and over, end the search.
#[test]
fn a_search_ends() {
    let error = Error::wrap(Kind::Internal, Endless);
    assert_eq!(error.chain().count(), 64);
    assert!(!error.is::<fmt::Error>());
    assert_eq!(error.root_cause().to_string(), "again");

    let mut shared = reset();
    for _ in 0..20 {
        shared = Error::from(group([shared.clone(), shared.clone(), shared]));
    }
    assert!(!shared.is::<fmt::Error>());
    assert!(shared.is::<io::Error>());
    assert_eq!(shared.kind(), Kind::Unavailable);
    assert!(format!("{shared:#}").len() < 10_000 && format!("{shared:?}").len() < 100_000);
    assert_eq!(shared.group().expect("a group").leaves().take(1_000).count(), 1_000);
}

#[test]
fn a_split_group_keeps_what_was_added_to_its_parts() {
    let inner = Error::from(group([leaf(Kind::NotFound), leaf(Kind::Timeout)]).message("inner"))
        .note("of the inner")
        .context("c");
    let outer = group([leaf(Kind::NotFound), inner]).message("outer");
    let (missing, rest) = outer.split(|error| error.kind() == Kind::NotFound);
    let (missing, rest) = (missing.expect("some"), rest.expect("some"));
    assert_eq!(format!("{missing:#}"), "outer (2 errors): [not found; c: inner (1 error): [not found]]");
    assert_eq!(format!("{rest:#}"), "outer (1 error): [c: inner (1 error): [timeout]]");
    assert_eq!((missing.class().kind, rest.class().kind), (Kind::NotFound, Kind::Timeout));
    assert_eq!(rest.members()[0].notes().collect::<Vec<_>>(), ["of the inner"]);
    assert_eq!(rest.members()[0].kind(), Kind::Timeout);
}

/// A group that somebody reclassified, or gave up on, stays so when it is split.
#[test]
fn a_split_group_keeps_what_was_made_of_its_class() {
    let inner = Error::from(group([leaf(Kind::NotFound), leaf(Kind::Timeout)])).reclassify(Kind::Config);
    let part = group([inner]).retain(|error| error.kind() == Kind::NotFound).expect("some");
    assert_eq!(part.class().kind, Kind::Config);
    let given_up = Error::wrap(
        Class::new(Kind::Timeout).exhausted(),
        group([leaf(Kind::Timeout), leaf(Kind::NotFound)]),
    );
    let part = group([given_up]).retain(|error| error.kind() == Kind::Timeout).expect("some");
    assert!(part.class().exhausted && !part.class().is_retryable(true));
}

/// A tree of errors with a number in each leaf.
fn trees() -> impl Strategy<Value = Error> {
    let kinds = proptest::sample::select(Kind::ALL.to_vec());
    let leaf = (kinds, any::<u8>()).prop_map(|(kind, n)| Error::new(kind, n.to_string()));
    leaf.prop_recursive(4, 24, 4, |inner| {
        (proptest::collection::vec(inner, 1..4), any::<bool>()).prop_map(|(members, context)| {
            let error = Error::from(group(members));
            if context { error.context("c") } else { error }
        })
    })
}

fn told(group: Option<&ErrorGroup>) -> Vec<String> {
    group.into_iter().flat_map(ErrorGroup::leaves).map(ToString::to_string).collect()
}

proptest! {
    /// Every leaf is on the side that it belongs to, in its order, and no part is empty.
    #[test]
    fn a_split_loses_and_invents_nothing(trees in proptest::collection::vec(trees(), 1..4), limit in any::<u8>()) {
        let whole = group(trees);
        let small = |text: &str| text.parse::<u8>().is_ok_and(|n| n < limit);
        let (expected, others): (Vec<_>, Vec<_>) = told(Some(&whole)).into_iter().partition(|text| small(text));
        let (yes, no) = whole.split(|error| small(&error.to_string()));
        prop_assert_eq!(told(yes.as_ref()), expected);
        prop_assert_eq!(told(no.as_ref()), others);
        prop_assert!(yes.is_none_or(|group| !group.members().is_empty()));
    }

    /// Rule 6, for trees: whatever the shape, the kind is that of the worst leaf.
    #[test]
    fn a_tree_has_the_kind_of_its_worst_leaf(tree in trees()) {
        let whole = group([tree]);
        let worst = Class::of_group(whole.leaves().map(|leaf| *leaf.class())).expect("not empty");
        prop_assert_eq!(whole.class().kind.level(), worst.kind.level());
        prop_assert_eq!(whole.class().is_retryable(true), whole.leaves().all(|leaf| leaf.class().is_retryable(true)));
    }
}

/// An error of another type with a cause.
#[derive(Debug)]
struct Src(Box<dyn StdError + Send + Sync>);

impl fmt::Display for Src {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("src")
    }
}

impl StdError for Src {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&*self.0)
    }
}

/// A transparent variant.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
struct Transparent(Error);

impl Classify for Transparent {
    fn class(&self) -> Class {
        *self.0.class()
    }
    fn passes_on(&self) -> Option<&Error> {
        Some(&self.0)
    }
}

fn two() -> ErrorGroup {
    group([leaf(Kind::NotFound).note("note of the first"), leaf(Kind::Timeout).hint("hint of the second")])
}

/// Every way in which a group may lie in another error, and whether the error says the same as the group.
fn buried() -> Vec<(&'static str, bool, Error)> {
    let ours = || Error::from(two());
    let boxed = |error: BoxError| Error::from(error);
    vec![
        ("a context", true, ours().context("while saving")),
        ("three contexts", true, ours().context("a").context("b").context("c")),
        ("an io::Error with a group", true, boxed(io::Error::other(two()).into())),
        ("an io::Error with an error", true, boxed(io::Error::other(ours()).into())),
        ("an Arc", true, boxed(Arc::new(two()).into())),
        ("an Arc of an error", true, boxed(Arc::new(ours()).into())),
        ("a Box in an io::Error", true, boxed(io::Error::other(Box::new(two())).into())),
        ("a transparent variant", true, Error::from(Transparent(ours()))),
        (
            "a transparent variant with context",
            true,
            Error::from(Transparent(ours().context("a"))).context("b"),
        ),
        ("a cause of ours", false, leaf(Kind::Internal).caused_by(two())),
        ("an error as a cause of ours", false, leaf(Kind::Internal).caused_by(ours())),
        ("a foreign error with an error", false, boxed(Src(ours().into()).into())),
        ("a foreign error with a group", false, boxed(Src(two().into()).into())),
        ("a foreign error with an Arc", false, boxed(Src(Arc::new(two()).into()).into())),
        ("a foreign error with an io::Error", false, boxed(Src(io::Error::other(two()).into()).into())),
        ("a group in the source of a member", false, group([leaf(Kind::Internal).caused_by(ours())]).into()),
    ]
}

/// Members with all that was added to them are in every form of an error, wherever the group lies.
#[test]
fn no_member_is_lost() {
    for (place, same, error) in buried() {
        assert_eq!(error.group().is_some_and(|group| group.members().len() == 2), same, "{place}");
        let found = error.find::<ErrorGroup>().expect(place);
        assert!(found.leaves().count() > 0, "{place}");
        for text in [format!("{error:#}"), format!("{error:?}")] {
            assert_eq!(text.matches("not found").count(), 1, "{place}: {text}");
            assert!(text.contains("timeout"), "{place}: {text}");
        }
        let report = format!("{error:?}");
        for addition in ["note: note of the first", "hint: hint of the second"] {
            assert_eq!(report.matches(addition).count(), 1, "{place}: {report}");
        }
    }
}

/// The same for machines: `errors` lists the members, and `chain` what lies above the group.
#[cfg(feature = "serde")]
#[test]
fn no_member_is_lost_in_json() {
    for (place, _, error) in buried() {
        let json = serde_json::to_string(&error).expect(place);
        for text in ["\"message\":\"not found\"", "note of the first", "hint of the second"] {
            assert_eq!(json.matches(text).count(), 1, "{place}: {json}");
        }
    }
    let json = serde_json::to_value(Error::from(BoxError::from(Src(Error::from(two()).into()))))
        .expect("it is valid");
    assert_eq!((&json["message"], &json["chain"]), (&"src".into(), &serde_json::json!(["2 errors"])));
    assert_eq!(json["errors"].as_array().map(Vec::len), Some(2));
}

/// A report with context says what the group itself says.
#[test]
fn the_message_of_a_group_is_shown_below_its_context() {
    let error = Error::from(two().message("two replicas failed")).context("saving");
    assert_eq!(format!("{error:#}"), "saving: two replicas failed (2 errors): [not found; timeout]");
    assert!(format!("{error:?}").contains("caused by: two replicas failed (2 errors)\n"));
}

/// Behind a barrier the members are not found, and only the report still shows them.
#[test]
fn a_barrier_hides_a_group() {
    for error in [Error::from(two()), Error::from(Transparent(two().into()))] {
        let error = error.barrier();
        assert!(error.group().is_none() && !error.is::<ErrorGroup>());
        assert_eq!(format!("{error:?}").matches("not found").count(), 1, "{error:?}");
    }
}

/// Groups in `io::Error`s in groups, far deeper than a stack could drop them.
#[test]
fn a_deep_tree_of_carried_groups_is_dropped() {
    let mut error = leaf(Kind::Timeout);
    for _ in 0..100_000 {
        error = Error::from(BoxError::from(io::Error::other(ErrorGroup::new(error))));
    }
    drop(error);
    let mut error = leaf(Kind::Timeout);
    for _ in 0..100_000 {
        error = Error::from(Transparent(Error::from(ErrorGroup::new(error))));
    }
    drop(error);
}
