//! What the receivers are told at start.

use spandrel_proto::wire::DecodeLimits;

/// Bounds of the receivers. Sizes are bytes.
#[derive(Debug, Clone)]
pub struct ReceiverConfig {
    /// The largest request body as sent.
    pub max_request_bytes: usize,
    /// The largest request body after decompression.
    pub max_decompressed_bytes: usize,
    /// All requests being worked on together, in every form they have at once.
    pub max_inflight_bytes: usize,
    /// Bounds on what one request may become.
    pub decode_limits: DecodeLimits,
    /// Origins whose pages may send OTLP/HTTP.
    pub cors: CorsOrigins,
}

/// Which web origins may send.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum CorsOrigins {
    #[default]
    None,
    Any,
    /// Origins such as `https://shop.example`.
    List(Vec<String>),
}

impl Default for ReceiverConfig {
    fn default() -> Self {
        const MIB: usize = 1024 * 1024;
        Self {
            max_request_bytes: 16 * MIB,
            max_decompressed_bytes: 32 * MIB,
            max_inflight_bytes: 64 * MIB,
            // Columns may have twice the room they use, and the largest request must fit when it is alone.
            decode_limits: DecodeLimits { expanded_bytes: 32 * MIB, ..DecodeLimits::default() },
            cors: CorsOrigins::None,
        }
    }
}
