//! What the layers of one registry keep in a span, each in a slot of its own, and which layers there are.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::span::SpanFields;

/// The number of a layer that lives.
#[derive(Debug)]
pub(crate) struct LayerNumber(usize);

static LIVING: Mutex<Vec<usize>> = Mutex::new(Vec::new());

fn living() -> MutexGuard<'static, Vec<usize>> {
    LIVING.lock().unwrap_or_else(PoisonError::into_inner)
}

impl LayerNumber {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        living().push(number);
        Self(number)
    }

    pub(crate) const fn get(&self) -> usize {
        self.0
    }
}

impl Drop for LayerNumber {
    fn drop(&mut self) {
        living().retain(|number| *number != self.0);
    }
}

/// The slots, by the number of the layer. Nearly always there is one.
#[derive(Debug)]
pub(crate) struct Slots {
    first: (usize, SpanFields),
    rest: Vec<(usize, SpanFields)>,
}

impl Slots {
    pub(crate) const fn new(layer: usize, fields: SpanFields) -> Self {
        Self { first: (layer, fields), rest: Vec::new() }
    }

    pub(crate) fn add(&mut self, layer: usize, fields: SpanFields) {
        self.rest.push((layer, fields));
    }

    fn all(&self) -> impl Iterator<Item = &(usize, SpanFields)> {
        std::iter::once(&self.first).chain(&self.rest)
    }

    pub(crate) fn get(&self, layer: usize) -> Option<&SpanFields> {
        self.all().find(|slot| slot.0 == layer).map(|slot| &slot.1)
    }

    fn slot(&mut self, place: usize) -> &mut (usize, SpanFields) {
        if place == 0 { &mut self.first } else { &mut self.rest[place - 1] }
    }

    /// The slot of a layer. A layer that has none takes over that of a layer that is gone: a `reload` has put it in its
    /// place. Where none is gone it copies that of another. Secrets are redacted on the way if `redact` says so.
    pub(crate) fn get_or_adopt(&mut self, layer: usize, redact: bool) -> &mut SpanFields {
        let own = self.all().position(|slot| slot.0 == layer);
        let place = own.unwrap_or_else(|| self.adopt(layer, redact));
        &mut self.slot(place).1
    }

    fn adopt(&mut self, layer: usize, redact: bool) -> usize {
        let gone = {
            let living = living();
            self.all().position(|slot| !living.contains(&slot.0))
        };
        if let Some(place) = gone {
            let slot = self.slot(place);
            *slot = (layer, slot.1.adopted(redact));
            return place;
        }
        let copy = self.first.1.adopted(redact);
        self.add(layer, copy);
        self.rest.len()
    }
}
