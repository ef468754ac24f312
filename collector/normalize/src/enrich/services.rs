//! Services of the addresses that gateways name as their upstreams.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

use arrow::{
    array::{Array, ArrayRef, AsArray, StringArray},
    record_batch::RecordBatch,
};
use spandrel_proto::model::Table;

use super::{searcher::Searcher, view::View};
use crate::kubernetes::service_of_host;

/// A service of the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaticService {
    /// An address, one with its port, a host name, or a host name whose `*` stands for anything:
    /// `*.payments.svc`.
    pub address: String,
    pub service: String,
}

/// Knows which service an address is of: from the configuration, from what spans and logs say of the places they come
/// from, and from Kubernetes' names. Each goes before the next.
#[derive(Debug)]
pub struct ServiceMap {
    exact: HashMap<String, Arc<str>>,
    patterns: Vec<(String, Arc<str>)>,
    /// Names of attributes that hold a sender's own address.
    address_keys: Searcher,
    learned: Mutex<Learned>,
}

/// The most addresses that are remembered. Those that were not told of for the longest time are forgotten.
const LEARNED: usize = 65_536;

#[derive(Debug, Default)]
struct Learned {
    recent: HashMap<Box<str>, Owner>,
    older: HashMap<Box<str>, Owner>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Owner {
    Service(Arc<str>),
    /// A host that several services run on.
    Shared,
}

impl ServiceMap {
    pub fn new(services: &[StaticService]) -> Self {
        let mut exact = HashMap::new();
        let mut patterns = Vec::new();
        for entry in services {
            let (address, service) = (entry.address.to_ascii_lowercase(), Arc::from(entry.service.as_str()));
            if address.contains('*') {
                patterns.push((address, service));
            } else {
                exact.insert(address, service);
            }
        }
        let address_keys = Searcher::new(&["k8s.pod.ip", "host.ip", "network.local.address"]);
        Self { exact, patterns, address_keys, learned: Mutex::default() }
    }

    /// Learns the addresses of the services that spans and logs come from.
    pub fn learn(&self, table: Table, batch: &RecordBatch) {
        if !matches!(table, Table::Spans | Table::Logs) {
            return;
        }
        let view = View(batch);
        let services = view.texts("service_name");
        let mut learned = self.learned.lock().unwrap_or_else(PoisonError::into_inner);
        // Rows of one sender stand together.
        let mut last = (String::new(), "");
        let mut tell = |learned: &mut Learned, address: &str, service, is_host: bool| {
            if (last.0.as_str(), last.1) != (address, service) {
                learned.insert(address, service, is_host);
                last = (address.to_owned(), service);
            }
        };
        let resources = view.attributes("resource_attributes");
        for row in resources.rows_with_key(&self.address_keys) {
            let Some(service) = services.get(row) else { continue };
            if let Some(pod) = resources.get(row, "k8s.pod.ip").filter(|pod| is_reachable(pod)) {
                tell(&mut learned, pod, service, false);
            }
            let hosts = resources.get(row, "host.ip").unwrap_or_default();
            for host in hosts.split(['[', ']', '"', ',', ' ']).filter(|host| is_reachable(host)).take(16) {
                tell(&mut learned, host, service, true);
            }
        }
        if table != Table::Spans {
            return;
        }
        let (kinds, hosts, ports) = (view.texts("kind"), view.texts("server_address"), view.ints("server_port"));
        let attributes = view.attributes("attributes");
        let mut own = attributes.rows_with_key(&self.address_keys).into_iter().peekable();
        for row in 0..batch.num_rows() {
            let says_own = own.next_if_eq(&row).is_some();
            let (Some("SERVER"), Some(service)) = (kinds.get(row), services.get(row)) else { continue };
            if let (Some(host), Some(port)) = (hosts.get(row), ports.get(row)) {
                tell(&mut learned, &with_port(host, port), service, false);
            }
            if says_own && let Some(host) = attributes.get(row, "network.local.address") {
                match attributes.get(row, "network.local.port").and_then(|port| port.parse().ok()) {
                    Some(port) => tell(&mut learned, &with_port(host, port), service, false),
                    None if is_reachable(host) => tell(&mut learned, host, service, true),
                    None => {}
                }
            }
        }
    }

