//! Two timeouts, two types: the total deadline and the attempt timeout.
