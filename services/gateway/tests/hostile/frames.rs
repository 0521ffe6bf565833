//! HTTP/2 by hand: frames that no proper client would send.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// The longest frame that a server takes which says nothing else.
const MOST: usize = 16_384;

/// The kinds of frames.
pub(crate) mod kinds {
    pub(crate) const DATA: u8 = 0;
    pub(crate) const HEADERS: u8 = 1;
    pub(crate) const RST_STREAM: u8 = 3;
    pub(crate) const SETTINGS: u8 = 4;
    pub(crate) const PING: u8 = 6;
    pub(crate) const GOAWAY: u8 = 7;
    pub(crate) const CONTINUATION: u8 = 9;
}

/// What a frame may say of itself.
pub(crate) mod flags {
    pub(crate) const END_STREAM: u8 = 1;
    pub(crate) const END_HEADERS: u8 = 4;
}

/// A header field: literal, not indexed, not Huffman-coded.
pub(crate) fn field(name: &str, value: &str) -> Vec<u8> {
    let mut bytes = vec![0];
    for text in [name, value] {
        integer(&mut bytes, text.len());
        bytes.extend(text.as_bytes());
    }
    bytes
}

/// An integer with a prefix of seven bits.
fn integer(bytes: &mut Vec<u8>, number: usize) {
    let Some(mut rest) = number.checked_sub(127) else {
        return bytes.push(u8::try_from(number).unwrap());
    };
    bytes.push(127);
    while rest >= 128 {
        bytes.push(u8::try_from(rest % 128).unwrap() | 128);
        rest /= 128;
    }
    bytes.push(u8::try_from(rest).unwrap());
}

/// A connection whose frames are written by hand. What cannot be written any more is dropped: the
/// server has had enough.
pub(crate) struct Raw {
    read: OwnedReadHalf,
    write: OwnedWriteHalf,
    answered: bool,
}

impl Raw {
    pub(crate) async fn open(address: SocketAddr) -> Self {
        let (read, write) = TcpStream::connect(address).await.unwrap().into_split();
        let mut raw = Self { read, write, answered: false };
        let _ = raw.write.write_all(PREFACE).await;
        raw.send(kinds::SETTINGS, 0, 0, &[]).await;
        raw
    }

    /// One frame. A server that no longer reads is not waited for.
    pub(crate) async fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let mut frame = length[1..].to_vec();
        frame.extend([kind, flags]);
        frame.extend(stream.to_be_bytes());
        frame.extend(payload);
        let write = self.write.write_all(&frame);
        let _ = tokio::time::timeout(Duration::from_millis(200), write).await;
    }

    /// The head of a gRPC call to the echo.
    pub(crate) async fn head(&mut self, stream: u32, more: &[(&str, &str)], ends: bool) {
        self.head_to("/test.Echo/Say", stream, more, ends).await;
    }

    /// The head of a gRPC call to this path, in as many frames as it takes.
    pub(crate) async fn head_to(
        &mut self,
        path: &str,
        stream: u32,
        more: &[(&str, &str)],
        ends: bool,
    ) {
        let usual = [
            (":method", "POST"),
            (":scheme", "http"),
            (":path", path),
            (":authority", "a"),
            ("content-type", "application/grpc"),
            ("te", "trailers"),
        ];
        let block: Vec<u8> =
            usual.iter().chain(more).flat_map(|(name, value)| field(name, value)).collect();
        let parts: Vec<_> = block.chunks(MOST).collect();
        for (index, part) in parts.iter().enumerate() {
            let kind = if index == 0 { kinds::HEADERS } else { kinds::CONTINUATION };
            let ends_stream = if index == 0 && ends { flags::END_STREAM } else { 0 };
            let ends_head = if index + 1 == parts.len() { flags::END_HEADERS } else { 0 };
            self.send(kind, ends_stream | ends_head, stream, part).await;
        }
    }

    /// Reads what has come so far.
    pub(crate) async fn drain(&mut self) {
        self.ended(Duration::from_millis(300)).await;
    }

    /// Whether a stream was answered or reset.
    pub(crate) fn answered(&self) -> bool {
        self.answered
    }

    /// Reads until the server has had enough of this connection; false where it has not, in this
    /// time, or where it answered instead.
    pub(crate) async fn ended(&mut self, patience: Duration) -> bool {
        let reading = async {
            loop {
                let mut head = [0; 9];
                if self.read.read_exact(&mut head).await.is_err() {
                    return true;
                }
                let length = u64::from(u32::from_be_bytes([0, head[0], head[1], head[2]]));
                let mut payload = (&mut self.read).take(length);
                if tokio::io::copy(&mut payload, &mut tokio::io::sink()).await.is_err() {
                    return true;
                }
                match head[3] {
                    kinds::GOAWAY => return true,
                    kinds::HEADERS | kinds::RST_STREAM => {
                        self.answered = true;
                        return false;
                    }
                    _ => {}
                }
            }
        };
        tokio::time::timeout(patience, reading).await.unwrap_or(false)
    }
}
