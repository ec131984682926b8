//! The fields of spans: each span has one text with its own fields and those around it, which every event in it copies.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::time::Instant;
use tracing_subscriber::registry::{LookupSpan, SpanRef};

use crate::encode::fields::Fields;
use crate::encode::name::FieldName;
use crate::redaction::Redactor;
use crate::span::per_layer::PerLayer;
use crate::span::times::SpanTimes;

/// The fields of a span and of all spans around it. An inner field hides an outer one of its name.
#[derive(Debug, Default)]
pub(crate) struct SpanFields {
    all: Fields,
    /// The index of the first field that is the span's own.
    first_own: usize,
    /// How many of its own fields did not fit.
    own_dropped: u32,
    /// Incremented whenever `all` changes.
    version: u64,
    /// The version of the outer span's fields that `all` was made from; `None` if it must be made again.
    outer_version: Option<u64>,
    /// The [`RecordEpoch`] in which `all` was last found to be current.
    current_in: AtomicU64,
    /// Returns `true` once a span inside has copied these fields.
    inherited: AtomicBool,
    /// The [id](Redactor::id) of the redaction that the values have passed; 0 if they have passed none.
    redacted_by: usize,
    /// Only if the layer writes a record when a span closes.
    times: Option<Box<SpanTimes>>,
}

/// The version of the fields around a span that is a root.
const ROOT: u64 = 0;

impl SpanFields {
    /// A copy for another layer, which merges it with the outer fields as it sees them.
    pub(crate) fn clone_for_layer(&self, redactor: Option<&Redactor>) -> Self {
        let mut all = Fields::default();
        match redactor.filter(|redactor| redactor.id() != self.redacted_by) {
            Some(redactor) => all = self.all.redacted(redactor),
            None => all.copy_from(&self.all),
        }
        Self {
            all,
            first_own: self.first_own,
            own_dropped: self.own_dropped,
            version: self.version,
            outer_version: None,
            current_in: AtomicU64::new(0),
            inherited: AtomicBool::new(self.inherited.load(Ordering::Relaxed)),
            redacted_by: redactor.map_or(self.redacted_by, Redactor::id),
            times: self.times.clone(),
        }
    }
}

/// Counts the late records: those to a span whose fields a span inside has copied already.
///
/// They are rare, since most fields are recorded before the next span begins. A copy that was checked before the last one is
/// checked again when it is next read.
#[derive(Debug)]
pub(crate) struct RecordEpoch(AtomicU64);

impl Default for RecordEpoch {
    fn default() -> Self {
        Self(AtomicU64::new(1))
    }
}

impl RecordEpoch {
    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Room that a new span keeps for the value of each field that is not set yet, in bytes.
const ROOM_FOR_VALUE: usize = 24;
/// The most room that an inner span keeps for late records to the spans around it, in bytes.
const MAX_INHERITED_ROOM: usize = 256;
/// Spans nested deeper than this are brought up to date in a loop, which allocates, instead of by recursion.
const MAX_RECURSION: usize = 16;

/// One layer's view of the spans.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SpanStore<'a> {
    pub(crate) layer: usize,
    pub(crate) epoch: &'a RecordEpoch,
    pub(crate) redactor: Option<&'a Redactor>,
    /// The longest text of a span's fields, in bytes.
    pub(crate) max: usize,
}

