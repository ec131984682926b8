//! `InFlight`: the calls in flight in the order of their age.

use crate::circuit::time::Nanos;

/// A linked list in a slab: a call is added, found by its ticket and removed in constant time, and its place is reused. So a
/// hanging call keeps one place, however many calls come and go after it.
#[derive(Debug)]
pub(super) struct InFlight {
    places: Vec<Place>,
    /// The first free place. Free places are linked by `younger`.
    free: u32,
    oldest: u32,
    youngest: u32,
    /// The number of calls ever added.
    added: u64,
    overdue: Vec<Overdue>,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    since: Nanos,
    /// The number of the call. An older call has a smaller one.
    call: u64,
    older: u32,
    younger: u32,
}

/// The calls that are older than an age: those before `next`. Each call is passed once, so counting takes constant time for
/// each call.
#[derive(Clone, Copy, Debug)]
struct Overdue {
    age: Nanos,
    /// The oldest call that is not counted.
    next: u32,
    count: u32,
}

/// No place.
const NONE: u32 = u32::MAX;

impl InFlight {
    pub(super) fn new(ages: impl Iterator<Item = Nanos>) -> Self {
        let overdue = ages.map(|age| Overdue { age, next: NONE, count: 0 }).collect();
        Self { places: Vec::new(), free: NONE, oldest: NONE, youngest: NONE, added: 0, overdue }
    }

    /// Counts by other ages from now on.
    pub(super) fn watch(&mut self, ages: impl Iterator<Item = Nanos>) {
        let next = self.oldest;
        self.overdue = ages.map(|age| Overdue { age, next, count: 0 }).collect();
    }

    /// Adds the youngest call. Returns none if there are four billion calls.
    pub(super) fn add(&mut self, since: Nanos) -> Option<u32> {
        let place = Place { since, call: self.added, older: self.youngest, younger: NONE };
        let at = if let Some(free) = self.places.get_mut(self.free as usize) {
            let at = std::mem::replace(&mut self.free, free.younger);
            *free = place;
            at
        } else {
            let at = u32::try_from(self.places.len()).ok().filter(|at| *at != NONE)?;
            self.places.push(place);
            at
        };
        self.added += 1;
        match self.places.get_mut(self.youngest as usize) {
            Some(older) => older.younger = at,
            None => self.oldest = at,
        }
        self.youngest = at;
        self.overdue.iter_mut().filter(|overdue| overdue.next == NONE).for_each(|overdue| overdue.next = at);
        Some(at)
    }

    /// Removes the call with this ticket, as returned by [`add`](Self::add).
    pub(super) fn remove(&mut self, ticket: u32) {
        let Place { call, older, younger, .. } = self.places[ticket as usize];
        for overdue in &mut self.overdue {
            if overdue.next == ticket {
                overdue.next = younger;
            } else if self.places.get(overdue.next as usize).is_none_or(|next| call < next.call) {
                overdue.count -= 1;
            }
        }
        match self.places.get_mut(older as usize) {
            Some(older) => older.younger = younger,
            None => self.oldest = younger,
        }
        match self.places.get_mut(younger as usize) {
            Some(younger) => younger.older = older,
            None => self.youngest = older,
        }
        self.places[ticket as usize].younger = std::mem::replace(&mut self.free, ticket);
    }

    /// Returns how many calls are older than the age with this number: at most `enough`, unless more were counted before.
    pub(super) fn count(&mut self, number: usize, now: Nanos, enough: u32) -> u32 {
        let overdue = &mut self.overdue[number];
        while overdue.count < enough
            && let Some(next) = self.places.get(overdue.next as usize)
            && now.saturating_sub(next.since) > overdue.age
        {
            overdue.count += 1;
            overdue.next = next.younger;
        }
        overdue.count
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Step {
        Pause(Nanos),
        Add,
        /// The number picks the call.
        Remove(usize),
        Count(u32),
        Watch(Nanos),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            6 => (0_u64..8).prop_map(Step::Pause),
            12 => Just(Step::Add),
            10 => any::<usize>().prop_map(Step::Remove),
            8 => (1_u32..5).prop_map(Step::Count),
            1 => (0_u64..20).prop_map(Step::Watch),
        ]
    }

    proptest! {
        /// [S19] the count of calls that are older than an age is that of a plain list, and the memory that of the most
        /// calls that were in flight at once.
        #[test]
        fn counts_as_a_list_does(steps in prop::collection::vec(step(), 0..400)) {
            let mut ages = [5, 12];
            let mut in_flight = InFlight::new(ages.into_iter());
            let mut list: Vec<(u32, Nanos)> = Vec::new();
            let (mut now, mut most) = (0, 0);
            for step in steps {
                match step {
                    Step::Pause(time) => now += time,
                    Step::Add => list.push((in_flight.add(now).expect("few calls"), now)),
                    Step::Remove(_) if list.is_empty() => {}
                    Step::Remove(pick) => in_flight.remove(list.remove(pick % list.len()).0),
                    Step::Count(enough) => for (number, age) in ages.into_iter().enumerate() {
                        let count = list.iter().filter(|(_, since)| now - since > age).count() as u32;
                        prop_assert_eq!(in_flight.count(number, now, enough).min(enough), count.min(enough));
                        prop_assert!(in_flight.count(number, now, enough) <= count);
                    },
                    Step::Watch(age) => {
                        ages = [age, 12];
                        in_flight.watch(ages.into_iter());
                    }
                }
                most = most.max(list.len());
                prop_assert!(in_flight.places.len() <= most);
            }
        }
    }

    /// [S19] calls that come and go take no more memory while the oldest one hangs.
    #[test]
    fn a_hung_call_keeps_one_place() {
        let mut in_flight = InFlight::new([1].into_iter());
        in_flight.add(0);
        for now in 0..100_000 {
            let ticket = in_flight.add(now).expect("few calls");
            in_flight.remove(ticket);
        }
        assert_eq!(in_flight.places.len(), 2);
        assert_eq!(in_flight.count(0, 100_000, 10), 1);
    }
}
