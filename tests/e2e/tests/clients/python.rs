//! grpcio, with stubs made from our protos by grpcio-tools.

use aftercare_e2e::{each_backend, python};

#[tokio::test]
async fn python_walks_a_complaint() {
    each_backend(async |suite| python::walk(suite).await).await;
}
