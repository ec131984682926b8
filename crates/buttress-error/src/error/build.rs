//! Making errors, and adding to them.

use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use super::drop::depth_of;
use super::render::shown;
use super::{BELOW, Counted, Error, Extra, Inner, Links, Logged, Place, Source, Text, Trace, What};
use crate::foreign::{self, Whose, first_ours, into_box, itself};
use crate::{BoxError, Chain, Class, Classify, Delivery, ErrorGroup, Kind, RetrySummary, Value, Violation};

impl Error {
    /// An error of `class` (a [`Kind`] will do) that says `message`: a lowercase fragment without its cause.
    #[must_use]
    #[track_caller]
    pub fn new(class: impl Into<Class>, message: impl Into<Text>) -> Self {
        Self::build(class.into(), What::Text(message.into()), Some(Location::caller()), || true)
    }

    /// The same for a failure that another program reports, which never captures a backtrace.
    #[cfg(feature = "serde")]
    #[track_caller]
    pub(crate) fn reported(class: Class, message: impl Into<Text>) -> Self {
        Self::build(class, What::Text(message.into()), Some(Location::caller()), || false)
    }

    /// An error of `class` that is `error` in all but the class. An `Error` is [reclassified](Self::reclassify).
    #[must_use]
    #[track_caller]
    pub fn wrap(class: impl Into<Class>, error: impl Into<BoxError> + 'static) -> Self {
        let error = into_box(error);
        match itself(&*error).cloned() {
            Some(same) => same.reclassify(class),
            None => Self::boxed(class.into(), error, Some(Location::caller()), true),
        }
    }

    /// There is no `resource` with this `id`: [`Kind::NotFound`], with both as attributes `resource` and `id`.
    ///
    /// ```
    /// use buttress_error::Error;
    ///
    /// assert_eq!(Error::not_found("order", 42).to_string(), "order 42 not found");
    /// ```
    #[must_use]
    #[track_caller]
    pub fn not_found(resource: &'static str, id: impl Into<Value>) -> Self {
        let id = id.into();
        let error = Self::new(Kind::NotFound, format!("{resource} {id} not found"));
        error.attr("resource", resource).attr("id", id)
    }

    /// There is a `resource` with this `value` of `field` already: [`Kind::AlreadyExists`], with the attributes
    /// `resource` and, under its own name, the field. The message is without the value, which may be somebody's address.
    ///
    /// ```
    /// use buttress_error::Error;
    ///
    /// let error = Error::already_exists("user", "email", "ada@example.org");
    /// assert_eq!(error.to_string(), "user with this email already exists");
    /// ```
    #[must_use]
    #[track_caller]
    pub fn already_exists(resource: &'static str, field: &'static str, value: impl Into<Value>) -> Self {
        let error = Self::new(Kind::AlreadyExists, format!("{resource} with this {field} already exists"));
        error.attr("resource", resource).attr(field, value)
    }

    /// The `field` of the request is wrong: [`Kind::InvalidArgument`], with a [`Violation`] that clients see. `why` is
    /// without the value that was sent.
    ///
    /// ```
    /// use buttress_error::Error;
    ///
    /// assert_eq!(Error::invalid("amount", "must be positive").safe().to_string(), "amount: must be positive");
    /// ```
    #[must_use]
    #[track_caller]
    pub fn invalid(field: impl Into<Text>, why: impl Into<Text>) -> Self {
        let violation = Violation::new(field, why);
        let message = violation.to_string();
        Self::new(Class::new(Kind::InvalidArgument).public(), message).violation(violation)
    }

    // Else class and message are put on the stack, and copied from there a second time: a fifth of the time of a new error.
    #[inline(always)]
    pub(super) fn build(class: Class, what: What, location: Place, made_here: impl FnOnce() -> bool) -> Self {
        let depth = what.depth();
        let extra = Trace::capture(&class, made_here)
            .map(|trace| Box::new(Extra { trace: Some(trace), ..Extra::default() }));
        Self::of(Inner {
            class,
            what,
            source: None,
            location,
            extra,
            logged: Logged::default(),
            public_at: 0,
            depth,
        })
    }

    #[inline]
    fn of(inner: Inner) -> Self {
        Self(Counted::new(Links::new(inner)))
    }

