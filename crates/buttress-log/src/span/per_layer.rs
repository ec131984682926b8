//! What the layers of one registry keep in a span: each layer its own value.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::redaction::Redactor;
use crate::span::store::SpanFields;

/// The id of a layer, unique in the program. The layer is alive as long as its id.
#[derive(Debug)]
pub(crate) struct LayerId(usize);

static LIVE_LAYERS: Mutex<Vec<usize>> = Mutex::new(Vec::new());

fn live_layers() -> MutexGuard<'static, Vec<usize>> {
    LIVE_LAYERS.lock().unwrap_or_else(PoisonError::into_inner)
}

impl LayerId {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        live_layers().push(id);
        Self(id)
    }

    pub(crate) const fn get(&self) -> usize {
        self.0
    }
}

impl Drop for LayerId {
    fn drop(&mut self) {
        live_layers().retain(|id| *id != self.0);
    }
}

/// The span's fields as each layer sees them, with the id of the layer. A registry has one such layer nearly always.
#[derive(Debug)]
pub(crate) struct PerLayer {
    first: (usize, SpanFields),
    others: Vec<(usize, SpanFields)>,
}

impl PerLayer {
    pub(crate) const fn new(layer: usize, fields: SpanFields) -> Self {
        Self { first: (layer, fields), others: Vec::new() }
    }

    pub(crate) fn insert(&mut self, layer: usize, fields: SpanFields) {
        self.others.push((layer, fields));
    }

    fn iter(&self) -> impl Iterator<Item = &(usize, SpanFields)> {
        std::iter::once(&self.first).chain(&self.others)
    }

    pub(crate) fn get(&self, layer: usize) -> Option<&SpanFields> {
        self.iter().find(|(id, _)| *id == layer).map(|(_, fields)| fields)
    }

    fn entry_mut(&mut self, index: usize) -> &mut (usize, SpanFields) {
        if index == 0 { &mut self.first } else { &mut self.others[index - 1] }
    }

    /// The fields of a layer.
    ///
    /// A layer that has none takes over those of a layer that is gone: a `reload` has replaced it. If none is gone, the layer
    /// gets a copy of another layer's fields. Either way secrets are redacted if there is a redactor.
    pub(crate) fn get_or_adopt(&mut self, layer: usize, redactor: Option<&Redactor>) -> &mut SpanFields {
        let own = self.iter().position(|(id, _)| *id == layer);
        let index = own.unwrap_or_else(|| self.adopt(layer, redactor));
        &mut self.entry_mut(index).1
    }

    fn adopt(&mut self, layer: usize, redactor: Option<&Redactor>) -> usize {
        let orphan = {
            let live = live_layers();
            self.iter().position(|(id, _)| !live.contains(id))
        };
        if let Some(index) = orphan {
            let entry = self.entry_mut(index);
            *entry = (layer, entry.1.clone_for_layer(redactor));
            return index;
        }
        let copy = self.first.1.clone_for_layer(redactor);
        self.insert(layer, copy);
        self.others.len()
    }
}
