//! `Class`: everything a layer needs to know about one failure, in one `Copy` value.

use std::time::Duration;

use crate::{BreakerEffect, Classified, Delivery, Fault, Kind, RetryAdvice};

/// What is known about one failure: its kind, and where this failure differs from what its kind says.
///
/// Plain data: read the fields, change them with the methods of the same names.
///
/// ```
/// use std::time::Duration;
/// use buttress_error::{Class, Delivery, Kind, RetryAdvice};
///
/// let class = Class::new(Kind::Unavailable).delivery(Delivery::NotProcessed).retry_after(Duration::from_secs(2));
/// assert_eq!(class.retry, RetryAdvice::Call);
/// assert!(class.is_retryable(false), "it was never sent: even a POST may be repeated");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Class {
    /// The kind.
    pub kind: Kind,
    /// May it be repeated? Default: what the kind says.
    pub retry: RetryAdvice,
    /// Did the request arrive? Default: what the kind says.
    pub delivery: Delivery,
    /// A retry layer has given up on it: nobody repeats it again. Default: false.
    pub exhausted: bool,
    /// How long the other side asked us to wait. Default: none.
    pub retry_after: Option<Duration>,
    /// Why, in the application's own vocabulary (`UPPER_SNAKE`, at most 63 characters). Default: none.
    pub reason: Option<&'static str>,
    /// The part of the system that it comes from, and to whose vocabulary the reason belongs. Default: none.
    pub domain: Option<&'static str>,
    /// The HTTP status with which a server answers, 400 to 599. Default: that of the kind.
    pub http: Option<u16>,
    /// The exit code of a program that ends with it, 1 to 255. Default: that of the kind.
    pub exit: Option<u8>,
    /// The error's message may be shown to clients, as far as it is the caller's fault. Default: false.
    pub public: bool,
    /// It is the answer of a dependency, and nobody has judged yet what it means for our own caller: see
    /// [`at_edge`](Self::at_edge). Default: false.
    pub dependency: bool,
    /// How a circuit breaker counts it, where that differs from what the kind says. Default: none.
    pub breaker_effect: Option<BreakerEffect>,
    /// One retry may help, a second one cannot: nothing proves that a later attempt takes another way than the first
    /// retry did. Default: false.
    pub retry_once: bool,
    /// The answer may mean that an earlier attempt with the same idempotency key is still running: a retry whose earlier
    /// attempt has an unknown outcome then sends the same request again. Default: false.
    pub in_progress: bool,
}

impl Class {
    /// The class that `kind` has by itself.
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

    /// Changes the retry advice.
    #[must_use]
    pub const fn retry(mut self, retry: RetryAdvice) -> Self {
        self.retry = retry;
        self
    }

    /// Says what is known about the arrival of the request.
    #[must_use]
    pub const fn delivery(mut self, delivery: Delivery) -> Self {
        self.delivery = delivery;
        self
    }

    /// Says how long the other side asked us to wait.
    #[must_use]
    pub const fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// Gives the reason: `UPPER_SNAKE`, at most 63 characters. Not checked here; the derive of `Classify` does.
    #[must_use]
    pub const fn reason(mut self, reason: &'static str) -> Self {
        self.reason = Some(reason);
        self
    }

    /// Names the part of the system that it comes from.
    #[must_use]
    pub const fn domain(mut self, domain: &'static str) -> Self {
        self.domain = Some(domain);
        self
    }

    /// Changes the HTTP status. Not checked here; the derive of `Classify` does.
    #[must_use]
    pub const fn http(mut self, status: u16) -> Self {
        self.http = Some(status);
        self
    }

    /// Changes the exit code.
    #[must_use]
    pub const fn exit(mut self, code: u8) -> Self {
        self.exit = Some(code);
        self
    }

    /// Allows that clients see the error's message.
    #[must_use]
    pub const fn public(mut self) -> Self {
        self.public = true;
        self
    }

    /// Takes the allowance back, unless `told`.
    pub(crate) const fn public_if(mut self, told: bool) -> Self {
        self.public &= told;
        self
    }

    /// Marks it as the answer of a dependency. A layer at the bottom of a stack does.
    #[must_use]
    pub const fn dependency(mut self) -> Self {
        self.dependency = true;
        self
    }

    /// Changes how a circuit breaker counts it.
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

    /// The class of the same failure after an earlier attempt of the call whose outcome is unknown.
    ///
    /// The earlier attempt may have taken effect, whatever the later answer says: delivery is [`Delivery::Unknown`]. A
    /// state that contradicts the request (not found, already exists, aborted, failed precondition) may be the effect of
    /// that earlier attempt: the advice is [`RetryAdvice::Never`], since a new operation could do the work twice.
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

    /// Marks it as given up by a retry layer.
    #[must_use]
    pub const fn exhausted(mut self) -> Self {
        self.exhausted = true;
        self
    }

    /// May this very call be repeated as it is? Yes when the advice is [`RetryAdvice::Call`], no retry layer has given
    /// up on it, and the request provably did no harm: never sent, refused, or idempotent.
    #[must_use]
    pub const fn is_retryable(&self, idempotent: bool) -> bool {
        matches!(self.retry, RetryAdvice::Call)
            && !self.exhausted
            && (idempotent || matches!(self.delivery, Delivery::NotProcessed))
    }

    /// Returns how a circuit breaker counts it: what [`breaker_effect`](Self::breaker_effect) was set to, else what the
    /// kind says.
    #[must_use]
    pub const fn breaker(&self) -> BreakerEffect {
        match self.breaker_effect {
            Some(effect) => effect,
            None => self.kind.breaker(),
        }
    }

    /// The class of a group of failures: the most severe kind by [`Level`](crate::Level), among equals the first, of
    /// the members that are not cancelled. It may be repeated only if every member may, and no sooner than the longest
    /// `retry_after` says; it is public only if every member is. If one of its worst members is a
    /// [dependency's](Self::dependency) word against its caller, all of it leaves as such, in whatever order they come.
    /// None for an empty group.
    #[must_use]
    pub fn of_group(members: impl IntoIterator<Item = Self>) -> Option<Self> {
        members.into_iter().reduce(Self::join)
    }

    /// What two failures have in common; each axis falls to its careful value where they differ.
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

/// What the error says of itself, so that `permit.failure(&error)` reads well.
impl<E: Classified> From<&E> for Class {
    fn from(error: &E) -> Self {
        error.classified()
    }
}
