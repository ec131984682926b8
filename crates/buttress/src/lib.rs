//! Composable resilience for tower services: the facade and the ready-made client stack.
