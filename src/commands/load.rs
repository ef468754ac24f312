//! `spandrel load`

use std::sync::Arc;

use spandrel_proto::model::{Clock, SystemClock};
use spandrel_shop::{
    load::{LoadOptions, run_load},
    send::Protocol,
};
use tokio_util::sync::CancellationToken;

use super::{runtime, say};
use crate::cli::{LoadArgs, LoadProtocol};

pub(crate) fn load(args: &LoadArgs) -> anyhow::Result<()> {
    let options = LoadOptions {
        protocol: match args.protocol {
            LoadProtocol::Grpc => Protocol::Grpc,
            LoadProtocol::Http => Protocol::Http,
        },
        rate: args.rate,
        duration: Some(args.duration),
        connections: args.connections,
        in_flight: args.in_flight,
        batch: args.batch,
        acked_file: args.acked_file.clone(),
        progress: std::io::IsTerminal::is_terminal(&std::io::stderr()),
        ..LoadOptions::new(&args.endpoint)
    };
    let report = runtime()?.block_on(async {
        let cancel = CancellationToken::new();
        let interrupted = cancel.clone();
        tokio::spawn(async move {
            if tokio::signal::ctrl_c().await.is_ok() {
                interrupted.cancel();
            }
        });
        run_load(options, Arc::new(|| SystemClock.now_unix_nano()), cancel).await
    })?;
    if args.json { say(format_args!("{}", serde_json::to_string(&report)?)) } else { say(format_args!("{report}")) }
}
