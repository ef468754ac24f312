//! Envoy's response flags, short as in `%RESPONSE_FLAGS%` or long as in `%RESPONSE_FLAGS_LONG%`.

use spandrel_proto::model::Outcome;

/// Short name, long name, and the outcome that the flag says a request had; none for flags that say nothing of it, which
/// then is for its status to tell.
const FLAGS: [(&str, &str, Option<Outcome>); 18] = [
    ("UT", "UpstreamRequestTimeout", Some(Outcome::Timeout)),
    ("SI", "StreamIdleTimeout", Some(Outcome::Timeout)),
    ("DT", "DurationTimeout", Some(Outcome::Timeout)),
    ("UMSDR", "UpstreamMaxStreamDurationReached", Some(Outcome::Timeout)),
    ("UO", "UpstreamOverflow", Some(Outcome::Rejected)),
    ("RL", "RateLimited", Some(Outcome::Rejected)),
    ("OM", "OverloadManagerTerminated", Some(Outcome::Rejected)),
    ("DO", "DropOverload", Some(Outcome::Rejected)),
    ("UDO", "UnconditionalDropOverload", Some(Outcome::Rejected)),
    ("UF", "UpstreamConnectionFailure", Some(Outcome::Unreachable)),
    ("UH", "NoHealthyUpstream", Some(Outcome::Unreachable)),
    ("NC", "NoClusterFound", Some(Outcome::Unreachable)),
    ("NR", "NoRouteFound", Some(Outcome::Unreachable)),
    ("DF", "DnsResolutionFailed", Some(Outcome::Unreachable)),
    // Of the outcome only where nothing was answered yet, which its user checks.
    ("UC", "UpstreamConnectionTermination", Some(Outcome::Unreachable)),
    ("DC", "DownstreamConnectionTermination", Some(Outcome::Cancelled)),
    ("DR", "DownstreamRemoteReset", Some(Outcome::Cancelled)),
    ("URX", "UpstreamRetryLimitExceeded", None),
];

/// The flags in a text, by their short names. Unknown ones are left out.
pub(crate) fn known(flags: &str) -> impl Iterator<Item = (&'static str, Option<Outcome>)> {
    flags.split(',').filter_map(|flag| {
        let flag = flag.trim();
        FLAGS
            .iter()
            .find(|(short, long, _)| *short == flag || *long == flag)
            .map(|(short, _, outcome)| (*short, *outcome))
    })
}

/// Whether one of the flags has this short name.
pub(crate) fn has(flags: &str, short: &str) -> bool {
    known(flags).any(|(flag, _)| flag == short)
}
