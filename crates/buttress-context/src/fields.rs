//! `Fields`: the fields of every log line of a call.

use buttress_error::Value;

/// A list: a call has few, and a search in a short list is fast.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fields(Vec<(&'static str, Value)>);

impl Fields {
    pub(crate) fn as_slice(&self) -> &[(&'static str, Value)] {
        &self.0
    }

    pub(crate) fn insert(&mut self, name: &'static str, value: Value) {
        match self.0.iter_mut().find(|(own, _)| *own == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name, value)),
        }
    }
}
