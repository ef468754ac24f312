//! Requests to the router over a real store.

mod answers;
mod dashboards;
mod differences;
mod findings;
mod flows;
mod refusals;
mod sql;
mod tail;
mod traces;

use std::sync::Arc;

use arrow::{array::BinaryArray, record_batch::RecordBatch};
use axum::{
    Router,
    body::Body,
    http::{Request, Response, StatusCode},
};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use spandrel_proto::model::Table;
use tower::ServiceExt;

use crate::{
    Limits,
    api::{ApiConfig, definition, router},
    tests::{
        limits::ENDLESS,
        support::{Eleven, Fixture, SECOND, Span, TEN, trace_hex},
    },
};

struct Api {
    fixture: Fixture,
    router: Router,
}

impl Api {
    async fn new() -> Api {
        Api::with_limits(Limits { threads: 2, ..Limits::default() }).await
    }

    async fn with_limits(limits: Limits) -> Api {
        let fixture = Fixture::with_limits(limits).await;
        let router = router(Arc::clone(&fixture.engine), ApiConfig::default());
        Api { fixture, router }
    }

    /// After a crash: the store is opened again, with what was durable.
    async fn reopened(self) -> Api {
        let fixture = self.fixture.reopened().await;
        let router = router(Arc::clone(&fixture.engine), ApiConfig::default());
        Api { fixture, router }
    }

    async fn send(&self, request: Request<Body>) -> Response<Body> {
        self.router.clone().oneshot(request).await.unwrap()
    }

    async fn get(&self, path: &str) -> (StatusCode, Value) {
        let response = self.send(Request::get(format!("/api/v1{path}")).body(Body::empty()).unwrap()).await;
        (response.status(), serde_json::from_slice(&bytes(response).await).unwrap())
    }

    async fn ok(&self, path: &str) -> Value {
        let (status, body) = self.get(path).await;
        assert_eq!(status, StatusCode::OK, "{path}: {body}");
        body
    }

    async fn sql(&self, sql: &str, accept: &str) -> Response<Body> {
        let request = Request::post("/api/v1/sql")
            .header("content-type", "application/json")
            .header("accept", accept)
            .body(Body::from(json!({ "sql": sql }).to_string()))
            .unwrap();
        self.send(request).await
    }

    async fn refuses(&self, sql: &str, status: StatusCode, code: &str) {
        let response = self.sql(sql, "application/json").await;
        assert_eq!(response.status(), status, "{sql}");
        let body: Value = serde_json::from_slice(&bytes(response).await).unwrap();
        assert_eq!(body["error"]["code"], code, "{sql}: {body}");
    }
}

async fn bytes(response: Response<Body>) -> Vec<u8> {
    response.into_body().collect().await.unwrap().to_bytes().to_vec()
}

/// Two traces: a checkout with a failing client call, and a lone message half an hour later.
async fn shop() -> Api {
    let api = Api::new().await;
    let checkout = Span { trace: 0xc0, service: "gateway", name: "GET", route: Some("/checkout"), ..Span::default() };
    api.fixture
        .append(&[
            Span { span: 1, duration: 900_000_000, outcome: "server_fault", ..checkout.clone() },
            Span {
                span: 2,
                parent: Some(1),
                kind: "CLIENT",
                name: "pay",
                start: TEN + SECOND / 10,
                duration: 800_000_000,
                outcome: "timeout",
                route: None,
                attributes: vec![("card", "visa"), ("note", "it's")],
                ..checkout.clone()
            },
            Span {
                span: 3,
                parent: Some(2),
                service: "payment",
                name: "charge",
                start: TEN + SECOND / 5,
                duration: 100_000_000,
                route: None,
                ..checkout.clone()
            },
        ])
        .await;
    api.fixture.seal().await;
    let message = Span {
        trace: 0xd0,
        span: 4,
        kind: "CONSUMER",
        service: "mailer",
        start: TEN + 1800 * SECOND,
        ..Span::default()
    };
    let ticker =
        Span { trace: 0xe0, span: 5, kind: "INTERNAL", service: "cron", start: TEN + 1700 * SECOND, ..Span::default() };
    api.fixture.append(&[message, ticker]).await;
    api
}
