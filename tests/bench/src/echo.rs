//! The raw echo: a tonic server that answers each known request with the bytes that the suite
//! answered it with, and does nothing else. What `GetTicket` is measured against.

use std::{
    collections::HashMap,
    convert::Infallible,
    future::{Future, Ready, ready},
    path::{Path, PathBuf},
    pin::Pin,
    sync::Arc,
    task::{Context as TaskContext, Poll},
};

use anyhow::{Context, Result};
use bytes::Bytes;
use http::{Request, Response};
use tokio::net::TcpListener;
use tonic::{
    Status,
    body::Body,
    server::{Grpc, NamedService, UnaryService},
    transport::{Server, server::TcpIncoming},
};

use crate::{program::Program, raw::Raw};

/// Requests with their answers.
pub(crate) type Answers = HashMap<Bytes, Bytes>;

#[derive(Clone)]
struct Echo(Arc<Answers>);

impl NamedService for Echo {
    const NAME: &'static str = "aftercare.tickets.v1.TicketService";
}

impl tower::Service<Request<Body>> for Echo {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut TaskContext<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let echo = self.clone();
        Box::pin(async move { Ok(Grpc::new(Raw).unary(echo, request).await) })
    }
}

impl UnaryService<Bytes> for Echo {
    type Response = Bytes;
    type Future = Ready<Result<tonic::Response<Bytes>, Status>>;

    fn call(&mut self, request: tonic::Request<Bytes>) -> Self::Future {
        // The load compares the answer's length, so an unknown request does not go unnoticed.
        let answer = self.0.get(request.get_ref()).cloned().unwrap_or_default();
        ready(Ok(tonic::Response::new(answer)))
    }
}

/// Serves the answers of a file until killed; prints its address first.
pub(crate) async fn serve(answers: &Path) -> Result<()> {
    let answers = read(answers)?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    let echo = Echo(Arc::new(answers));
    Server::builder().add_service(echo).serve_with_incoming(incoming).await?;
    Ok(())
}

/// Starts an echo with these answers as a process of its own.
pub(crate) async fn start(answers: &Answers, folder: &Path) -> Result<(Program, String)> {
    let file = folder.join("answers.json");
    write(answers, &file)?;
    let mut program = Program::of_ours(&[Path::new("echo"), &file])?;
    let address = program.line().await.context("the echo does not start")?;
    Ok((program, address))
}

fn write(answers: &Answers, file: &PathBuf) -> Result<()> {
    let pairs: Vec<(&[u8], &[u8])> =
        answers.iter().map(|(request, answer)| (request.as_ref(), answer.as_ref())).collect();
    std::fs::write(file, serde_json::to_vec(&pairs)?)?;
    Ok(())
}

fn read(file: &Path) -> Result<Answers> {
    let pairs: Vec<(Vec<u8>, Vec<u8>)> = serde_json::from_slice(&std::fs::read(file)?)?;
    Ok(pairs.into_iter().map(|(request, answer)| (request.into(), answer.into())).collect())
}
