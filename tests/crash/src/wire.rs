//! A network between a client and the suite, which is cut: what crossed it has crossed it, the rest
//! never arrives.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, copy, copy_bidirectional},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

/// When a wire breaks.
#[derive(Clone, Copy, Debug)]
pub enum Breaks {
    /// So long after its client has connected.
    After(Duration),
    /// When the client has sent so many bytes.
    Sent(u64),
    /// When the suite has answered so many bytes.
    Answered(u64),
}

/// A wire that breaks once and for all.
#[derive(Debug)]
pub struct Wire {
    /// Where its client connects.
    pub near: SocketAddr,
    _carrier: JoinSet<()>,
}

impl Wire {
    /// Lays a wire to `far`.
    ///
    /// # Panics
    /// Where no port is free.
    pub async fn lay(far: SocketAddr, breaks: Breaks) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let near = listener.local_addr().expect("it has an address");
        let mut carrier = JoinSet::new();
        carrier.spawn(async move {
            let Ok((client, _)) = listener.accept().await else { return };
            let Ok(suite) = TcpStream::connect(far).await else { return };
            carry(client, suite, breaks).await;
        });
        Self { near, _carrier: carrier }
    }
}

async fn carry(mut client: TcpStream, mut suite: TcpStream, breaks: Breaks) {
    let (sent, answered) = match breaks {
        Breaks::After(time) => {
            let carried = copy_bidirectional(&mut client, &mut suite);
            drop(tokio::time::timeout(time, carried).await);
            return;
        }
        Breaks::Sent(bytes) => (bytes, u64::MAX),
        Breaks::Answered(bytes) => (u64::MAX, bytes),
    };
    let (from_client, mut to_client) = client.split();
    let (from_suite, mut to_suite) = suite.split();
    let (mut from_client, mut from_suite) = (from_client.take(sent), from_suite.take(answered));
    tokio::select! {
        _ = copy(&mut from_client, &mut to_suite) => {}
        _ = copy(&mut from_suite, &mut to_client) => {}
    }
}