    /// An error of another type, without what it may not tell. It takes over what was added to the first error of ours
    /// below it, and the place where that one was made.
    pub(crate) fn boxed(class: Class, error: BoxError, location: Place, made_here: bool) -> Self {
        let (error, note) = foreign::redacted(error);
        let inner = first_ours(&*error);
        let details = inner.and_then(|inner| inner.details_below(class.kind));
        let location = inner.and_then(Self::location).or(location);
        let here = || made_here && details.as_ref().is_none_or(|details| details.trace.is_none());
        let error = Self::build(class, What::boxed(error), location, here).with_details(details);
        match note {
            Some(note) => error.note(note),
            None => error,
        }
    }

    /// What was added to it and goes with its message, where another error only passes it on.
    #[cold]
    pub(crate) fn details(&self) -> Option<Box<Extra>> {
        Some(Box::new(Extra { domain: None, hidden: None, ..self.extra()?.clone() }))
    }

    /// The same for an error of `kind`: one of another kind has other words for clients.
    pub(super) fn details_below(&self, kind: Kind) -> Option<Box<Extra>> {
        if self.kind() == kind { self.details() } else { self.details_for_operators() }
    }

    /// The same without the words for clients.
    pub(super) fn details_for_operators(&self) -> Option<Box<Extra>> {
        let details = self.details()?;
        Some(Box::new(Extra { public: None, hints: Vec::new(), violations: Vec::new(), ..*details }))
    }

    /// With all that was added to the error that it only passes on.
    #[inline]
    pub(crate) fn with_details(self, details: Option<Box<Extra>>) -> Self {
        let Some(mut details) = details else { return self };
        self.edit(|inner| {
            inner.depth = inner.depth.max(details.effort.as_ref().map_or(0, RetrySummary::depth));
            // The inner one is nearer to the cause.
            let outer = inner.extra.take().and_then(|extra| extra.trace);
            details.trace = details.trace.take().or(outer);
            inner.extra = Some(details);
        })
    }

    pub(crate) fn unbox(error: BoxError, location: Place) -> Self {
        match itself(&*error) {
            Some(same) => same.clone(),
            None => Self::boxed(foreign::classify(&*error), error, location, false),
        }
    }

    /// Translated by the layer `domain`, whose own line of code is no place to look at. What the program's own types say
    /// is no answer of a dependency.
    pub(crate) fn translated(error: BoxError, rules: &Chain, domain: Arc<str>) -> Self {
        let (error, whose) = rules.translated(error, None);
        match whose {
            Whose::Own => error.domain(domain),
            Whose::Foreign => error.of_dependency(domain),
        }
    }

    /// Says that it is the answer of the dependency `name`, for layers at the bottom of a stack. Until somebody
    /// [reclassifies](Self::reclassify) it, what it blames its caller for is our own fault: it leaves this program as
    /// [`Kind::Internal`], see [`Class::at_edge`].
    #[must_use]
    pub fn of_dependency(self, name: impl Into<Arc<str>>) -> Self {
        self.domain(name).edit(|inner| {
            inner.class.dependency = true;
            if let Some(extra) = &mut inner.extra {
                extra.trace = extra.trace.take().and_then(Trace::without_backtrace);
            }
        })
    }

    /// Gives it a cause, below any [context](Self::context). An error that wraps another keeps that one's own cause,
    /// where it has one. What a retry layer has given up on stays given up.
    #[must_use]
    pub fn caused_by(mut self, cause: impl Into<BoxError> + 'static) -> Self {
        let (cause, place) = foreign::redacted(into_box(cause));
        let cause = Source::of(cause);
        let given_up = foreign::classify(cause.get()).exhausted;
        let depth = depth_of(cause.get());
        self.innermost(depth).source = Some(cause);
        let error = if given_up { self.edit(|inner| inner.class.exhausted = true) } else { self };
        match place {
            Some(place) => error.note(place),
            None => error,
        }
    }

    /// What all context is about, which is to have something below it that is so `deep`.
    fn innermost(&mut self, deep: u32) -> &mut Inner {
        let mut error = self;
        loop {
            let is_context = error.about().is_some();
            let inner = Counted::make_mut(&mut error.0).inner_mut();
            inner.depth = inner.depth.saturating_add(deep);
            if !is_context {
                return inner;
            }
            let Some(Source::Ours(about)) = &mut inner.source else { unreachable!("it was just seen") };
            error = about;
        }
    }