    /// The requests with `upstream_service` filled where it was null and the upstream's address is known.
    pub fn apply(&self, requests: RecordBatch) -> RecordBatch {
        let view = View(&requests);
        let (services, addresses) = (view.texts("upstream_service"), view.texts("upstream_address"));
        let Some(column) = services.0.filter(|column| column.null_count() > 0) else { return requests };
        let mut found: Vec<(usize, Arc<str>)> = Vec::new();
        let mut last: Option<(&str, Option<Arc<str>>)> = None;
        for row in 0..requests.num_rows() {
            let (None, Some(address)) = (services.get(row), addresses.get(row)) else { continue };
            if last.as_ref().is_none_or(|(known, _)| *known != address) {
                last = Some((address, self.service_of(address)));
            }
            if let Some((_, Some(service))) = &last {
                found.push((row, Arc::clone(service)));
            }
        }
        if found.is_empty() {
            return requests;
        }
        let mut found = found.into_iter().peekable();
        let filled: StringArray = (0..column.len())
            .map(|row| match found.next_if(|(found, _)| *found == row) {
                Some((_, service)) => Some(service.to_string()),
                None => services.get(row).map(str::to_owned),
            })
            .collect();
        with_column(&requests, "upstream_service", Arc::new(filled))
    }

    /// The service that an address is of, if that is known.
    pub fn service_of(&self, address: &str) -> Option<Arc<str>> {
        let address = address.trim().to_ascii_lowercase();
        let (host, port) = split_port(&address);
        let exact = self.exact.get(&address).or_else(|| self.exact.get(host));
        if let Some(service) = exact {
            return Some(Arc::clone(service));
        }
        if let Some((_, service)) =
            self.patterns.iter().find(|(pattern, _)| matches(pattern, host) || matches(pattern, &address))
        {
            return Some(Arc::clone(service));
        }
        let learned = self.learned.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(service) = learned.get(&address).or_else(|| learned.get(host)) {
            return Some(service);
        }
        drop(learned);
        // A bare name without a port may be anything: the name of a group of servers for instance.
        let (service, namespace) = service_of_host(&address)?;
        let is_named = namespace.is_some() || port.is_some();
        (is_named && service != "localhost").then(|| Arc::from(service))
    }
}

impl Learned {
    fn insert(&mut self, address: &str, service: &str, is_host: bool) {
        let owner = Owner::Service(Arc::from(service));
        let before = self.recent.get(address).or_else(|| self.older.get(address));
        let owner = match before {
            Some(before) if is_host && *before != owner => Owner::Shared,
            _ => owner,
        };
        self.recent.insert(address.to_ascii_lowercase().into_boxed_str(), owner);
        if self.recent.len() >= LEARNED / 2 {
            self.older = std::mem::take(&mut self.recent);
        }
    }

    fn get(&self, address: &str) -> Option<Arc<str>> {
        match self.recent.get(address).or_else(|| self.older.get(address))? {
            Owner::Service(service) => Some(Arc::clone(service)),
            Owner::Shared => None,
        }
    }
}

/// Whether an address without a port means one host everywhere.
fn is_reachable(address: &str) -> bool {
    address.parse::<IpAddr>().is_ok_and(|address| {
        let is_link_local = match address {
            IpAddr::V4(address) => address.is_link_local(),
            IpAddr::V6(address) => address.is_unicast_link_local(),
        };
        !address.is_loopback() && !address.is_unspecified() && !is_link_local
    })
}

fn with_port(host: &str, port: i32) -> String {
    if host.contains(':') && !host.starts_with('[') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// Host and port of an address; the brackets of an IPv6 address are left out.
fn split_port(address: &str) -> (&str, Option<&str>) {
    if let Some(rest) = address.strip_prefix('[') {
        return rest.split_once(']').map_or((address, None), |(host, port)| (host, port.strip_prefix(':')));
    }
    match address.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') => (host, Some(port)),
        _ => (address, None),
    }
}

/// Whether a text is as the pattern, whose `*` stands for anything.
fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    false
}

