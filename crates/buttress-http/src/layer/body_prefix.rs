//! `BodyPrefix`: reads the beginning of a body.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use buttress_context::LastPoll;
use bytes::{Buf, BufMut, Bytes, BytesMut};
use pin_project_lite::pin_project;
use tokio::time::{Sleep, sleep};

/// The number of frames that are read: a server may send empty frames forever.
const MAX_FRAMES: u32 = 1024;

pin_project! {
    /// A future of the first bytes of a body, and of whether they are the whole body. It never fails.
    pub(super) struct BodyPrefix<B> {
        #[pin]
        body: B,
        #[pin]
        timeout: Sleep,
        bytes: BytesMut,
        remaining_bytes: usize,
        remaining_frames: u32,
    }
}

impl<B> BodyPrefix<B> {
    /// Reads at most `max_bytes` of what arrives within `limit`.
    pub(super) fn new(body: B, max_bytes: usize, limit: Duration) -> Self {
        let remaining_frames = if max_bytes == 0 { 0 } else { MAX_FRAMES };
        let timeout = sleep(limit);
        Self { body, timeout, bytes: BytesMut::new(), remaining_bytes: max_bytes, remaining_frames }
    }
}

impl<B: http_body::Body> Future for BodyPrefix<B> {
    type Output = (Bytes, bool);

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let is_whole = loop {
            if this.body.is_end_stream() {
                break true;
            }
            if *this.remaining_frames == 0 {
                break false;
            }
            match this.body.as_mut().poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => {
                    *this.remaining_frames -= 1;
                    if let Ok(data) = frame.into_data() {
                        let fits = data.remaining() <= *this.remaining_bytes;
                        let data = data.take(*this.remaining_bytes);
                        *this.remaining_bytes -= data.remaining();
                        this.bytes.put(data);
                        if !fits {
                            break false;
                        }
                    }
                }
                Poll::Ready(Some(Err(_))) => break false,
                Poll::Ready(None) => break true,
                // A timeout layer is about to drop the call, and the status would be lost with it.
                Poll::Pending if LastPoll::is_current() => break false,
                Poll::Pending if this.timeout.as_mut().poll(cx).is_ready() => break false,
                Poll::Pending => return Poll::Pending,
            }
        };
        Poll::Ready((std::mem::take(this.bytes).freeze(), is_whole))
    }
}

impl<B> fmt::Debug for BodyPrefix<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BodyPrefix").field("bytes", &self.bytes.len()).finish_non_exhaustive()
    }
}
