//! `Context`: what travels inward with a call.

use std::any::Any;
use std::future::Future;
use std::mem;
use std::num::NonZeroU32;
use std::sync::Arc;

use tokio::time::Instant;

use crate::extensions::Extensions;
use crate::fields::Fields;
use crate::{Deadline, Frame, RequestId, Scope, Trace, Value, frame};

/// What travels with a call: request id, trace, deadline, attempt, idempotency, fields for the log, and values of types of
/// one's own.
///
/// Immutable: a derived context is a new value, entered for a future ([`scope`](Self::scope)) or a closure
/// ([`run`](Self::run)). It is current on a thread exactly while that future is polled or dropped there, so another task
/// does not see it, with one exception: code that the thread runs *inside* that poll. Making, deriving and entering a
/// context allocates nothing, except for fields, extensions and ids that are text.
///
/// # Waiting in a scope
///
/// A thread that waits inside [`run`](Self::run), or inside one poll, may run unrelated tasks meanwhile. They see its
/// context, and what they [report](crate::Report) counts as its own. So do jobs that rayon takes up in `join`, `scope`,
/// `install` or `yield_now`, tasks of a `LocalSet` in `run_until`, and tasks of a current-thread runtime in `block_on`. (A
/// multi-thread runtime's `block_on`, `Handle::block_on` and `block_in_place` run no other tasks on the waiting thread.)
///
/// Wait [`detached`](Self::detached) there, and give the context back to your own work with [`with_current_context`](crate::with_current_context) or
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
    /// Retries so far: zero for the first attempt, so that the empty context needs no code to make.
    retries: u32,
    idempotent: Option<bool>,
    retries_owned: bool,
    max_attempts: Option<NonZeroU32>,
    says: Says,
    extras: Option<Arc<Extras>>,
}

/// Which of the things that every call is asked for, and which of the large ones, a context says at all: most say few,
/// and then one look tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Says(u8);

impl Says {
    pub(crate) const NOTHING: Self = Self(0);
    const DEADLINE: Self = Self(1);
    const OVERRIDES: Self = Self(2);
    /// Ids, fields or extensions.
    const LARGE: Self = Self(4);

    const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    const fn says(self, what: Self) -> bool {
        self.0 & what.0 != 0
    }
}

/// What most calls have none of.
#[derive(Clone, Debug, Default)]
struct Extras {
    fields: Fields,
    extensions: Extensions,
}

impl Context {
    pub(crate) const EMPTY: Self = Self {
        request_id: None,
        trace: None,
        deadline: Deadline::NONE,
        retries: 0,
        idempotent: None,
        retries_owned: false,
        max_attempts: None,
        says: Says::NOTHING,
        extras: None,
    };

    /// The context of the call under way; an empty one outside of any.
    #[must_use]
    pub fn current() -> Self {
        Self::read(Self::clone)
    }

    /// Reads the current context without cloning it.
    ///
    /// # Panics
    /// If `read` enters another context or writes a report: take [`current`](Self::current) for that.
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

