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

/// How many bytes of what this thread allocates while `run` runs are still allocated afterwards: what `run` leaks.
///
/// ```
/// use buttress_test::retained_bytes;
///
/// assert_eq!(retained_bytes(|| drop(vec![0_u8; 7])), 0);
/// assert_eq!(retained_bytes(|| drop(Box::leak(Box::new([0_u8; 7])))), 7);
/// ```
pub fn retained_bytes(run: impl FnOnce()) -> i64 {
    allocation_counter::measure(run).bytes_current
}
