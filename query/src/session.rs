//! What a statement can name: the tables of one snapshot and the functions. One per query; nothing of it is shared with
//! another but what never changes.

use std::sync::Arc;

use datafusion::{
    catalog::{
        CatalogProvider, CatalogProviderList, MemoryCatalogProvider, MemoryCatalogProviderList, MemorySchemaProvider,
        SchemaProvider,
    },
    common::Result,
    config::Dialect,
    execution::{
        SessionState, SessionStateBuilder, SessionStateDefaults,
        disk_manager::{DiskManagerBuilder, DiskManagerMode},
        memory_pool::MemoryPool,
        object_store::ObjectStoreRegistry,
        runtime_env::{RuntimeEnv, RuntimeEnvBuilder},
    },
    prelude::SessionConfig,
};
use spandrel_proto::model::Table;

use crate::{
    functions::{self, Tables},
    limits::Limits,
};

const CATALOG: &str = "spandrel";
const SCHEMA: &str = "public";

/// Functions whose result is as large as an argument says, without regard to any memory limit.
const UNBOUNDED_FUNCTIONS: [&str; 8] =
    ["repeat", "lpad", "rpad", "array_repeat", "array_resize", "generate_series", "range", "string_repeat"];

/// What all queries of an engine share.
pub(crate) fn shared_state(limits: &Limits, registry: Arc<dyn ObjectStoreRegistry>) -> Result<SessionState> {
    let bounded = SessionStateDefaults::default_scalar_functions()
        .into_iter()
        .filter(|function| !UNBOUNDED_FUNCTIONS.contains(&function.name()));
    let aggregates = SessionStateDefaults::default_aggregate_functions().into_iter();
    let table_functions = SessionStateDefaults::default_table_functions()
        .into_iter()
        .map(|function| (function.name().to_owned(), function));
    Ok(SessionStateBuilder::new()
        .with_config(config(limits))
        .with_runtime_env(Arc::new(runtime(limits, registry)?))
        .with_expr_planners(SessionStateDefaults::default_expr_planners())
        .with_scalar_functions(bounded.chain(functions::scalar_functions()).collect())
        .with_higher_order_functions(SessionStateDefaults::default_higher_order_functions())
        .with_aggregate_functions(aggregates.chain(functions::aggregate_functions()).collect())
        .with_window_functions(SessionStateDefaults::default_window_functions())
        .with_table_functions(table_functions.collect())
        .build())
}

/// The state of one query over `tables` that starts at `now_ns` and takes its memory from `memory`.
pub(crate) fn query_state(
    shared: &SessionState,
    tables: &Tables,
    now_ns: i64,
    memory: Arc<dyn MemoryPool>,
) -> Result<SessionState> {
    let runtime = RuntimeEnvBuilder::from_runtime_env(shared.runtime_env()).with_memory_pool(memory).build()?;
    let schema = MemorySchemaProvider::new();
    for table in Table::ALL {
        schema.register_table(table.name().to_owned(), tables.provider(table)?)?;
    }
    let catalog = MemoryCatalogProvider::new();
    catalog.register_schema(SCHEMA, Arc::new(schema))?;
    let catalogs = MemoryCatalogProviderList::new();
    catalogs.register_catalog(CATALOG.to_owned(), Arc::new(catalog));

    let mut state = SessionStateBuilder::new_from_existing(shared.clone())
        .with_runtime_env(Arc::new(runtime))
        .with_catalog_list(Arc::new(catalogs))
        .build();
    state.execution_props_mut().query_execution_start_time = Some(chrono::DateTime::from_timestamp_nanos(now_ns));
    for (name, function) in functions::table_functions(tables, now_ns)? {
        state.register_udtf(name, function);
    }
    Ok(state)
}

fn config(limits: &Limits) -> SessionConfig {
    let mut config = SessionConfig::new()
        .with_create_default_catalog_and_schema(false)
        .with_default_catalog_and_schema(CATALOG, SCHEMA)
        .with_information_schema(true)
        .with_target_partitions(limits.threads.max(1));
    let options = config.options_mut();
    options.execution.time_zone = Some("UTC".to_owned());
    options.sql_parser.dialect = Dialect::PostgreSQL;
    options.sql_parser.collect_spans = true;
    // The rows of `trace`, `flow` and `red` come in an order.
    options.sql_parser.enable_subquery_sort_elimination = false;
    config
}

fn runtime(limits: &Limits, registry: Arc<dyn ObjectStoreRegistry>) -> Result<RuntimeEnv> {
    let disk = match &limits.spill {
        Some(spill) => DiskManagerBuilder::default()
            .with_mode(DiskManagerMode::Directories(vec![spill.directory.clone()]))
            .with_max_temp_directory_size(spill.max_bytes),
        None => DiskManagerBuilder::default().with_mode(DiskManagerMode::Disabled),
    };
    RuntimeEnvBuilder::new()
        .with_object_store_registry(registry)
        .with_disk_manager_builder(disk)
        .with_metadata_cache_limit(limits.metadata_cache)
        .build()
}
