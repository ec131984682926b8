//! In other error types and back.

use buttress_error::{BoxError, Error, Kind};

fn made() -> Error {
    Error::new(Kind::NotFound, "no such order").reason("NO_ORDER").note("order 7")
}

#[track_caller]
fn same(error: &Error) {
    assert_eq!((error.kind(), error.is_reason("NO_ORDER"), error.notes().len()), (Kind::NotFound, true, 1));
    assert!(!error.report_once(), "a value of its own");
}

/// "In a `BoxError` and back it stays the same value."
#[test]
fn a_box_gives_back_the_same_value() {
    let error = made();
    assert!(error.report_once());
    let boxed: BoxError = error.into();
    same(&Error::from(boxed));
}

#[test]
fn anyhow_gives_back_the_same_value() {
    fn through() -> anyhow::Result<()> {
        let error = made();
        assert!(error.report_once());
        Err(error)?;
        Ok(())
    }
    same(through().unwrap_err().downcast_ref().expect("it is in there"));
    same(&through().unwrap_err().downcast().expect("it is in there"));
}

#[test]
fn eyre_gives_back_the_same_value() {
    fn through() -> eyre::Result<()> {
        let error = made();
        assert!(error.report_once());
        Err(error)?;
        Ok(())
    }
    same(through().unwrap_err().downcast_ref().expect("it is in there"));
    same(&through().unwrap_err().downcast().expect("it is in there"));
}