    /// Says what failed because of it, as a link of the chain: the new message comes first, this error becomes its cause,
    /// and class, notes, hints, attributes and effort stay those of the whole.
    ///
    /// An error has room for two; so only the text of a formatted message, and every third, takes an allocation.
    #[must_use]
    #[inline]
    pub fn context(mut self, message: impl Into<Text>) -> Self {
        match Counted::make_mut(&mut self.0).push(message.into()) {
            Ok(()) => self,
            Err(message) => self.above(message),
        }
    }

    /// An error that says `message` about this one, and speaks for both.
    fn above(mut self, message: Text) -> Self {
        let depth = self.depth();
        let inner = Counted::make_mut(&mut self.0).inner_mut();
        let mut extra = inner.extra.take();
        if let Some(domain) = extra.as_mut().and_then(|extra| extra.domain.take()) {
            inner.extra.get_or_insert_default().domain = Some(domain);
        }
        let (class, location, logged) = (inner.class, inner.location, inner.logged.clone());
        let (what, source) = (What::Context(message), Some(Source::Ours(self)));
        Self::of(Inner { class, what, source, location, extra, logged, public_at: BELOW, depth })
    }

    /// The same with its outermost context in an error above the rest: one that can have a domain of its own.
    fn with_context_above(mut self) -> Self {
        let contexts = self.0.contexts();
        if contexts == 0 {
            return self;
        }
        let links = Counted::make_mut(&mut self.0);
        let Some(context) = links.pop() else { return self };
        let opened = links.inner().public_at == contexts;
        let mut error = self.above(context);
        if opened {
            Counted::make_mut(&mut error.0).inner_mut().public_at = 0;
        }
        error
    }

    /// Puts what caused it behind a barrier: it keeps its message, its class and all that was added to it, but nothing
    /// below it is found by [`find`](Self::find), by `source()` or by a classifier any more. Only
    /// [`hidden`](Self::hidden) and the report still tell.
    ///
    /// For causes that callers must not come to depend on, or that were handled.
    #[must_use]
    pub fn barrier(self) -> Self {
        let mut error = self.with_context_above();
        // A context is no part of what the class allows.
        let public =
            error.about().and_then(|_| error.public_message()).map(|public| public.into_owned().into());
        let inner = Counted::make_mut(&mut error.0).inner_mut();
        if inner.public_at == BELOW {
            // What was allowed is behind the barrier from now on.
            inner.class.public = false;
        }
        let message = shown(&inner.what);
        let mut hidden = inner.clone();
        // What an earlier barrier hides stays behind this one.
        let earlier = hidden.extra.take().and_then(|extra| extra.hidden);
        hidden.extra = earlier.map(|earlier| Box::new(Extra { hidden: Some(earlier), ..Extra::default() }));
        let hidden = Self::of(hidden);
        let origin = hidden.origin().map(Arc::from);
        inner.what = What::Text(message.into());
        inner.source = None;
        inner.depth = hidden.depth();
        let extra = inner.extra.get_or_insert_default();
        extra.domain = extra.domain.take().or(origin);
        extra.public = public.or(extra.public.take());
        extra.hidden = Some(hidden);
        error
    }

    /// Adds a note: what the program was doing. For those who run it; clients don't see it. The kind stays.
    #[must_use]
    pub fn note(self, note: impl Into<Text>) -> Self {
        self.edit_extra(|extra| extra.notes.push(note.into()))
    }

    /// Adds a hint: what to do about it. Clients see it.
    #[must_use]
    pub fn hint(self, hint: impl Into<Text>) -> Self {
        self.edit_extra(|extra| extra.hints.push(hint.into()))
    }

    /// Adds an attribute, for logs and reports; clients don't see it. An attribute of the same key is replaced. The value
    /// is left out wherever it is written if the key is [secret](crate::is_secret).
    #[must_use]
    pub fn attr(self, key: &'static str, value: impl Into<Value>) -> Self {
        let value = value.into();
        self.edit_extra(|extra| match extra.attrs.iter_mut().find(|(own, _)| *own == key) {
            Some((_, old)) => *old = value,
            None => extra.attrs.push((key, value)),
        })
    }

