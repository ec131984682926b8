//! Reads the beginning of a body, and never fails.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use buttress_context::LastPoll;
use bytes::{Buf, BufMut, Bytes, BytesMut};
use pin_project_lite::pin_project;
use tokio::time::{Sleep, sleep};

/// A server may send frames without data for ever.
const MAX_FRAMES: u32 = 1024;

pin_project! {
    /// What came of a body, and whether that is all of it.
    pub(super) struct Read<B> {
        #[pin]
        body: B,
        #[pin]
        time: Sleep,
        bytes: BytesMut,
        room: usize,
        frames: u32,
    }
}

impl<B> Read<B> {
    pub(super) fn new(body: B, bytes: usize, time: Duration) -> Self {
        let frames = if bytes == 0 { 0 } else { MAX_FRAMES };
        Self { body, time: sleep(time), bytes: BytesMut::new(), room: bytes, frames }
    }
}

impl<B: http_body::Body> Future for Read<B> {
    type Output = (Bytes, bool);

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let whole = loop {
            if this.body.is_end_stream() {
                break true;
            }
            if *this.frames == 0 {
                break false;
            }
            match this.body.as_mut().poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => {
                    *this.frames -= 1;
                    if let Ok(data) = frame.into_data() {
                        let fits = data.remaining() <= *this.room;
                        let data = data.take(*this.room);
                        *this.room -= data.remaining();
                        this.bytes.put(data);
                        if !fits {
                            break false;
                        }
                    }
                }
                Poll::Ready(Some(Err(_))) => break false,
                Poll::Ready(None) => break true,
                // A timeout around would drop the call, and the status with it.
                Poll::Pending if LastPoll::is_current() => break false,
                Poll::Pending if this.time.as_mut().poll(cx).is_ready() => break false,
                Poll::Pending => return Poll::Pending,
            }
        };
        Poll::Ready((std::mem::take(this.bytes).freeze(), whole))
    }
}

impl<B> fmt::Debug for Read<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Read").field("bytes", &self.bytes.len()).finish_non_exhaustive()
    }
}
