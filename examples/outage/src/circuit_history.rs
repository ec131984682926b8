//! The history of the circuit: which state it came to, and when.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use buttress::breaker::{State, Subscription};

use crate::schedule::Schedule;

#[derive(Debug, Default)]
pub struct CircuitHistory(Mutex<Vec<(Duration, State)>>);

impl CircuitHistory {
    /// Writes down every change until it is dropped.
    pub async fn keep(&self, mut breaker: Subscription, schedule: &Schedule) {
        while let Some(state) = breaker.changed().await {
            self.enter(schedule.age(), state);
        }
    }

    /// A subscription knows the latest state, not each one. When a probe is refused by the kernel, half-open is over
    /// within microseconds and may be missed; but it is the only way from open to open.
    pub fn enter(&self, at: Duration, state: State) {
        let mut entries = self.entries();
        if entries.last().is_some_and(|last| last.1 == state && state == State::Open) {
            entries.push((at, State::HalfOpen));
        }
        entries.push((at, state));
    }

    pub fn entries(&self) -> MutexGuard<'_, Vec<(Duration, State)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state at a time; a change at that very time has happened.
    pub fn at(&self, time: Duration) -> State {
        let entries = self.entries();
        entries.iter().rev().find(|entry| entry.0 <= time).map_or(State::Closed, |entry| entry.1)
    }

    /// Was it in `state` for some moment of this time?
    pub fn visited(&self, state: State, from: Duration, to: Duration) -> bool {
        self.entries().iter().any(|entry| entry.1 == state && from <= entry.0 && entry.0 < to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_open_is_on_the_way_from_open_to_open() {
        let history = CircuitHistory::default();
        let ms = Duration::from_millis;
        assert_eq!(history.at(ms(0)), State::Closed);
        history.enter(ms(100), State::Open);
        history.enter(ms(250), State::Open);
        history.enter(ms(400), State::HalfOpen);
        history.enter(ms(450), State::Closed);
        let states: Vec<_> = history.entries().iter().map(|entry| entry.1).collect();
        assert_eq!(states, [State::Open, State::HalfOpen, State::Open, State::HalfOpen, State::Closed]);
        assert_eq!(history.at(ms(99)), State::Closed);
        assert_eq!(history.at(ms(300)), State::Open);
        assert_eq!(history.at(ms(450)), State::Closed);
        assert!(history.visited(State::HalfOpen, ms(200), ms(300)));
        assert!(!history.visited(State::HalfOpen, ms(300), ms(400)));
    }
}
