//! The only place queries can read from.

use std::sync::Arc;

use datafusion::{
    common::{Result, exec_err},
    execution::object_store::ObjectStoreRegistry,
};
use object_store::ObjectStore;
use url::Url;

use crate::table::store_url;

/// Knows the object store of the tables and no other: no local files, no network, whatever a statement names.
#[derive(Debug)]
pub(crate) struct TablesOnly {
    tables: Arc<dyn ObjectStore>,
}

impl TablesOnly {
    pub(crate) fn new(tables: Arc<dyn ObjectStore>) -> Self {
        Self { tables }
    }
}

impl ObjectStoreRegistry for TablesOnly {
    fn register_store(&self, _url: &Url, _store: Arc<dyn ObjectStore>) -> Option<Arc<dyn ObjectStore>> {
        None
    }

    fn get_store(&self, url: &Url) -> Result<Arc<dyn ObjectStore>> {
        let tables = store_url();
        let tables: &Url = tables.as_ref();
        if url.scheme() == tables.scheme() && url.host_str() == tables.host_str() {
            return Ok(self.tables.clone());
        }
        exec_err!("reading from {url} is not allowed")
    }
}
