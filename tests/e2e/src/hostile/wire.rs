//! Trees as protobuf on the wire, and everything that the wire can be made to say besides.

use std::{io::Write as _, sync::LazyLock};

use flate2::{Compression, write::GzEncoder};
use prost::encoding::encode_varint;
use prost_reflect::Kind;

use super::tree::{Node, Tree};
use crate::dice::Dice;

const VARINT: u64 = 0;
const FIXED64: u64 = 1;
const DELIMITED: u64 = 2;
const GROUP: u64 = 3;
const END: u64 = 4;
const FIXED32: u64 = 5;
/// A field that no message has.
const UNKNOWN: u64 = 15_000;
/// How deep groups are nested: to the limit of every decoder, over it, and far over it.
const DEPTHS: [usize; 5] = [2, 90, 99, 101, 5_000];

/// A message as the body of a call, and what its frames are compressed by.
pub(super) fn body(tree: &Tree, dice: &mut Dice) -> (Vec<u8>, Option<&'static str>) {
    let mut message = Vec::new();
    encode(tree, dice, &mut message);
    if dice.one_in(8) {
        spoil(dice, &mut message);
    }
    // No service takes it, so that some are enough.
    if dice.one_in(200) {
        let packed = compressed(dice, &message);
        return (framed(dice, 1, &packed), Some("gzip"));
    }
    let flag = if dice.one_in(300) { *dice.one_of(&[1, 2, 255]) } else { 0 };
    (framed(dice, flag, &message), None)
}

/// A frame; now and then one too short, too long, none, or two.
fn framed(dice: &mut Dice, flag: u8, message: &[u8]) -> Vec<u8> {
    let mut length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    let trick = dice.below(300);
    match trick {
        0 => length = length.wrapping_add(1),
        1 => length = length.wrapping_sub(1),
        2 => length = u32::MAX,
        3 => return Vec::new(),
        4 => return vec![flag, 0, 0],
        _ => {}
    }
    let mut frame = vec![flag];
    frame.extend(length.to_be_bytes());
    frame.extend(message);
    if trick == 5 { frame.repeat(2) } else { frame }
}

/// Compressed, now and then cut off, and now and then a bomb instead.
fn compressed(dice: &mut Dice, message: &[u8]) -> Vec<u8> {
    static BOMB: LazyLock<Vec<u8>> = LazyLock::new(|| gzip(&vec![0; 32 << 20]));
    let mut packed = if dice.one_in(4) { BOMB.clone() } else { gzip(message) };
    if dice.one_in(4) {
        packed.truncate(dice.index(packed.len()));
    }
    packed
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let written = encoder.write_all(bytes).and_then(|()| encoder.finish());
    written.expect("memory can be written")
}

fn encode(tree: &Tree, dice: &mut Dice, to: &mut Vec<u8>) {
    for branch in &tree.branches {
        let number = u64::from(branch.field.number());
        let wire = if dice.one_in(400) { dice.below(8) } else { wire(&branch.field.kind()) };
        encode_varint(number << 3 | wire, to);
        match &branch.node {
            Node::Number(value) => fixed_or_varint(wire, *value, to),
            Node::Text(text) => {
                encode_varint(text.len() as u64, to);
                to.extend(text.as_bytes());
                // The last byte of a text is no UTF-8 any more.
                if !text.is_empty() && dice.one_in(400) {
                    to.pop();
                    to.push(0xff);
                }
            }
            Node::Message(inner) => {
                let mut bytes = Vec::new();
                encode(inner, dice, &mut bytes);
                encode_varint(bytes.len() as u64, to);
                to.extend(bytes);
            }
        }
    }
}

/// How a field of this kind is written.
fn wire(kind: &Kind) -> u64 {
    match kind {
        Kind::Double | Kind::Fixed64 | Kind::Sfixed64 => FIXED64,
        Kind::Float | Kind::Fixed32 | Kind::Sfixed32 => FIXED32,
        Kind::String | Kind::Bytes | Kind::Message(_) => DELIMITED,
        Kind::Int32
        | Kind::Int64
        | Kind::Uint32
        | Kind::Uint64
        | Kind::Sint32
        | Kind::Sint64
        | Kind::Bool
        | Kind::Enum(_) => VARINT,
    }
}

fn fixed_or_varint(wire: u64, value: i64, to: &mut Vec<u8>) {
    match wire {
        FIXED64 => to.extend(value.to_le_bytes()),
        FIXED32 => to.extend(&value.to_le_bytes()[..4]),
        _ => encode_varint(value.cast_unsigned(), to),
    }
}

/// Does something to the bytes of a message.
fn spoil(dice: &mut Dice, message: &mut Vec<u8>) {
    let at = dice.index(message.len() + 1);
    let tag = |wire: u64| UNKNOWN << 3 | wire;
    match dice.below(11) {
        0 => message.truncate(at),
        1 => {
            if let Some(byte) = message.get_mut(at) {
                *byte ^= 1 << dice.below(8);
            }
        }
        2 => {
            let half = message.split_off(at);
            message.extend([0xff; 11]);
            message.extend(half);
        }
        3 => {
            encode_varint(tag(DELIMITED), message);
            encode_varint(65_536, message);
            message.extend(vec![0xff; 65_536]);
        }
        4 => {
            let depth = *dice.one_of(&DEPTHS);
            (0..depth).for_each(|_| encode_varint(tag(GROUP), message));
            (0..depth).for_each(|_| encode_varint(tag(END), message));
        }
        5 => (0..*dice.one_of(&DEPTHS)).for_each(|_| encode_varint(tag(GROUP), message)),
        6 => encode_varint(tag(END), message),
        7 => *message = message.repeat(2),
        8 => {
            encode_varint(tag(DELIMITED), message);
            encode_varint(*dice.one_of(&[1, 1 << 31, 1 << 32, u64::MAX]), message);
        }
        9 => encode_varint(*dice.one_of(&[0, 2, 6, 7, u64::MAX]), message),
        _ => {
            for _ in 0..5_000 {
                encode_varint(tag(VARINT), message);
                message.push(1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use prost::Message as _;
    use prost_reflect::DynamicMessage;
    use serde_json::json;

    use super::*;
    use crate::client::method;

    #[test]
    fn a_tree_is_its_message_unless_chance_has_it_otherwise() {
        let kind = method("CreateTicket").input();
        let request = json!({
            "ticket": { "kind": "KIND_COMPLAINT", "title": "Leaks", "requiredSkills": ["a", "b"] },
            "validateOnly": true,
        });
        let message = DynamicMessage::deserialize(kind, request).unwrap();
        let tree = Tree::of(&message);
        let wanted = message.encode_to_vec();
        let as_it_should_be = (0..100).filter(|seed| {
            let (body, encoding) = body(&tree, &mut Dice::new(*seed));
            encoding.is_none() && body.get(5..) == Some(&wanted)
        });
        assert!(as_it_should_be.count() > 60);
    }
}
