//! HTTP for the Buttress layers: statuses as errors, Retry-After, bodies that can be repeated.
