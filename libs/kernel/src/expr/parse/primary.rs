//! What stands between operators: literals, lists, fields, functions and methods.

use super::{
    super::{
        Kind, MOST_PARENTHESES, Node, Place, Problem, Value, eval, instant,
        lex::{self, Fault, Token, bad_literal, unsupported},
        refusal::cut,
    },
    Parsed, Parser, Part, Sort, arithmetic, must_be,
};

impl<'a> Parser<'a> {
    /// The methods that are called on a part.
    pub(super) fn member(&mut self, first: Part) -> Parsed {
        let mut part = first;
        while self.is(".") {
            self.advance()?;
            let at = self.at;
            let name = self.name()?;
            if !self.is("(") {
                return Err(unsupported(at, "selection from anything but a declared field is"));
            }
            part = self.method(part, name, at)?;
        }
        match self.token {
            Token::Mark("[") => Err(unsupported(self.at, "indexing is")),
            Token::Mark("{") => Err(unsupported(self.at, "messages are")),
            _ => Ok(part),
        }
    }

    pub(super) fn primary(&mut self) -> Parsed {
        match self.token {
            Token::Mark("(") => self.parentheses(),
            Token::Mark("[") => self.list(),
            Token::Name(name) => self.named(name),
            _ => self.literal(),
        }
    }

    /// Parentheses right in parentheses are counted instead of nested.
    #[inline(never)]
    fn parentheses(&mut self) -> Parsed {
        let start = self.at;
        let mut open = 0;
        while self.is("(") {
            open += 1;
            if open > MOST_PARENTHESES {
                return Err(Fault::new(self.at, Problem::TooDeep));
            }
            self.advance()?;
        }
        let mut part = self.expression()?;
        self.expect(")", "`)`")?;
        for _ in 1..open {
            part = self.member(part)?;
            part = self.whole(part)?;
            self.expect(")", "`)`")?;
        }
        Ok(Part { at: start, ..part })
    }

    #[inline(never)]
    fn list(&mut self) -> Parsed {
        let start = self.at;
        self.advance()?;
        let mut values = Vec::new();
        while !self.is("]") {
            let element = self.expression()?;
            let Node::Literal(value) = element.node else {
                return Err(unsupported(element.at, "an element of a list that is no literal is"));
            };
            values.push(value);
            if !self.is("]") {
                self.expect(",", "`,` or `]`")?;
            }
        }
        self.advance()?;
        self.leaf(Node::List(values), Sort::List, start)
    }

    /// A number or a string.
    #[inline(never)]
    fn literal(&mut self) -> Parsed {
        let start = self.at;
        let is_negative = self.is("-");
        if is_negative {
            self.advance()?;
            if !matches!(self.token, Token::Int(_) | Token::Double(_)) {
                return Err(arithmetic(start, "-"));
            }
        }
        let value = match &mut self.token {
            Token::Int(magnitude) => Value::Int(signed(*magnitude, is_negative, start)?),
            Token::Double(number) => Value::Double(if is_negative { -*number } else { *number }),
            Token::Text(text) => Value::Text(std::mem::take(text)),
            Token::Mark("{") => return Err(unsupported(start, "maps are")),
            Token::Mark(".") => return Err(unsupported(start, "a leading dot is")),
            Token::Name(_) | Token::Mark(_) | Token::End => {
                return Err(self.unexpected("a value"));
            }
        };
        self.advance()?;
        self.value(value, start)
    }

    /// `true`, a function, or a field.
    #[inline(never)]
    fn named(&mut self, name: &'a str) -> Parsed {
        let at = self.at;
        if lex::is_reserved(name) {
            return Err(self.unexpected("a value, which no reserved word is"));
        }
        self.advance()?;
        match name {
            "true" | "false" => self.value(Value::Bool(name == "true"), at),
            "null" => Err(unsupported(at, "`null`, for which `has()` asks, is")),
            _ if self.is("(") => self.function(name, at),
            _ => self.path(name, at),
        }
    }

    /// A field, and the method that is called on it if one is.
    fn path(&mut self, first: &'a str, at: usize) -> Parsed {
        let mut path = first.to_owned();
        while self.is(".") {
            self.advance()?;
            let name_at = self.at;
            let name = self.name()?;
            if self.is("(") {
                method(name, name_at)?;
                let field = self.field(&path, at)?;
                return self.method(field, name, name_at);
            }
            path.push('.');
            path.push_str(name);
        }
        self.field(&path, at)
    }