    /// Returns `true` if it has no member at all: entering it changes nothing for anyone who reads it.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        // By destructuring, so that a new member must be considered here. `says` only summarizes the others.
        let Self {
            request_id,
            trace,
            deadline,
            retries,
            idempotent,
            retries_owned,
            max_attempts,
            says: _,
            extras,
        } = self;
        request_id.is_none()
            && trace.is_none()
            && deadline.is_none()
            && *retries == 0
            && idempotent.is_none()
            && !*retries_owned
            && max_attempts.is_none()
            && extras.is_none()
    }

    /// Runs `run` without a context: for code that waits and may run unrelated tasks
    /// [meanwhile](Self#waiting-in-a-scope). What is reported in it goes to nobody.
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

    /// The id of the request.
    #[must_use]
    pub const fn request_id(&self) -> Option<&RequestId> {
        self.request_id.as_ref()
    }

    /// The place in the distributed trace.
    #[must_use]
    pub const fn trace(&self) -> Option<&Trace> {
        self.trace.as_ref()
    }

    /// When the whole call has to be done.
    #[must_use]
    pub const fn deadline(&self) -> Deadline {
        self.deadline
    }

    /// The number of this attempt; the first is 1.
    #[must_use]
    pub const fn attempt(&self) -> u32 {
        self.retries.saturating_add(1)
    }

    /// Whether the call may be sent twice, where somebody said so.
    #[must_use]
    pub const fn idempotent(&self) -> Option<bool> {
        self.idempotent
    }

    /// Has a retry layer further out said that it alone repeats? Then those further in try once.
    #[must_use]
    pub const fn retries_owned(&self) -> bool {
        self.retries_owned
    }

    /// Attempts at most, where the caller has said so: it overrides the policies of the retry layers further in.
    #[must_use]
    pub const fn max_attempts(&self) -> Option<NonZeroU32> {
        self.max_attempts
    }

    /// The fields that stand in every log line of the call, oldest first, one of each name.
    #[must_use]
    pub fn fields(&self) -> impl ExactSizeIterator<Item = (&'static str, &Value)> {
        let fields = self.extras.as_deref().map_or(&[][..], |extras| extras.fields.as_slice());
        fields.iter().map(|(name, value)| (*name, value))
    }

    /// What was put along by [`with_extension`](Self::with_extension), of this type.
    #[must_use]
    pub fn extension<T: Any>(&self) -> Option<&T> {
        self.extras.as_deref()?.extensions.get()
    }

    /// The [deadline](Self::deadline) of the current context; where there is none, that is told faster than by
    /// [`read`](Self::read).
    #[must_use]
    #[inline]
    pub fn current_deadline() -> Deadline {
        if frame::says().says(Says::DEADLINE) { Self::read(Self::deadline) } else { Deadline::NONE }
    }

    /// Does the current context say whose the [retries](Self::retries_owned) are, how many
    /// [attempts](Self::max_attempts) there may be, or have an [extension](Self::extension)? For layers that would ask for
    /// these at each call: seldom a context has any, and that is told faster than by [`read`](Self::read).
    #[must_use]
    #[inline]
    pub fn current_overrides() -> bool {
        frame::says().says(Says::OVERRIDES)
    }

    pub(crate) const fn says(&self) -> Says {
        self.says
    }

    /// Changes places with `other`. Where neither says anything large, only the rest moves, field by field: what has just
    /// been written part by part is not read as a whole, for which the processor would wait.
    #[inline]
    pub(crate) fn swap(&mut self, other: &mut Self) {
        let said = self.says.and(other.says);
        if said.says(Says::LARGE) {
            return mem::swap(self, other);
        }
        if said.says(Says::DEADLINE) {
            mem::swap(&mut self.deadline, &mut other.deadline);
        }
        mem::swap(&mut self.retries, &mut other.retries);
        mem::swap(&mut self.idempotent, &mut other.idempotent);
        mem::swap(&mut self.retries_owned, &mut other.retries_owned);
        mem::swap(&mut self.max_attempts, &mut other.max_attempts);
        mem::swap(&mut self.says, &mut other.says);
    }

    /// The same with this request id.
    #[must_use]
    pub fn with_request_id(mut self, id: RequestId) -> Self {
        self.request_id = Some(id);
        self.says = self.says.and(Says::LARGE);
        self
    }

    /// The same at this place of the trace.
    #[must_use]
    pub const fn with_trace(mut self, trace: Trace) -> Self {
        self.trace = Some(trace);
        self.says = self.says.and(Says::LARGE);
        self
    }

    /// The same with a new request id and a new trace where it has none. A new trace is not sampled.
    #[must_use]
    pub fn with_ids(mut self) -> Self {
        self.request_id.get_or_insert_with(RequestId::random);
        self.trace.get_or_insert_with(Trace::random);
        self.says = self.says.and(Says::LARGE);
        self
    }

    /// The same, to be done by `deadline` or by its own deadline, whichever is earlier: a deadline is only ever
    /// shortened. Its time counts from now: whoever cuts the call reports that time as the limit.
    #[must_use]
    pub fn with_deadline(self, deadline: Instant) -> Self {
        self.shortened(deadline, Instant::now)
    }

    /// [`with_deadline`](Self::with_deadline) for a deadline whose time counts from `start`, such as the arrival of a
    /// request.
    #[must_use]
    pub fn with_deadline_from(self, start: Instant, deadline: Instant) -> Self {
        self.shortened(deadline, || start)
    }

    fn shortened(mut self, deadline: Instant, start: impl FnOnce() -> Instant) -> Self {
        self.deadline = self.deadline.earlier(deadline, start);
        self.says = self.says.and(Says::DEADLINE);
        self
    }

    /// The same, to be done within `timeout` from now or by its own deadline, whichever is earlier. This tells those
    /// who ask; what cuts a call that takes longer is a deadline layer.
    #[must_use]
    pub fn with_timeout(self, timeout: std::time::Duration) -> Self {
        let now = Instant::now();
        match now.checked_add(timeout) {
            Some(deadline) => self.with_deadline_from(now, deadline),
            None => self,
        }
    }

    /// The same for attempt number `attempt`, the first being 1 (0 is taken as 1).
    #[must_use]
    pub const fn with_attempt(mut self, attempt: u32) -> Self {
        self.retries = attempt.saturating_sub(1);
        self
    }

    /// The same, safe (`true`) or not safe (`false`) to be sent twice.
    #[must_use]
    pub const fn with_idempotent(mut self, idempotent: bool) -> Self {
        self.idempotent = Some(idempotent);
        self
    }

    /// The same, repeated only by the retry layer that says so.
    #[must_use]
    pub const fn with_retries_owned(mut self) -> Self {
        self.retries_owned = true;
        self.says = self.says.and(Says::OVERRIDES);
        self
    }

    /// The same, tried `attempts` times at most, whatever the policy of the retry layer says: 1 is no retries (0 is taken
    /// as 1), and more than the policy has is more.
    #[must_use]
    pub const fn with_max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = Some(NonZeroU32::MIN.saturating_add(attempts.saturating_sub(1)));
        self.says = self.says.and(Says::OVERRIDES);
        self
    }

    /// The same, of which nothing is repeated: as [`with_max_attempts(1)`](Self::with_max_attempts).
    #[must_use]
    pub const fn without_retries(self) -> Self {
        self.with_max_attempts(1)
    }

    /// The same with a field for the log. A field of that name is replaced: the inner one wins.
    #[must_use]
    pub fn with_field(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.extras().fields.insert(name, value.into());
        self
    }

    /// The same with a value of a type of one's own, such as the tenant or a setting for this one call. It goes inward to
    /// whoever asks for that [type](Self::extension), and never over the wire; a value of the same type is replaced.
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
        self.extras().extensions.insert(value);
        self.says = self.says.and(Says::OVERRIDES);
        self
    }

    fn extras(&mut self) -> &mut Extras {
        self.says = self.says.and(Says::LARGE);
        Arc::make_mut(self.extras.get_or_insert_default())
    }
}
