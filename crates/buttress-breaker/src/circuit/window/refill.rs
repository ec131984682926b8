//! What new windows take over from old ones.

use super::{Memory, Span, Window};
use crate::circuit::time::Nanos;

/// The memories of `windows`, filled from those of `old` ones. A window that stays keeps all. One of the same kind but
/// another size begins with what the largest old one of its kind knows: exactly the last calls, or the old buckets,
/// each placed where it began. A window of a kind that there was not begins empty.
pub(crate) fn refill(windows: &[Window], old: Vec<(Window, Memory)>, now: Nanos) -> Vec<Memory> {
    let resized = |window: &Window| {
        let mut memory = Memory::new(*window);
        memory.tally(now);
        let same_kind = old.iter().filter(|(old, _)| old.size_as(*window).is_some());
        if let Some((_, largest)) = same_kind.max_by_key(|(old, _)| old.size_as(*window)) {
            memory.take_over(largest);
        }
        memory
    };
    let is_new = |window: &Window| old.iter().all(|(old, _)| old != window);
    let new: Vec<_> = windows.iter().map(|window| is_new(window).then(|| resized(window))).collect();
    let mut rest = old;
    let mut kept = |window: &Window| {
        let at = rest.iter().position(|(old, _)| old == window).expect("no window is there twice");
        rest.swap_remove(at).1
    };
    windows.iter().zip(new).map(|(window, new)| new.unwrap_or_else(|| kept(window))).collect()
}

impl Window {
    /// How large it is, where the other one is of the same kind.
    fn size_as(self, other: Self) -> Option<u128> {
        match (self.0, other.0) {
            (Span::Time { span, .. }, Span::Time { .. }) => Some(span.as_nanos()),
            (Span::Count(calls), Span::Count(_)) => Some(calls.into()),
            _ => None,
        }
    }
}
