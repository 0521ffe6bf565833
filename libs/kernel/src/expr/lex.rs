//! The words of an expression, as CEL cuts them: always the longest that fits.

use super::{Problem, Refusal, quoted, refusal::cut};

/// One word.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token<'a> {
    /// An identifier, keywords among them, except `in`.
    Name(&'a str),
    /// A whole number without its sign.
    Int(u64),
    /// A double without its sign.
    Double(f64),
    /// A string, unescaped.
    Text(String),
    /// An operator or a bracket, and `in`.
    Mark(&'static str),
    /// Nothing more.
    End,
}

impl Token<'_> {
    /// The word as a message shows it.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Name(name) => format!("`{}`", cut(name)),
            Self::Mark(mark) => format!("`{mark}`"),
            Self::Int(_) | Self::Double(_) => "a number".to_owned(),
            Self::Text(_) => "a string".to_owned(),
            Self::End => "the end".to_owned(),
        }
    }
}

/// What is wrong, and where; boxed, so that what is parsed well takes little of the stack.
pub(super) struct Fault(Box<(usize, Problem)>);

impl Fault {
    pub(super) fn new(at: usize, problem: Problem) -> Self {
        Self(Box::new((at, problem)))
    }

    pub(super) fn refusal(self, text: &str) -> Refusal {
        let (at, problem) = *self.0;
        Refusal::new(text, at, problem)
    }
}

/// Longer marks first.
const MARKS: [&str; 24] = [
    "==", "!=", "<=", ">=", "&&", "||", "<", ">", "!", "(", ")", "[", "]", "{", "}", ".", ",", "?",
    ":", "+", "-", "*", "/", "%",
];

/// Cuts a text into words.
pub(super) struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// The next word and where it starts.
    pub(super) fn next(&mut self) -> Result<(usize, Token<'a>), Fault> {
        self.skip_space();
        let at = self.at;
        let rest = self.rest();
        let Some(first) = rest.bytes().next() else { return Ok((at, Token::End)) };
        let token = match first {
            b'"' | b'\'' => self.string()?,
            b'r' | b'R' if matches!(rest.as_bytes().get(1), Some(b'"' | b'\'')) => self.string()?,
            b'b' | b'B' if starts_bytes(rest) => return Err(unsupported(at, "bytes are")),
            b'0'..=b'9' => self.number()?,
            b'.' if rest.as_bytes().get(1).is_some_and(u8::is_ascii_digit) => self.number()?,
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => self.name(),
            _ => self.mark()?,
        };
        Ok((at, token))
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// Skips white space and comments.
    fn skip_space(&mut self) {
        loop {
            let rest = self.rest();
            let space = rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r', '\x0c']).len();
            let comment = match rest.get(space..) {
                Some(comment) if comment.starts_with("//") => {
                    comment.find('\n').unwrap_or(comment.len())
                }
                _ => 0,
            };
            self.at += space + comment;
            if space + comment == 0 {
                return;
            }
        }
    }

    fn name(&mut self) -> Token<'a> {
        let rest = self.rest();
        let name = rest.get(..name_length(rest)).unwrap_or_default();
        self.at += name.len();
        if name == "in" { Token::Mark("in") } else { Token::Name(name) }
    }

    fn mark(&mut self) -> Result<Token<'a>, Fault> {
        let rest = self.rest();
        if let Some(mark) = MARKS.into_iter().find(|mark| rest.starts_with(mark)) {
            self.at += mark.len();
            return Ok(Token::Mark(mark));
        }
        let first = rest.chars().next().unwrap_or_default();
        let expected = match first {
            '=' => "`==`",
            '&' => "`&&`",
            '|' => "`||`",
            _ => "a word of an expression",
        };
        let found = format!("`{}`", first.escape_default());
        let found = if first.is_control() { found } else { format!("`{first}`") };
        Err(Fault::new(self.at, Problem::Unexpected { expected, found }))
    }

    fn string(&mut self) -> Result<Token<'a>, Fault> {
        let (length, text) = quoted::read(self.rest())
            .map_err(|(offset, reason)| bad_literal(self.at + offset, reason))?;
        self.at += length;
        Ok(Token::Text(text))
    }

    fn number(&mut self) -> Result<Token<'a>, Fault> {
        let (at, rest) = (self.at, self.rest());
        if let Some(length) = double_length(rest) {
            self.at += length;
            let number: f64 = rest[..length].parse().unwrap_or(f64::INFINITY);
            if number.is_infinite() {
                return Err(bad_literal(at, "the number is beyond the range of a double"));
            }
            return Ok(Token::Double(number));
        }
        let number = if let Some(digits) = hexadecimal(rest) {
            self.at += 2 + digits.len();
            u64::from_str_radix(digits, 16)
        } else {
            let length = digits(rest);
            self.at += length;
            rest[..length].parse()
        };
        if matches!(self.rest().bytes().next(), Some(b'u' | b'U')) {
            return Err(unsupported(at, "unsigned numbers are"));
        }
        number
            .map(Token::Int)
            .map_err(|_| bad_literal(at, "the number is beyond the range of an int"))
    }
}

pub(super) fn unsupported(at: usize, what: &str) -> Fault {
    Fault::new(at, Problem::Unsupported(what.to_owned()))
}

pub(super) fn bad_literal(at: usize, reason: &'static str) -> Fault {
    Fault::new(at, Problem::BadLiteral(reason))
}

/// Whether a `b` starts a literal of bytes.
fn starts_bytes(rest: &str) -> bool {
    match rest.as_bytes() {
        [_, b'"' | b'\'', ..] => true,
        [_, b'r' | b'R', quote, ..] => matches!(quote, b'"' | b'\''),
        _ => false,
    }
}

/// The digits after `0x`; without any, the `0` stands alone.
fn hexadecimal(rest: &str) -> Option<&str> {
    let digits = rest.strip_prefix("0x")?;
    let length = digits.bytes().take_while(u8::is_ascii_hexdigit).count();
    if length == 0 { None } else { digits.get(..length) }
}

fn digits(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

/// The length of the double that the text starts with, if it does.
fn double_length(rest: &str) -> Option<usize> {
    let after = |length: usize| rest.get(length..).unwrap_or_default();
    let mut length = digits(rest);
    let mut is_double = false;
    if let Some(fraction) = after(length).strip_prefix('.') {
        let fraction = digits(fraction);
        if fraction > 0 {
            length += 1 + fraction;
            is_double = true;
        }
    }
    if let Some(exponent) = after(length).strip_prefix(['e', 'E']) {
        let unsigned = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        let digits = digits(unsigned);
        if digits > 0 {
            length += 1 + exponent.len() - unsigned.len() + digits;
            is_double = true;
        }
    }
    is_double.then_some(length)
}

fn name_length(text: &str) -> usize {
    text.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count()
}

/// Whether the whole text is one identifier.
pub(super) fn is_name(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with(|first: char| first.is_ascii_digit())
        && name_length(text) == text.len()
}

/// Words that stand for something, anywhere.
pub(super) fn is_keyword(name: &str) -> bool {
    matches!(name, "true" | "false" | "null" | "in")
}

/// Words that CEL keeps for languages that it is part of.
pub(super) fn is_reserved(name: &str) -> bool {
    matches!(
        name,
        "as" | "break"
            | "const"
            | "continue"
            | "else"
            | "for"
            | "function"
            | "if"
            | "import"
            | "let"
            | "loop"
            | "namespace"
            | "package"
            | "return"
            | "var"
            | "void"
            | "while"
    )
}
