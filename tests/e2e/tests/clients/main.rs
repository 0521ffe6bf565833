//! Clients that nobody here wrote, through the one public port: Python, Node, a browser, curl,
//! grpcurl, and a tester that knows nothing but the OpenAPI document.
#![expect(clippy::unwrap_used, reason = "a test that finds nothing to unwrap has failed")]

mod browser;
mod curl;
mod examples;
mod help;
mod link;
mod node;
mod openapi;
mod overview;
mod python;
mod scanners;