/// The batch with one of its columns replaced by another of the same type.
pub(super) fn with_column(batch: &RecordBatch, name: &str, column: ArrayRef) -> RecordBatch {
    let schema = batch.schema();
    let mut columns = batch.columns().to_vec();
    if let Ok(index) = schema.index_of(name) {
        debug_assert!(columns[index].as_string_opt::<i32>().is_some());
        columns[index] = column;
    }
    RecordBatch::try_new(schema, columns).expect("the column keeps its type and length")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::enrich::testing::{batch, ints, maps, text, texts};

    fn map() -> ServiceMap {
        let entry =
            |address: &str, service: &str| StaticService { address: address.to_owned(), service: service.to_owned() };
        ServiceMap::new(&[
            entry("10.0.0.1", "static"),
            entry("10.0.0.1:99", "static-port"),
            entry("*.payments.svc", "payments"),
            entry("api-*.example.*", "api"),
            entry("[fd00::1]:80", "six"),
        ])
    }

    fn name(map: &ServiceMap, address: &str) -> String {
        map.service_of(address).map(|service| service.to_string()).unwrap_or_default()
    }

    #[test]
    fn configured_and_kubernetes_names_are_known() {
        for (address, service) in [
            ("10.0.0.1:80", "static"),
            ("10.0.0.1", "static"),
            ("10.0.0.1:99", "static-port"),
            ("card.payments.svc:80", "payments"),
            ("payments.svc", ""),
            ("API-1.example.com:443", "api"),
            ("[fd00::1]:80", "six"),
            ("reviews.default.svc.cluster.local:9080", "reviews"),
            ("catalog:8080", "catalog"),
            ("shop_api", ""),
            ("localhost:80", ""),
            ("10.9.9.9:80", ""),
            ("", ""),
        ] {
            assert_eq!(name(&map(), address), service, "{address}");
        }
    }

    fn spans(services: &[&str], resources: &[&[(&str, &str)]]) -> RecordBatch {
        batch(Table::Spans, vec![("service_name", texts(services)), ("resource_attributes", maps(resources))])
    }

    #[test]
    fn addresses_are_learned_from_senders() {
        let map = map();
        let rows = spans(
            &["pod", "a", "b", "alone", "loop"],
            &[
                &[("k8s.pod.ip", "10.0.3.7")],
                &[("host.ip", r#"["192.168.0.1","fe80::1"]"#)],
                &[("host.ip", r#"["192.168.0.1"]"#)],
                &[("host.ip", r#"["192.168.0.2","127.0.0.1","172.17.0.1"]"#)],
                &[("host.ip", "127.0.0.1")],
            ],
        );
        map.learn(Table::Spans, &rows);
        let server = batch(
            Table::Spans,
            vec![
                ("service_name", texts(&["shop", "client", "six"])),
                ("kind", texts(&["SERVER", "CLIENT", "SERVER"])),
                ("server_address", texts(&["127.0.0.1", "10.1.1.1", "fd00::2"])),
                ("server_port", ints(&[Some(8081), Some(80), Some(80)])),
                (
                    "attributes",
                    maps(&[&[("network.local.address", "10.2.2.2"), ("network.local.port", "90")], &[], &[]]),
                ),
            ],
        );
        map.learn(Table::Spans, &server);
        for (address, service) in [
            ("10.0.3.7:8080", "pod"),
            ("192.168.0.1:80", ""),
            ("192.168.0.2:80", "alone"),
            ("127.0.0.1:8081", "shop"),
            ("127.0.0.1:8082", ""),
            ("10.1.1.1:80", ""),
            ("10.2.2.2:90", "shop"),
            ("[fd00::2]:80", "six"),
        ] {
            assert_eq!(name(&map, address), service, "{address}");
        }
        map.learn(Table::Spans, &spans(&["later"], &[&[("k8s.pod.ip", "10.0.3.7")]]));
        assert_eq!(name(&map, "10.0.3.7:1"), "later", "an address is used again");
    }

    #[test]
    fn only_unknown_services_are_filled() {
        let requests = batch(
            Table::Requests,
            vec![
                ("upstream_service", Arc::new(StringArray::from(vec![None, Some("kept"), None, None]))),
                (
                    "upstream_address",
                    Arc::new(StringArray::from(vec![
                        Some("10.0.0.1:80"),
                        Some("10.0.0.1:80"),
                        None,
                        Some("10.9.9.9:1"),
                    ])),
                ),
            ],
        );
        let filled = map().apply(requests.clone());
        let services: Vec<_> = (0..4).map(|row| text(&filled, "upstream_service", row)).collect();
        assert_eq!(services, [Some("static"), Some("kept"), None, None]);
        let unknown = ServiceMap::new(&[]).apply(requests.slice(2, 2));
        assert_eq!(unknown, requests.slice(2, 2));
    }

    #[test]
    fn what_is_learned_is_bounded() {
        let map = ServiceMap::new(&[]);
        let addresses: Vec<String> =
            (0..200_000u32).map(|at| std::net::Ipv4Addr::from(0x0a00_0000 + at).to_string()).collect();
        let resources: Vec<[(&str, &str); 1]> =
            addresses.iter().map(|address| [("k8s.pod.ip", address.as_str())]).collect();
        let resources: Vec<&[(&str, &str)]> = resources.iter().map(<[_; 1]>::as_slice).collect();
        map.learn(Table::Spans, &spans(&vec!["shop"; addresses.len()], &resources));
        let learned = map.learned.lock().unwrap();
        assert!(learned.recent.len() + learned.older.len() <= LEARNED);
        drop(learned);
        assert_eq!(name(&map, &addresses[199_999]), "shop");
        assert_eq!(name(&map, &addresses[0]), "");
    }
}
