//! `index`: the indexes of a running suite.

use anyhow::Result;
use config::Config;
use contracts::r#type::v1::{
    RebuildIndexRequest, index_admin_service_client::IndexAdminServiceClient,
};

use super::reach;
use crate::print::told;

/// Arguments of `index`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The admin port, such as `127.0.0.1:9090`; the configured one where it is left out.
    #[arg(long, global = true, value_name = "HOST:PORT")]
    address: Option<String>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Build a tenant's index anew from the database, in one process. What there is serves until the
    /// new one is whole.
    Rebuild {
        /// The tenant, `tenants/{id}`.
        tenant: String,
    },
}

/// Runs one of them.
pub(crate) async fn run(config: &Config, args: Args) -> Result<()> {
    let addresses =
        args.address.map_or_else(|| reach::admin(config, "knowledge"), |address| vec![address]);
    let mut client = IndexAdminServiceClient::new(reach::first(&addresses).await?);
    let Command::Rebuild { tenant } = args.command;
    let request = RebuildIndexRequest { tenant };
    let done = client.rebuild_index(request).await.map_err(|status| told(&status))?;
    println!("the index is whole: {} documents", done.into_inner().documents);
    Ok(())
}
