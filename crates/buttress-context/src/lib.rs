//! What travels with a call: request id, trace, deadline, attempt, idempotency.
