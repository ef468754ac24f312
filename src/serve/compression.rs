//! Answers in gzip, for those who take it.

use std::io::Write;

use axum::{
    body::{Body, BodyDataStream},
    extract::Request,
    http::{
        HeaderMap, HeaderValue,
        header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, VARY},
    },
    middleware::Next,
    response::Response,
};
use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use futures::{StreamExt, stream};
use http_body::Body as _;

/// Smaller answers are sent as they are.
const LEAST_BYTES: u64 = 1024;
/// What is compressed before others get their turn.
const SLICE: usize = 64 * 1024;
/// Media types that become smaller. Events are not among them: each is to be sent at once.
const COMPRESSED: [&str; 4] =
    ["application/json", "application/x-ndjson", "text/csv", "application/vnd.apache.arrow.stream"];

/// Middleware that compresses answers which are large enough.
pub(super) async fn compress(request: Request, next: Next) -> Response {
    let is_taken = takes_gzip(request.headers());
    let response = next.run(request).await;
    if !is_compressible(&response) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    parts.headers.append(VARY, HeaderValue::from_static("accept-encoding"));
    if !is_taken {
        return Response::from_parts(parts, body);
    }
    parts.headers.remove(CONTENT_LENGTH);
    parts.headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    Response::from_parts(parts, Body::from_stream(compressed(body)))
}

fn is_compressible(response: &Response) -> bool {
    let kind = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    let size = response.body().size_hint();
    COMPRESSED.contains(&kind)
        && !response.headers().contains_key(CONTENT_ENCODING)
        && size.exact().is_none_or(|bytes| bytes >= LEAST_BYTES)
}

/// Whether `Accept-Encoding` names gzip, or everything, and does not refuse it.
fn takes_gzip(headers: &HeaderMap) -> bool {
    let mut everything = None;
    let values = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    for coding in values.flat_map(|value| value.split(',')) {
        let mut parts = coding.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let quality = parts.find_map(|part| part.strip_prefix("q=")?.parse::<f32>().ok()).unwrap_or(1.0);
        if name.eq_ignore_ascii_case("gzip") {
            return quality > 0.0;
        }
        if name == "*" {
            everything = Some(quality > 0.0);
        }
    }
    everything.unwrap_or(false)
}

/// A body on its way through the encoder.
struct Compressing {
    body: BodyDataStream,
    /// `None` when everything is written.
    encoder: Option<GzEncoder<Vec<u8>>>,
    /// What is left of the chunk that is being compressed.
    chunk: Bytes,
}

impl Compressing {
    /// Compresses what comes next: empty while the encoder keeps it, `None` at the end.
    async fn next(&mut self) -> Result<Option<Vec<u8>>, axum::Error> {
        let Some(encoder) = &mut self.encoder else { return Ok(None) };
        if self.chunk.is_empty() {
            match self.body.next().await {
                Some(chunk) => self.chunk = chunk?,
                None => {
                    let encoder = self.encoder.take();
                    return encoder.map(GzEncoder::finish).transpose().map_err(axum::Error::new);
                }
            }
        }
        let slice = self.chunk.split_to(SLICE.min(self.chunk.len()));
        encoder.write_all(&slice).map_err(axum::Error::new)?;
        if self.chunk.is_empty() {
            // Who reads a result as it is produced waits for no more than was produced.
            encoder.flush().map_err(axum::Error::new)?;
        }
        Ok(Some(std::mem::take(encoder.get_mut())))
    }
}

fn compressed(body: Body) -> impl futures::Stream<Item = Result<Vec<u8>, axum::Error>> {
    let encoder = Some(GzEncoder::new(Vec::new(), Compression::fast()));
    let compressing = Compressing { body: body.into_data_stream(), encoder, chunk: Bytes::new() };
    stream::try_unfold(compressing, |mut compressing| async move {
        loop {
            tokio::task::consume_budget().await;
            match compressing.next().await? {
                Some(bytes) if bytes.is_empty() => {}
                bytes => return Ok(bytes.map(|bytes| (bytes, compressing))),
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use http_body_util::BodyExt;

    use super::*;

    #[test]
    fn gzip_is_for_those_who_take_it() {
        for (header, taken) in
            [("gzip", true), ("br, GZIP;q=0.5", true), ("*", true), ("gzip;q=0, *", false), ("br", false), ("", false)]
        {
            let headers = HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static(header))]);
            assert_eq!(takes_gzip(&headers), taken, "{header}");
        }
        assert!(!takes_gzip(&HeaderMap::new()));
    }

    #[tokio::test]
    async fn what_is_compressed_is_the_same_afterwards() {
        let chunks: Vec<Vec<u8>> = (0..5_u8).map(|chunk| vec![b'a' + chunk; usize::from(chunk) * 50_000]).collect();
        let whole: Vec<u8> = chunks.concat();
        let body = Body::from_stream(stream::iter(chunks.into_iter().map(Ok::<_, axum::Error>)));
        let bytes = Body::from_stream(compressed(body)).collect().await.unwrap().to_bytes();
        assert!(bytes.len() < whole.len() / 50);
        let mut read = Vec::new();
        std::io::copy(&mut flate2::read::GzDecoder::new(&bytes[..]).take(1 << 20), &mut read).unwrap();
        assert!(read == whole);
    }

    #[tokio::test]
    async fn an_answer_that_is_cut_stays_cut() {
        let chunks = [Ok(vec![1; 10]), Err(axum::Error::new("the query failed"))];
        let body = Body::from_stream(compressed(Body::from_stream(stream::iter(chunks))));
        assert!(body.collect().await.is_err());
    }
}
