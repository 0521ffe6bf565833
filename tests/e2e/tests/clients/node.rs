//! grpc-js, with clients that proto-loader makes from our proto files at run time.

use std::path::Path;

use aftercare_e2e::{
    each_backend, node, python,
    suite::finish,
    walk::{Steps, Walk},
};
use serde_json::json;

#[tokio::test]
async fn node_walks_a_complaint() {
    each_backend(async |suite| {
        let walk = Walk::new(suite).await;
        let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../proto");
        let mut told = walk.told();
        told["protos"] = json!([ours, python::protos()]);
        let walked = finish(node::script("node/walk.js").arg(told.to_string()));
        walk.check(&Steps::printed(&walked));
    })
    .await;
}
