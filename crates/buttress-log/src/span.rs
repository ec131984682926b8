//! What a span keeps: its fields and those around it, as one text that every event in it copies.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tracing_subscriber::registry::{LookupSpan, SpanRef};

use crate::fields::Fields;

/// The fields of a span and of all spans around it, inner ones winning.
#[derive(Debug)]
pub(crate) struct SpanFields {
    all: Fields,
    /// The number of the first field that is the span's own.
    own: usize,
    /// How many of its own fields did not fit.
    dropped: u32,
    /// When it was made, counted in late records (see [`Epoch`]).
    made: u64,
    /// Has a span inside copied these fields?
    copied: AtomicBool,
}

/// Counts the records made to spans whose fields were already copied by a span inside. Rare: fields are mostly
/// recorded before the next span begins. A copy made before the last such record is made again when next read.
#[derive(Debug, Default)]
pub(crate) struct Epoch(AtomicU64);

impl Epoch {
    fn now(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What the layers of one registry keep in a span, by the number of the layer. Nearly always there is one.
#[derive(Debug)]
struct Slots {
    first: (usize, SpanFields),
    rest: Vec<(usize, SpanFields)>,
}

impl Slots {
    fn get(&self, layer: usize) -> Option<&SpanFields> {
        if self.first.0 == layer {
            return Some(&self.first.1);
        }
        self.rest.iter().find(|slot| slot.0 == layer).map(|slot| &slot.1)
    }

    fn get_mut(&mut self, layer: usize) -> Option<&mut SpanFields> {
        if self.first.0 == layer {
            return Some(&mut self.first.1);
        }
        self.rest.iter_mut().find(|slot| slot.0 == layer).map(|slot| &mut slot.1)
    }
}

/// One layer's view of the spans.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spans<'a> {
    pub(crate) layer: usize,
    pub(crate) epoch: &'a Epoch,
    /// The longest text of a span's fields, in bytes.
    pub(crate) max: usize,
}

impl Spans<'_> {
    /// Gives a new span its fields.
    pub(crate) fn enter_new<S: for<'a> LookupSpan<'a>>(self, span: &SpanRef<'_, S>, own: &Fields) {
        let made = self.epoch.now();
        let (all, boundary) = match span.parent() {
            Some(parent) => self.read(&parent, |outer| {
                outer.copied.store(true, Ordering::Relaxed);
                Fields::merge(&outer.all, own, 0, self.max)
            }),
            None => None,
        }
        .unwrap_or_else(|| Fields::merge(&Fields::default(), own, 0, self.max));
        let fields =
            SpanFields { all, own: boundary, dropped: own.dropped, made, copied: AtomicBool::new(false) };
        let mut extensions = span.extensions_mut();
        match extensions.get_mut::<Slots>() {
            Some(slots) => slots.rest.push((self.layer, fields)),
            None => extensions.insert(Slots { first: (self.layer, fields), rest: Vec::new() }),
        }
    }

    /// Sets fields of a span that exists.
    pub(crate) fn record<S: for<'a> LookupSpan<'a>>(self, span: &SpanRef<'_, S>, newer: &Fields) {
        let mut extensions = span.extensions_mut();
        let Some(fields) = extensions.get_mut().and_then(|slots: &mut Slots| slots.get_mut(self.layer))
        else {
            return;
        };
        let before = fields.all.dropped;
        fields.own -= fields.all.replace(newer, self.max, fields.own);
        fields.dropped += fields.all.dropped - before;
        if fields.copied.load(Ordering::Relaxed) {
            self.epoch.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Reads the fields of a span, made again if they are too old. No foreign code may run in `read`: the span is
    /// locked.
    pub(crate) fn fields<S, R>(self, span: &SpanRef<'_, S>, read: impl FnOnce(&Fields) -> R) -> Option<R>
    where
        S: for<'a> LookupSpan<'a>,
    {
        self.read(span, |fields| read(&fields.all))
    }

    fn read<S, R>(self, span: &SpanRef<'_, S>, read: impl FnOnce(&SpanFields) -> R) -> Option<R>
    where
        S: for<'a> LookupSpan<'a>,
    {
        let now = self.epoch.now();
        {
            let extensions = span.extensions();
            let fields = extensions.get::<Slots>()?.get(self.layer)?;
            if fields.made == now {
                return Some(read(fields));
            }
        }
        self.remake(span, now);
        let extensions = span.extensions();
        extensions.get::<Slots>()?.get(self.layer).map(read)
    }

    /// Locks are taken from the outside in, as in `enter_new`.
    #[cold]
    fn remake<S: for<'a> LookupSpan<'a>>(self, span: &SpanRef<'_, S>, now: u64) {
        let remake_in = |outer: &Fields| {
            let mut extensions = span.extensions_mut();
            let fields = extensions.get_mut().and_then(|slots: &mut Slots| slots.get_mut(self.layer));
            if let Some(fields) = fields {
                fields.all.dropped = fields.dropped;
                (fields.all, fields.own) = Fields::merge(outer, &fields.all, fields.own, self.max);
                fields.made = now;
            }
        };
        let inherited = span.parent().and_then(|parent| self.read(&parent, |outer| remake_in(&outer.all)));
        if inherited.is_none() {
            remake_in(&Fields::default());
        }
    }
}
