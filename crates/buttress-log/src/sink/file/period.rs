//! `Period`: when a file is rotated by the clock.

/// How often a file is rotated by the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Period {
    Hour,
    Day,
}

/// Whose midnight, and whose full hour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Zone {
    #[default]
    Utc,
    #[cfg(feature = "local-time")]
    Local,
}

impl Period {
    /// Returns when the period that contains `now` ends. Both are seconds since 1970.
    pub(super) fn end(self, now: u64, zone: Zone) -> u64 {
        match zone {
            Zone::Utc => {
                let length = match self {
                    Self::Hour => 3_600,
                    Self::Day => 86_400,
                };
                (now / length + 1) * length
            }
            #[cfg(feature = "local-time")]
            Zone::Local => self.end_in(now, &jiff::tz::TimeZone::system()),
        }
    }

    /// Returns `end`, or the end of the period that contains `now` if `end` is more than one period behind that: the clock was
    /// ahead when `end` was computed. A clock that goes back by less rotates nothing twice.
    pub(super) fn corrected(self, end: u64, now: u64, zone: Zone) -> u64 {
        let current = self.end(now, zone);
        if self.end(current, zone) < end { current } else { end }
    }

    #[cfg(feature = "local-time")]
    fn end_in(self, now: u64, zone: &jiff::tz::TimeZone) -> u64 {
        use jiff::{RoundMode, Timestamp, ToSpan, Unit, ZonedDateTimeRound};

        let next = Timestamp::from_second(i64::try_from(now).unwrap_or(i64::MAX)).ok().and_then(|now| {
            let now = now.to_zoned_datetime(zone.clone());
            match self {
                // The days at the change of the clock have 23 or 25 hours.
                Self::Day => now.checked_add(1.day()).ok()?.start_of_day().ok(),
                Self::Hour => {
                    let hour = ZonedDateTimeRound::new().smallest(Unit::Hour).mode(RoundMode::Trunc);
                    now.round(hour).ok()?.checked_add(1.hour()).ok()
                }
            }
        });
        let end = next.and_then(|next| u64::try_from(next.timestamp().as_second()).ok());
        // A time that the calendar does not know is far in the future.
        end.filter(|end| *end > now).unwrap_or_else(|| self.end(now, Zone::Utc))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hours_and_days_end_in_utc() {
        assert_eq!(Period::Hour.end(7_199, Zone::Utc), 7_200);
        assert_eq!(Period::Hour.end(7_200, Zone::Utc), 10_800);
        assert_eq!(Period::Day.end(86_399, Zone::Utc), 86_400);
        assert_eq!(Period::Day.end(86_400, Zone::Utc), 172_800);
    }

    #[test]
    fn a_clock_that_was_far_ahead_is_corrected() {
        let day = 86_400;
        let corrected = |end, now| Period::Day.corrected(end, now, Zone::Utc);
        assert_eq!(corrected(10 * day, 10 * day - 1), 10 * day);
        assert_eq!(corrected(10 * day, 8 * day), 10 * day, "back by a day at most");
        assert_eq!(corrected(10 * day, 8 * day - 1), 8 * day, "far back");
        assert_eq!(corrected(10 * day, 20 * day), 10 * day, "over");
    }

    /// Days of 23 and 25 hours end at local midnight, and hours of half-hour zones at their own full hour.
    #[cfg(feature = "local-time")]
    #[test]
    fn days_end_at_local_midnight() {
        let end = |period: Period, at: &str, zone: &str| {
            let zone = jiff::tz::TimeZone::get(zone).unwrap();
            let at: jiff::Timestamp = at.parse().unwrap();
            let end = period.end_in(at.as_second() as u64, &zone);
            jiff::Timestamp::from_second(end as i64).unwrap().to_string()
        };
        let berlin = "Europe/Berlin";
        assert_eq!(end(Period::Day, "2026-03-28T23:00:00Z", berlin), "2026-03-29T22:00:00Z", "23 hours");
        assert_eq!(end(Period::Day, "2026-10-24T22:00:00Z", berlin), "2026-10-25T23:00:00Z", "25 hours");
        assert_eq!(end(Period::Day, "2026-07-01T21:59:59Z", berlin), "2026-07-01T22:00:00Z");
        assert_eq!(end(Period::Hour, "2026-10-25T00:30:00Z", berlin), "2026-10-25T01:00:00Z");
        assert_eq!(end(Period::Hour, "2026-01-01T00:15:00Z", "Asia/Kolkata"), "2026-01-01T00:30:00Z");
    }

    proptest! {
        /// The end is after now, and no further away than the period is long.
        #[test]
        fn the_end_is_near(now in 0_u64..253_402_300_799) {
            for (period, length) in [(Period::Hour, 3_600), (Period::Day, 86_400)] {
                let end = period.end(now, Zone::Utc);
                prop_assert!(end > now && end - now <= length);
            }
        }
    }
}
