//! `Body`: the request body of every client stack.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use buttress_context::ReplayBody;
use buttress_error::BoxError;
use bytes::Bytes;
use http_body::{Frame, SizeHint};

use crate::upload::{Upload, Watch};

/// A request body: bytes, or a stream that is produced while it is sent.
///
/// It is one concrete type, so that a client stack needs no type parameter for it. It is not `Clone`: a retry layer copies it
/// with [`ReplayBody::replay_body`] if another attempt may follow.
///
/// | body | kept for another attempt |
/// |---|---|
/// | bytes, of any size | all of them, shared |
/// | a stream | the part that was sent, up to [64 KiB](Self::REPLAY_BUFFER) or [another limit](Self::replay_buffer) |
///
/// A stream is never refused or delayed. It is kept while it is sent, and only while a copy of it exists. No other attempt
/// follows after the stream has exceeded the limit, failed or panicked. The same holds after
/// [`HttpLayer`](crate::HttpLayer) has seen a response before the stream was read to its end, because that response may not
/// be to the whole request. An attempt without a response leaves the rest of the stream to the next attempt; if the earlier
/// one still reads, its body fails.
///
/// ```
/// use buttress_http::Body;
///
/// let body = Body::from(r#"{"amount": 4999}"#);
/// assert_eq!(body.as_bytes().unwrap(), r#"{"amount": 4999}"#);
/// ```
#[derive(Default)]
pub struct Body(Inner);

enum Inner {
    Bytes(Bytes),
    Stream(Upload),
}

impl Default for Inner {
    fn default() -> Self {
        Self::Bytes(Bytes::new())
    }
}

impl Body {
    /// Creates a body without content.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// The default limit for the part of a stream that is kept for another attempt: 64 KiB.
    pub const REPLAY_BUFFER: usize = 64 * 1024;

    /// Creates a body that is produced while it is sent.
    ///
    /// ```
    /// use buttress_http::Body;
    /// use http::Request;
    ///
    /// // A gateway passes a body on. Nothing of it is kept, so it is sent once, unless no byte of it was sent.
    /// fn forward(request: Request<axum_body::Body>) -> Request<Body> {
    ///     request.map(|body| Body::streaming(body).replay_buffer(0))
    /// }
    /// # mod axum_body { pub type Body = http_body_util::combinators::UnsyncBoxBody<bytes::Bytes, std::io::Error>; }
    /// ```
    pub fn streaming<B>(body: B) -> Self
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        if body.is_end_stream() {
            Self::empty()
        } else {
            Self(Inner::Stream(Upload::new(body, Self::REPLAY_BUFFER)))
        }
    }

    /// Sets how many bytes of a stream, trailers included, are kept for another attempt; 0 keeps none. Default: 64 KiB. It
    /// has no effect on bytes, which are shared, nor on a stream that has a copy already.
    #[must_use]
    pub fn replay_buffer(self, bytes: usize) -> Self {
        match self.0 {
            Inner::Stream(upload) => Self(Inner::Stream(upload.limit(bytes))),
            Inner::Bytes(_) => self,
        }
    }

    /// Returns the bytes; `None` for a stream.
    #[must_use]
    pub fn as_bytes(&self) -> Option<&Bytes> {
        match &self.0 {
            Inner::Bytes(bytes) => Some(bytes),
            Inner::Stream(_) => None,
        }
    }

    /// Returns a handle that reports to a stream how its attempt ended. `length` is the length that the head declares.
    pub(crate) fn watch(&mut self, length: Option<u64>) -> Option<Watch> {
        match &mut self.0 {
            Inner::Bytes(_) => None,
            Inner::Stream(upload) => Some(upload.watch(length)),
        }
    }
}

impl ReplayBody for Body {
    fn replay_body(&self) -> Option<Self> {
        Some(Self(match &self.0 {
            Inner::Bytes(bytes) => Inner::Bytes(bytes.clone()),
            Inner::Stream(upload) => Inner::Stream(upload.replay()?),
        }))
    }

    fn replayable(&self) -> bool {
        match &self.0 {
            Inner::Bytes(_) => true,
            Inner::Stream(upload) => upload.replayable(),
        }
    }
}

macro_rules! from {
    ($($type:ty),+) => {
        $(impl From<$type> for Body {
            fn from(bytes: $type) -> Self {
                Self(Inner::Bytes(bytes.into()))
            }
        })+
    };
}

from!(&'static str, &'static [u8], String, Vec<u8>, Bytes);

impl From<()> for Body {
    fn from((): ()) -> Self {
        Self::empty()
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match &mut self.0 {
            Inner::Bytes(bytes) if bytes.is_empty() => Poll::Ready(None),
            Inner::Bytes(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Inner::Stream(upload) => upload.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Inner::Bytes(bytes) => bytes.is_empty(),
            Inner::Stream(upload) => upload.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Inner::Bytes(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Inner::Stream(upload) => upload.size_hint(),
        }
    }
}

/// Shows the length, never the content.
impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Inner::Bytes(bytes) => write!(f, "Body({} bytes)", bytes.len()),
            Inner::Stream(_) => f.write_str("Body(stream)"),
        }
    }
}
