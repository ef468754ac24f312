use std::{net::SocketAddr, path::PathBuf};

use spandrel_normalize::format::LineReason;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UdpSocket},
};
use tokio_rustls::{
    TlsConnector,
    rustls::{ClientConfig, RootCertStore, crypto::ring, pki_types::ServerName},
};

use super::{
    super::config::{SyslogConfig, TlsListener},
    *,
};

const ANY: &str = "127.0.0.1:0";

fn any() -> Option<SocketAddr> {
    Some(ANY.parse().unwrap())
}

async fn start(sink: &Arc<Sink>, syslog: SyslogConfig) -> Running {
    Running::start(sink, &config(Input::Syslog(syslog)), Path::new("unused")).await
}

#[tokio::test]
async fn datagrams_are_messages() {
    let sink = Arc::new(Sink::default());
    let running = start(&sink, SyslogConfig { udp: any(), ..SyslogConfig::default() }).await;
    let address = running.source.addresses.udp.unwrap();
    let socket = UdpSocket::bind(ANY).await.unwrap();
    let messages =
        ["<190>Oct  1 22:14:15 edge nginx: GET /\n", "<190>Oct  1 22:14:15 nginx: GET /a", "garbage", "<13>\u{0}"];
    for message in messages {
        socket.send_to(message.as_bytes(), address).await.unwrap();
    }
    let stats = Arc::clone(&running.source.stats);
    eventually("four lines", || stats.lines() == 4).await;
    let stored =
        |body: &str, host: &str| Stored { body: body.to_owned(), service: "nginx".to_owned(), host: host.to_owned() };
    assert_eq!(sink.logs(), [stored("GET /", "edge"), stored("GET /a", "127.0.0.1")]);
    assert_eq!((stats.rejected(LineReason::Format), stats.rejected(LineReason::Binary)), (1, 1));
    running.stop().await;
}

#[tokio::test]
async fn datagrams_that_come_too_fast_are_dropped_and_counted() {
    let sink = Arc::new(Sink::default());
    let running = start(&sink, SyslogConfig { udp: any(), ..SyslogConfig::default() }).await;
    let address = running.source.addresses.udp.unwrap();
    let socket = UdpSocket::bind(ANY).await.unwrap();
    sink.refuse(true);
    let stats = Arc::clone(&running.source.stats);
    while stats.dropped_datagrams() == 0 {
        socket.send_to(b"<13>app: x", address).await.unwrap();
        tokio::task::yield_now().await;
    }
    sink.refuse(false);
    eventually("what was kept is stored", || sink.count() > 0).await;
    running.stop().await;
    assert_eq!(stats.lost(), 0);
}

#[tokio::test]
async fn connections_mix_framings_and_survive_any_split() {
    let sink = Arc::new(Sink::default());
    let running = start(&sink, SyslogConfig { tcp: any(), ..SyslogConfig::default() }).await;
    let mut stream = TcpStream::connect(running.source.addresses.tcp.unwrap()).await.unwrap();
    stream.set_nodelay(true).unwrap();
    for byte in b"12 <13>app: one<13>app: two\n14 <13>app: th\nee<13>app: last" {
        stream.write_all(&[*byte]).await.unwrap();
    }
    let long = format!("\n<13>app: {}\n<13>app: after\n", "x".repeat(100_000));
    stream.write_all(long.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    let stats = Arc::clone(&running.source.stats);
    eventually("all messages are stored", || sink.count() == 5).await;
    assert_eq!(stats.rejected(LineReason::TooLong), 1);
    assert_eq!(sink.bodies(), ["one", "two", "th\nee", "last", "after"]);
    eventually("the connection is closed", || stats.connections() == 0).await;
    running.stop().await;
}

#[tokio::test]
async fn b_1_hostile_connections_cost_themselves_only() {
    let sink = Arc::new(Sink::default());
    let limits =
        SyslogConfig { tcp: any(), max_connections: 2, max_pending_bytes: 8 * 1024, ..SyslogConfig::default() };
    let running = start(&sink, limits).await;
    let (address, stats) = (running.source.addresses.tcp.unwrap(), Arc::clone(&running.source.stats));
    let mut hostile = TcpStream::connect(address).await.unwrap();
    hostile.write_all(b"999999999999 <").await.unwrap();
    assert_eq!(hostile.read(&mut [0; 8]).await.unwrap_or(0), 0);
    eventually("the frame is counted", || stats.bad_frames() == 1 && stats.connections() == 0).await;

    let mut slow = TcpStream::connect(address).await.unwrap();
    slow.write_all(format!("60000 <13>app: {}", "x".repeat(20_000)).as_bytes()).await.unwrap();
    eventually("there is no room for it", || stats.rejected(LineReason::TooLong) == 1).await;
    let mut good = TcpStream::connect(address).await.unwrap();
    good.write_all(b"<13>app: good\n").await.unwrap();
    eventually("the other is stored", || sink.count() == 1).await;
    let mut third = TcpStream::connect(address).await.unwrap();
    assert_eq!(third.read(&mut [0; 8]).await.unwrap_or(0), 0);
    assert_eq!(stats.refused_connections(), 1);
    running.stop().await;
}

#[tokio::test]
async fn connections_are_held_back_while_lines_cannot_be_stored_and_nothing_is_lost() {
    let sink = Arc::new(Sink::default());
    let running = start(&sink, SyslogConfig { tcp: any(), ..SyslogConfig::default() }).await;
    let mut stream = TcpStream::connect(running.source.addresses.tcp.unwrap()).await.unwrap();
    sink.refuse(true);
    let writing = tokio::spawn(async move {
        for number in 0..20_000 {
            stream.write_all(format!("<13>app: {number} {}\n", "x".repeat(500)).as_bytes()).await.unwrap();
        }
    });
    eventually("the sink refuses", || sink.refused() > 5).await;
    sink.refuse(false);
    writing.await.unwrap();
    eventually("all are stored", || sink.count() == 20_000).await;
    running.stop().await;
}

fn certificate(directory: &Path) -> (PathBuf, PathBuf, rcgen::CertifiedKey<rcgen::KeyPair>) {
    let certified = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let (certificate, key) = (directory.join("certificate.pem"), directory.join("key.pem"));
    std::fs::write(&certificate, certified.cert.pem()).unwrap();
    std::fs::write(&key, certified.signing_key.serialize_pem()).unwrap();
    (certificate, key, certified)
}

#[tokio::test]
async fn messages_come_over_tls() {
    let (sink, directory) = (Arc::new(Sink::default()), tempfile::tempdir().unwrap());
    let (certificate_file, key_file, certified) = certificate(directory.path());
    let tls = Some(TlsListener { address: ANY.parse().unwrap(), certificate_file, key_file });
    let running = start(&sink, SyslogConfig { tls, ..SyslogConfig::default() }).await;
    let (address, stats) = (running.source.addresses.tls.unwrap(), Arc::clone(&running.source.stats));
    let mut plain = TcpStream::connect(address).await.unwrap();
    plain.write_all(b"<13>app: not encrypted\n").await.unwrap();
    eventually("the handshake fails", || stats.refused_connections() == 1).await;

    let mut roots = RootCertStore::empty();
    roots.add(certified.cert.der().clone()).unwrap();
    let client = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = TlsConnector::from(Arc::new(client)).connect(name, stream).await.unwrap();
    stream.write_all(b"18 <13>app: encrypted").await.unwrap();
    stream.flush().await.unwrap();
    eventually("it is stored", || sink.bodies() == ["encrypted"]).await;
    running.stop().await;
}
