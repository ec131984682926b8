//! Making errors, and adding to them.

use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use super::drop::depth_of;
use super::render::shown;
use super::{BELOW, Content, Counted, Error, Extra, Inner, Links, Logged, Place, Source, Text, Trace};
use crate::BoxError;
use crate::axes::Delivery;
use crate::class::Class;
use crate::classify::Classify;
use crate::foreign::{self, Chain, Origin, first_ours, into_box, itself};
use crate::group::ErrorGroup;
use crate::kind::Kind;
use crate::retry_summary::RetrySummary;
use crate::value::Value;
use crate::violation::Violation;

impl Error {
    /// Creates an error of `class` (or a [`Kind`]) with a message: a lowercase fragment without the cause.
    #[must_use]
    #[track_caller]
    pub fn new(class: impl Into<Class>, message: impl Into<Text>) -> Self {
        Self::build(class.into(), Content::Text(message.into()), Some(Location::caller()), || true)
    }

    /// Creates the error of a failure that another program reports, which never captures a backtrace.
    #[cfg(feature = "serde")]
    #[track_caller]
    pub(crate) fn reported(class: Class, message: impl Into<Text>) -> Self {
        Self::build(class, Content::Text(message.into()), Some(Location::caller()), || false)
    }

    /// Wraps an error, with its message and causes, and gives it another class. An `Error` is
    /// [reclassified](Self::reclassify).
    #[must_use]
    #[track_caller]
    pub fn wrap(class: impl Into<Class>, error: impl Into<BoxError> + 'static) -> Self {
        let error = into_box(error);
        match itself(&*error).cloned() {
            Some(same) => same.reclassify(class),
            None => Self::boxed(class.into(), error, Some(Location::caller()), true),
        }
    }

    /// Creates the error of a `resource` that does not exist: [`Kind::NotFound`], with the attributes `resource` and `id`.
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

    /// Creates the error of a `resource` whose `field` has the `value` already: [`Kind::AlreadyExists`], with the attributes
    /// `resource` and, under its own name, the field. The message leaves out the value, which may be personal data.
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

    /// Creates the error of an invalid `field` of a request: [`Kind::InvalidArgument`], with a [`Violation`] that clients
    /// see. The `description` must not contain the value that was sent.
    ///
    /// ```
    /// use buttress_error::Error;
    ///
    /// assert_eq!(Error::invalid("amount", "must be positive").safe().to_string(), "amount: must be positive");
    /// ```
    #[must_use]
    #[track_caller]
    pub fn invalid(field: impl Into<Text>, description: impl Into<Text>) -> Self {
        let violation = Violation::new(field, description);
        let message = violation.to_string();
        Self::new(Class::new(Kind::InvalidArgument).public(), message).violation(violation)
    }

