//! What the words of a name say of what has it. It is told once for each text, because it is asked for every call.

/// Whether one of the words of `name`, in whichever case, is in `words`. Words are what letters and digits make, and the
/// whole name is one too.
pub(crate) fn has_word(name: &str, words: &[&str]) -> bool {
    let is_one = |word: &[u8]| words.iter().any(|known| known.as_bytes().eq_ignore_ascii_case(word));
    is_one(name.as_bytes()) || name.as_bytes().split(|letter| !letter.is_ascii_alphanumeric()).any(is_one)
}

const GATEWAY: &[&str] = &[
    "gateway",
    "gw",
    "apigw",
    "apigateway",
    "ingress",
    "ingressgateway",
    "egress",
    "egressgateway",
    "proxy",
    "envoy",
    "nginx",
    "haproxy",
    "kong",
    "traefik",
    "loadbalancer",
    "lb",
    "sidecar",
    "mesh",
    "router",
    "caddy",
    "varnish",
];

const PROBE: &[&str] = &[
    "health",
    "healthz",
    "healthcheck",
    "ready",
    "readyz",
    "readiness",
    "live",
    "livez",
    "liveness",
    "ping",
    "heartbeat",
    "poll",
    "metrics",
];

const MESH: &[&str] = &["egress", "egressgateway", "mesh", "sidecar", "istio", "linkerd", "daprd"];

const CURSOR: &[&str] = &["getmore", "scroll", "cursor", "fetch"];

/// What the words of a name say. A set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Words(u8);

impl Words {
    /// Of a service: it passes requests on.
    pub const GATEWAY: Words = Words(1);
    /// Of an operation: it asks how somebody is, or whether there is anything to do.
    pub const PROBE: Words = Words(1 << 1);
    /// Of a service: calls between others go through it because the mesh leads them there.
    pub const MESH: Words = Words(1 << 2);
    /// Of an operation: it goes on reading where the one before it stopped.
    pub const CURSOR: Words = Words(1 << 3);

    pub(crate) fn of(name: &str) -> Words {
        let lists = [(GATEWAY, Words::GATEWAY), (PROBE, Words::PROBE), (MESH, Words::MESH), (CURSOR, Words::CURSOR)];
        let held = lists.into_iter().filter(|(words, _)| has_word(name, words));
        Words(held.fold(0, |all, (_, one)| all | one.0))
    }

    pub fn contains(self, other: Words) -> bool {
        self.0 & other.0 == other.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_judged_by_their_words() {
        for (name, expected) in [
            ("api-gateway", Words::GATEWAY),
            ("gatewayed", Words::default()),
            ("GET /Healthz", Words::PROBE),
            ("GET /ship/{id}", Words::default()),
            ("Cursor.getMore", Words::CURSOR),
            ("egress", Words(Words::GATEWAY.0 | Words::MESH.0)),
            ("", Words::default()),
        ] {
            assert_eq!(Words::of(name), expected, "{name}");
        }
        assert!(Words::of("egress").contains(Words::MESH) && !Words::of("egress").contains(Words::PROBE));
    }
}
