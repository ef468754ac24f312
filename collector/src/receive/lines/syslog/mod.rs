//! Syslog over UDP, TCP (RFC 6587) and TLS (RFC 5425).

mod datagram;
mod framing;
mod funnel;
mod stream;

use std::{io, net::SocketAddr, path::Path, sync::Arc};

use tokio::{
    net::{TcpListener, UdpSocket},
    sync::Semaphore,
    task::JoinSet,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
};

use super::{
    super::admission::Admission,
    config::{SyslogConfig, TlsListener},
    source::{Source, Stopped},
};
use stream::Connections;

/// The addresses that a syslog source listens on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SyslogAddresses {
    pub udp: Option<SocketAddr>,
    pub tcp: Option<SocketAddr>,
    pub tls: Option<SocketAddr>,
}

/// A syslog source whose sockets are bound.
pub(super) struct SyslogSource {
    source: Arc<Source>,
    config: SyslogConfig,
    udp: Option<UdpSocket>,
    tcp: Option<TcpListener>,
    tls: Option<(TcpListener, TlsAcceptor)>,
}

impl SyslogSource {
    pub(super) async fn bind(source: Arc<Source>, config: &SyslogConfig) -> io::Result<Self> {
        let udp = match config.udp {
            Some(address) => Some(UdpSocket::bind(address).await?),
            None => None,
        };
        let tcp = match config.tcp {
            Some(address) => Some(TcpListener::bind(address).await?),
            None => None,
        };
        let tls = match &config.tls {
            Some(listener) => Some((TcpListener::bind(listener.address).await?, acceptor(listener)?)),
            None => None,
        };
        Ok(Self { source, config: config.clone(), udp, tcp, tls })
    }

    pub(super) fn addresses(&self) -> io::Result<SyslogAddresses> {
        Ok(SyslogAddresses {
            udp: self.udp.as_ref().map(UdpSocket::local_addr).transpose()?,
            tcp: self.tcp.as_ref().map(TcpListener::local_addr).transpose()?,
            tls: self.tls.as_ref().map(|(listener, _)| listener.local_addr()).transpose()?,
        })
    }

    /// Listens until the source is stopped; what was read by then is stored.
    pub(super) async fn run(self) -> Result<(), Stopped> {
        let (sender, receiver) = funnel::funnel();
        let connections = Connections {
            source: Arc::clone(&self.source),
            chunks: sender.clone(),
            room: Arc::new(Semaphore::new(self.config.max_connections.min(Semaphore::MAX_PERMITS))),
            pending: Admission::new(self.config.max_pending_bytes),
            idle_timeout: self.config.idle_timeout,
        };
        let mut listeners = JoinSet::new();
        if let Some(socket) = self.udp {
            listeners.spawn(datagram::listen(Arc::clone(&self.source), socket, sender));
        } else {
            drop(sender);
        }
        if let Some(listener) = self.tcp {
            listeners.spawn(stream::listen(connections.clone(), listener, None));
        }
        if let Some((listener, tls)) = self.tls {
            listeners.spawn(stream::listen(connections.clone(), listener, Some(tls)));
        }
        drop(connections);
        let stored = funnel::run(self.source, receiver).await;
        while listeners.join_next().await.is_some() {}
        stored
    }
}

fn acceptor(listener: &TlsListener) -> io::Result<TlsAcceptor> {
    let invalid = |path: &Path, error: &dyn std::fmt::Display| {
        io::Error::new(io::ErrorKind::InvalidInput, format!("{}: {error}", path.display()))
    };
    let certificate = listener.certificate_file.as_path();
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| invalid(certificate, &error))?;
    let key = PrivateKeyDer::from_pem_file(&listener.key_file).map_err(|error| invalid(&listener.key_file, &error))?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(|error| invalid(certificate, &error))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
