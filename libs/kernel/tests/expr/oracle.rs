//! What the `cel` crate says of the same conditions. It is no part of the program, and is given only
//! small texts here: large ones can make it overflow the stack.
//!
//! A missing field is a missing key of a map, so that what is unknown here is an error there. Left
//! out is what the crate cannot do without a package that is banned here (instants and durations), the
//! order of NaN, which it refuses, and integers of more digits than a double has, which it rounds.

use std::collections::HashMap;

use cel::{Context, Program, Value as Cel};
use kernel::expr::{Expr, Fields, Kind, Problem, Value};
use proptest::prelude::*;

use crate::table;

/// A condition as `cel` sees it; an error is unknown.
fn cel(text: &str, context: &Context) -> Option<bool> {
    let program = Program::compile(text).unwrap_or_else(|errors| panic!("{text}\n{errors}"));
    match program.execute(context) {
        Ok(Cel::Bool(held)) => Some(held),
        Ok(other) => panic!("{text}: {other:?}"),
        Err(_) => None,
    }
}

fn converted(value: &Value) -> Option<Cel> {
    Some(match value {
        Value::Bool(value) => Cel::Bool(*value),
        Value::Int(value) => Cel::Int(*value),
        Value::Double(value) => Cel::Float(*value),
        Value::Text(value) => value.as_str().into(),
        Value::Ints(value) => value.iter().map(|int| Cel::Int(*int)).collect::<Vec<_>>().into(),
        Value::Texts(value) => {
            value.iter().map(|text| text.as_str().into()).collect::<Vec<Cel>>().into()
        }
        Value::Time(_) | Value::Duration(_) => return None,
    })
}

/// The row as nested maps, without what is missing.
fn context(row: &[(&'static str, Kind, Option<Value>)]) -> Context<'static, 'static> {
    let mut context = Context::default();
    let mut maps: HashMap<&str, HashMap<String, Cel>> = HashMap::new();
    for (name, _, value) in row {
        let value = value.as_ref().and_then(converted);
        match name.split_once('.') {
            Some((map, rest)) => {
                let map = maps.entry(map).or_default();
                let Some(value) = value else { continue };
                match rest.split_once('.') {
                    Some((inner, name)) => {
                        let inner_map = HashMap::from([(name.to_owned(), value)]);
                        map.insert(inner.to_owned(), inner_map.into());
                    }
                    None => {
                        map.insert(rest.to_owned(), value);
                    }
                }
            }
            None => {
                if let Some(value) = value {
                    context.add_variable_from_value(*name, value);
                }
            }
        }
    }
    for (name, map) in maps {
        context.add_variable_from_value(name, map);
    }
    context
}

/// Runs on a stack that is deep enough for the crate.
fn on_a_deep_stack(run: impl FnOnce() + Send) {
    std::thread::scope(|scope| {
        let deep = std::thread::Builder::new().stack_size(256 * 1024 * 1024);
        let run = deep.spawn_scoped(scope, run).unwrap().join();
        if let Err(panic) = run {
            std::panic::resume_unwind(panic);
        }
    });
}

#[test]
fn cel_says_of_the_table_what_the_table_says() {
    on_a_deep_stack(|| {
        let context = context(&table::row());
        let mut wrong = Vec::new();
        let mut count = 0;
        for (text, expected) in table::cases() {
            let expected = match expected {
                "true" => Some(true),
                "false" => Some(false),
                "unknown" => None,
                _ => continue,
            };
            if LEFT_OUT.iter().any(|word| text.contains(word)) {
                continue;
            }
            count += 1;
            let said = cel(text, &context);
            if said != expected {
                wrong.push(format!("{text}: {expected:?}, but cel says {said:?}"));
            }
        }
        assert!(count > 280, "{count}");
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    });
}

/// Words of conditions of the table that the crate is not asked about.
const LEFT_OUT: [&str; 9] =
    ["timestamp", "duration", "at ", "waited", "nan <", "nan >", "big", "9007199254740993", "huge"];

/// A row of the fields that the generated conditions read, any of them missing.
fn row() -> impl Strategy<Value = Vec<(&'static str, Kind, Option<Value>)>> {
    use prop::{collection::vec, option::of};
    (
        (of(any::<bool>()), of(any::<bool>())),
        (of(-2_i64..4), of(-2_i64..4), of(double())),
        (of(text()), of(text())),
        (of(vec(text().prop_map(str::to_owned), 0..3)), of(vec(-2_i64..4, 0..3))),
    )
        .prop_map(|((a, b), (n, m, x), (s, t), (l, c))| {
            vec![
                ("r.a", Kind::Bool, a.map(Value::from)),
                ("r.b", Kind::Bool, b.map(Value::from)),
                ("r.n", Kind::Int, n.map(Value::from)),
                ("r.m", Kind::Int, m.map(Value::from)),
                ("r.x", Kind::Double, x.map(Value::from)),
                ("r.s", Kind::Text, s.map(Value::from)),
                ("r.t", Kind::Text, t.map(Value::from)),
                ("r.l", Kind::Texts, l.map(Value::from)),
                ("r.c", Kind::Ints, c.map(Value::from)),
            ]
        })
}

fn double() -> impl Strategy<Value = f64> {
    (-4_i32..8).prop_map(|halves| f64::from(halves) / 2.0)
}

fn text() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["", "a", "b", "ab", "ba", "A", "屏", "a屏"])
}

