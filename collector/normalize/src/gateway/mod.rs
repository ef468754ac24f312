//! Access logs of gateways and meshes.

mod fields;
mod pattern;
#[cfg(test)]
mod testing;

pub mod aws_api_gateway;
pub mod caddy;
pub mod envoy;
pub mod kong;
pub mod linkerd;
pub mod traefik_json;
