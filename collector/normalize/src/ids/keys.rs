//! Names of headers and log keys that hold ids.

use super::IdKind;

/// The longest name that is looked up, separators left out.
const MAX_KEY: usize = 64;

/// What gateways and libraries put before a header's name, without separators. Longer ones first.
const PREFIXES: [&str; 14] = [
    "httprequestheader",
    "requestheaders",
    "requestheader",
    "upstreamhttp",
    "reqheaders",
    "reqheader",
    "contextmap",
    "senthttp",
    "headers",
    "labels",
    "guid",
    "http",
    "mdc",
    "ctx",
];

pub(super) fn kind_of(key: &str) -> Option<IdKind> {
    let mut squeezed = [0; MAX_KEY];
    let name = squeeze(key, &mut squeezed)?;
    by_name(name).or_else(|| {
        let rest = PREFIXES.iter().find_map(|prefix| name.strip_prefix(prefix.as_bytes()))?;
        by_name(rest)
    })
}

/// The key in lower case without what separates its words, which is how spellings differ.
fn squeeze<'b>(key: &str, buffer: &'b mut [u8; MAX_KEY]) -> Option<&'b [u8]> {
    let mut len = 0;
    for byte in key.bytes().filter(|byte| !matches!(byte, b'_' | b'-' | b'.' | b':' | b' ' | b'/')) {
        *buffer.get_mut(len)? = byte.to_ascii_lowercase();
        len += 1;
    }
    Some(&buffer[..len])
}

fn by_name(name: &[u8]) -> Option<IdKind> {
    let kind = match name {
        b"traceparent" | b"xtraceparent" | b"traceidw3c" => IdKind::TraceParent,
        b"b3" | b"xb3" | b"traceidb3" => IdKind::B3,
        b"traceid"
        | b"xb3traceid"
        | b"xtraceid"
        | b"oteltraceid"
        | b"@tr"
        | b"ottracertraceid"
        | b"traceidot"
        | b"tracecontexttraceid" => IdKind::TraceId,
        b"spanid"
        | b"xb3spanid"
        | b"xspanid"
        | b"otelspanid"
        | b"@sp"
        | b"ottracerspanid"
        | b"logginggoogleapiscomspanid" => IdKind::SpanId,
        b"parentspanid" | b"xb3parentspanid" | b"parentid" | b"otelparentid" | b"@ps" => IdKind::ParentSpanId,
        b"xamzntraceid" | b"xraytraceid" | b"xamzntrace" | b"traceidaws" | b"awsxraytraceid" => IdKind::AmznTrace,
        b"ubertraceid" | b"traceidjaeger" => IdKind::Jaeger,
        b"xcloudtracecontext" | b"logginggoogleapiscomtrace" | b"traceidgcp" => IdKind::CloudTrace,
        b"xdatadogtraceid" | b"ddtraceid" | b"traceiddatadog" => IdKind::DatadogTraceId,
        b"xdatadogparentid" => IdKind::DatadogParentId,
        b"ddspanid" => IdKind::DatadogSpanId,
        b"xdatadogtags" => IdKind::DatadogTags,
        b"sw8" => IdKind::Sw8,
        b"grpctracebin" => IdKind::GrpcTraceBin,
        b"xrequestid"
        | b"requestid"
        | b"reqid"
        | b"xcorrelationid"
        | b"correlationid"
        | b"xcorrelation"
        | b"kongrequestid"
        | b"xkongrequestid"
        | b"xamzrequestid"
        | b"xamznrequestid"
        | b"xmsrequestid"
        | b"requestcorrelationid" => IdKind::Correlation,
        _ => return None,
    };
    Some(kind)
}