    /// Adds a field of the request that is wrong. Clients see it.
    #[must_use]
    pub fn violation(self, violation: Violation) -> Self {
        self.edit_extra(|extra| extra.violations.push(violation))
    }

    /// Says it in words for clients, apart from its own message, which they don't see.
    #[must_use]
    pub fn public(self, message: impl Into<Text>) -> Self {
        self.edit_extra(|extra| extra.public = Some(message.into()))
    }

    /// Names the part of the system that it comes from; the outermost layer to say so wins. `Display` begins with it.
    #[must_use]
    pub fn domain(self, domain: impl Into<Arc<str>>) -> Self {
        self.with_context_above().edit_extra(|extra| extra.domain = Some(domain.into()))
    }

    /// Gives the reason, in the application's own vocabulary: `UPPER_SNAKE`, at most 63 characters.
    #[must_use]
    pub fn reason(self, reason: &'static str) -> Self {
        self.edit(|inner| inner.class.reason = Some(reason))
    }

    /// Says how long the other side asked us to wait.
    #[must_use]
    pub fn retry_after(self, wait: Duration) -> Self {
        self.edit(|inner| inner.class.retry_after = Some(wait))
    }

    /// Says what is known about the arrival of the request.
    #[must_use]
    pub fn delivery(self, delivery: Delivery) -> Self {
        self.edit(|inner| inner.class.delivery = delivery)
    }

    /// Changes the class, and leaves a note that says so. The class is that of the whole, also where there is
    /// [context](Self::context). An error that a retry layer has given up on stays given up,
    /// and it still comes from the same domain, unless the new class names one.
    #[must_use]
    pub fn reclassify(self, class: impl Into<Class>) -> Self {
        let mut class = class.into();
        class.exhausted |= self.class().exhausted;
        class.domain = class.domain.or(self.class().domain);
        let note = format!("reclassified from {} to {}", self.kind(), class.kind);
        self.set_class(class).note(note)
    }

    /// What the class now allows, it allows for the message as it now is.
    fn set_class(self, class: Class) -> Self {
        let contexts = self.0.contexts();
        self.edit(|inner| {
            if !inner.class.public {
                inner.public_at = contexts;
            }
            inner.class = class;
        })
    }

    /// The same with another group in the place of its own, of which `group` is a part.
    pub(crate) fn with_group(self, group: ErrorGroup) -> Self {
        let Some(old) = self.group().map(Classify::class) else { return self };
        let mut class = group.class();
        class.exhausted |= self.class().exhausted;
        class.public &= self.class().public;
        let (mut error, depth) = (self, group.depth());
        error.innermost(depth).what = What::Value(Arc::new(group));
        // What somebody else made of the class stays.
        if error.kind() == old.kind { error.edit(|inner| inner.class = class) } else { error }
    }

    /// Forgets [where it was made](Self::location): for layers that make one, as their own line tells nothing.
    #[must_use]
    pub fn without_location(self) -> Self {
        self.edit(|inner| inner.location = None)
    }

    /// The retry layer that has exhausted it owns it: an outer one adds only that an earlier attempt of its own may have
    /// taken effect.
    pub(crate) fn set_effort(&mut self, effort: &RetrySummary) {
        let owned = self.class().exhausted && self.retry_summary().is_some();
        let inner = Counted::make_mut(&mut self.0).inner_mut();
        let hides = effort.unresolved && inner.class.delivery != Delivery::Unknown;
        if hides {
            let notes = &mut inner.extra.get_or_insert_default().notes;
            notes.push("an earlier attempt of this call may have taken effect".into());
        }
        if owned {
            if effort.unresolved {
                inner.class = inner.class.after_unknown();
            }
            return;
        }
        inner.class = effort.class(inner.class);
        inner.depth = inner.depth.max(effort.depth());
        let extra = inner.extra.get_or_insert_default();
        if let Some(remedy) = &effort.remedy {
            extra.notes.push(format!("the remedy failed: {remedy:#}").into());
        }
        if let Some(refusal) = &effort.refusal {
            extra.notes.push(format!("a later attempt was refused: {refusal:#}").into());
        }
        extra.effort = Some(effort.clone());
    }
}

impl RetrySummary {
    /// How deep the errors in it are.
    fn depth(&self) -> u32 {
        self.remedy.iter().chain(&self.refusal).map(Error::depth).max().unwrap_or(0)
    }
}
