//! Fetches what an identity provider publishes: small JSON documents over HTTPS.

use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{HeaderMap, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};

/// How long one document may take in all.
const PATIENCE: Duration = Duration::from_secs(5);
/// The largest that one may be.
const LARGEST: usize = 256 * 1_024;

/// Fetches a document.
pub trait Fetch: Send + Sync + 'static {
    /// The document at `uri`.
    fn get<'a>(&'a self, uri: &'a str) -> BoxFuture<'a, Result<Fetched, FetchError>>;
}

/// A document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// What it says.
    pub body: Bytes,
    /// For how long, if its server says so.
    pub max_age: Option<Duration>,
}

/// Why there is no document.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// Only `https`, and `http` to this machine, is asked.
    #[error("the address is not https")]
    Insecure,
    /// It could not be reached, or its certificate does not hold.
    #[error("it cannot be reached")]
    Away(#[source] hyper_util::client::legacy::Error),
    /// It took too long.
    #[error("it took too long")]
    Slow,
    /// It answered something else. Redirections are not followed.
    #[error("it answered {0}")]
    Status(StatusCode),
    /// It broke off, or was too large.
    #[error("it broke off or was too large")]
    Body(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Fetches over HTTPS, trusting Mozilla's authorities.
#[derive(Clone, Debug)]
pub struct Https {
    client: Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
}

impl Default for Https {
    fn default() -> Self {
        Self::new()
    }
}

impl Https {
    /// A client that keeps no connection open: it is needed a few times a day.
    pub fn new() -> Self {
        let connector =
            HttpsConnectorBuilder::new().with_webpki_roots().https_or_http().enable_http1().build();
        let mut client = Client::builder(TokioExecutor::new());
        Self { client: client.pool_max_idle_per_host(0).build(connector) }
    }

    async fn fetch(&self, uri: &str) -> Result<Fetched, FetchError> {
        let uri: Uri = uri.parse().map_err(|_| FetchError::Insecure)?;
        if !is_secure(&uri) {
            return Err(FetchError::Insecure);
        }
        let response = self.client.get(uri).await.map_err(FetchError::Away)?;
        if response.status() != StatusCode::OK {
            return Err(FetchError::Status(response.status()));
        }
        let max_age = max_age(response.headers());
        let body = Limited::new(response.into_body(), LARGEST).collect().await;
        Ok(Fetched { body: body.map_err(FetchError::Body)?.to_bytes(), max_age })
    }
}

impl Fetch for Https {
    fn get<'a>(&'a self, uri: &'a str) -> BoxFuture<'a, Result<Fetched, FetchError>> {
        Box::pin(async move {
            let fetched = tokio::time::timeout(PATIENCE, self.fetch(uri)).await;
            fetched.unwrap_or(Err(FetchError::Slow))
        })
    }
}

fn is_secure(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    let is_here = host == "localhost" || address.is_ok_and(|address| address.is_loopback());
    uri.scheme_str() == Some("https") || uri.scheme_str() == Some("http") && is_here
}

fn max_age(headers: &HeaderMap) -> Option<Duration> {
    let directives = headers.get(header::CACHE_CONTROL)?.to_str().ok()?;
    let seconds = directives.split(',').find_map(|one| one.trim().strip_prefix("max-age="))?;
    seconds.parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    use super::*;

    /// What a server that answers with these bytes is heard to say.
    async fn heard(answer: Vec<u8>) -> Result<Fetched, FetchError> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri = format!("http://{}/keys", listener.local_addr().unwrap());
        let serve = async {
            let (mut socket, _) = listener.accept().await.unwrap();
            let _ = socket.read(&mut [0; 1_024]).await;
            let _ = socket.write_all(&answer).await;
        };
        let client = Https::new();
        let (fetched, ()) = tokio::join!(client.get(&uri), serve);
        fetched
    }

    #[tokio::test]
    async fn a_document_is_fetched_with_its_age() {
        let answer = b"HTTP/1.1 200 OK\r\ncache-control: public, max-age=600\r\n\
                       content-length: 11\r\n\r\n{\"keys\":[]}";
        let fetched = heard(answer.to_vec()).await.unwrap();
        assert_eq!(fetched.body, "{\"keys\":[]}");
        assert_eq!(fetched.max_age, Some(Duration::from_mins(10)));
    }

    #[tokio::test]
    async fn anything_else_is_no_document() {
        let moved =
            b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n";
        assert!(matches!(heard(moved.to_vec()).await, Err(FetchError::Status(StatusCode::FOUND))));
        let cut = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{".to_vec();
        assert!(matches!(heard(cut).await, Err(FetchError::Body(_))));
        let size = LARGEST + 1;
        let mut large = format!("HTTP/1.1 200 OK\r\ncontent-length: {size}\r\n\r\n").into_bytes();
        large.resize(large.len() + size, b' ');
        assert!(matches!(heard(large).await, Err(FetchError::Body(_))));
        assert!(matches!(heard(Vec::new()).await, Err(FetchError::Away(_))));
        let away = Https::new().get("http://127.0.0.1:1/").await;
        assert!(matches!(away, Err(FetchError::Away(_))));
    }

    #[tokio::test]
    async fn only_https_is_asked_besides_this_machine() {
        for right in [
            "https://id.example.com/keys",
            "http://127.0.0.1:9/",
            "http://[::1]/",
            "http://localhost/",
        ] {
            assert!(is_secure(&right.parse().unwrap()), "{right}");
        }
        for wrong in [
            "http://id.example.com/",
            "ftp://localhost/",
            "http://localhost.evil.example/",
            "/keys",
        ] {
            assert!(matches!(Https::new().get(wrong).await, Err(FetchError::Insecure)), "{wrong}");
        }
    }
}
