//! `Class`: everything a layer needs to know about one failure, in one `Copy` value.

use std::time::Duration;

use crate::axes::{BreakerEffect, Delivery, Fault, RetryAdvice};
use crate::classify::Classified;
use crate::kind::Kind;

/// The classification of one failure: its kind, and each axis on which this failure differs from its kind.
///
/// Plain data: read the fields, and change them with the methods of the same names.
///
/// ```
/// use std::time::Duration;
/// use buttress_error::{Class, Delivery, Kind, RetryAdvice};
///
/// let class = Class::new(Kind::Unavailable).delivery(Delivery::NotProcessed).retry_after(Duration::from_secs(2));
/// assert_eq!(class.retry, RetryAdvice::Call);
/// assert!(class.is_retryable(false), "it was not processed: even a POST may be retried");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Class {
    /// The kind.
    pub kind: Kind,
    /// Which work a retry has to repeat, if any. Default: that of the kind.
    pub retry: RetryAdvice,
    /// Whether the dependency processed the request. Default: that of the kind.
    pub delivery: Delivery,
    /// Whether a retry layer has exhausted it: no other retry layer retries it. Default: false.
    pub exhausted: bool,
    /// How long the dependency asked callers to wait. Default: none.
    pub retry_after: Option<Duration>,
    /// The reason, in the application's own vocabulary (`UPPER_SNAKE`, at most 63 characters). Default: none.
    pub reason: Option<&'static str>,
    /// The part of the system that it comes from, whose vocabulary the reason belongs to. Default: none.
    pub domain: Option<&'static str>,
    /// The HTTP status of a server's response, 400 to 599. Default: that of the kind.
    pub http: Option<u16>,
    /// The exit code of a program that ends with it, 1 to 255. Default: that of the kind.
    pub exit: Option<u8>,
    /// Whether clients may see the error's message, if the fault is the caller's. Default: false.
    pub public: bool,
    /// Whether it is the answer of a dependency that has not been reclassified for this program's own caller: see
    /// [`at_edge`](Self::at_edge). Default: false.
    pub dependency: bool,
    /// How a circuit breaker counts it, if that differs from the kind. Default: none.
    pub breaker_effect: Option<BreakerEffect>,
    /// Whether only one retry may help: a later attempt may well take the same route as the first retry. Default: false.
    pub retry_once: bool,
    /// Whether the answer may mean that an earlier attempt with the same idempotency key is still running: if the outcome of
    /// an earlier attempt is unknown, a retry layer then sends the same request again. Default: false.
    pub in_progress: bool,
}

impl Class {
    /// Creates a class with the axes of `kind`.
    #[must_use]
    pub const fn new(kind: Kind) -> Self {
        Self {
            kind,
            retry: kind.retry(),
            delivery: kind.delivery(),
            exhausted: false,
            retry_after: None,
            reason: None,
            domain: None,
            http: None,
            exit: None,
            public: false,
            dependency: false,
            breaker_effect: None,
            retry_once: false,
            in_progress: false,
        }
    }

    /// Sets the retry advice.
    #[must_use]
    pub const fn retry(mut self, retry: RetryAdvice) -> Self {
        self.retry = retry;
        self
    }

    /// Sets whether the dependency processed the request.
    #[must_use]
    pub const fn delivery(mut self, delivery: Delivery) -> Self {
        self.delivery = delivery;
        self
    }

    /// Sets how long the dependency asked callers to wait.
    #[must_use]
    pub const fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// Sets the reason: `UPPER_SNAKE`, at most 63 characters. Not checked here; the derive of `Classify` does.
    #[must_use]
    pub const fn reason(mut self, reason: &'static str) -> Self {
        self.reason = Some(reason);
        self
    }

    /// Sets the part of the system that it comes from.
    #[must_use]
    pub const fn domain(mut self, domain: &'static str) -> Self {
        self.domain = Some(domain);
        self
    }

    /// Sets the HTTP status. Not checked here; the derive of `Classify` does.
    #[must_use]
    pub const fn http(mut self, status: u16) -> Self {
        self.http = Some(status);
        self
    }

    /// Sets the exit code.
    #[must_use]
    pub const fn exit(mut self, code: u8) -> Self {
        self.exit = Some(code);
        self
    }

    /// Allows clients to see the error's message.
    #[must_use]
    pub const fn public(mut self) -> Self {
        self.public = true;
        self
    }

    /// Keeps the message public only if `allowed`.
    pub(crate) const fn public_if(mut self, allowed: bool) -> Self {
        self.public &= allowed;
        self
    }

    /// Marks it as the answer of a dependency. For layers at the bottom of a stack.
    #[must_use]
    pub const fn dependency(mut self) -> Self {
        self.dependency = true;
        self
    }

