//! Decompression that stops at a limit, so that a small body cannot become a large one.

use std::io::Read;

use bytes::Bytes;
use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};

use super::error::ReceiveError;

/// How a body is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compression {
    Identity,
    Gzip,
    Zstd,
    Deflate,
}

impl Compression {
    /// The compression that a `content-encoding` or `grpc-encoding` names.
    pub(super) fn parse(name: &str) -> Option<Self> {
        match name.trim().to_ascii_lowercase().as_str() {
            "" | "identity" => Some(Compression::Identity),
            "gzip" => Some(Compression::Gzip),
            "zstd" => Some(Compression::Zstd),
            "deflate" => Some(Compression::Deflate),
            _ => None,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Compression::Identity => "identity",
            Compression::Gzip => "gzip",
            Compression::Zstd => "zstd",
            Compression::Deflate => "deflate",
        }
    }

    /// Decompresses `body` to at most `limit` bytes.
    pub(super) fn decompress(self, body: Bytes, limit: usize) -> Result<Bytes, ReceiveError> {
        let failed = |source| ReceiveError::Decompress { encoding: self.name(), source };
        match self {
            Compression::Identity if body.len() > limit => Err(ReceiveError::TooLargeDecompressed { limit }),
            Compression::Identity => Ok(body),
            Compression::Gzip => self.read(MultiGzDecoder::new(&body[..]), body.len(), limit),
            Compression::Zstd => {
                self.read(zstd::stream::read::Decoder::with_buffer(&body[..]).map_err(failed)?, body.len(), limit)
            }
            // HTTP's deflate is zlib, but some senders leave its header out.
            Compression::Deflate if body.first().is_some_and(|byte| byte & 0x0f == 8) => {
                self.read(ZlibDecoder::new(&body[..]), body.len(), limit)
            }
            Compression::Deflate => self.read(DeflateDecoder::new(&body[..]), body.len(), limit),
        }
    }

    fn read(self, decoder: impl Read, compressed_bytes: usize, limit: usize) -> Result<Bytes, ReceiveError> {
        let mut decompressed = Vec::with_capacity((compressed_bytes * 4).min(limit));
        let mut capped = decoder.take(limit as u64 + 1);
        #[expect(clippy::disallowed_methods, reason = "the reader is capped above")]
        capped
            .read_to_end(&mut decompressed)
            .map_err(|source| ReceiveError::Decompress { encoding: self.name(), source })?;
        if decompressed.len() > limit {
            return Err(ReceiveError::TooLargeDecompressed { limit });
        }
        Ok(Bytes::from(decompressed))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

    use super::*;

    fn compressed(name: &str, body: &[u8]) -> Vec<u8> {
        let level = flate2::Compression::fast();
        match name {
            "gzip" => {
                let mut encoder = GzEncoder::new(Vec::new(), level);
                encoder.write_all(body).unwrap();
                encoder.finish().unwrap()
            }
            "deflate" => {
                let mut encoder = ZlibEncoder::new(Vec::new(), level);
                encoder.write_all(body).unwrap();
                encoder.finish().unwrap()
            }
            "raw deflate" => {
                let mut encoder = DeflateEncoder::new(Vec::new(), level);
                encoder.write_all(body).unwrap();
                encoder.finish().unwrap()
            }
            _ => zstd::encode_all(body, 1).unwrap(),
        }
    }

    #[test]
    fn every_encoding_round_trips() {
        let body = b"the same text over and over; ".repeat(100);
        for name in ["gzip", "deflate", "raw deflate", "zstd"] {
            let compression = Compression::parse(name.trim_start_matches("raw ")).unwrap();
            let decompressed = compression.decompress(Bytes::from(compressed(name, &body)), body.len()).unwrap();
            assert_eq!(decompressed, body, "{name}");
        }
    }

    #[test]
    fn b_1_a_bomb_stops_at_the_limit() {
        let bomb = vec![0; 4 * 1024 * 1024];
        for name in ["gzip", "deflate", "zstd"] {
            let body = Bytes::from(compressed(name, &bomb));
            let refused = Compression::parse(name).unwrap().decompress(body, 1024);
            assert!(matches!(refused, Err(ReceiveError::TooLargeDecompressed { limit: 1024 })), "{name}");
        }
    }

    #[test]
    fn garbage_names_its_encoding() {
        for name in ["gzip", "deflate", "zstd"] {
            let refused = Compression::parse(name).unwrap().decompress(Bytes::from_static(b"\x08garbage"), 1024);
            assert!(
                matches!(&refused, Err(ReceiveError::Decompress { encoding, .. }) if *encoding == name),
                "{refused:?}"
            );
        }
    }
}
