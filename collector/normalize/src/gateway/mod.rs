//! Access logs of gateways and meshes.

mod fields;
mod pattern;

pub mod aws_api_gateway;
pub mod caddy;
pub mod envoy;
pub mod kong;
pub mod linkerd;
pub mod traefik_json;
