//! What the names of clusters tell: the direction, and the service behind.

use crate::{kubernetes::service_of_host, record::Side};

/// What a cluster's name says. The texts are parts of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Cluster<'c> {
    pub side: Option<Side>,
    pub service: Option<&'c str>,
    pub namespace: Option<&'c str>,
    pub subset: Option<&'c str>,
}

/// Reads the names that Istio (`outbound|9080|v1|reviews.default.svc.cluster.local`), Consul
/// (`v1.reviews.default.dc1.internal.<trust domain>.consul`), App Mesh (`cds_egress_mesh_reviews_http_9080`) and Kuma
/// (`reviews_default_svc_9080`, `localhost:9080`) give to clusters, and Kubernetes hosts.
pub(super) fn read(cluster: &str) -> Cluster<'_> {
    let outbound = Cluster { side: Some(Side::Outbound), ..Cluster::default() };
    let inbound = Cluster { side: Some(Side::Inbound), ..Cluster::default() };
    if let Some(rest) = cluster.strip_prefix("outbound") {
        return istio(rest, outbound);
    }
    if let Some(rest) = cluster.strip_prefix("inbound") {
        return istio(rest, inbound);
    }
    match cluster {
        "PassthroughCluster" | "BlackHoleCluster" => return outbound,
        "local_app" => return inbound,
        _ => {}
    }
    if cluster.starts_with("InboundPassthroughCluster") || cluster.starts_with("localhost:") {
        return inbound;
    }
    if cluster.starts_with("cds_ingress_") {
        return inbound;
    }
    if let Some(rest) = cluster.strip_prefix("cds_egress_") {
        return Cluster { service: app_mesh_node(rest), ..outbound };
    }
    if cluster.ends_with(".consul") {
        return consul(cluster, outbound);
    }
    if let Some((service, namespace)) = kuma_service(cluster) {
        return Cluster { service: Some(service), namespace: Some(namespace), ..outbound };
    }
    match service_of_host(cluster) {
        Some((service, namespace)) => Cluster { service: Some(service), namespace, ..Cluster::default() },
        None => Cluster::default(),
    }
}

/// `|port|subset|host`, or `_.port_.subset_.host` as it stands in SNI.
fn istio<'c>(rest: &'c str, direction: Cluster<'c>) -> Cluster<'c> {
    let (separator, rest) = match (rest.strip_prefix('|'), rest.strip_prefix("_.")) {
        (Some(rest), _) => ("|", rest),
        (_, Some(rest)) => ("_.", rest),
        _ => return direction,
    };
    let mut parts = rest.splitn(3, separator);
    let (_port, subset, host) = (parts.next(), parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    // An inbound cluster's second part is a port's name, such as `http`.
    let subset = (direction.side == Some(Side::Outbound) && !subset.is_empty()).then_some(subset);
    match service_of_host(host) {
        Some((service, namespace)) => Cluster { service: Some(service), namespace, subset, ..direction },
        None => Cluster { service: Some(host).filter(|host| !host.is_empty()), subset, ..direction },
    }
}

/// `[subset.]service.namespace.datacenter.internal.<trust domain>.consul`, with a partition before the data centre
/// where `internal-v1` follows, and `external` for peers.
fn consul<'c>(cluster: &'c str, direction: Cluster<'c>) -> Cluster<'c> {
    let (labels, partition) =
        match (cluster.find(".internal."), cluster.find(".internal-v1."), cluster.find(".external.")) {
            (Some(end), _, _) | (_, _, Some(end)) => (&cluster[..end], 0),
            (_, Some(end), _) => (&cluster[..end], 1),
            _ => return direction,
        };
    let mut labels = labels.rsplit('.').skip(1 + partition);
    let (namespace, service, subset) = (labels.next(), labels.next(), labels.next());
    Cluster { service, namespace, subset, ..direction }
}

/// The virtual node in `<mesh>_<node>_<protocol>_<port>`.
fn app_mesh_node(rest: &str) -> Option<&str> {
    let (_mesh, rest) = rest.split_once('_')?;
    let (rest, _port) = rest.rsplit_once('_')?;
    let (node, _protocol) = rest.rsplit_once('_')?;
    (!node.is_empty()).then_some(node)
}

/// Service and namespace in Kuma's name of a service, `reviews_default_svc_9080` or `reviews_default_svc`.
pub(super) fn kuma_service(name: &str) -> Option<(&str, &str)> {
    let end = name.find("_svc").filter(|end| {
        let rest = &name[end + 4..];
        rest.is_empty() || rest.starts_with('_')
    })?;
    let (service, namespace) = name[..end].rsplit_once('_')?;
    (!service.is_empty() && !namespace.is_empty()).then_some((service, namespace))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_direction_service_namespace_and_subset() {
        use Side::{Inbound, Outbound};
        for (name, side, service, namespace, subset) in [
            (
                "outbound|9080|v1|reviews.shop.svc.cluster.local",
                Some(Outbound),
                Some("reviews"),
                Some("shop"),
                Some("v1"),
            ),
            ("outbound|9080||reviews.shop.svc.cluster.local", Some(Outbound), Some("reviews"), Some("shop"), None),
            ("outbound_.9080_._.reviews.shop.svc.cluster.local", Some(Outbound), Some("reviews"), Some("shop"), None),
            (
                "outbound_.80_.v2_.reviews.shop.svc.cluster.local",
                Some(Outbound),
                Some("reviews"),
                Some("shop"),
                Some("v2"),
            ),
            ("outbound|443||api.example.com", Some(Outbound), Some("api.example.com"), None, None),
            ("inbound|9080||", Some(Inbound), None, None, None),
            ("inbound|9080|http|reviews.shop.svc.cluster.local", Some(Inbound), Some("reviews"), Some("shop"), None),
            ("InboundPassthroughClusterIpv4", Some(Inbound), None, None, None),
            ("PassthroughCluster", Some(Outbound), None, None, None),
            ("BlackHoleCluster", Some(Outbound), None, None, None),
            ("local_app", Some(Inbound), None, None, None),
            ("cart.default.dc1.internal.11111111-2222.consul", Some(Outbound), Some("cart"), Some("default"), None),
            ("v2.cart.default.dc1.internal.1111.consul", Some(Outbound), Some("cart"), Some("default"), Some("v2")),
            ("cart.default.part.dc1.internal-v1.1111.consul", Some(Outbound), Some("cart"), Some("default"), None),
            ("cds_egress_shop_cart_http_8080", Some(Outbound), Some("cart"), None, None),
            ("cds_ingress_shop_web_http_8080", Some(Inbound), None, None, None),
            ("cart_shop_svc_8080", Some(Outbound), Some("cart"), Some("shop"), None),
            ("cart", None, Some("cart"), None, None),
            ("httproute/default/cart/rule/0", None, None, None, None),
            ("outbound", Some(Outbound), None, None, None),
            ("", None, None, None, None),
        ] {
            let namespace = namespace.map(|namespace: &str| namespace);
            assert_eq!(read(name), Cluster { side, service, namespace, subset }, "{name}");
        }
    }
}
