//! Response flags.

use std::borrow::Cow;

use crate::record::Text;

/// Short and long names (`%RESPONSE_FLAGS%`, `%RESPONSE_FLAGS_LONG%`).
const NAMES: [(&str, &str); 30] = [
    ("LH", "FailedLocalHealthCheck"),
    ("UH", "NoHealthyUpstream"),
    ("UT", "UpstreamRequestTimeout"),
    ("LR", "LocalReset"),
    ("UR", "UpstreamRemoteReset"),
    ("UF", "UpstreamConnectionFailure"),
    ("UC", "UpstreamConnectionTermination"),
    ("UO", "UpstreamOverflow"),
    ("NR", "NoRouteFound"),
    ("DI", "DelayInjected"),
    ("FI", "FaultInjected"),
    ("RL", "RateLimited"),
    ("UAEX", "UnauthorizedExternalService"),
    ("RLSE", "RateLimitServiceError"),
    ("DC", "DownstreamConnectionTermination"),
    ("URX", "UpstreamRetryLimitExceeded"),
    ("SI", "StreamIdleTimeout"),
    ("IH", "InvalidEnvoyRequestHeaders"),
    ("DPE", "DownstreamProtocolError"),
    ("UMSDR", "UpstreamMaxStreamDurationReached"),
    ("RFCF", "ResponseFromCacheFilter"),
    ("NFCF", "NoFilterConfigFound"),
    ("DT", "DurationTimeout"),
    ("UPE", "UpstreamProtocolError"),
    ("NC", "NoClusterFound"),
    ("OM", "OverloadManagerTerminated"),
    ("DF", "DnsResolutionFailed"),
    ("DO", "DropOverload"),
    ("DR", "DownstreamRemoteReset"),
    ("UDO", "UnconditionalDropOverload"),
];

/// The flags by their short names. What has none, such as a registered flag of one's own, stays.
pub(super) fn shortened(flags: Text<'_>) -> Text<'_> {
    if !flags.bytes().any(|byte| byte.is_ascii_lowercase()) {
        return flags;
    }
    let mut short = String::with_capacity(flags.len());
    for flag in flags.split(',').map(str::trim) {
        if !short.is_empty() {
            short.push(',');
        }
        short.push_str(NAMES.iter().find(|(_, long)| *long == flag).map_or(flag, |(name, _)| name));
    }
    Cow::Owned(short)
}

/// Whether the client went away, by flags with short names.
pub(super) fn say_cancelled(flags: &str) -> bool {
    flags.split(',').any(|flag| matches!(flag, "DC" | "DR"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_become_short_ones() {
        for (flags, expected) in [
            ("UF,URX", "UF,URX"),
            ("UpstreamOverflow", "UO"),
            ("UpstreamConnectionFailure,UpstreamRetryLimitExceeded", "UF,URX"),
            ("CUSTOM", "CUSTOM"),
            ("MyFlag,NoRouteFound", "MyFlag,NR"),
        ] {
            assert_eq!(shortened(Cow::Borrowed(flags)), expected);
        }
        assert!(say_cancelled("UF,DC") && !say_cancelled("UDC"));
    }
}
