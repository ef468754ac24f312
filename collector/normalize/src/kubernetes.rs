//! Names that Kubernetes makes up: the hosts of its services and the pods of its workloads.

/// Letters and digits that generated name suffixes are made of: no vowels and nothing that looks like another.
const SUFFIX_LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
/// Letters and digits in the random suffix of a pod.
const POD_SUFFIX: usize = 5;
/// Letters and digits in the longest template hash of a `Deployment` or `ReplicaSet`.
const TEMPLATE_HASH: usize = 10;

/// Service and namespace of a host name inside a cluster: `reviews.default.svc.cluster.local:9080`, with any cluster
/// domain, is (`reviews`, `default`), as are `reviews.default.svc` and, below a pod's own name, the host of a stateful
/// set's pod. A bare name such as `reviews:9080` is a service whose namespace is not said.
///
/// `None` for addresses and for hosts of another domain.
pub fn service_of_host(host: &str) -> Option<(&str, Option<&str>)> {
    let host = without_port(host).trim_end_matches('.');
    if !host.contains('.') {
        return (is_label(host) && host != "localhost").then_some((host, None));
    }
    let before_svc = match host.find(".svc.") {
        Some(position) => &host[..position],
        None => host.strip_suffix(".svc")?,
    };
    let mut labels = before_svc.rsplit('.');
    let (namespace, service) = (labels.next()?, labels.next()?);
    (is_label(namespace) && is_label(service)).then_some((service, Some(namespace)))
}

/// The workload that a pod belongs to: of `adservice-5f6585d649-fnmft` (deployment), `node-agent-x7k2p` (daemon set,
/// job) and `db-0` (stateful set) what stands before the generated part.
///
/// `None` where the name has no generated part.
pub fn workload_of_pod(pod: &str) -> Option<&str> {
    let (rest, last) = pod.rsplit_once('-')?;
    if rest.is_empty() {
        return None;
    }
    if last.len() == POD_SUFFIX && is_random(last) {
        return match rest.rsplit_once('-') {
            Some((workload, hash)) if !workload.is_empty() && is_template_hash(hash) => Some(workload),
            _ => Some(rest),
        };
    }
    let is_ordinal = !last.is_empty() && last.len() <= 4 && last.bytes().all(|byte| byte.is_ascii_digit());
    (is_ordinal && (last == "0" || !last.starts_with('0'))).then_some(rest)
}

/// A host without its port; of an IPv6 address nothing is cut off.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if !name.contains(':') && port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

/// Whether this can be the name of a service or namespace: small letters, digits and inner dashes, not a number.
fn is_label(name: &str) -> bool {
    let bytes = name.as_bytes();
    bytes.len() <= 63
        && bytes.iter().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-')
        && bytes.first().is_some_and(|byte| *byte != b'-')
        && bytes.last().is_some_and(|byte| *byte != b'-')
        && bytes.iter().any(u8::is_ascii_lowercase)
}

/// Whether these letters may come from Kubernetes' generator. A word of five consonants looks so too, but names hardly
/// end in one.
fn is_random(suffix: &str) -> bool {
    suffix.bytes().all(|byte| SUFFIX_LETTERS.contains(&byte))
}

/// Whether this is the hash of a pod template: letters of the generator since 1.8, a plain number before.
fn is_template_hash(hash: &str) -> bool {
    (6..=TEMPLATE_HASH).contains(&hash.len())
        && hash.bytes().all(|byte| byte.is_ascii_digit() || SUFFIX_LETTERS.contains(&byte))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hosts_inside_a_cluster_name_service_and_namespace() {
        for (host, expected) in [
            ("reviews.default.svc.cluster.local", Some(("reviews", Some("default")))),
            ("reviews.default.svc.cluster.local:9080", Some(("reviews", Some("default")))),
            ("reviews.default.svc.cluster.local.", Some(("reviews", Some("default")))),
            ("cart.shop.svc", Some(("cart", Some("shop")))),
            ("cart.shop.svc.example.internal:80", Some(("cart", Some("shop")))),
            ("db-0.db.shop.svc.cluster.local", Some(("db", Some("shop")))),
            ("cart", Some(("cart", None))),
            ("cart:8080", Some(("cart", None))),
            ("localhost:80", None),
            ("shop.example.com", None),
            ("10.0.3.7:8080", None),
            ("10.0.3.7", None),
            ("[fd00::7]:8080", None),
            ("fd00::7", None),
            ("127001", None),
            ("", None),
            (".svc", None),
            ("a..svc.cluster.local", None),
        ] {
            assert_eq!(service_of_host(host), expected, "{host}");
        }
    }

    #[test]
    fn pods_name_their_workload() {
        for (pod, expected) in [
            ("adservice-5f6585d649-fnmft", Some("adservice")),
            ("cart-service-7d4b9c6f5-x2x9q", Some("cart-service")),
            ("frontend-579b9bff58-t2dbm", Some("frontend")),
            ("web-2035384211-hrjbz", Some("web")),
            ("node-agent-x7k2p", Some("node-agent")),
            ("db-0", Some("db")),
            ("kafka-broker-12", Some("kafka-broker")),
            ("kafka-012", None),
            ("checkout", None),
            ("cart-service", None),
            ("-x7k2p", None),
            ("", None),
        ] {
            assert_eq!(workload_of_pod(pod), expected, "{pod}");
        }
    }

    proptest! {
        #[test]
        fn no_name_panics(name in "\\PC{0,80}", labels in "[a-z0-9.:\\-\\[\\]]{0,80}") {
            for text in [name.as_str(), labels.as_str()] {
                service_of_host(text);
                workload_of_pod(text);
            }
        }
    }
}
