//! Counts allocations.

/// How often this thread allocates while `run` runs; a reallocation counts as one.
///
/// ```
/// use buttress_test::allocations;
///
/// assert_eq!(allocations(|| drop(std::hint::black_box(Box::new(7)))), 1);
/// assert_eq!(allocations(|| assert_eq!(1 + 1, 2)), 0);
/// ```
pub fn allocations(run: impl FnOnce()) -> u64 {
    allocation_counter::measure(run).count_total
}
