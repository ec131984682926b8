//! How new windows take over the calls of old ones.

use super::{Span, Window, WindowState};
use crate::circuit::time::Nanos;

/// Returns the states of `windows`, filled from the `old` ones. A window that was there before keeps all its calls. One of the
/// same kind but another size begins with those of the largest old window of its kind: exactly the last calls, or the old
/// buckets, each placed at its beginning. A window of a new kind begins empty.
pub(crate) fn refill(
    windows: &[Window],
    mut old: Vec<(Window, WindowState)>,
    now: Nanos,
) -> Vec<WindowState> {
    let resized = |window: &Window| {
        let mut state = WindowState::new(*window);
        state.tally(now);
        let same_kind = old.iter().filter(|(old, _)| old.size_as(*window).is_some());
        if let Some((_, largest)) = same_kind.max_by_key(|(old, _)| old.size_as(*window)) {
            state.take_over(largest);
        }
        state
    };
    let is_new = |window: &Window| old.iter().all(|(old, _)| old != window);
    let new: Vec<_> = windows.iter().map(|window| is_new(window).then(|| resized(window))).collect();
    let mut kept = |window: &Window| {
        let at = old.iter().position(|(old, _)| old == window).expect("windows are unique");
        old.swap_remove(at).1
    };
    windows.iter().zip(new).map(|(window, new)| new.unwrap_or_else(|| kept(window))).collect()
}

impl Window {
    /// Returns its size, if the other window is of the same kind.
    fn size_as(self, other: Self) -> Option<u128> {
        match (self.0, other.0) {
            (Span::Time { span, .. }, Span::Time { .. }) => Some(span.as_nanos()),
            (Span::Count(calls), Span::Count(_)) => Some(calls.into()),
            _ => None,
        }
    }
}
