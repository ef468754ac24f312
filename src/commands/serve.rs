//! `spandrel serve`

use super::{configuration, environment, runtime};
use crate::{
    cli::ServeArgs,
    serve::{Server, init_logging},
};

pub(crate) fn serve(args: &ServeArgs) -> anyhow::Result<()> {
    let environment = environment();
    let config = configuration(args, &environment)?;
    init_logging(&config.log);
    let runtime = runtime()?;
    let ended = runtime.block_on(async {
        let mut server = Server::start(config, &environment).await?;
        let waited = server.wait().await;
        server.shut_down().await?;
        waited
    });
    // A read of standard input may be under way on a thread of its own; nothing that matters waits for it.
    runtime.shutdown_background();
    ended
}
