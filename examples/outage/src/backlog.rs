//! The backlog: the work that a server has in hand. It is what makes a storm of retries cost something.

use tokio::time::Instant;

/// The requests per second that a server can handle: twice the load of a client that does not retry.
pub const CAPACITY: f64 = 100.0;
/// With more than this in hand, in requests, it is overloaded: the work of a quarter of a second.
const LIMIT: f64 = 25.0;
/// What comes when so much is in hand is thrown away unseen.
const MOST: f64 = 50.0;

/// Refusing is work too: the connection is kept, the request read, the answer written, the line logged. So a server
/// that is overloaded stays so until fewer requests arrive than it can handle.
#[derive(Debug)]
pub struct Backlog {
    work: f64,
    as_of: Instant,
}

impl Backlog {
    pub const fn new(now: Instant) -> Self {
        Self { work: 0.0, as_of: now }
    }

    /// Takes a request in hand; true if it can only be refused.
    pub fn overloaded(&mut self, now: Instant) -> bool {
        let done = CAPACITY * now.saturating_duration_since(self.as_of).as_secs_f64();
        self.work = (self.work - done).max(0.0);
        self.as_of = now;
        let overloaded = self.work > LIMIT;
        self.work = (self.work + 1.0).min(MOST);
        overloaded
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// How many of the requests that come at `rate` for `seconds` are refused.
    fn refused(backlog: &mut Backlog, rate: u32, seconds: u32) -> u32 {
        let mut now = backlog.as_of;
        let mut refused = 0;
        for _ in 0..rate * seconds {
            now += Duration::from_secs(1) / rate;
            refused += u32::from(backlog.overloaded(now));
        }
        refused
    }

    #[test]
    fn a_storm_lasts_until_it_calms_down() {
        let mut backlog = Backlog::new(Instant::now());
        assert_eq!(refused(&mut backlog, 90, 10), 0, "below its capacity it serves all");
        assert!(refused(&mut backlog, 200, 2) > 300, "above it hardly any");
        assert_eq!(refused(&mut backlog, 110, 2), 220, "nor does it recover there");
        let late = refused(&mut backlog, 50, 2);
        assert!((10..60).contains(&late), "a calm lets it recover within a second: {late}");
        assert_eq!(refused(&mut backlog, 50, 2), 0);
    }

    #[test]
    fn a_burst_is_taken() {
        let now = Instant::now();
        let mut backlog = Backlog::new(now);
        assert_eq!((0..26).filter(|_| backlog.overloaded(now)).count(), 0);
        assert!(backlog.overloaded(now));
    }
}
