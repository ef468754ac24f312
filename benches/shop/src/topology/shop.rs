//! The shop: who is in it, who calls whom, how long things take and how often they go wrong.
//!
//! ```text
//! web, mobile -> gateway -> web-bff -> catalog -> catalog-db, catalog-cache
//!                                   -> search -> catalog
//!                                   -> recommendation -> recent-views, catalog
//!                                   -> auth -> users-db, sessions
//!                                   -> cart -> carts
//!                                   -> pricing -> prices
//!                                   -> inventory -> inventory-db
//!                        -> checkout -> auth, cart, inventory, pricing, fraud -> auth, velocity
//!                                    -> payment -> api.cards.example
//!                                    -> orders-db
//!                                    -> topic orders -> shipping -> shipping-db, api.parcels.example
//!                                                    -> notification -> auth, api.mail.example
//! ```
//!
//! It is a well-made system: every database belongs to one service, chains are short, retries happen in one layer,
//! callers wait longer than those they call, and every service has several instances.

mod orders;
mod storefront;

use super::{
    build::Builder,
    model::{DataStoreId, ExternalId, OperationId, ServiceId, TopicId, Topology},
    policy::{Call, OnFailure, Target},
    script::{Query, Step},
};
use crate::random::Latency;

/// The shop's topology. With a number every service has that many instances; without, two or three each.
pub fn shop(instances_per_service: Option<u32>) -> Topology {
    let mut builder = Builder::new(instances_per_service);
    let stores = Stores {
        orders: builder.store("orders-db", "postgresql", "orders", 5432),
        users: builder.store("users-db", "postgresql", "users", 5432),
        inventory: builder.store("inventory-db", "postgresql", "inventory", 5432),
        shipping: builder.store("shipping-db", "postgresql", "shipping", 5432),
        catalog: builder.store("catalog-db", "mongodb", "catalog", 27017),
        products: builder.store("catalog-cache", "redis", "0", 6379),
        sessions: builder.store("sessions", "redis", "0", 6379),
        carts: builder.store("carts", "redis", "0", 6379),
        prices: builder.store("prices", "redis", "0", 6379),
        recent: builder.store("recent-views", "redis", "0", 6379),
        velocity: builder.store("velocity", "redis", "0", 6379),
    };
    let backend = storefront::backend(&mut builder, &stores);
    let orders = orders::orders(&mut builder, &stores, &backend);
    storefront::front(&mut builder, &backend, &orders);
    builder.finish()
}

/// The databases and the caches.
struct Stores {
    orders: DataStoreId,
    users: DataStoreId,
    inventory: DataStoreId,
    shipping: DataStoreId,
    catalog: DataStoreId,
    products: DataStoreId,
    sessions: DataStoreId,
    carts: DataStoreId,
    prices: DataStoreId,
    recent: DataStoreId,
    velocity: DataStoreId,
}

/// What the order side and the front call.
struct Backend {
    get_product: OperationId,
    list_products: OperationId,
    search: OperationId,
    recommend: OperationId,
    log_in: OperationId,
    validate: OperationId,
    user_profile: OperationId,
    get_cart: OperationId,
    add_item: OperationId,
    clear_cart: OperationId,
    quote: OperationId,
    stock: OperationId,
    reserve: OperationId,
}

/// What the front calls on the order side.
struct Orders {
    place: OperationId,
    order: OperationId,
}

fn call(operation: OperationId, timeout_millis: i64) -> Call {
    Call::to(Target::Operation(operation), timeout_millis)
}

fn call_outside(external: ExternalId, timeout_millis: i64) -> Call {
    Call::to(Target::External(external), timeout_millis)
}

/// A query that takes about a millisecond and rarely fails.
fn sql(store: DataStoreId, operation: &'static str, collection: &'static str, text: &'static str) -> Query {
    Query {
        store,
        operation,
        collection,
        text,
        latency: Latency::micros(1_400, 16_000),
        timeout: 2_000_000_000,
        faults_per_million: 300,
        on_failure: OnFailure::Fail,
    }
}

/// A cache access, whose failure counts as a miss.
fn cached(store: DataStoreId, operation: &'static str, text: &'static str) -> Query {
    Query {
        store,
        operation,
        collection: "",
        text,
        latency: Latency::micros(350, 2_500),
        timeout: 100_000_000,
        faults_per_million: 200,
        on_failure: OnFailure::GoOn,
    }
}

/// Looks into the cache; the rest happens on a miss, and its result is put into the cache.
fn through_cache(store: DataStoreId, key: (&'static str, &'static str), miss_per_mille: u32, load: Query) -> [Step; 2] {
    let (get, set) = key;
    [
        Step::Query(cached(store, "GET", get)),
        Step::sometimes(
            miss_per_mille,
            [
                Step::Say { event: "cache.miss", body: "cache miss, loading from the database" },
                Step::Query(load),
                Step::Query(cached(store, "SET", set)),
            ],
        ),
    ]
}
