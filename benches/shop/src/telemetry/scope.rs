//! Instrumentation scopes: which library wrote a span.

use crate::topology::Language;

/// Name and version of an instrumentation library.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Scope {
    /// Its name.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
}

/// What a library instruments.
#[derive(Debug, Clone, Copy)]
pub(super) enum Library {
    HttpServer,
    HttpClient,
    Rpc,
    Database,
    Messaging,
    Application,
}

/// The library that instruments `library` in a program written in `language`.
pub(super) fn scope(language: Language, library: Library) -> Scope {
    use Library::{Application, Database, HttpClient, HttpServer, Messaging, Rpc};
    let (name, version) = match (language, library) {
        (Language::Cpp, _) => ("envoy", "1.36.2"),
        (Language::Dotnet, HttpServer) => ("Microsoft.AspNetCore", "9.0.0"),
        (Language::Dotnet, HttpClient) => ("System.Net.Http", "9.0.0"),
        (Language::Dotnet, Rpc) => ("OpenTelemetry.Instrumentation.GrpcNetClient", "1.13.0"),
        (Language::Dotnet, Database) => ("OpenTelemetry.Instrumentation.StackExchangeRedis", "1.13.0"),
        (Language::Go, HttpServer | HttpClient) => {
            ("go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp", "0.64.0")
        }
        (Language::Go, Rpc) => {
            ("go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc", "0.64.0")
        }
        (Language::Go, Database) => ("github.com/XSAM/otelsql", "0.41.0"),
        (Language::Java, HttpServer) => ("io.opentelemetry.tomcat-10.0", "2.22.0"),
        (Language::Java, HttpClient) => ("io.opentelemetry.java-http-client", "2.22.0"),
        (Language::Java, Rpc) => ("io.opentelemetry.grpc-1.6", "2.22.0"),
        (Language::Java, Database) => ("io.opentelemetry.jdbc", "2.22.0"),
        (Language::Node, HttpServer | HttpClient) => ("@opentelemetry/instrumentation-http", "0.208.0"),
        (Language::Node, Rpc) => ("@opentelemetry/instrumentation-grpc", "0.208.0"),
        (Language::Node, Messaging) => ("@opentelemetry/instrumentation-kafkajs", "0.17.0"),
        (Language::Python, HttpServer) => ("opentelemetry.instrumentation.flask", "0.42b0"),
        (Language::Python, HttpClient) => ("opentelemetry.instrumentation.requests", "0.42b0"),
        (Language::Python, Rpc) => ("opentelemetry.instrumentation.grpc", "0.42b0"),
        (Language::Python, Database) => ("opentelemetry.instrumentation.psycopg2", "0.42b0"),
        (Language::Python, Messaging) => ("opentelemetry.instrumentation.kafka", "0.42b0"),
        (_, Messaging) => ("shop/messaging", "1.0.0"),
        (_, Database) => ("shop/database", "1.0.0"),
        (_, Application) => ("shop", "1.0.0"),
    };
    Scope { name, version }
}
