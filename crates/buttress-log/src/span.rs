//! What a span keeps: its fields and those around it, as one text that every event in it copies.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tracing_subscriber::registry::{LookupSpan, SpanRef};

use crate::fields::Fields;
use crate::slots::Slots;

/// The fields of a span and of all spans around it, inner ones winning.
#[derive(Debug, Default)]
pub(crate) struct SpanFields {
    all: Fields,
    /// The number of the first field that is the span's own.
    own: usize,
    /// How many of its own fields did not fit.
    dropped: u32,
    /// When it was made, counted in late records (see [`Epoch`]); none if it must be made again.
    made: Option<u64>,
    /// Has a span inside copied these fields?
    copied: AtomicBool,
    /// Returns `true` if no value of a secret name is in it.
    redacted: bool,
}

impl SpanFields {
    /// The fields for another layer, to be made again with those that it sees around the span.
    pub(crate) fn adopted(&self, redact: bool) -> Self {
        let all = if redact && !self.redacted { self.all.redacted() } else { self.all.clone() };
        Self {
            all,
            own: self.own,
            dropped: self.dropped,
            made: None,
            copied: AtomicBool::new(self.copied.load(Ordering::Relaxed)),
            redacted: redact || self.redacted,
        }
    }
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

/// One layer's view of the spans.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spans<'a> {
    pub(crate) layer: usize,
    pub(crate) epoch: &'a Epoch,
    pub(crate) redact: bool,
    /// The longest text of a span's fields, in bytes.
    pub(crate) max: usize,
}

impl Spans<'_> {
    /// Gives a new span its fields.
    pub(crate) fn enter_new<S: for<'a> LookupSpan<'a>>(self, span: &SpanRef<'_, S>, own: &Fields) {
        let made = Some(self.epoch.now());
        let (all, boundary) = match span.parent() {
            Some(parent) => self.read(&parent, |outer| {
                outer.copied.store(true, Ordering::Relaxed);
                Fields::merge(&outer.all, own, 0, self.max)
            }),
            None => None,
        }
        .unwrap_or_else(|| Fields::merge(&Fields::default(), own, 0, self.max));
        let copied = AtomicBool::new(false);
        let fields =
            SpanFields { all, own: boundary, dropped: own.dropped, made, copied, redacted: self.redact };
        let mut extensions = span.extensions_mut();
        match extensions.get_mut::<Slots>() {
            Some(slots) => slots.add(self.layer, fields),
            None => extensions.insert(Slots::new(self.layer, fields)),
        }
    }

    /// Sets fields of a span that exists.
    pub(crate) fn record<S: for<'a> LookupSpan<'a>>(self, span: &SpanRef<'_, S>, newer: &Fields) {
        self.edit(span, |fields| {
            let before = fields.all.dropped;
            fields.own -= fields.all.replace(newer, self.max, fields.own);
            fields.dropped += fields.all.dropped - before;
            if fields.copied.load(Ordering::Relaxed) {
                self.epoch.0.fetch_add(1, Ordering::Relaxed);
            }
        });
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
            let fields = extensions.get::<Slots>().and_then(|slots| slots.get(self.layer));
            if let Some(fields) = fields.filter(|fields| fields.made == Some(now)) {
                return Some(read(fields));
            }
        }
        self.refresh(span, now);
        let extensions = span.extensions();
        extensions.get::<Slots>()?.get(self.layer).map(read)
    }

    /// Makes the fields of a span again, and of those around it that are too old: from the outside in, and in a loop, since
    /// spans may be nested deeper than a stack is long.
    #[cold]
    fn refresh<S: for<'a> LookupSpan<'a>>(self, span: &SpanRef<'_, S>, now: u64) {
        let mut stale = Vec::new();
        let mut next = span.parent();
        while let Some(outer) = next {
            next = if self.is_fresh(&outer, now) { None } else { outer.parent() };
            stale.push(outer);
        }
        let mut outer = None;
        for inner in stale.iter().rev().chain([span]) {
            self.remake(outer, inner, now);
            outer = Some(inner);
        }
    }

    fn is_fresh<S: for<'a> LookupSpan<'a>>(self, span: &SpanRef<'_, S>, now: u64) -> bool {
        let extensions = span.extensions();
        let fields = extensions.get::<Slots>().and_then(|slots| slots.get(self.layer));
        fields.is_some_and(|fields| fields.made == Some(now))
    }

    /// Locks are taken from the outside in, as in `enter_new`.
    fn remake<S>(self, outer: Option<&SpanRef<'_, S>>, span: &SpanRef<'_, S>, now: u64)
    where
        S: for<'a> LookupSpan<'a>,
    {
        let none = Fields::default();
        let extensions = outer.map(SpanRef::extensions);
        let outer = extensions.as_ref().and_then(|extensions| extensions.get::<Slots>()?.get(self.layer));
        let inherited = outer.map_or(&none, |outer| {
            outer.copied.store(true, Ordering::Relaxed);
            &outer.all
        });
        self.edit(span, |fields| {
            if fields.made != Some(now) {
                fields.all.dropped = fields.dropped;
                (fields.all, fields.own) = Fields::merge(inherited, &fields.all, fields.own, self.max);
                fields.made = Some(now);
            }
        });
    }

    /// Changes the fields of a span. One that this layer did not see begin, because it was put in the place of another layer
    /// since, has those that the other one kept.
    fn edit<S: for<'a> LookupSpan<'a>>(self, span: &SpanRef<'_, S>, edit: impl FnOnce(&mut SpanFields)) {
        let mut extensions = span.extensions_mut();
        if extensions.get_mut::<Slots>().is_none() {
            extensions.insert(Slots::new(self.layer, SpanFields::default()));
        }
        if let Some(slots) = extensions.get_mut::<Slots>() {
            edit(slots.get_or_adopt(self.layer, self.redact));
        }
    }
}
