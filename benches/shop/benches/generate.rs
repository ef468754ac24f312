//! How fast requests are made: filled templates of the load generator, and the simulation itself.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use spandrel_shop::{
    Shop, ShopConfig,
    load::{IdSource, build_templates},
};

fn fill_templates(criterion: &mut Criterion) {
    let templates = build_templates(1, 16, 512);
    let ids = IdSource::new(1);
    let mut group = criterion.benchmark_group("load template");
    group.throughput(Throughput::Elements(512));
    let mut requests = (0..).zip(templates.iter().cycle());
    group.bench_function("fill 512 spans", |bencher| {
        bencher.iter(|| {
            let (request, template) = requests.next()?;
            Some(template.fill(&ids, request, 1_790_000_000_000_000_000))
        });
    });
    group.finish();
}

fn simulate(criterion: &mut Criterion) {
    let config = ShopConfig::default();
    let until = config.start_time + 60_000_000_000;
    let run = || {
        let mut shop = Shop::new(&config);
        let bytes: usize = shop.due(until).map(|batch| batch.payload.encode().len()).sum();
        (bytes, shop.truth().totals().spans)
    };
    let (_, spans) = run();
    let mut group = criterion.benchmark_group("simulation");
    group.throughput(Throughput::Elements(spans));
    group.sample_size(10);
    group.bench_function("a minute with 20 users per second, encoded", |bencher| bencher.iter(run));
    group.finish();
}

criterion_group!(benches, fill_templates, simulate);
criterion_main!(benches);
