//! Text to expression: recursive descent that checks types as it goes.

use super::{
    Comparison, Expr, Fields, Kind, MOST_BYTES, MOST_DEPTH, MOST_NODES, Node, Place, Problem,
    Refusal, Value, eval, instant,
    lex::{self, Fault, Lexer, Token, bad_literal, unsupported},
    refusal::cut,
};

/// Reads a condition.
pub(super) fn parse(text: &str, fields: &Fields) -> Result<Expr, Refusal> {
    condition(text, fields).map_err(|fault| fault.refusal(text))
}

fn condition(text: &str, fields: &Fields) -> Result<Expr, Fault> {
    if text.len() > MOST_BYTES {
        return Err(Fault::new(MOST_BYTES, Problem::TooLong));
    }
    let mut parser = Parser::start(text, fields)?;
    let whole = parser.expression()?;
    if parser.token != Token::End {
        return Err(parser.unexpected("an operator or the end"));
    }
    if whole.sort != Sort::One(Kind::Bool) {
        return Err(Fault::new(whole.at, Problem::NotACondition(whole.sort.shown())));
    }
    let mut reads = parser.reads;
    reads.sort_unstable();
    reads.dedup();
    Ok(Expr { root: whole.node, reads: reads.into() })
}

/// What a part is; a list of literals may hold several kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    One(Kind),
    List,
}

impl Sort {
    fn shown(self) -> String {
        match self {
            Self::One(kind) => kind.to_string(),
            Self::List => "list".to_owned(),
        }
    }
}

/// A part with its place, and how deep its parts are nested.
struct Part {
    node: Node,
    sort: Sort,
    at: usize,
    height: usize,
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    fields: &'a Fields,
    /// The word that comes next, and where.
    token: Token<'a>,
    at: usize,
    nodes: usize,
    depth: usize,
    reads: Vec<usize>,
}

type Parsed = Result<Part, Fault>;

impl<'a> Parser<'a> {
    fn start(text: &'a str, fields: &'a Fields) -> Result<Self, Fault> {
        let mut lexer = Lexer::new(text);
        let (at, token) = lexer.next()?;
        Ok(Self { lexer, fields, token, at, nodes: 0, depth: 0, reads: Vec::new() })
    }

    fn expression(&mut self) -> Parsed {
        self.depth += 1;
        if self.depth > MOST_DEPTH {
            return Err(Fault::new(self.at, Problem::TooDeep));
        }
        let part = self.either()?;
        let part = if self.is("?") { self.choice(part)? } else { part };
        self.depth -= 1;
        Ok(part)
    }

    #[inline(never)]
    fn choice(&mut self, condition: Part) -> Parsed {
        let at = self.at;
        self.advance()?;
        let then = self.either()?;
        self.expect(":", "`:`")?;
        let otherwise = self.expression()?;
        for part in [&condition, &then, &otherwise] {
            must_be(part, Kind::Bool, "`? :`")?;
        }
        let height = condition.height.max(then.height).max(otherwise.height);
        let parts = Box::new([condition.node, then.node, otherwise.node]);
        self.above(height, Node::Choice(parts), at, condition.at)
    }

    fn either(&mut self) -> Parsed {
        let first = self.both()?;
        if self.is("||") { self.chain(first, "||") } else { Ok(first) }
    }

    fn both(&mut self) -> Parsed {
        let first = self.relation()?;
        if self.is("&&") { self.chain(first, "&&") } else { Ok(first) }
    }

    /// The rest of `first && … && …` or of `first || … || …`, as one part.
    #[inline(never)]
    fn chain(&mut self, first: Part, mark: &'static str) -> Parsed {
        let is_all = mark == "&&";
        let operation = if is_all { "`&&`" } else { "`||`" };
        must_be(&first, Kind::Bool, operation)?;
        let (at, start, mut height) = (self.at, first.at, first.height);
        let mut terms = vec![first.node];
        while self.is(mark) {
            self.advance()?;
            let term = if is_all { self.relation()? } else { self.both()? };
            must_be(&term, Kind::Bool, operation)?;
            height = height.max(term.height);
            terms.push(term.node);
        }
        let node = if is_all { Node::All(terms) } else { Node::Any(terms) };
        self.above(height, node, at, start)
    }

    fn relation(&mut self) -> Parsed {
        let mut left = self.unary()?;
        while let Some(relation) = self.relation_mark() {
            let at = self.at;
            self.advance()?;
            let right = self.unary()?;
            left = self.relate(relation, at, left, right)?;
        }
        Ok(left)
    }

    fn relation_mark(&self) -> Option<Relation> {
        let Token::Mark(mark) = self.token else { return None };
        Some(Relation::Compare(match mark {
            "==" => Comparison::Equal,
            "!=" => Comparison::Unequal,
            "<" => Comparison::Less,
            "<=" => Comparison::AtMost,
            ">" => Comparison::Greater,
            ">=" => Comparison::AtLeast,
            "in" => return Some(Relation::In),
            _ => return None,
        }))
    }

