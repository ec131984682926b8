//! `use buttress_error::*` beside the names of the standard library's prelude.
#![allow(clippy::unwrap_used)] // clippy takes helpers for library code

use std::io;

use buttress_error::*;

fn reset() -> io::Result<u32> {
    Err(io::ErrorKind::ConnectionReset.into())
}

fn ours(number: u32) -> Result<u32> {
    ensure!(number < 3, Kind::OutOfRange, "{number} is too large");
    Ok(number)
}

/// The alias `Result` takes one type or two, and the prelude's `Ok`, `Err` and `?` stay as they are.
#[test]
fn results_of_both_kinds() {
    fn one() -> Result<u32> {
        let number =
            reset().translate().or_else(|error| if error.kind().is_bug() { Err(error) } else { Ok(2) })?;
        Ok(number)
    }
    fn two() -> Result<u32, std::num::ParseIntError> {
        "2".parse()
    }
    assert_eq!((one().unwrap(), two().unwrap()), (2, 2));
    let std_result: std::result::Result<u32, String> = Err("text".to_owned());
    assert_eq!(std_result.with_kind(Kind::Aborted).unwrap_err().kind(), Kind::Aborted);
}

/// The methods of the standard library on results, options and iterators are not hidden.
#[test]
fn combinators_of_the_standard_library() {
    assert_eq!((0..3).map(ours).sum::<Result<u32>>().unwrap(), 3);
    assert_eq!((1..3).map(ours).product::<Result<u32>>().unwrap(), 2);
    assert_eq!((0..9).map(ours).collect::<Result<Vec<_>>>().unwrap_err().kind(), Kind::OutOfRange);
    let mapped: Result<u32> = reset().map_err(Error::from);
    assert_eq!(mapped.unwrap_err().kind(), Kind::Unavailable);
    assert_eq!(reset().or_else(|_| ours(1)).unwrap(), 1);
    assert_eq!(ours(9).unwrap_or_default(), 0);
    assert_eq!(ours(1).and_then(|one| ours(one + 1)).ok(), Some(2));
    assert!(ours(9).is_err_and(|error| error.is_reason("X") || error.kind() == Kind::OutOfRange));
    assert_eq!([1, 2].iter().chain(&[3]).find(|n| **n > 2), Some(&3));
    assert_eq!(None.or_kind(Kind::NotFound, "none").or(Some(3).or_kind(Kind::NotFound, "none")).unwrap(), 3);
}

/// Each method of `ResultExt` on a foreign result, one of ours and a boxed one.
#[test]
fn extension_methods_on_any_result() {
    let boxed: Result<u32, BoxError> = Err("text".into());
    for error in [
        reset().note("n").hint("h").attr("k", 'c').unwrap_err(),
        ours(9).note("n").hint("h").attr("k", 1_u128).unwrap_err(),
        boxed.note("n").hint("h").attr("k", true).unwrap_err(),
    ] {
        assert_eq!((error.notes().len(), error.hints().len(), error.attrs().len()), (1, 1, 1));
        assert_eq!(error.location().map(|place| place.file().ends_with("glob.rs")), Some(true), "{error:?}");
    }
}

/// `Error` names ours; the trait of the same name is still at hand by its path.
#[test]
fn the_trait_of_the_same_name() {
    fn source<E: std::error::Error>(error: &E) -> bool {
        error.source().is_some()
    }
    let error = Error::new(Kind::Internal, "x").caused_by(io::Error::other("y"));
    assert!(source(&error) && chain().classify(&error).kind == Kind::Internal);
}
