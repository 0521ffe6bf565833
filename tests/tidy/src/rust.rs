//! Rust source as far as the rules need it: names, punctuation and string literals, with lines
//!
//! Comments, numbers and characters are dropped. Text after `#[cfg(test)]` is still there; the
//! rules stop at [`tests_begin`].

/// One token and the line that it starts on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) line: usize,
}

/// What a token is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Name(String),
    /// A string literal's value, continuations and escapes resolved.
    Text(String),
    Mark(char),
}

impl Token {
    pub(crate) fn name(&self) -> Option<&str> {
        if let Kind::Name(name) = &self.kind { Some(name) } else { None }
    }

    pub(crate) fn text(&self) -> Option<&str> {
        if let Kind::Text(text) = &self.kind { Some(text) } else { None }
    }

    pub(crate) fn is(&self, mark: char) -> bool {
        self.kind == Kind::Mark(mark)
    }
}

/// The line of the first `#[cfg(test)]`, behind which a file has only tests; else past the end.
pub(crate) fn tests_begin(source: &str) -> usize {
    let test = source.lines().position(|line| line.trim() == "#[cfg(test)]");
    test.map_or(usize::MAX, |index| index + 1)
}

/// Reads a whole file.
pub(crate) fn tokens(source: &str) -> Vec<Token> {
    let mut reader = Reader { chars: source.chars().collect(), at: 0, line: 1 };
    let mut found = Vec::new();
    while let Some(char) = reader.peek(0) {
        let line = reader.line;
        if let Some(kind) = reader.token(char) {
            found.push(Token { kind, line });
        }
    }
    found
}

struct Reader {
    chars: Vec<char>,
    at: usize,
    line: usize,
}

impl Reader {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn next(&mut self) -> Option<char> {
        let char = self.peek(0)?;
        self.at += 1;
        self.line += usize::from(char == '\n');
        Some(char)
    }

    fn skip(&mut self, count: usize) {
        for _ in 0..count {
            self.next();
        }
    }

    fn token(&mut self, char: char) -> Option<Kind> {
        match (char, self.peek(1)) {
            ('/', Some('/')) => {
                while self.peek(0).is_some_and(|c| c != '\n') {
                    self.next();
                }
                None
            }
            ('/', Some('*')) => {
                self.block_comment();
                None
            }
            ('"', _) => {
                self.next();
                Some(Kind::Text(self.quoted()))
            }
            ('\'', _) => {
                self.character();
                None
            }
            (c, _) if c.is_alphabetic() || c == '_' => Some(self.name()),
            (c, _) if c.is_ascii_digit() => {
                while self.peek(0).is_some_and(|c| c.is_alphanumeric() || c == '_') {
                    self.next();
                }
                None
            }
            (c, _) => {
                self.next();
                (!c.is_whitespace()).then_some(Kind::Mark(c))
            }
        }
    }

    fn block_comment(&mut self) {
        let mut depth = 0;
        while let Some(char) = self.peek(0) {
            match (char, self.peek(1)) {
                ('/', Some('*')) => depth += 1,
                ('*', Some('/')) => depth -= 1,
                _ => {
                    self.next();
                    continue;
                }
            }
            self.skip(2);
            if depth == 0 {
                return;
            }
        }
    }

    /// A name, or the literal behind a prefix: `b"…"`, `r#"…"#`, `br"…"`, `c"…"`.
    fn name(&mut self) -> Kind {
        let mut name = String::new();
        while let Some(char) = self.peek(0).filter(|c| c.is_alphanumeric() || *c == '_') {
            name.push(char);
            self.next();
        }
        let hashes = self.chars[self.at..].iter().take_while(|c| **c == '#').count();
        let quote = self.peek(hashes) == Some('"');
        match name.as_str() {
            "r" | "br" | "cr" if quote => {
                self.skip(hashes + 1);
                Kind::Text(self.raw(hashes))
            }
            "b" | "c" if quote && hashes == 0 => {
                self.next();
                Kind::Text(self.quoted())
            }
            "b" if self.peek(0) == Some('\'') => {
                self.character();
                Kind::Name(name)
            }
            _ => Kind::Name(name),
        }
    }

    fn raw(&mut self, hashes: usize) -> String {
        let mut text = String::new();
        while let Some(char) = self.next() {
            if char == '"' && (0..hashes).all(|ahead| self.peek(ahead) == Some('#')) {
                self.skip(hashes);
                break;
            }
            text.push(char);
        }
        text
    }

    fn quoted(&mut self) -> String {
        let mut text = String::new();
        while let Some(char) = self.next() {
            match char {
                '"' => break,
                '\\' => match self.next() {
                    // A continuation swallows the line's end and the next line's indentation.
                    Some('\n') => {
                        while self.peek(0).is_some_and(char::is_whitespace) {
                            self.next();
                        }
                    }
                    Some('n' | 't' | 'r') => text.push(' '),
                    Some(escaped) => text.push(escaped),
                    None => break,
                },
                other => text.push(other),
            }
        }
        text
    }

    /// A character literal, or a lifetime's tick, which has no closing one.
    fn character(&mut self) {
        self.next();
        if self.peek(0) == Some('\\') {
            self.skip(2);
            while self.next().is_some_and(|c| c != '\'') {}
        } else if self.peek(1) == Some('\'') {
            self.skip(2);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(source: &str) -> Vec<(String, usize)> {
        let text = |token: Token| token.text().map(|text| (text.to_owned(), token.line));
        tokens(source).into_iter().filter_map(text).collect()
    }

    #[test]
    fn literals_of_every_form() {
        let source = "a(\"one \\\n        two\");\nb(r#\"th\"ree\"#, b\"four\", '\"', 'x', \"fi\\\"ve\"); // \"no\"\n\
                      /* \"no /* \" */ \"no\" */ fn f<'a>(x: &'a str) { c(\"six\", '\\'', b'\"', \"seven\") }";
        let found: Vec<_> = texts(source);
        let found: Vec<_> = found.iter().map(|(text, line)| (text.as_str(), *line)).collect();
        assert_eq!(
            found,
            [("one two", 1), ("th\"ree", 3), ("four", 3), ("fi\"ve", 3), ("six", 4), ("seven", 4)]
        );
    }

    #[test]
    fn tests_begin_at_their_attribute() {
        assert_eq!(tests_begin("fn a() {}\n\n#[cfg(test)]\nmod tests {}\n"), 3);
        assert_eq!(tests_begin("fn a() {}\n"), usize::MAX);
    }
}
