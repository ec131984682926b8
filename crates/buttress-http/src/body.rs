//! `Body`: the one request body of every client stack.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use buttress_context::ReplayBody;
use buttress_error::BoxError;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt;
use http_body_util::combinators::BoxBody;

/// A request body: bytes, which can be sent any number of times, or a stream, which is sent once.
///
/// One concrete type, so that a client stack needs no type parameter for it. It is not `Clone`: a copy is
/// [`ReplayBody::replay_body`], which shares the bytes and says none for a stream.
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
    // `Sync`, because reqwest wants its bodies so.
    Stream(BoxBody<Bytes, BoxError>),
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

    /// A body that is made while it is sent. It can be sent only once, so the request is never repeated.
    pub fn streaming<B>(body: B) -> Self
    where
        B: http_body::Body<Data = Bytes> + Send + Sync + 'static,
        B::Error: Into<BoxError>,
    {
        Self(Inner::Stream(body.map_err(Into::into).boxed()))
    }

    /// The bytes; none for a stream.
    #[must_use]
    pub fn as_bytes(&self) -> Option<&Bytes> {
        match &self.0 {
            Inner::Bytes(bytes) => Some(bytes),
            Inner::Stream(_) => None,
        }
    }
}

/// Bytes are shared, a stream has no copy.
impl ReplayBody for Body {
    fn replay_body(&self) -> Option<Self> {
        self.as_bytes().cloned().map(Self::from)
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
            Inner::Stream(body) => Pin::new(body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Inner::Bytes(bytes) => bytes.is_empty(),
            Inner::Stream(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Inner::Bytes(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Inner::Stream(body) => body.size_hint(),
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
