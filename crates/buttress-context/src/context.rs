//! `Context`: the values that travel with a call to everything it calls.

use std::any::Any;
use std::future::Future;
use std::mem;
use std::num::NonZeroU32;
use std::sync::Arc;

use tokio::time::Instant;
use tracing::level_filters::LevelFilter;

use crate::extensions::Extensions;
use crate::fields::Fields;
use crate::{Deadline, Frame, RequestId, Scope, Trace, Value, frame};

/// The values that travel with a call: request id, trace, deadline, attempt, idempotency, log fields, and values of the
/// application's own types.
///
/// A context is immutable. A derived context is a new value, which is entered for a future ([`scope`](Self::scope)) or a
/// closure ([`run`](Self::run)). It is current on a thread exactly while that future is polled or dropped there. Other tasks
/// do not see it, with one exception: code that the thread runs *inside* that poll. Creating, deriving and entering a
/// context does not allocate, except for fields, extensions, a log level and ids that are
/// text.
///
/// # Waiting in a scope
///
/// A thread that blocks inside [`run`](Self::run), or inside one poll, may run unrelated tasks meanwhile. They see its
/// context, and their [reports](crate::Report) are mixed with its own. This applies to jobs that rayon runs in `join`,
/// `scope`, `install` or `yield_now`, to tasks of a `LocalSet` in `run_until`, and to tasks of a current-thread runtime in
/// `block_on`. (A multi-thread runtime's `block_on`, `Handle::block_on` and `block_in_place` run no other tasks on the
/// waiting thread.)
///
/// Wait [`detached`](Self::detached) there, and give the context back to your own work with
/// [`with_current_context`](crate::with_current_context) or
/// [`with_current_context_future`](crate::with_current_context_future):
///
/// ```
/// use buttress_context::{Context, with_current_context_future};
/// use tokio::task::LocalSet;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// async fn count_fields() -> usize {
///     Context::current().fields().count()
/// }
///
/// let local = LocalSet::new();
/// let other = local.spawn_local(count_fields()); // not part of the call
/// let call = async {
///     let own = with_current_context_future(async { (count_fields().await, other.await.unwrap()) });
///     Context::detached_future(local.run_until(own)).await
/// };
/// let cx = Context::current().with_field("order", 42);
/// assert_eq!(cx.scope(call).await, (1, 0));
/// # }
/// ```
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use buttress_context::Context;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let cx = Context::current().with_timeout(Duration::from_secs(5)).with_field("customer", 17);
/// cx.scope(async {
///     let cx = Context::current();
///     assert!(cx.deadline().remaining().unwrap() <= Duration::from_secs(5));
///     assert_eq!(cx.attempt(), 1);
/// })
/// .await;
/// assert!(Context::current().deadline().is_none());
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Context {
    request_id: Option<RequestId>,
    trace: Option<Trace>,
    deadline: Deadline,
    /// The number of retries so far. Zero for the first attempt, so that the empty context is all zeros.
    retries: u32,
    idempotent: Option<bool>,
    inner_retries_disabled: bool,
    max_attempts: Option<NonZeroU32>,
    contents: Contents,
    attachments: Option<Arc<Attachments>>,
}

/// Flags for the parts of a context that every call reads, and for the large parts. Most contexts have few of them, and
/// reading one byte shows which.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Contents(u8);

impl Contents {
    pub(crate) const NONE: Self = Self(0);
    const DEADLINE: Self = Self(1);
    const OVERRIDES: Self = Self(2);
    /// A request id, a trace, fields, extensions or a log level.
    const LARGE: Self = Self(4);
    const LOG_LEVEL: Self = Self(8);

    const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    const fn has(self, part: Self) -> bool {
        self.0 & part.0 != 0
    }
}

/// The parts that allocate.
#[derive(Clone, Debug, Default)]
struct Attachments {
    fields: Fields,
    extensions: Extensions,
    log_level: Option<LevelFilter>,
}

