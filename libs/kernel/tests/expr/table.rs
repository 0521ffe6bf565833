//! `table.txt`: each condition with what it is of the row below, or with the place and the reason of
//! its refusal.

use kernel::{
    Time,
    expr::{Expr, Fields, Kind, Refusal, Value},
};

/// Every field of the table with its value; those of `gone` are declared and missing.
pub(crate) fn row() -> Vec<(&'static str, Kind, Option<Value>)> {
    let texts =
        |list: &[&str]| Value::from(list.iter().map(ToString::to_string).collect::<Vec<_>>());
    let present: Vec<(&str, Value)> = vec![
        ("yes", true.into()),
        ("no", false.into()),
        ("n", 5_i64.into()),
        ("big", 9_007_199_254_740_993_i64.into()),
        ("most", i64::MAX.into()),
        ("x", 2.5.into()),
        ("five", 5.0.into()),
        ("huge", 9_223_372_036_854_775_808.0.into()),
        ("nan", f64::NAN.into()),
        ("tier", "gold".into()),
        ("other", "old".into()),
        ("empty", "".into()),
        ("zh", "屏幕碎了".into()),
        ("q3", texts(&["c1", "c2"])),
        ("none", texts(&[])),
        ("codes", vec![1_i64, 2, 5].into()),
        ("at", Time::from_micros(1_767_225_600_000_000).into()),
        ("waited", Value::Duration(5_400_000_000)),
        ("customer.tier", "gold".into()),
        ("customer.address.city", "上海".into()),
        ("customer.if", true.into()),
    ];
    let gone = [
        ("gone.flag", Kind::Bool),
        ("gone.n", Kind::Int),
        ("gone.x", Kind::Double),
        ("gone.tier", Kind::Text),
        ("gone.q3", Kind::Texts),
        ("gone.codes", Kind::Ints),
        ("gone.at", Kind::Time),
        ("gone.waited", Kind::Duration),
    ];
    let present = present.into_iter().map(|(name, value)| (name, value.kind(), Some(value)));
    present.chain(gone.map(|(name, kind)| (name, kind, None))).collect()
}

/// The table's conditions with what is said of each.
pub(crate) fn cases() -> impl Iterator<Item = (&'static str, &'static str)> {
    let lines = include_str!("table.txt").lines();
    lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(|line| {
        let (text, expected) = line.rsplit_once(" => ").unwrap();
        (text.trim_end(), expected.trim())
    })
}

fn declared() -> (Fields, Vec<Option<Value>>) {
    let row = row();
    let fields = Fields::of(row.iter().map(|(name, kind, _)| (*name, *kind))).unwrap();
    (fields, row.into_iter().map(|(_, _, value)| value).collect())
}

fn said(parsed: &Result<Expr, Refusal>, row: &[Option<Value>]) -> String {
    match parsed {
        Ok(expr) => match expr.eval(row) {
            Some(held) => held.to_string(),
            None => "unknown".to_owned(),
        },
        Err(refusal) => format!("{}: {}", refusal.at, refusal.problem),
    }
}

#[test]
fn every_condition_of_the_table_is_what_it_says() {
    let (fields, row) = declared();
    let mut wrong = Vec::new();
    let mut count = 0;
    for (text, expected) in cases() {
        count += 1;
        let said = said(&Expr::parse(text, &fields), &row);
        if said != expected {
            wrong.push(format!("{text} => {expected}\n    but it is {said}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(count >= 250, "{count}");
}

/// An empty row has everything unknown that asks for a field, and `has()` false.
#[test]
fn a_missing_row_is_unknown_and_never_true_by_its_fields_alone() {
    let (fields, _) = declared();
    for (text, expected) in [
        ("n == 5", None),
        ("n == 5 || true", Some(true)),
        ("n == 5 && false", Some(false)),
        ("has(customer.tier)", Some(false)),
        ("!has(customer.tier)", Some(true)),
        ("'c1' in q3", None),
        ("size(tier) == 4", None),
        ("yes", None),
        ("yes ? true : true", None),
    ] {
        assert_eq!(Expr::parse(text, &fields).unwrap().eval(&[]), expected, "{text}");
    }
}

#[test]
fn a_value_of_another_kind_than_declared_does_not_fire() {
    let fields = Fields::of([("a", Kind::Int), ("b", Kind::Text), ("c", Kind::Texts)]).unwrap();
    let row = [Some(Value::from("5")), Some(Value::from(true)), Some(Value::from(3_i64))];
    for text in ["a == 5", "a != 5", "a in [5]", "b == 'true'", "b.contains('t')", "'x' in c"] {
        assert_eq!(Expr::parse(text, &fields).unwrap().eval(&row), None, "{text}");
    }
    assert_eq!(Expr::parse("size(c) > 0", &fields).unwrap().eval(&row), None);
}

#[test]
fn a_condition_knows_the_fields_that_it_reads() {
    let (fields, _) = declared();
    let reads = |text: &str| Expr::parse(text, &fields).unwrap().fields().to_vec();
    let index = |name: &str| fields.get(name).unwrap().0;
    assert_eq!(reads("true"), []);
    assert_eq!(reads("n == 5 && n < 7 || yes"), [index("yes"), index("n")]);
    assert_eq!(reads("has(customer.tier)"), [index("customer.tier")]);
    assert_eq!(reads("size(q3) > 1 ? no : tier in ['a']"), {
        let mut expected = [index("q3"), index("no"), index("tier")];
        expected.sort_unstable();
        expected
    });
}

#[test]
fn white_space_comments_and_lines() {
    let (fields, row) = declared();
    let lines = "n == 5 // the usual\r\n\t&&\x0c customer . tier == \"\"\"go\r\nld\"\"\"\n // end";
    assert_eq!(Expr::parse(lines, &fields).unwrap().eval(&row), Some(false));
    for same in ["'''a\r\nb\rc''' == 'a\\r\\nb\\rc'", "r'''a\r\nb''' == 'a\\r\\nb'"] {
        assert_eq!(Expr::parse(same, &fields).unwrap().eval(&row), Some(true), "{same:?}");
    }
    let refusal = Expr::parse("yes &&\n '屏' == 5", &fields).unwrap_err();
    assert_eq!((refusal.at, refusal.line, refusal.column), (14, 2, 6));
    assert_eq!(refusal.to_string(), "line 2, column 6: `==` does not take string and int");
    assert_eq!(refusal.problem.reason(), "MISTYPED");
    for broken in ["'a\nb' == tier", "r'a\rb' == tier", "n == 5\u{a0}", "n\u{b}"] {
        assert!(Expr::parse(broken, &fields).is_err(), "{broken:?}");
    }
}