    fn field(&mut self, path: &str, at: usize) -> Parsed {
        let (index, kind) = self.declared(path, at)?;
        self.leaf(Node::Field(index, kind), Sort::One(kind), at)
    }

    fn declared(&mut self, path: &str, at: usize) -> Result<(usize, Kind), Fault> {
        let Some((index, kind)) = self.fields.get(path) else {
            return Err(Fault::new(at, Problem::Undeclared(cut(path))));
        };
        self.reads.push(index);
        Ok((index, kind))
    }

    fn function(&mut self, name: &str, at: usize) -> Parsed {
        match name {
            "has" => self.has(at),
            "size" => {
                let argument = self.argument()?;
                self.size(&argument, at)
            }
            "timestamp" | "duration" => {
                let argument = self.argument()?;
                let Node::Literal(Value::Text(text)) = &argument.node else {
                    return Err(unsupported(argument.at, "converting anything but a literal is"));
                };
                let value = match name {
                    "timestamp" => instant::timestamp(text).map(Value::Time),
                    _ => instant::duration(text).map(Value::Duration),
                };
                let value = value.map_err(|reason| bad_literal(argument.at, reason))?;
                self.value(value, at)
            }
            _ => Err(function_unsupported(name, at)),
        }
    }

    fn has(&mut self, at: usize) -> Parsed {
        self.advance()?;
        let start = self.at;
        let mut path = self.name()?.to_owned();
        while self.is(".") {
            self.advance()?;
            path.push('.');
            path.push_str(self.name()?);
        }
        if !path.contains('.') {
            let found = "anything but a selection such as `customer.tier`".to_owned();
            return Err(Fault::new(start, Problem::Mistyped { operation: "`has()`", found }));
        }
        self.expect(")", "`)`")?;
        let (index, _) = self.declared(&path, start)?;
        self.leaf(Node::Has(index), Sort::One(Kind::Bool), at)
    }

    fn method(&mut self, target: Part, name: &str, at: usize) -> Parsed {
        let start = target.at;
        let Some((place, operation)) = method(name, at)? else {
            self.advance()?;
            self.expect(")", "`)`")?;
            return self.size(&target, start);
        };
        let part = self.argument()?;
        must_be(&target, Kind::Text, operation)?;
        must_be(&part, Kind::Text, operation)?;
        let height = target.height.max(part.height);
        let node = Node::Find(place, Box::new([target.node, part.node]));
        self.above(height, node, at, start)
    }

    /// One argument in parentheses.
    fn argument(&mut self) -> Parsed {
        self.advance()?;
        let argument = self.expression()?;
        self.expect(")", "`)`")?;
        Ok(argument)
    }

    fn size(&mut self, of: &Part, at: usize) -> Parsed {
        let node = match &of.node {
            Node::Field(index, kind @ (Kind::Text | Kind::Ints | Kind::Texts)) => {
                Node::Size(*index, *kind)
            }
            Node::Literal(text @ Value::Text(_)) => {
                Node::Literal(Value::Int(eval::size(text).unwrap_or(i64::MAX)))
            }
            Node::List(list) => {
                Node::Literal(Value::Int(i64::try_from(list.len()).unwrap_or(i64::MAX)))
            }
            _ => {
                let found = of.sort.shown();
                return Err(Fault::new(at, Problem::Mistyped { operation: "`size()`", found }));
            }
        };
        self.leaf(node, Sort::One(Kind::Int), at)
    }
}

/// The method's meaning, nothing for `size`; any other is refused.
fn method(name: &str, at: usize) -> Result<Option<(Place, &'static str)>, Fault> {
    match name {
        "startsWith" => Ok(Some((Place::Start, "`startsWith()`"))),
        "endsWith" => Ok(Some((Place::End, "`endsWith()`"))),
        "contains" => Ok(Some((Place::Anywhere, "`contains()`"))),
        "size" => Ok(None),
        _ => Err(function_unsupported(name, at)),
    }
}

fn function_unsupported(name: &str, at: usize) -> Fault {
    let what = match name {
        "all" | "exists" | "exists_one" | "filter" | "map" => "the comprehension",
        _ => "the function",
    };
    Fault::new(at, Problem::Unsupported(format!("{what} `{}()` is", cut(name))))
}

fn signed(magnitude: u64, is_negative: bool, at: usize) -> Result<i64, Fault> {
    let value = i128::from(magnitude) * if is_negative { -1 } else { 1 };
    i64::try_from(value).map_err(|_| bad_literal(at, "the number is beyond the range of an int"))
}