impl Context {
    pub(crate) const EMPTY: Self = Self {
        request_id: None,
        trace: None,
        deadline: Deadline::NONE,
        retries: 0,
        idempotent: None,
        inner_retries_disabled: false,
        max_attempts: None,
        contents: Contents::NONE,
        attachments: None,
    };

    /// Returns the context of the current call, or an empty one outside of any call.
    #[must_use]
    pub fn current() -> Self {
        Self::read(Self::clone)
    }

    /// Reads the current context without cloning it.
    ///
    /// # Panics
    /// If `read` enters another context or writes a report. Use [`current`](Self::current) for that.
    pub fn read<T>(read: impl FnOnce(&Self) -> T) -> T {
        frame::read(|frame| read(&frame.context))
    }

    /// Makes it current while `future` is polled or dropped.
    pub const fn scope<F: Future>(self, future: F) -> Scope<F> {
        Scope::new(Frame::new(self), future)
    }

    /// Makes it current while `run` runs.
    pub fn run<T>(self, run: impl FnOnce() -> T) -> T {
        let mut frame = Frame::new(self);
        let output = {
            let _entered = frame.enter();
            run()
        };
        frame.close();
        output
    }

    /// Returns `true` if nothing is set, so that entering it has no visible effect.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        // Destructured, so that a new field must be handled here. `contents` only summarizes the others.
        let Self {
            request_id,
            trace,
            deadline,
            retries,
            idempotent,
            inner_retries_disabled,
            max_attempts,
            contents: _,
            attachments,
        } = self;
        request_id.is_none()
            && trace.is_none()
            && deadline.is_none()
            && *retries == 0
            && idempotent.is_none()
            && !*inner_retries_disabled
            && max_attempts.is_none()
            && attachments.is_none()
    }

    /// Runs `run` without a context: for code that blocks and may run unrelated tasks
    /// [meanwhile](Self#waiting-in-a-scope). Reports written in it are discarded.
    ///
    /// ```
    /// use buttress_context::Context;
    ///
    /// let cx = Context::current().with_attempt(2);
    /// assert_eq!(cx.run(|| Context::detached(|| Context::current().attempt())), 1);
    /// ```
    pub fn detached<T>(run: impl FnOnce() -> T) -> T {
        let mut frame = Frame::boundary(Self::EMPTY);
        let _entered = frame.enter();
        run()
    }

    /// Polls and drops `future` without a context: [`detached`](Self::detached) for code that awaits, such as a
    /// `LocalSet`'s `run_until`.
    pub const fn detached_future<F: Future>(future: F) -> Scope<F> {
        Scope::new(Frame::boundary(Self::EMPTY), future)
    }

    /// Returns the id of the request.
    #[must_use]
    pub const fn request_id(&self) -> Option<&RequestId> {
        self.request_id.as_ref()
    }

    /// Returns the position in the distributed trace.
    #[must_use]
    pub const fn trace(&self) -> Option<&Trace> {
        self.trace.as_ref()
    }

    /// Returns the time by which the whole call must end.
    #[must_use]
    pub const fn deadline(&self) -> Deadline {
        self.deadline
    }

    /// Returns the number of this attempt; the first is 1.
    #[must_use]
    pub const fn attempt(&self) -> u32 {
        self.retries.saturating_add(1)
    }

    /// Returns whether the call may be sent twice; `None` if it is not known.
    #[must_use]
    pub const fn idempotent(&self) -> Option<bool> {
        self.idempotent
    }

    /// Returns `true` if an outer retry layer has disabled retries in all inner ones, which then make one attempt.
    #[must_use]
    pub const fn inner_retries_disabled(&self) -> bool {
        self.inner_retries_disabled
    }

    /// Returns the maximum number of attempts, if the caller has set one. It overrides the policies of inner retry layers.
    #[must_use]
    pub const fn max_attempts(&self) -> Option<NonZeroU32> {
        self.max_attempts
    }

    /// Returns the fields of every log line of the call, oldest first. Names are unique.
    #[must_use]
    pub fn fields(&self) -> impl ExactSizeIterator<Item = (&'static str, &Value)> {
        let fields = self.attachments.as_deref().map_or(&[][..], |attachments| attachments.fields.as_slice());
        fields.iter().map(|(name, value)| (*name, value))
    }

    /// Returns the value of this type that [`with_extension`](Self::with_extension) has set.
    #[must_use]
    pub fn extension<T: Any>(&self) -> Option<&T> {
        self.attachments.as_deref()?.extensions.get()
    }

    /// Returns the level that [`with_log_level`](Self::with_log_level) has set.
    #[must_use]
    pub fn log_level(&self) -> Option<LevelFilter> {
        self.attachments.as_deref()?.log_level
    }

    /// Returns the [log level](Self::log_level) of the current context. Faster than [`read`](Self::read) where there is none.
    #[must_use]
    #[inline]
    pub fn current_log_level() -> Option<LevelFilter> {
        if frame::contents().has(Contents::LOG_LEVEL) { Self::read(Self::log_level) } else { None }
    }

    /// Returns the [deadline](Self::deadline) of the current context. Faster than [`read`](Self::read) where there is none.
    #[must_use]
    #[inline]
    pub fn current_deadline() -> Deadline {
        if frame::contents().has(Contents::DEADLINE) { Self::read(Self::deadline) } else { Deadline::NONE }
    }

    /// Returns `true` if the current context disables [inner retries](Self::inner_retries_disabled), limits the
    /// [attempts](Self::max_attempts), or has an [extension](Self::extension). For layers that read these at each call: few
    /// contexts have any, and this is faster than [`read`](Self::read).
    #[must_use]
    #[inline]
    pub fn current_overrides() -> bool {
        frame::contents().has(Contents::OVERRIDES)
    }

    pub(crate) const fn contents(&self) -> Contents {
        self.contents
    }

    /// Swaps with `other`. If neither has a large part, only the small fields are swapped, one by one: a value that has just
    /// been written field by field stalls the processor when it is read in one piece.
    #[inline]
    pub(crate) fn swap(&mut self, other: &mut Self) {
        let both = self.contents.with(other.contents);
        if both.has(Contents::LARGE) {
            return mem::swap(self, other);
        }
        if both.has(Contents::DEADLINE) {
            mem::swap(&mut self.deadline, &mut other.deadline);
        }
        mem::swap(&mut self.retries, &mut other.retries);
        mem::swap(&mut self.idempotent, &mut other.idempotent);
        mem::swap(&mut self.inner_retries_disabled, &mut other.inner_retries_disabled);
        mem::swap(&mut self.max_attempts, &mut other.max_attempts);
        mem::swap(&mut self.contents, &mut other.contents);
    }

    /// Sets the request id.
    #[must_use]
    pub fn with_request_id(mut self, id: RequestId) -> Self {
        self.request_id = Some(id);
        self.contents = self.contents.with(Contents::LARGE);
        self
    }

    /// Sets the position in the trace.
    #[must_use]
    pub const fn with_trace(mut self, trace: Trace) -> Self {
        self.trace = Some(trace);
        self.contents = self.contents.with(Contents::LARGE);
        self
    }

    /// Adds a random request id and a new trace where it has none. A new trace is not sampled.
    #[must_use]
    pub fn with_ids(mut self) -> Self {
        self.request_id.get_or_insert_with(RequestId::random);
        self.trace.get_or_insert_with(Trace::random);
        self.contents = self.contents.with(Contents::LARGE);
        self
    }

    /// Sets the deadline, unless it has an earlier one: a deadline is only ever shortened. Its time counts from now: the
    /// rejection of a call that exceeds it reports the time from now to `deadline` as the limit.
    #[must_use]
    pub fn with_deadline(self, deadline: Instant) -> Self {
        self.shortened(deadline, Instant::now)
    }

    /// Sets the deadline as [`with_deadline`](Self::with_deadline) does. Its time counts from `start`, such as the arrival of
    /// a request.
    #[must_use]
    pub fn with_deadline_from(self, start: Instant, deadline: Instant) -> Self {
        self.shortened(deadline, || start)
    }

    fn shortened(mut self, deadline: Instant, start: impl FnOnce() -> Instant) -> Self {
        self.deadline = self.deadline.earlier(deadline, start);
        self.contents = self.contents.with(Contents::DEADLINE);
        self
    }

    /// Sets the deadline to `timeout` from now, unless it has an earlier one. A context does not enforce its deadline; a
    /// deadline layer does.
    #[must_use]
    pub fn with_timeout(self, timeout: std::time::Duration) -> Self {
        let now = Instant::now();
        match now.checked_add(timeout) {
            Some(deadline) => self.with_deadline_from(now, deadline),
            None => self,
        }
    }

    /// Sets the number of the attempt; the first is 1 (0 is treated as 1).
    #[must_use]
    pub const fn with_attempt(mut self, attempt: u32) -> Self {
        self.retries = attempt.saturating_sub(1);
        self
    }

    /// Sets whether the call is safe to be sent twice.
    #[must_use]
    pub const fn with_idempotent(mut self, idempotent: bool) -> Self {
        self.idempotent = Some(idempotent);
        self
    }

    /// Disables retries in all inner retry layers. An outermost layer sets it so that it alone retries.
    #[must_use]
    pub const fn with_inner_retries_disabled(mut self) -> Self {
        self.inner_retries_disabled = true;
        self.contents = self.contents.with(Contents::OVERRIDES);
        self
    }

    /// Sets the maximum number of attempts, which overrides the policy of inner retry layers, also upward: 1 means no retries
    /// (0 is treated as 1).
    #[must_use]
    pub const fn with_max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = Some(NonZeroU32::MIN.saturating_add(attempts.saturating_sub(1)));
        self.contents = self.contents.with(Contents::OVERRIDES);
        self
    }

    /// Disables all retries, as [`with_max_attempts(1)`](Self::with_max_attempts) does.
    #[must_use]
    pub const fn without_retries(self) -> Self {
        self.with_max_attempts(1)
    }

    /// Adds a field for log lines. It replaces an outer field of that name.
    #[must_use]
    pub fn with_field(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.attachments_mut().fields.insert(name, value.into());
        self
    }

    /// Adds a value of the application's own type, such as the tenant or a setting for this one call. Inner code reads it by
    /// its [type](Self::extension). It is never sent over the wire. It replaces a value of the same type.
    ///
    /// ```
    /// use buttress_context::Context;
    ///
    /// #[derive(Debug, PartialEq)]
    /// struct Tenant(u32);
    ///
    /// let seen = Context::current().with_extension(Tenant(17)).run(|| {
    ///     Context::read(|cx| cx.extension::<Tenant>().map(|tenant| tenant.0))
    /// });
    /// assert_eq!(seen, Some(17));
    /// ```
    #[must_use]
    pub fn with_extension<T: Any + Send + Sync>(mut self, value: T) -> Self {
        self.attachments_mut().extensions.insert(value);
        self.contents = self.contents.with(Contents::OVERRIDES);
        self
    }

    /// Enables events up to `level` for this call, also those that the program's filter disables. It never disables any.
    ///
    /// It has an effect only if the program allows it with `buttress_log::Config::call_levels`. Nothing that arrives over the
    /// wire sets it; a program that reads it from a request decides whom to trust.
    ///
    /// ```
    /// use buttress_context::Context;
    /// use tracing::level_filters::LevelFilter;
    ///
    /// let cx = Context::current().with_log_level(LevelFilter::DEBUG);
    /// assert_eq!(cx.log_level(), Some(LevelFilter::DEBUG));
    /// ```
    #[must_use]
    pub fn with_log_level(mut self, level: LevelFilter) -> Self {
        self.attachments_mut().log_level = Some(level);
        self.contents = self.contents.with(Contents::LOG_LEVEL);
        self
    }

    fn attachments_mut(&mut self) -> &mut Attachments {
        self.contents = self.contents.with(Contents::LARGE);
        Arc::make_mut(self.attachments.get_or_insert_default())
    }
}