impl SpanStore<'_> {
    /// Gives a new span its fields: the `own` ones, and those around it. `names` are all names that it may record.
    pub(crate) fn insert<S>(
        self,
        span: &SpanRef<'_, S>,
        own: &Fields,
        names: &[FieldName],
        merged: &mut Fields,
    ) where
        S: for<'a> LookupSpan<'a>,
    {
        let epoch = self.epoch.get();
        let make = |outer: Option<&SpanFields>| {
            let none = Fields::default();
            let (outer, version) = outer.map_or((&none, ROOT), |outer| {
                outer.inherited.store(true, Ordering::Relaxed);
                (&outer.all, outer.version)
            });
            let mut all = Fields::with_capacity(
                outer.text_len() + own.text_len() + room_for_records(outer, own, names),
                outer.capacity() + names.len(),
            );
            let first_own = all.merge(outer, own, 0, self.max);
            SpanFields {
                all,
                first_own,
                own_dropped: own.dropped,
                version: ROOT + 1,
                outer_version: Some(version),
                current_in: AtomicU64::new(epoch),
                inherited: AtomicBool::new(false),
                redacted_by: self.redactor.map_or(0, Redactor::id),
                times: None,
            }
        };
        let inside = span.parent().and_then(|parent| self.read(&parent, merged, |outer| make(Some(outer))));
        let fields = inside.unwrap_or_else(|| make(None));
        let mut extensions = span.extensions_mut();
        match extensions.get_mut::<PerLayer>() {
            Some(layers) => layers.insert(self.layer, fields),
            None => extensions.insert(PerLayer::new(self.layer, fields)),
        }
    }

    /// Begins to measure the times of a new span.
    pub(crate) fn start_times<S: for<'a> LookupSpan<'a>>(self, span: &SpanRef<'_, S>) {
        let times = SpanTimes::new(Instant::now());
        self.update(span, |fields| fields.times = Some(Box::new(times)));
    }

    /// Changes the times of a span, if they are measured.
    pub(crate) fn times<S, R>(
        self,
        span: &SpanRef<'_, S>,
        change: impl FnOnce(&mut SpanTimes) -> R,
    ) -> Option<R>
    where
        S: for<'a> LookupSpan<'a>,
    {
        let mut extensions = span.extensions_mut();
        let fields = extensions.get_mut::<PerLayer>()?.get_or_adopt(self.layer, self.redactor);
        fields.times.as_deref_mut().map(change)
    }

    /// Sets fields of an existing span. Allocates at most once: when the span's text outgrows its buffer.
    pub(crate) fn record<S: for<'a> LookupSpan<'a>>(self, span: &SpanRef<'_, S>, newer: &Fields) {
        self.update(span, |fields| {
            let dropped = fields.all.dropped;
            fields.first_own -= fields.all.replace(newer, self.max, fields.first_own);
            fields.own_dropped += fields.all.dropped - dropped;
            fields.version += 1;
            if fields.inherited.load(Ordering::Relaxed) {
                self.epoch.0.fetch_add(1, Ordering::Relaxed);
            }
        });
    }

    /// Reads the fields of a span. `read` must not run user code: the span is locked. `merged` is a buffer.
    pub(crate) fn fields<S, R>(
        self,
        span: &SpanRef<'_, S>,
        merged: &mut Fields,
        read: impl FnOnce(&Fields) -> R,
    ) -> Option<R>
    where
        S: for<'a> LookupSpan<'a>,
    {
        self.read(span, merged, |fields| read(&fields.all))
    }

    fn read<S, R>(
        self,
        span: &SpanRef<'_, S>,
        merged: &mut Fields,
        read: impl FnOnce(&SpanFields) -> R,
    ) -> Option<R>
    where
        S: for<'a> LookupSpan<'a>,
    {
        let epoch = self.epoch.get();
        {
            let extensions = span.extensions();
            let fields = extensions.get::<PerLayer>().and_then(|layers| layers.get(self.layer));
            if let Some(fields) = fields.filter(|fields| fields.current_in.load(Ordering::Relaxed) >= epoch) {
                return Some(read(fields));
            }
        }
        self.bring_up_to_date(span, epoch, merged, 0);
        let extensions = span.extensions();
        extensions.get::<PerLayer>()?.get(self.layer).map(read)
    }

    /// Checks the fields of the spans around `span` and its own, from the outside in, and makes those again that are outdated.
    #[cold]
    fn bring_up_to_date<S>(self, span: &SpanRef<'_, S>, epoch: u64, merged: &mut Fields, depth: usize)
    where
        S: for<'a> LookupSpan<'a>,
    {
        let parent = span.parent();
        if let Some(outer) = parent.as_ref().filter(|outer| !self.is_current(outer, epoch)) {
            if depth < MAX_RECURSION {
                self.bring_up_to_date(outer, epoch, merged, depth + 1);
            } else {
                self.bring_deep_up_to_date(outer, epoch, merged);
            }
        }
        self.refresh(parent.as_ref(), span, epoch, merged);
    }

    /// The same in a loop: spans may be nested deeper than a stack is long.
    fn bring_deep_up_to_date<S>(self, span: &SpanRef<'_, S>, epoch: u64, merged: &mut Fields)
    where
        S: for<'a> LookupSpan<'a>,
    {
        let mut outdated = Vec::new();
        let mut next = span.parent();
        while let Some(outer) = next {
            next = if self.is_current(&outer, epoch) { None } else { outer.parent() };
            outdated.push(outer);
        }
        let mut outer = None;
        for inner in outdated.iter().rev().chain([span]) {
            self.refresh(outer, inner, epoch, merged);
            outer = Some(inner);
        }
    }

    fn is_current<S: for<'a> LookupSpan<'a>>(self, span: &SpanRef<'_, S>, epoch: u64) -> bool {
        let extensions = span.extensions();
        let fields = extensions.get::<PerLayer>().and_then(|layers| layers.get(self.layer));
        fields.is_some_and(|fields| fields.current_in.load(Ordering::Relaxed) >= epoch)
    }

    /// Makes the fields of a span again if those around it have changed. Locks are taken from the outside in, as in `insert`.
    fn refresh<S>(
        self,
        outer: Option<&SpanRef<'_, S>>,
        span: &SpanRef<'_, S>,
        epoch: u64,
        merged: &mut Fields,
    ) where
        S: for<'a> LookupSpan<'a>,
    {
        let none = Fields::default();
        let extensions = outer.map(SpanRef::extensions);
        let outer = extensions.as_ref().and_then(|extensions| extensions.get::<PerLayer>()?.get(self.layer));
        let (outer, version) = outer.map_or((&none, ROOT), |outer| {
            outer.inherited.store(true, Ordering::Relaxed);
            (&outer.all, outer.version)
        });
        {
            let extensions = span.extensions();
            let fields = extensions.get::<PerLayer>().and_then(|layers| layers.get(self.layer));
            if let Some(fields) = fields.filter(|fields| fields.outer_version == Some(version)) {
                fields.current_in.fetch_max(epoch, Ordering::Relaxed);
                return;
            }
        }
        self.update(span, |fields| {
            fields.all.dropped = fields.own_dropped;
            fields.first_own = merged.merge(outer, &fields.all, fields.first_own, self.max);
            fields.all.copy_from(merged);
            fields.version += 1;
            fields.outer_version = Some(version);
            *fields.current_in.get_mut() = epoch;
        });
    }

    /// Changes the fields of a span. A layer that has replaced another one since the span began adopts that one's fields.
    fn update<S: for<'a> LookupSpan<'a>>(self, span: &SpanRef<'_, S>, change: impl FnOnce(&mut SpanFields)) {
        let mut extensions = span.extensions_mut();
        if extensions.get_mut::<PerLayer>().is_none() {
            extensions.insert(PerLayer::new(self.layer, SpanFields::default()));
        }
        if let Some(layers) = extensions.get_mut::<PerLayer>() {
            change(layers.get_or_adopt(self.layer, self.redactor));
        }
    }
}

/// Bytes to keep free for late records: to this span, and to those around it as far as they have room themselves.
fn room_for_records(outer: &Fields, own: &Fields, names: &[FieldName]) -> usize {
    let inherited = outer.text_spare().min(MAX_INHERITED_ROOM);
    if own.len() == names.len() {
        return inherited;
    }
    let unset = names.iter().filter(|name| !own.contains(name));
    inherited + unset.map(|name| name.json.len() + ROOM_FOR_VALUE).sum::<usize>()
}
