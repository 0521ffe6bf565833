//! What a process tells of itself on its admin port.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};

use crate::{client, suite::At};

/// The metrics of the process that listens here, as Prometheus text.
///
/// # Panics
/// Where it does not tell them.
pub async fn metrics(at: At) -> String {
    let http: Client<HttpConnector, Empty<Bytes>> =
        Client::builder(TokioExecutor::new()).build_http();
    let uri = format!("http://{}/metrics", at.admin).parse().expect("an address is a URI");
    let answer = http.get(uri).await.expect("the admin port answers");
    assert!(answer.status().is_success(), "{}", answer.status());
    let body = answer.into_body().collect().await.expect("the metrics are whole").to_bytes();
    String::from_utf8(body.to_vec()).expect("metrics are text")
}

/// How many calls of a method the process that listens here has answered with OK.
///
/// # Panics
/// Where the number is none.
pub async fn answered(at: At, method: &str) -> u64 {
    let path = client::path(client::method(method));
    let labels = format!("{{rpc_method=\"{}\",rpc_response_status_code=\"OK\"}} ", &path[1..]);
    let sample = format!("rpc_server_call_duration_seconds_count{labels}");
    let text = metrics(at).await;
    let count = text.lines().find_map(|line| line.strip_prefix(&sample));
    count.map_or(0, |count| count.parse().expect("a count is a number"))
}
