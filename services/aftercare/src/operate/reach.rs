//! Where a running suite is reached from the command line.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Result, bail};
use config::Config;
use rpc::Link;
use tonic::transport::Endpoint;

const PATIENCE: Duration = Duration::from_secs(3);

/// Where a service's clients may find it: its own address, or the gateway's where they come by way of
/// that, else the one of all services.
pub(crate) fn public(config: &Config, service: &str) -> Vec<String> {
    let own = [service, "gateway"].map(|name| config.addresses(&[name]).public);
    texts(own.into_iter().chain([Some(config.server.public)]))
}

/// Where a service's admin port may be.
pub(crate) fn admin(config: &Config, service: &str) -> Vec<String> {
    let own = config.services.get(service).and_then(|own| own.admin);
    texts([own, Some(config.server.admin)])
}

/// Every admin port of the configuration.
pub(crate) fn admins(config: &Config) -> Vec<String> {
    let own = config.services.values().map(|own| own.admin);
    texts(own.chain([Some(config.server.admin)]))
}

fn texts(addresses: impl IntoIterator<Item = Option<SocketAddr>>) -> Vec<String> {
    let mut texts: Vec<String> = Vec::new();
    for address in addresses.into_iter().flatten().map(|address| address.to_string()) {
        if !texts.contains(&address) {
            texts.push(address);
        }
    }
    texts
}

/// A link to the first of these addresses that answers.
pub(crate) async fn first(addresses: &[String]) -> Result<Link> {
    for address in addresses {
        if let Some(link) = open(address).await? {
            return Ok(link);
        }
    }
    bail!(
        "nothing answers at {}: is `aftercare serve` running, with this configuration?",
        addresses.join(" or ")
    )
}

/// A link to an address, `HOST:PORT` or `http://HOST:PORT`; `None` where nothing answers.
pub(crate) async fn open(address: &str) -> Result<Option<Link>> {
    let uri =
        if address.contains("://") { address.to_owned() } else { format!("http://{address}") };
    let endpoint = match Endpoint::from_shared(uri) {
        Ok(endpoint) => endpoint.connect_timeout(PATIENCE).tcp_nodelay(true),
        Err(_) => bail!("`{address}` is no address: write HOST:PORT"),
    };
    Ok(endpoint.connect().await.ok().map(rpc::link::link))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_services_own_address_comes_first_and_none_comes_twice() {
        let env = [
            ("AFTERCARE__SERVICES__TICKETS__ADMIN", "127.0.0.1:9090"),
            ("AFTERCARE__SERVICES__CUSTOMERS__ADMIN", "127.0.0.1:9091"),
        ];
        let env = env.map(|(key, value)| (key.to_owned(), value.to_owned()));
        let config = Config::load(None, env.into()).unwrap();
        assert_eq!(admin(&config, "customers"), ["127.0.0.1:9091", "127.0.0.1:9090"]);
        assert_eq!(admin(&config, "tickets"), ["127.0.0.1:9090"]);
        assert_eq!(admins(&config), ["127.0.0.1:9091", "127.0.0.1:9090"]);
        assert_eq!(public(&config, "type"), ["127.0.0.1:8080"]);
    }

    #[test]
    fn a_service_behind_the_gateway_is_called_by_way_of_it() {
        let env = [
            ("AFTERCARE__SERVICES__GATEWAY__LINK", "http://127.0.0.1:8181"),
            ("AFTERCARE__SERVICES__GATEWAY__PUBLIC", "127.0.0.1:8000"),
            ("AFTERCARE__SERVICES__CUSTOMERS__PUBLIC", "127.0.0.1:8081"),
        ];
        let env = env.map(|(key, value)| (key.to_owned(), value.to_owned()));
        let config = Config::load(None, env.into()).unwrap();
        assert_eq!(public(&config, "customers"), ["127.0.0.1:8000", "127.0.0.1:8080"]);
    }

    #[tokio::test]
    async fn where_nothing_answers_the_addresses_are_named() {
        // A port that was free a moment ago.
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        drop(listener);
        let error = first(std::slice::from_ref(&address)).await.unwrap_err().to_string();
        assert!(error.contains(&address), "{error}");
        assert!(open("http://[").await.is_err());
    }
}