    // Else class and message are put on the stack, and copied from there a second time: a fifth of the time of a new error.
    #[inline(always)]
    pub(super) fn build(
        class: Class,
        content: Content,
        location: Place,
        made_here: impl FnOnce() -> bool,
    ) -> Self {
        let depth = content.depth();
        let extra = Trace::capture(&class, made_here)
            .map(|trace| Box::new(Extra { trace: Some(trace), ..Extra::default() }));
        Self::of(Inner {
            class,
            content,
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

    /// Wraps an error of another type, redacted. All that was added to the first `Error` below it is kept, and so is the
    /// location of that one.
    pub(crate) fn boxed(class: Class, error: BoxError, location: Place, made_here: bool) -> Self {
        let (error, note) = foreign::redacted(error);
        let inner = first_ours(&*error);
        let details = inner.and_then(|inner| inner.details_below(class.kind));
        let location = inner.and_then(Self::location).or(location);
        let here = || made_here && details.as_ref().is_none_or(|details| details.trace.is_none());
        let error = Self::build(class, Content::boxed(error), location, here).with_details(details);
        match note {
            Some(note) => error.note(note),
            None => error,
        }
    }

    /// Returns the additions that are kept when another error passes this one on.
    #[cold]
    pub(crate) fn details(&self) -> Option<Box<Extra>> {
        Some(Box::new(Extra { domain: None, hidden: None, passed_on: None, ..self.extra()?.clone() }))
    }

    /// The same for an error of `kind`. One of another kind does not keep what clients see.
    pub(super) fn details_below(&self, kind: Kind) -> Option<Box<Extra>> {
        if self.kind() == kind { self.details() } else { self.details_for_operators() }
    }

    /// The same without what clients see.
    pub(super) fn details_for_operators(&self) -> Option<Box<Extra>> {
        let details = self.details()?;
        Some(Box::new(Extra { public: None, hints: Vec::new(), violations: Vec::new(), ..*details }))
    }

    /// Adds the additions of the error that this one passes on.
    #[inline]
    pub(crate) fn with_details(self, details: Option<Box<Extra>>) -> Self {
        let Some(mut details) = details else { return self };
        self.edit(|inner| {
            let attempts = details.retry_summary.as_ref().map_or(0, RetrySummary::depth);
            let passed_on = details.passed_on.as_ref().map_or(0, Self::depth);
            inner.depth = inner.depth.max(attempts).max(passed_on);
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

    /// Translates an error in the layer `domain`, without a location. Only foreign errors become the answer of a dependency.
    pub(crate) fn translated(error: BoxError, rules: &Chain, domain: Arc<str>) -> Self {
        let (error, origin) = rules.translated(error, None);
        match origin {
            Origin::Own => error.with_domain(domain),
            Origin::Foreign => error.of_dependency(domain),
        }
    }

    /// Marks it as the answer of the dependency `name`. For layers at the bottom of a stack. Until it is
    /// [reclassified](Self::reclassify), clients see [`Kind::Internal`] if the answer blames its caller, which is this
    /// program: see [`Class::at_edge`].
    #[must_use]
    pub fn of_dependency(self, name: impl Into<Arc<str>>) -> Self {
        self.with_domain(name).edit(|inner| {
            inner.class.dependency = true;
            if let Some(extra) = &mut inner.extra {
                extra.trace = extra.trace.take().and_then(Trace::without_backtrace);
            }
        })
    }

    /// Sets its cause, below any [context](Self::context). An error that wraps another keeps the cause of that one, if there
    /// is one. If a retry layer has exhausted the cause, this error is exhausted, too.
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

    /// Returns the error below all context. Its depth grows by `deep`.
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

    /// Adds context as a link of the chain: the message comes first, and this error becomes its cause. The class, notes,
    /// hints, attributes and attempts stay those of the whole.
    ///
    /// An error has room for two contexts, so that only a formatted message and every third context allocate.
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
        let (content, source) = (Content::Context(message), Some(Source::Ours(self)));
        Self::of(Inner { class, content, source, location, extra, logged, public_at: BELOW, depth })
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

    /// Hides its causes behind a barrier. The error keeps its message, its class and all that was added to it, but
    /// [`find`](Self::find), `source()` and classifiers no longer see anything below it. Only [`hidden`](Self::hidden) and the
    /// report show the causes.
    ///
    /// For causes that callers must not depend on, or that were handled.
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
        let message = shown(&inner.content);
        let mut hidden = inner.clone();
        // What an earlier barrier hides stays behind this one, and so does a group.
        let (earlier, passed_on) =
            hidden.extra.take().map_or((None, None), |extra| (extra.hidden, extra.passed_on));
        if earlier.is_some() || passed_on.is_some() {
            hidden.extra = Some(Box::new(Extra { hidden: earlier, passed_on, ..Extra::default() }));
        }
        let hidden = Self::of(hidden);
        let origin = hidden.domain().map(Arc::from);
        inner.content = Content::Text(message.into());
        inner.source = None;
        inner.depth = hidden.depth();
        let extra = inner.extra.get_or_insert_default();
        extra.passed_on = None;
        extra.domain = extra.domain.take().or(origin);
        extra.public = public.or(extra.public.take());
        extra.hidden = Some(hidden);
        error
    }

    /// Adds a note about what the program was doing, for operators. Clients don't see it, and the kind stays.
    #[must_use]
    pub fn note(self, note: impl Into<Text>) -> Self {
        self.edit_extra(|extra| extra.notes.push(note.into()))
    }

    /// Adds a hint about what to do. Clients see it.
    #[must_use]
    pub fn hint(self, hint: impl Into<Text>) -> Self {
        self.edit_extra(|extra| extra.hints.push(hint.into()))
    }

    /// Adds an attribute for logs and reports. Clients don't see it. An attribute of the same key is replaced. The value is
    /// redacted in every output if the key is [secret](crate::is_secret).
    #[must_use]
    pub fn attr(self, key: &'static str, value: impl Into<Value>) -> Self {
        let value = value.into();
        self.edit_extra(|extra| match extra.attrs.iter_mut().find(|(own, _)| *own == key) {
            Some((_, old)) => *old = value,
            None => extra.attrs.push((key, value)),
        })
    }

    /// Adds an invalid field of the request. Clients see it.
    #[must_use]
    pub fn violation(self, violation: Violation) -> Self {
        self.edit_extra(|extra| extra.violations.push(violation))
    }

    /// Sets the message for clients, who don't see the error's own message.
    #[must_use]
    pub fn public(self, message: impl Into<Text>) -> Self {
        self.edit_extra(|extra| extra.public = Some(message.into()))
    }

    /// Sets the part of the system that it comes from. The outermost one wins. `Display` begins with it.
    #[must_use]
    pub fn with_domain(self, domain: impl Into<Arc<str>>) -> Self {
        self.with_context_above().edit_extra(|extra| extra.domain = Some(domain.into()))
    }

    /// Sets the reason, in the application's own vocabulary: `UPPER_SNAKE`, at most 63 characters.
    #[must_use]
    pub fn reason(self, reason: &'static str) -> Self {
        self.edit(|inner| inner.class.reason = Some(reason))
    }

    /// Sets how long the dependency asked callers to wait.
    #[must_use]
    pub fn retry_after(self, wait: Duration) -> Self {
        self.edit(|inner| inner.class.retry_after = Some(wait))
    }

    /// Sets whether the dependency processed the request.
    #[must_use]
    pub fn delivery(self, delivery: Delivery) -> Self {
        self.edit(|inner| inner.class.delivery = delivery)
    }

    /// Changes the class, and adds a note about that. The class is that of the whole, including any
    /// [context](Self::context). An exhausted error stays exhausted, and the domain stays unless the new class has one.
    #[must_use]
    pub fn reclassify(self, class: impl Into<Class>) -> Self {
        let mut class = class.into();
        class.exhausted |= self.class().exhausted;
        class.domain = class.domain.or(self.class().domain);
        let note = format!("reclassified from {} to {}", self.kind(), class.kind);
        self.set_class(class).note(note)
    }

    /// A class that becomes public makes the message public as it is at that moment.
    fn set_class(self, class: Class) -> Self {
        let contexts = self.0.contexts();
        self.edit(|inner| {
            if !inner.class.public {
                inner.public_at = contexts;
            }
            inner.class = class;
        })
    }

    /// Replaces its group by `group`, a part of it.
    pub(crate) fn with_group(self, group: ErrorGroup) -> Self {
        let Some(old) = self.group().map(Classify::class) else { return self };
        let mut class = group.class();
        class.exhausted |= self.class().exhausted;
        class.public &= self.class().public;
        let (mut error, depth) = (self, group.depth());
        error.innermost(depth).content = Content::Value(Arc::new(group));
        if let Some(extra) = &mut Counted::make_mut(&mut error.0).inner_mut().extra {
            extra.passed_on = None;
        }
        // A class that was changed stays.
        if error.kind() == old.kind { error.edit(|inner| inner.class = class) } else { error }
    }

    /// Removes its [location](Self::location). For layers, whose own line does not help.
    #[must_use]
    pub fn without_location(self) -> Self {
        self.edit(|inner| inner.location = None)
    }

    /// Records the attempts of a retry layer. If an inner retry layer has exhausted the error, an outer one records only that
    /// an earlier attempt may have taken effect.
    pub(crate) fn set_retry_summary(&mut self, summary: &RetrySummary) {
        let owned = self.class().exhausted && self.retry_summary().is_some();
        let inner = Counted::make_mut(&mut self.0).inner_mut();
        let hides = summary.unresolved && inner.class.delivery != Delivery::Unknown;
        if hides {
            let notes = &mut inner.extra.get_or_insert_default().notes;
            notes.push("an earlier attempt of this call may have taken effect".into());
        }
        if owned {
            if summary.unresolved {
                inner.class = inner.class.after_unknown();
            }
            return;
        }
        inner.class = summary.class(inner.class);
        inner.depth = inner.depth.max(summary.depth());
        let extra = inner.extra.get_or_insert_default();
        if let Some(remedy) = &summary.remedy {
            extra.notes.push(format!("the remedy failed: {remedy:#}").into());
        }
        if let Some(refusal) = &summary.refusal {
            extra.notes.push(format!("a later attempt was refused: {refusal:#}").into());
        }
        extra.retry_summary = Some(summary.clone());
    }
}

impl RetrySummary {
    /// The nesting depth of the errors in it.
    fn depth(&self) -> u32 {
        self.remedy.iter().chain(&self.refusal).map(Error::depth).max().unwrap_or(0)
    }
}
