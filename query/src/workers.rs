//! The threads that queries run on.

use std::{fmt, future::Future};

use tokio::{
    runtime::{Builder, Runtime},
    task::JoinHandle,
};

/// Address space per thread; planning and evaluation recurse over the statement. Only what is touched is used.
const STACK_BYTES: usize = 32 << 20;

/// Threads of their own, so that a query never delays receiving and storing.
pub(crate) struct Workers {
    /// `None` only while being dropped.
    runtime: Option<Runtime>,
}

impl Workers {
    pub(crate) fn new(threads: usize) -> std::io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(threads.max(1))
            .thread_name("spandrel-query")
            .thread_stack_size(STACK_BYTES)
            .enable_all()
            .build()?;
        Ok(Self { runtime: Some(runtime) })
    }

    /// Runs `task` until it ends or the handle is dropped.
    pub(crate) fn spawn<T: Send + 'static>(&self, task: impl Future<Output = T> + Send + 'static) -> AbortOnDrop<T> {
        let runtime = self.runtime.as_ref().expect("the runtime is there until the drop");
        AbortOnDrop(runtime.spawn(task))
    }
}

impl fmt::Debug for Workers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Workers").finish_non_exhaustive()
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        // Waiting for the threads is not allowed inside another runtime.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// A running task that ends when this is dropped.
#[derive(Debug)]
pub(crate) struct AbortOnDrop<T>(pub(crate) JoinHandle<T>);

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