    /// Sets how a circuit breaker counts it.
    #[must_use]
    pub const fn breaker_effect(mut self, effect: BreakerEffect) -> Self {
        self.breaker_effect = Some(effect);
        self
    }

    /// Allows at most one retry of this failure in a call, whatever the policy.
    #[must_use]
    pub const fn retry_once(mut self) -> Self {
        self.retry_once = true;
        self
    }

    /// Marks it as an answer that may mean that an earlier attempt with the same idempotency key is still running, such
    /// as HTTP's 409 to a request with an `Idempotency-Key`.
    #[must_use]
    pub const fn in_progress(mut self) -> Self {
        self.in_progress = true;
        self
    }

    /// Returns the class of the same failure if the outcome of an earlier attempt of the call is unknown.
    ///
    /// The earlier attempt may have taken effect, so the delivery is [`Delivery::Unknown`] whatever the later answer was. A
    /// state that contradicts the request (not found, already exists, aborted, failed precondition) may be the effect of
    /// that attempt, so the advice becomes [`RetryAdvice::Never`]: a new operation could do the work twice.
    ///
    /// ```
    /// use buttress_error::{Class, Delivery, Kind, RetryAdvice};
    ///
    /// let conflict = Class::new(Kind::Aborted);
    /// assert_eq!((conflict.retry, conflict.delivery), (RetryAdvice::Operation, Delivery::Processed));
    /// let conflict = conflict.after_unknown();
    /// assert_eq!((conflict.retry, conflict.delivery), (RetryAdvice::Never, Delivery::Unknown));
    /// ```
    #[must_use]
    pub const fn after_unknown(mut self) -> Self {
        self.delivery = Delivery::Unknown;
        let contradicts = matches!(
            self.kind,
            Kind::NotFound | Kind::AlreadyExists | Kind::Aborted | Kind::FailedPrecondition
        );
        if contradicts && !matches!(self.retry, RetryAdvice::Call)
            || matches!(self.retry, RetryAdvice::Operation)
        {
            self.retry = RetryAdvice::Never;
        }
        self
    }

    /// Marks it as exhausted by a retry layer.
    #[must_use]
    pub const fn exhausted(mut self) -> Self {
        self.exhausted = true;
        self
    }

    /// Returns `true` if the same call may be retried: the advice is [`RetryAdvice::Call`], no retry layer has exhausted it,
    /// and the request is idempotent or was not processed.
    #[must_use]
    pub const fn is_retryable(&self, idempotent: bool) -> bool {
        matches!(self.retry, RetryAdvice::Call)
            && !self.exhausted
            && (idempotent || matches!(self.delivery, Delivery::NotProcessed))
    }

    /// Returns how a circuit breaker counts it: [`breaker_effect`](Self::breaker_effect) if that is set, else the effect of
    /// the kind.
    #[must_use]
    pub const fn breaker(&self) -> BreakerEffect {
        match self.breaker_effect {
            Some(effect) => effect,
            None => self.kind.breaker(),
        }
    }

    /// Returns the class of a group of failures; none for an empty group.
    ///
    /// The kind is the most severe one by [`Level`](crate::Level), and among equals the first. Cancelled members count only
    /// if all members are cancelled. The group may be retried only if every member may, and after the longest `retry_after`.
    /// It is public only if every member is. If one of the most severe members is the answer of a
    /// [dependency](Self::dependency) that blames its caller, the group is one as well, whatever the order of its members.
    #[must_use]
    pub fn of_group(members: impl IntoIterator<Item = Self>) -> Option<Self> {
        members.into_iter().reduce(Self::join)
    }

    /// Joins two failures. An axis on which they differ takes its most cautious value.
    fn join(self, other: Self) -> Self {
        // Cancelled, the only kind at DEBUG, is below all others.
        let (level, theirs) = (self.kind.level(), other.kind.level());
        let worst = if theirs > level { other } else { self };
        let blamed = |class: Self| class.dependency && class.kind.fault() == Fault::Caller;
        Self {
            dependency: worst.dependency || level == theirs && blamed(other),
            retry: if self.retry == other.retry { self.retry } else { RetryAdvice::Never },
            delivery: if self.delivery == other.delivery { self.delivery } else { Delivery::Unknown },
            exhausted: self.exhausted || other.exhausted,
            retry_once: self.retry_once || other.retry_once,
            retry_after: self.retry_after.max(other.retry_after),
            public: self.public && other.public,
            ..worst
        }
    }
}

impl From<Kind> for Class {
    fn from(kind: Kind) -> Self {
        Self::new(kind)
    }
}

/// The class of the error, so that `permit.failure(&error)` reads well.
impl<E: Classified> From<&E> for Class {
    fn from(error: &E) -> Self {
        error.classified()
    }
}
