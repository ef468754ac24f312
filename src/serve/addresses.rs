//! The file that tells other programs where the server listens.

use std::{io::Write, path::Path};

use spandrel_collector::SyslogAddresses;

use super::{Addresses, sources::SourceView};

/// Writes the addresses as JSON; the file appears whole or not at all.
pub(super) fn write(path: &Path, addresses: &Addresses, sources: &[SourceView]) -> std::io::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let sources: serde_json::Map<_, _> = sources
        .iter()
        .map(|source| {
            let SyslogAddresses { udp, tcp, tls } = source.addresses;
            (source.name.clone(), serde_json::json!({"udp": udp, "tcp": tcp, "tls": tls}))
        })
        .collect();
    let json = serde_json::json!({
        "otlp_grpc": addresses.otlp_grpc.to_string(),
        "otlp_http": addresses.otlp_http.to_string(),
        "http": addresses.http.to_string(),
        "sources": sources,
    });
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    writeln!(file, "{json}")?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}
