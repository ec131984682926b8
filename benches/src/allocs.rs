//! Counts allocations, in a pass of its own: while it counts, the allocator is slow.

use std::alloc::System;

use mockalloc::{Mockalloc, record_allocs};

use crate::case::Work;

#[global_allocator]
static COUNTING: Mockalloc<System> = Mockalloc(System);

/// Calls to average over; a buffer that grows once shows as a fraction.
const CALLS: u64 = 1_000;

/// Allocations and bytes of one call. A reallocation counts as an allocation of its new size.
pub(crate) fn per_call(work: &mut Work) -> (f64, f64) {
    let info = record_allocs(|| work(CALLS));
    (info.num_allocs() as f64 / CALLS as f64, info.mem_allocated() as f64 / CALLS as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_what_a_call_allocates() {
        let mut work: Work = Box::new(|n| (0..n).for_each(|i| drop(std::hint::black_box(Box::new(i)))));
        assert_eq!(per_call(&mut work), (1.0, 8.0));
        let mut work: Work = Box::new(|n| {
            std::hint::black_box(n);
        });
        assert_eq!(per_call(&mut work), (0.0, 0.0));
    }
}
