//! JSON lines for tracing, and a tower layer that logs each call once before and once after.
