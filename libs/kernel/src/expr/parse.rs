//! Text to expression: recursive descent that checks types as it goes.

mod primary;

use super::{
    Comparison, Expr, Fields, Kind, MOST_BYTES, MOST_DEPTH, MOST_NODES, Node, Problem, Refusal,
    Value,
    lex::{self, Fault, Lexer, Token},
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
        let first = self.unary()?;
        let part = self.whole(first)?;
        self.depth -= 1;
        Ok(part)
    }

    /// The expression that starts with a part that was read already; so are the others below.
    fn whole(&mut self, first: Part) -> Parsed {
        let part = self.either(first)?;
        if self.is("?") { self.choice(part) } else { Ok(part) }
    }

    /// The rest of `first ? … : …`, and of the choices that it ends in, as one part.
    #[inline(never)]
    fn choice(&mut self, first: Part) -> Parsed {
        let (at, start) = (self.at, first.at);
        let (mut parts, mut height) = (Vec::new(), 0);
        let mut last = first;
        while self.is("?") {
            self.advance()?;
            let then = self.unary()?;
            let then = self.either(then)?;
            self.expect(":", "`:`")?;
            for part in [last, then] {
                must_be(&part, Kind::Bool, "`? :`")?;
                height = height.max(part.height);
                parts.push(part.node);
            }
            last = self.unary()?;
            last = self.either(last)?;
        }
        must_be(&last, Kind::Bool, "`? :`")?;
        parts.push(last.node);
        self.above(height.max(last.height), Node::Choice(parts), at, start)
    }

    fn either(&mut self, first: Part) -> Parsed {
        let first = self.both(first)?;
        if self.is("||") { self.chain(first, "||") } else { Ok(first) }
    }

    fn both(&mut self, first: Part) -> Parsed {
        let first = self.relation(first)?;
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
            let next = self.unary()?;
            let term = if is_all { self.relation(next)? } else { self.both(next)? };
            must_be(&term, Kind::Bool, operation)?;
            height = height.max(term.height);
            terms.push(term.node);
        }
        let node = if is_all { Node::All(terms) } else { Node::Any(terms) };
        self.above(height, node, at, start)
    }

    fn relation(&mut self, first: Part) -> Parsed {
        let mut left = first;
        while let Some(relation) = self.relation_mark() {
            let at = self.at;
            self.advance()?;
            let right = self.unary()?;
            left = self.relate(relation, at, left, right)?;
        }
        match self.token {
            Token::Mark(mark @ ("+" | "-" | "*" | "/" | "%")) => Err(arithmetic(self.at, mark)),
            _ => Ok(left),
        }
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
        let first = self.primary()?;
        let part = self.member(first)?;
        if negations == 0 { Ok(part) } else { self.negated(part, at, negations % 2 == 1) }
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