fn one_of(words: &'static [&'static str]) -> impl Strategy<Value = String> + Clone {
    prop::sample::select(words).prop_map(str::to_owned)
}

fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        one_of(&["r.n", "r.m", "r.x", "size(r.l)", "r.s.size()", "size(r.t)", "size(r.c)"]),
        (-2_i64..4).prop_map(|int| int.to_string()),
        double().prop_map(|double| format!("{double:?}")),
    ]
}

fn string() -> impl Strategy<Value = String> {
    prop_oneof![one_of(&["r.s", "r.t"]), text().prop_map(|text| format!("'{text}'"))]
}

/// Conditions without parts that are conditions.
fn simple() -> impl Strategy<Value = String> {
    let comparison = || one_of(&["==", "!=", "<", "<=", ">", ">="]);
    let literals = || prop::collection::vec(-2_i64..4, 0..4);
    prop_oneof![
        one_of(&["true", "false", "r.a", "r.b", "has(r.a)", "has(r.n)", "has(r.s)", "has(r.l)"]),
        (number(), comparison(), number()).prop_map(|(a, op, b)| format!("{a} {op} {b}")),
        (string(), comparison(), string()).prop_map(|(a, op, b)| format!("{a} {op} {b}")),
        (number(), literals()).prop_map(|(a, list)| format!("{a} in {list:?}")),
        (string(), prop::collection::vec(text(), 0..3))
            .prop_map(|(a, list)| format!("{a} in {list:?}")),
        string().prop_map(|a| format!("{a} in r.l")),
        number().prop_map(|a| format!("{a} in r.c")),
        (string(), one_of(&["startsWith", "endsWith", "contains"]), string())
            .prop_map(|(a, method, b)| format!("{a}.{method}({b})")),
    ]
}

fn condition() -> impl Strategy<Value = String> {
    simple().prop_recursive(4, 24, 3, |inner| {
        let joined = |by: &'static str| {
            prop::collection::vec(inner.clone(), 2..4).prop_map(move |terms| terms.join(by))
        };
        prop_oneof![
            joined(" && "),
            joined(" || "),
            inner.clone().prop_map(|a| format!("!({a})")),
            inner.clone().prop_map(|a| format!("({a})")),
            (inner.clone(), one_of(&["==", "!=", "<", ">="]), inner.clone())
                .prop_map(|(a, op, b)| format!("({a}) {op} ({b})")),
            (inner.clone(), inner.clone(), inner.clone())
                .prop_map(|(a, b, c)| format!("({a}) ? ({b}) : {c}")),
        ]
    })
}

#[test]
fn cel_says_the_same_of_any_condition_and_row() {
    on_a_deep_stack(|| {
        let config = ProptestConfig::with_cases(2_000);
        let mut runner = prop::test_runner::TestRunner::new(config);
        runner
            .run(&(condition(), row()), |(text, row)| {
                let fields = row.iter().map(|(name, kind, _)| (*name, *kind));
                let fields = Fields::of(fields).unwrap();
                let values: Vec<_> = row.iter().map(|(_, _, value)| value.clone()).collect();
                let expr = match Expr::parse(&text, &fields) {
                    Ok(expr) => expr,
                    // A limit of ours, and nothing else, refuses what is made here.
                    Err(refusal) => {
                        let limits = [Problem::TooDeep, Problem::TooManyNodes, Problem::TooLong];
                        prop_assert!(limits.contains(&refusal.problem), "{refusal}: {text}");
                        return Ok(());
                    }
                };
                prop_assert_eq!(expr.eval(&values), cel(&text, &context(&row)), "{}", text);
                Ok(())
            })
            .unwrap();
    });
}
