//! Reading on after a refusal.
//!
//! A request may be answered before its body is read, when the body is too large for instance. Over HTTP/1 the sender is
//! still writing then, and closing the connection under it would look like a broken one, which OTLP senders retry for
//! ever. So the rest of an unread body is read and thrown away, up to a bound.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;

/// Bytes thrown away after a refusal; a longer body finds its connection closed.
const MAX_BYTES: usize = 256 * 1024 * 1024;
const MAX_TIME: Duration = Duration::from_secs(10);

/// The body of an HTTP/1 request; what is left of it when it is dropped is read and thrown away.
pub(super) struct DrainedBody {
    inner: Option<Incoming>,
}

impl DrainedBody {
    pub(super) fn new(body: Incoming) -> Self {
        Self { inner: Some(body) }
    }
}

impl Body for DrainedBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match &mut self.inner {
            Some(body) => Pin::new(body).poll_frame(context),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.as_ref().map_or_else(SizeHint::default, Body::size_hint)
    }
}

impl Drop for DrainedBody {
    fn drop(&mut self) {
        let Some(body) = self.inner.take().filter(|body| !body.is_end_stream()) else { return };
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(tokio::time::timeout(MAX_TIME, drain(body)));
        }
    }
}

async fn drain(mut body: Incoming) {
    let mut left = MAX_BYTES;
    while let Some(Ok(frame)) = body.frame().await {
        match left.checked_sub(frame.data_ref().map_or(0, Bytes::len)) {
            Some(rest) => left = rest,
            None => return,
        }
    }
}
