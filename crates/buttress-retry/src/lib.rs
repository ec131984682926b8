//! Retries that help, stop in time and never storm, as a tower layer or a function.
