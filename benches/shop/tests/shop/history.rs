//! A stretch of a shop's life, taken apart.

use std::collections::HashMap;

use opentelemetry_proto::tonic::{resource::v1::Resource, trace::v1::Span};
use spandrel_shop::{
    Shop, ShopConfig, TruthFile,
    telemetry::{Batch, Payload},
};

use crate::derive::{text, texts};

/// A span and the service that sent it.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) service: String,
    pub(crate) instance: String,
    pub(crate) version: String,
    pub(crate) span: Span,
}

pub(crate) struct History {
    pub(crate) batches: Vec<Batch>,
    pub(crate) truth: TruthFile,
}

impl History {
    /// Everything from opening to closing.
    pub(crate) fn of(config: &ShopConfig, seconds: i64) -> Self {
        let mut shop = Shop::new(config);
        let mut batches: Vec<Batch> = shop.due(config.start_time + seconds * 1_000_000_000).collect();
        batches.extend(shop.close());
        Self { batches, truth: shop.truth().to_file() }
    }

    pub(crate) fn spans(&self) -> Vec<Sent> {
        let mut spans = Vec::new();
        for batch in &self.batches {
            let Payload::Traces(request) = &batch.payload else { continue };
            for resource_spans in &request.resource_spans {
                let (service, instance, version) = process(resource_spans.resource.as_ref());
                for span in resource_spans.scope_spans.iter().flat_map(|scope| &scope.spans) {
                    let (service, instance, version) = (service.clone(), instance.clone(), version.clone());
                    spans.push(Sent { service, instance, version, span: span.clone() });
                }
            }
        }
        spans
    }
}

/// Spans by their id, which is unique in a run.
pub(crate) fn by_id(spans: &[Sent]) -> HashMap<&[u8], &Sent> {
    spans.iter().map(|sent| (&*sent.span.span_id, sent)).collect()
}

fn process(resource: Option<&Resource>) -> (String, String, String) {
    let attributes = texts(&resource.expect("a batch has a resource").attributes);
    assert_eq!(text(&attributes, &["service.namespace"]), "shop");
    let get = |key| text(&attributes, &[key]).to_owned();
    (get("service.name"), get("service.instance.id"), get("service.version"))
}
