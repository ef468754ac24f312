//! The file that tells other programs where the server listens.

use std::{io::Write, path::Path};

use super::Addresses;

/// Writes the addresses as JSON; the file appears whole or not at all.
pub(super) fn write(path: &Path, addresses: &Addresses) -> std::io::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let json = serde_json::json!({
        "otlp_grpc": addresses.otlp_grpc.to_string(),
        "otlp_http": addresses.otlp_http.to_string(),
        "http": addresses.http.to_string(),
    });
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    writeln!(file, "{json}")?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}
