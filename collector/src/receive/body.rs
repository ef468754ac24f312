//! Reading a request body within its bounds.

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body_util::BodyExt;

use super::{admission::Charge, error::ReceiveError};

/// Reads `body`, of at most `limit` bytes. Its length is charged before it is read where the sender declares it, and with
/// each part that arrives where not.
pub(super) async fn read_body(
    headers: &HeaderMap,
    mut body: Body,
    limit: usize,
    charge: &mut Charge,
) -> Result<Bytes, ReceiveError> {
    let declared = declared_length(headers);
    if let Some(declared) = declared {
        if declared > limit {
            return Err(ReceiveError::TooLarge { limit });
        }
        charge.grow(declared).map_err(|_| ReceiveError::Busy)?;
    }
    let mut charged = declared.unwrap_or(0);
    let mut parts = BytesMut::with_capacity(charged);
    while let Some(frame) = body.frame().await {
        let Ok(part) = frame.map_err(ReceiveError::Body)?.into_data() else { continue };
        let length = parts.len() + part.len();
        if length > limit {
            return Err(ReceiveError::TooLarge { limit });
        }
        if length > charged {
            charge.grow(length - charged).map_err(|_| ReceiveError::Busy)?;
            charged = length;
        }
        parts.extend_from_slice(&part);
    }
    Ok(parts.freeze())
}

fn declared_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(http::header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
