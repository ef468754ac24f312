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
    runtime()?.block_on(async {
        let mut server = Server::start(config, &environment).await?;
        let waited = server.wait().await;
        server.shut_down().await?;
        waited
    })
}
