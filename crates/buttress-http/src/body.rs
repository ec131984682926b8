//! `Body`: the one request body of every client stack.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use buttress_context::ReplayBody;
use buttress_error::BoxError;
use bytes::Bytes;
use http_body::{Frame, SizeHint};

use crate::upload::{Upload, Watch};

/// A request body: bytes, or a stream that is made while it is sent.
///
/// One concrete type, so that a client stack needs no type parameter for it. It is not `Clone`: a copy is
/// [`ReplayBody::replay_body`], which a retry layer makes where another attempt may follow.
///
/// | body | kept for another attempt |
/// |---|---|
/// | bytes, of any size | shared: they are there anyway |
/// | a stream | what of it has been sent, up to [64 KiB](Self::REPLAY_BUFFER) or [another bound](Self::replay_buffer) |
///
/// A stream is never refused and never held back: it is kept while it is sent, and only as long as a copy of it waits.
/// There is no other attempt once it was longer than the bound, has failed or panicked itself, or was answered before it was
/// read to its end (as [`HttpLayer`](crate::HttpLayer) sees): nobody can tell then what the answer was to. An attempt that got
/// no answer leaves the rest of the stream to the next one: where it still reads, it fails.
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
    /// No body.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// How much of a stream is kept for another attempt by default: 64 KiB.
    pub const REPLAY_BUFFER: usize = 64 * 1024;

    /// A body that is made while it is sent.
    ///
    /// ```
    /// use buttress_http::Body;
    /// use http::Request;
    ///
    /// // What a gateway passes on. An upload of which nothing is kept is sent once, unless it never left.
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

    /// How many bytes of a stream, trailers included, are kept for another attempt: any number, 0 for none. Default: 64
    /// KiB. Bytes are shared and not kept, so it says nothing of them; nor does it of a stream that has a copy already.
    #[must_use]
    pub fn replay_buffer(self, bytes: usize) -> Self {
        match self.0 {
            Inner::Stream(upload) => Self(Inner::Stream(upload.limit(bytes))),
            Inner::Bytes(_) => self,
        }
    }

    /// The bytes; none for a stream.
    #[must_use]
    pub fn as_bytes(&self) -> Option<&Bytes> {
        match &self.0 {
            Inner::Bytes(bytes) => Some(bytes),
            Inner::Stream(_) => None,
        }
    }

    /// To be told of the answer, where the rest of a stream depends on it. `length` is what the head declares.
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

/// Says how long it is, never what is in it.
impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Inner::Bytes(bytes) => write!(f, "Body({} bytes)", bytes.len()),
            Inner::Stream(_) => f.write_str("Body(stream)"),
        }
    }
}