    #[inline(never)]
    fn relate(&mut self, relation: Relation, at: usize, left: Part, right: Part) -> Parsed {
        let fits = match (relation, left.sort, right.sort) {
            (Relation::Compare(_), Sort::One(left), Sort::One(right)) => left.compares_with(right),
            (Relation::In, Sort::One(left), Sort::One(Kind::Ints)) => left.compares_with(Kind::Int),
            (Relation::In, Sort::One(left), Sort::One(Kind::Texts)) => left == Kind::Text,
            (Relation::In, Sort::One(left), Sort::List) => {
                let Node::List(values) = &right.node else { return Err(self.unexpected("a list")) };
                !left.is_list() && values.iter().all(|value| left.compares_with(value.kind()))
            }
            (Relation::Compare(_) | Relation::In, _, _) => false,
        };
        if !fits {
            let (operation, middle) = match relation {
                Relation::Compare(comparison) => (comparison.quoted(), "and"),
                Relation::In => ("`in`", "in"),
            };
            let list = if right.sort == Sort::List { " of such elements" } else { "" };
            let found = format!("{} {middle} {}{list}", left.sort.shown(), right.sort.shown());
            return Err(Fault::new(at, Problem::Mistyped { operation, found }));
        }
        let height = left.height.max(right.height);
        let sides = Box::new([left.node, right.node]);
        let node = match relation {
            Relation::Compare(comparison) => Node::Compare(comparison, sides),
            Relation::In => Node::In(sides),
        };
        self.above(height, node, at, left.at)
    }

    fn unary(&mut self) -> Parsed {
        let at = self.at;
        let mut negations = 0_usize;
        while self.is("!") {
            self.count(self.at)?;
            negations += 1;
            self.advance()?;
        }
        let part = self.member()?;
        match self.token {
            Token::Mark(mark @ ("+" | "-" | "*" | "/" | "%")) => Err(arithmetic(self.at, mark)),
            _ if negations > 0 => self.negated(part, at, negations % 2 == 1),
            _ => Ok(part),
        }
    }

    /// `!!x` is `x`, also where `x` is unknown.
    #[inline(never)]
    fn negated(&mut self, part: Part, at: usize, is_odd: bool) -> Parsed {
        must_be(&part, Kind::Bool, "`!`")?;
        if is_odd {
            self.above(part.height, Node::Not(Box::new(part.node)), at, at)
        } else {
            Ok(Part { at, ..part })
        }
    }

    fn member(&mut self) -> Parsed {
        let mut part = self.primary()?;
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

    fn primary(&mut self) -> Parsed {
        match self.token {
            Token::Mark("(") => {
                let at = self.at;
                self.advance()?;
                let inner = self.expression()?;
                self.expect(")", "`)`")?;
                Ok(Part { at, ..inner })
            }
            Token::Mark("[") => self.list(),
            Token::Name(name) => self.named(name),
            _ => self.literal(),
        }
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
            self.count(self.at)?;
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
            self.count(self.at)?;
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

    fn value(&mut self, value: Value, at: usize) -> Parsed {
        let kind = value.kind();
        self.leaf(Node::Literal(value), Sort::One(kind), at)
    }

    fn leaf(&mut self, node: Node, sort: Sort, at: usize) -> Parsed {
        self.count(at)?;
        Ok(Part { node, sort, at, height: 1 })
    }

    /// A condition that stands above parts of this height; `at` is its operator.
    fn above(&mut self, height: usize, node: Node, at: usize, start: usize) -> Parsed {
        self.count(at)?;
        if height >= MOST_DEPTH {
            return Err(Fault::new(at, Problem::TooDeep));
        }
        Ok(Part { node, sort: Sort::One(Kind::Bool), at: start, height: height + 1 })
    }

    fn count(&mut self, at: usize) -> Result<(), Fault> {
        self.nodes += 1;
        if self.nodes > MOST_NODES {
            return Err(Fault::new(at, Problem::TooManyNodes));
        }
        Ok(())
    }

    fn is(&self, mark: &str) -> bool {
        matches!(self.token, Token::Mark(next) if next == mark)
    }

    fn advance(&mut self) -> Result<(), Fault> {
        (self.at, self.token) = self.lexer.next()?;
        Ok(())
    }

    fn expect(&mut self, mark: &str, expected: &'static str) -> Result<(), Fault> {
        if self.is(mark) { self.advance() } else { Err(self.unexpected(expected)) }
    }

    fn name(&mut self) -> Result<&'a str, Fault> {
        match self.token {
            Token::Name(name) if !lex::is_keyword(name) => {
                self.advance()?;
                Ok(name)
            }
            _ => Err(self.unexpected("a name")),
        }
    }

    fn unexpected(&self, expected: &'static str) -> Fault {
        Fault::new(self.at, Problem::Unexpected { expected, found: self.token.shown() })
    }
}

#[derive(Clone, Copy)]
enum Relation {
    Compare(Comparison),
    In,
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

fn arithmetic(at: usize, mark: &str) -> Fault {
    Fault::new(at, Problem::Unsupported(format!("arithmetic (`{mark}`) is")))
}

fn must_be(part: &Part, kind: Kind, operation: &'static str) -> Result<(), Fault> {
    if part.sort == Sort::One(kind) {
        return Ok(());
    }
    let found = part.sort.shown();
    Err(Fault::new(part.at, Problem::Mistyped { operation, found }))
}

fn signed(magnitude: u64, is_negative: bool, at: usize) -> Result<i64, Fault> {
    let value = i128::from(magnitude) * if is_negative { -1 } else { 1 };
    i64::try_from(value).map_err(|_| bad_literal(at, "the number is beyond the range of an int"))
}
