//! Gateway, front end and the services behind browsing.

use super::{Backend, Builder, Orders, Query, ServiceId, Step, Stores, cached, call, sql, through_cache};
use crate::{
    outcome::Fault,
    random::Latency,
    topology::{
        OperationId,
        model::{Endpoint, Language},
    },
};

/// The services behind the front.
pub(super) fn backend(builder: &mut Builder, stores: &Stores) -> Backend {
    let (get_product, list_products) = catalog(builder, stores);
    let (log_in, validate, user_profile) = auth(builder, stores);
    let quote = pricing(builder, stores);
    let (stock, reserve) = inventory(builder, stores);
    let (get_cart, add_item, clear_cart) = cart(builder, stores, quote);
    Backend {
        search: search(builder, list_products),
        recommend: recommendation(builder, stores, get_product),
        get_product,
        list_products,
        log_in,
        validate,
        user_profile,
        get_cart,
        add_item,
        clear_cart,
        quote,
        stock,
        reserve,
    }
}

fn catalog(builder: &mut Builder, stores: &Stores) -> (OperationId, OperationId) {
    let service = builder.service("catalog", "3.8.1", Language::Java, 9090, 3);
    let find_one = Query {
        latency: Latency::micros(2_100, 24_000),
        ..sql(stores.catalog, "find", "products", r#"{"find":"products","filter":{"_id":"?"},"limit":1}"#)
    };
    let find_many = Query {
        latency: Latency::micros(6_500, 60_000),
        ..sql(
            stores.catalog,
            "aggregate",
            "products",
            r#"{"aggregate":"products","pipeline":[{"$match":{"category":"?"}},{"$sort":{"rank":1}},{"$limit":"?"}]}"#,
        )
    };
    let mut steps = vec![Step::work(180, 900)];
    steps.extend(through_cache(stores.cache, ("GET product:?", "SET product:? ? EX ?"), 300, find_one));
    steps.push(Step::work(120, 600));
    let get_product = builder.operation(
        service,
        Endpoint::Rpc { method: "shop.catalog.v1.CatalogService/GetProduct" },
        &[(Fault::NotFound, 4_000), (Fault::Internal, 400)],
        steps,
    );
    let list_products = builder.operation(
        service,
        Endpoint::Rpc { method: "shop.catalog.v1.CatalogService/ListProducts" },
        &[(Fault::Invalid, 800), (Fault::Internal, 600)],
        vec![Step::work(250, 1_200), Step::Query(find_many), Step::internal("CatalogService.rank", 900, 5_000)],
    );
    (get_product, list_products)
}

fn auth(builder: &mut Builder, stores: &Stores) -> (OperationId, OperationId, OperationId) {
    let service = builder.service("auth", "1.14.0", Language::Go, 9090, 2);
    let select = sql(stores.users, "SELECT", "users", "SELECT id, password_hash, locked FROM users WHERE email = $1");
    let profile =
        sql(stores.users, "SELECT", "profiles", "SELECT name, email, locale FROM profiles WHERE user_id = $1");
    let log_in = builder.operation(
        service,
        Endpoint::Rpc { method: "shop.auth.v1.AuthService/LogIn" },
        &[(Fault::Unauthenticated, 60_000), (Fault::Limited, 8_000), (Fault::Internal, 300)],
        vec![
            Step::Query(select),
            Step::internal("argon2.verify", 28_000, 55_000),
            Step::Query(cached(stores.cache, "SET", "SET session:? ? EX ?")),
        ],
    );
    let validate = builder.operation(
        service,
        Endpoint::Rpc { method: "shop.auth.v1.AuthService/ValidateSession" },
        &[(Fault::Unauthenticated, 5_000)],
        vec![Step::work(60, 300), Step::Query(cached(stores.cache, "GET", "GET session:?"))],
    );
    let user_profile = builder.operation(
        service,
        Endpoint::Rpc { method: "shop.auth.v1.AuthService/GetProfile" },
        &[(Fault::Internal, 500)],
        vec![Step::work(80, 400), Step::Query(profile)],
    );
    (log_in, validate, user_profile)
}

fn pricing(builder: &mut Builder, stores: &Stores) -> OperationId {
    let service = builder.service("pricing", "2.2.4", Language::Go, 9090, 2);
    builder.operation(
        service,
        Endpoint::Rpc { method: "shop.pricing.v1.PricingService/Quote" },
        &[(Fault::Internal, 1_200)],
        vec![
            Step::work(150, 700),
            Step::Query(cached(stores.cache, "MGET", "MGET price:? price:? price:?")),
            Step::internal("pricing.apply_promotions", 600, 4_200),
        ],
    )
}

fn inventory(builder: &mut Builder, stores: &Stores) -> (OperationId, OperationId) {
    let service = builder.service("inventory", "4.0.2", Language::Java, 9090, 2);
    let select =
        sql(stores.orders, "SELECT", "stock", "SELECT sku, available, reserved FROM stock WHERE sku = ANY($1)");
    let update = Query {
        latency: Latency::micros(2_600, 38_000),
        faults_per_million: 1_500,
        ..sql(
            stores.orders,
            "UPDATE",
            "stock",
            "UPDATE stock SET reserved = reserved + $1 WHERE sku = $2 AND available - reserved >= $1",
        )
    };
    let stock = builder.operation(
        service,
        Endpoint::Rpc { method: "shop.inventory.v1.InventoryService/GetStock" },
        &[(Fault::Internal, 300)],
        vec![Step::work(120, 700), Step::Query(select)],
    );
    let reserve = builder.operation(
        service,
        Endpoint::Rpc { method: "shop.inventory.v1.InventoryService/Reserve" },
        &[(Fault::Conflict, 15_000), (Fault::Internal, 800)],
        vec![Step::Query(select), Step::work(200, 900), Step::repeat(1, 4, [Step::Query(update)])],
    );
    (stock, reserve)
}

fn cart(builder: &mut Builder, stores: &Stores, quote: OperationId) -> (OperationId, OperationId, OperationId) {
    let service = builder.service("cart", "1.9.3", Language::Dotnet, 9090, 2);
    let rpc = |method| Endpoint::Rpc { method };
    let get = builder.operation(
        service,
        rpc("shop.cart.v1.CartService/GetCart"),
        &[(Fault::Internal, 300)],
        vec![Step::work(90, 500), Step::Query(cached(stores.cache, "HGETALL", "HGETALL cart:?")), Step::work(100, 500)],
    );
    let add = builder.operation(
        service,
        rpc("shop.cart.v1.CartService/AddItem"),
        &[(Fault::Invalid, 6_000), (Fault::Internal, 400)],
        vec![
            Step::Query(cached(stores.cache, "HSET", "HSET cart:? ? ?")),
            Step::Call(call(quote, 500)),
            Step::Query(cached(stores.cache, "EXPIRE", "EXPIRE cart:? ?")),
        ],
    );
    let clear = builder.operation(
        service,
        rpc("shop.cart.v1.CartService/ClearCart"),
        &[],
        vec![Step::Query(cached(stores.cache, "DEL", "DEL cart:?"))],
    );
    (get, add, clear)
}

fn search(builder: &mut Builder, list_products: OperationId) -> OperationId {
    let service = builder.service("search", "5.1.0", Language::Java, 8080, 2);
    builder.operation(
        service,
        Endpoint::Http { method: "GET", route: "/search" },
        &[(Fault::Invalid, 9_000), (Fault::Limited, 3_000), (Fault::Internal, 4_000)],
        vec![
            Step::internal("QueryParser.parse", 300, 1_500),
            Step::internal("IndexSearcher.search", 9_000, 120_000),
            Step::Call(call(list_products, 110)),
        ],
    )
}

fn recommendation(builder: &mut Builder, stores: &Stores, get_product: OperationId) -> OperationId {
    let service = builder.service("recommendation", "0.42.7", Language::Python, 8000, 2);
    builder.old_conventions(service);
    builder.operation(
        service,
        Endpoint::Http { method: "GET", route: "/recommendations" },
        &[(Fault::Internal, 12_000)],
        vec![
            Step::Query(cached(stores.cache, "LRANGE", "LRANGE recent:? ? ?")),
            Step::internal("model.predict", 14_000, 190_000),
            Step::repeat(1, 3, [Step::Call(call(get_product, 300).optional())]),
        ],
    )
}

/// The front end and the gateway before it.
pub(super) fn front(builder: &mut Builder, backend: &Backend, orders: &Orders) {
    let bff = builder.service("web-bff", "7.3.0", Language::Node, 3000, 3);
    let gateway = builder.service("gateway", "1.36.2", Language::Cpp, 8080, 2);
    builder.records_request_id(gateway);
    let pages = Pages { bff, gateway };
    let session = Step::Call(call(backend.validate, 250));
    let recommend = call(backend.recommend, 350).retried(1, 20).optional();

    let home = vec![
        session.clone(),
        Step::together([call(backend.list_products, 600), recommend, call(backend.get_cart, 300).optional()]),
        Step::internal("render home", 1_800, 9_000),
    ];
    pages.entry(builder, ("GET", "/"), 260, home);
    let product = vec![
        Step::together([call(backend.get_product, 500), call(backend.quote, 400), call(backend.stock, 400).optional()]),
        Step::Call(recommend),
        Step::work(700, 3_500),
    ];
    pages.entry(builder, ("GET", "/api/products/{id}"), 330, product);
    let search = vec![Step::Call(call(backend.search, 900).retried(2, 30)), Step::work(500, 2_500)];
    pages.entry(builder, ("GET", "/api/search"), 170, search);
    let cart = vec![session.clone(), Step::Call(call(backend.get_cart, 400)), Step::Call(call(backend.quote, 400))];
    pages.entry(builder, ("GET", "/api/cart"), 90, cart);
    let add = vec![session.clone(), Step::Call(call(backend.stock, 400)), Step::Call(call(backend.add_item, 800))];
    pages.entry(builder, ("POST", "/api/cart/items"), 80, add);
    let log_in = vec![Step::work(200, 900), Step::Call(call(backend.log_in, 1_000))];
    pages.entry(builder, ("POST", "/api/login"), 30, log_in);
    let checkout = vec![session.clone(), Step::Call(call(orders.place, 4_000)), Step::work(400, 2_000)];
    pages.entry(builder, ("POST", "/api/checkout"), 30, checkout);
    let order = vec![session, Step::Call(call(orders.order, 600))];
    pages.entry(builder, ("GET", "/api/orders/{id}"), 40, order);
}

struct Pages {
    bff: ServiceId,
    gateway: ServiceId,
}

impl Pages {
    /// A route of the gateway and the same route of the front end behind it.
    fn entry(
        &self,
        builder: &mut Builder,
        (method, route): (&'static str, &'static str),
        weight: u32,
        page: Vec<Step>,
    ) {
        let endpoint = Endpoint::Http { method, route };
        let rendered = builder.operation(self.bff, endpoint, &[(Fault::Internal, 1_500)], page);
        let forward = match method {
            "GET" => call(rendered, 2_500).retried(1, 25),
            _ => call(rendered, 5_000),
        };
        let steps = vec![Step::work(90, 450), Step::Call(forward), Step::work(40, 200)];
        let routed = builder.operation(self.gateway, endpoint, &[(Fault::Limited, 1_500)], steps);
        builder.entry(routed, weight);
    }
}
