//! Gateway, front end and the services behind browsing.

use super::{Backend, Builder, Call, Orders, Query, ServiceId, Step, Stores, cached, call, sql, through_cache};
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
    let (get_cart, add_item, clear_cart) = cart(builder, stores);
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
        latency: Latency::micros(1_300, 12_000),
        ..sql(stores.catalog, "find", "products", r#"{"find":"products","filter":{"_id":"?"},"limit":1}"#)
    };
    let find_many = Query {
        latency: Latency::micros(2_600, 21_000),
        ..sql(
            stores.catalog,
            "aggregate",
            "products",
            r#"{"aggregate":"products","pipeline":[{"$match":{"category":"?"}},{"$sort":{"rank":1}},{"$limit":"?"}]}"#,
        )
    };
    let mut steps = vec![Step::work(180, 900)];
    steps.extend(through_cache(stores.products, ("GET product:?", "SET product:? ? EX ?"), 150, find_one));
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
        vec![Step::work(250, 1_200), Step::Query(find_many), Step::internal("CatalogService.rank", 600, 3_500)],
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
        &[(Fault::Unauthenticated, 60_000), (Fault::Limited, 1_500), (Fault::Internal, 300)],
        vec![
            Step::Query(select),
            Step::internal("argon2.verify", 28_000, 55_000),
            Step::Query(cached(stores.sessions, "SET", "SET session:? ? EX ?")),
        ],
    );
    let validate = builder.operation(
        service,
        Endpoint::Rpc { method: "shop.auth.v1.AuthService/ValidateSession" },
        &[(Fault::Unauthenticated, 5_000)],
        vec![Step::work(60, 300), Step::Query(cached(stores.sessions, "GET", "GET session:?"))],
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
            Step::Query(cached(stores.prices, "MGET", "MGET price:? price:? price:?")),
            Step::internal("pricing.apply_promotions", 600, 4_200),
        ],
    )
}

fn inventory(builder: &mut Builder, stores: &Stores) -> (OperationId, OperationId) {
    let service = builder.service("inventory", "4.0.2", Language::Java, 9090, 2);
    let select =
        sql(stores.inventory, "SELECT", "stock", "SELECT sku, available, reserved FROM stock WHERE sku = ANY($1)");
    let update = Query {
        latency: Latency::micros(2_600, 38_000),
        faults_per_million: 600,
        ..sql(
            stores.inventory,
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

fn cart(builder: &mut Builder, stores: &Stores) -> (OperationId, OperationId, OperationId) {
    let service = builder.service("cart", "1.9.3", Language::Dotnet, 9090, 2);
    let rpc = |method| Endpoint::Rpc { method };
    let get = builder.operation(
        service,
        rpc("shop.cart.v1.CartService/GetCart"),
        &[(Fault::Internal, 300)],
        vec![Step::work(90, 500), Step::Query(cached(stores.carts, "HGETALL", "HGETALL cart:?")), Step::work(100, 500)],
    );
    let add = builder.operation(
        service,
        rpc("shop.cart.v1.CartService/AddItem"),
        &[(Fault::Invalid, 6_000), (Fault::Internal, 400)],
        vec![
            Step::Query(cached(stores.carts, "HSET", "HSET cart:? ? ?")),
            Step::work(80, 400),
            Step::Query(cached(stores.carts, "EXPIRE", "EXPIRE cart:? ?")),
        ],
    );
    let clear = builder.operation(
        service,
        rpc("shop.cart.v1.CartService/ClearCart"),
        &[],
        vec![Step::Query(cached(stores.carts, "DEL", "DEL cart:?"))],
    );
    (get, add, clear)
}

fn search(builder: &mut Builder, list_products: OperationId) -> OperationId {
    let service = builder.service("search", "5.1.0", Language::Java, 8080, 2);
    builder.operation(
        service,
        Endpoint::Http { method: "GET", route: "/search" },
        &[(Fault::Invalid, 9_000), (Fault::Limited, 800), (Fault::Internal, 4_000)],
        vec![
            Step::internal("QueryParser.parse", 300, 1_500),
            Step::internal("IndexSearcher.search", 5_500, 55_000),
            Step::Call(call(list_products, 250)),
        ],
    )
}

fn recommendation(builder: &mut Builder, stores: &Stores, get_product: OperationId) -> OperationId {
    let service = builder.service("recommendation", "0.42.7", Language::Python, 8000, 2);
    builder.old_conventions(service);
    let bestsellers = cached(stores.recent, "ZREVRANGE", "ZREVRANGE bestsellers ? ?");
    builder.operation(
        service,
        Endpoint::Http { method: "GET", route: "/recommendations" },
        &[(Fault::Internal, 6_000)],
        vec![
            Step::Query(cached(stores.recent, "LRANGE", "LRANGE recent:? ? ?")),
            Step::internal("model.predict", 2_000, 20_000),
            Step::sometimes(400, [Step::or_else([Step::Call(call(get_product, 200))], [Step::Query(bestsellers)])]),
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
    let recommend = call(backend.recommend, 350).optional();

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
    let search = vec![Step::Call(call(backend.search, 700).retried(1, 30).jittered(50)), Step::work(500, 2_500)];
    pages.entry(builder, ("GET", "/api/search"), 170, search);
    let cart = vec![session.clone(), Step::Call(call(backend.get_cart, 400)), Step::Call(call(backend.quote, 400))];
    pages.entry(builder, ("GET", "/api/cart"), 90, cart);
    let add = vec![
        session.clone(),
        Step::together([call(backend.stock, 400), call(backend.quote, 400)]),
        Step::Call(call(backend.add_item, 800)),
    ];
    pages.entry(builder, ("POST", "/api/cart/items"), 80, add);
    let log_in = vec![Step::work(200, 900), Step::Call(call(backend.log_in, 1_000))];
    pages.entry(builder, ("POST", "/api/login"), 30, log_in);
    pages.routed(builder, ("POST", "/api/checkout"), 30, call(orders.place, 6_000));
    pages.routed(builder, ("GET", "/api/orders/{id}"), 40, call(orders.order, 1_500));
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
        let rendered = builder.operation(self.bff, endpoint, &[(Fault::Internal, 800)], page);
        let timeout = if method == "GET" { 2_500 } else { 5_000 };
        self.routed(builder, (method, route), weight, call(rendered, timeout));
    }

    /// A route of the gateway to whoever answers it.
    fn routed(&self, builder: &mut Builder, (method, route): (&'static str, &'static str), weight: u32, forward: Call) {
        let steps = vec![Step::work(90, 450), Step::Call(forward), Step::work(40, 200)];
        let endpoint = Endpoint::Http { method, route };
        let routed = builder.operation(self.gateway, endpoint, &[(Fault::Limited, 800)], steps);
        builder.entry(routed, weight);
    }
}
