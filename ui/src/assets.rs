//! The files of the page as they lie in the binary.

use bytes::Bytes;
use rust_embed::{Embed, EmbeddedFile};
use std::borrow::Cow;

/// One file of the page, ready to send.
#[derive(Clone, Debug)]
pub(crate) struct Asset {
    pub(crate) content: Bytes,
    /// The same content compressed with gzip, when that is smaller.
    pub(crate) gzip: Option<Bytes>,
    pub(crate) content_type: &'static str,
    /// Hexadecimal hash of `content`.
    pub(crate) hash: String,
}

/// The file at a path inside the page, such as `index.html` or `assets/index-abc.js`.
pub(crate) fn find(path: &str) -> Option<Asset> {
    if path.ends_with(".gz") {
        return None;
    }
    let file = Page::get(path)?;
    let hash = file.metadata.sha256_hash()[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    Some(Asset {
        content: bytes_of(file),
        gzip: Page::get(&format!("{path}.gz")).map(bytes_of),
        content_type: content_type(path),
        hash,
    })
}

#[derive(Embed)]
#[folder = "$OUT_DIR/page"]
struct Page;

fn bytes_of(file: EmbeddedFile) -> Bytes {
    match file.data {
        Cow::Borrowed(data) => Bytes::from_static(data),
        Cow::Owned(data) => Bytes::from(data),
    }
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, extension)| extension) {
        Some("css") => "text/css; charset=utf-8",
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("json" | "map") => "application/json",
        Some("png") => "image/png",
        Some("svg") => "image/svg+xml",
        Some("txt") => "text/plain; charset=utf-8",
        Some("woff2") => "font/woff2",
        _ => "application/octet-stream",
    }
}
