//! A circuit breaker that cannot wedge, as a tower layer, a function or a permit.
