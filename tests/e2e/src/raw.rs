//! Requests that no library of ours would send, written by hand: their target lacks its slash, their
//! body is no JSON.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const PATIENCE: Duration = Duration::from_secs(20);
const STREAM: u32 = 1;
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// The status that a request is answered with over HTTP/1.1; `line` is verb and target.
///
/// # Panics
/// Where no answer comes.
pub async fn http1(at: SocketAddr, line: &str, headers: &[(&str, &str)], body: &str) -> u16 {
    let mut sent = format!("{line} HTTP/1.1\r\nhost: {at}\r\nconnection: close\r\n");
    for (name, value) in headers {
        sent = format!("{sent}{name}: {value}\r\n");
    }
    if !body.is_empty() {
        sent =
            format!("{sent}content-type: application/json\r\ncontent-length: {}\r\n", body.len());
    }
    let mut stream = TcpStream::connect(at).await.expect("the port is there");
    stream.write_all(format!("{sent}\r\n{body}").as_bytes()).await.expect("it can be sent");
    let mut answer = Vec::new();
    let read = timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    read.expect("an answer comes in time").expect("an answer comes");
    let status = answer.get(9..12).and_then(|digits| std::str::from_utf8(digits).ok());
    status.and_then(|digits| digits.parse().ok()).expect("an answer has a status")
}

/// Whether a gRPC call to this path is answered with a message; `message` is the request's bytes.
///
/// # Panics
/// Where the stream does not end.
pub async fn is_answered(
    at: SocketAddr,
    path: &str,
    headers: &[(&str, &str)],
    message: &[u8],
) -> bool {
    let mut stream = TcpStream::connect(at).await.expect("the port is there");
    let usual = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", path),
        (":authority", "localhost"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    ];
    let head: Vec<u8> = usual.iter().chain(headers).flat_map(field).collect();
    let body = [&[0], &length(message)[..], message].concat();
    let sent = [
        PREFACE,
        &frame(SETTINGS, 0, 0, &[]),
        &frame(HEADERS, END_HEADERS, STREAM, &head),
        &frame(DATA, END_STREAM, STREAM, &body),
    ];
    stream.write_all(&sent.concat()).await.expect("a call can be sent");
    timeout(PATIENCE, has_data(&mut stream)).await.expect("the stream ends in time")
}

/// Whether data come before the stream ends.
async fn has_data(stream: &mut TcpStream) -> bool {
    loop {
        let mut head = [0; 9];
        if stream.read_exact(&mut head).await.is_err() {
            return false;
        }
        let [a, b, c, kind, flags, id @ ..] = head;
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        if stream.read_exact(&mut payload).await.is_err() {
            return false;
        }
        let ends = flags & END_STREAM != 0;
        match kind {
            DATA if !payload.is_empty() => return true,
            GOAWAY => return false,
            RST_STREAM if u32::from_be_bytes(id) == STREAM => return false,
            DATA | HEADERS if ends => return false,
            _ => {}
        }
    }
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = length(payload)[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

fn length(bytes: &[u8]) -> [u8; 4] {
    u32::try_from(bytes.len()).expect("a request is short").to_be_bytes()
}

/// A header field: literal, not indexed, not Huffman-coded.
fn field((name, value): &(&str, &str)) -> Vec<u8> {
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
        return bytes.push(byte(number));
    };
    bytes.push(127);
    while rest >= 128 {
        bytes.push(byte(rest % 128 + 128));
        rest /= 128;
    }
    bytes.push(byte(rest));
}

fn byte(number: usize) -> u8 {
    u8::try_from(number).expect("it fits into a byte")
}
