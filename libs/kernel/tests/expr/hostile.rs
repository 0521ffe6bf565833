//! Texts made to hurt: refused at once, on a small stack, and never with a panic.

use std::time::{Duration, Instant};

use kernel::expr::{Expr, Fields, Kind, MOST_DEPTH, MOST_NODES, MOST_PARENTHESES, Problem};
use proptest::prelude::*;

fn fields() -> Fields {
    Fields::of([("a", Kind::Bool), ("n", Kind::Int), ("s", Kind::Text), ("l", Kind::Texts)])
        .unwrap()
}

/// Runs on a stack of this many KiB; one that overflows ends the process.
fn on_a_small_stack(kib: usize, run: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().stack_size(kib * 1024).spawn(run).unwrap().join().unwrap();
}

/// Starts that are repeated, middles, and ends that are repeated as often.
const SHAPES: &[(&str, &str, &str)] = &[
    ("[", "", ""),
    ("(", "", ""),
    ("!", "", ""),
    ("-", "", ""),
    ("a.b", "", ""),
    (".b", "", ""),
    ("1+", "1", ""),
    ("a&&", "a", ""),
    ("a||", "a", ""),
    ("a==", "a", ""),
    ("a?", "a", ""),
    ("a?a:", "a", ""),
    ("a in [", "", ""),
    ("size(", "", ""),
    ("has(", "", ""),
    ("s.contains(", "", ""),
    ("{", "", ""),
    ("\"", "", ""),
    ("'''", "", ""),
    ("\\", "", ""),
    ("//", "", ""),
    (" ", "", ""),
    ("9", "", ""),
    ("x", "", ""),
    ("屏", "", ""),
    ("(", "a", ")"),
    ("!(", "a", ")"),
    ("(a&&", "a", ")"),
    ("(a==", "a", ")"),
    ("(a?a:", "a", ")"),
    ("[", "1", "]"),
    ("(n in [1,2]&&!", "a", ")"),
];

fn repeated((start, middle, end): (&str, &str, &str), times: usize) -> String {
    format!("{}{middle}{}", start.repeat(times), end.repeat(times))
}

#[test]
fn what_is_too_long_is_refused_by_its_length() {
    on_a_small_stack(128, || {
        let fields = fields();
        for shape in SHAPES {
            let text = repeated(*shape, 100_000 / shape.0.len());
            let started = Instant::now();
            let refusal = Expr::parse(&text, &fields).unwrap_err();
            assert_eq!(refusal.problem, Problem::TooLong);
            assert!(started.elapsed() < Duration::from_secs(1), "{shape:?}");
        }
    });
}

#[test]
fn what_is_nested_or_many_is_refused_on_a_small_stack() {
    on_a_small_stack(128, || {
        let fields = fields();
        for shape in SHAPES {
            for times in (1..=20).chain([50, 99, 100, 101, 199, 200, 201, 500, 1_000]) {
                let text = repeated(*shape, times);
                // Whatever is accepted is evaluated, written as SQL and dropped.
                if let Ok(expr) = Expr::parse(&text, &fields) {
                    let _ = expr.eval(&[]);
                    let _ = expr.sql(1, |_| Some("c"));
                    let _ = format!("{:?}", expr.clone());
                }
            }
        }
    });
}

#[test]
fn the_limits_are_where_they_are_said_to_be() {
    let fields = fields();
    let problem = |text: &str| Expr::parse(text, &fields).map_err(|refusal| refusal.problem);
    let bare = |levels: usize| format!("{}a{}", "(".repeat(levels), ")".repeat(levels));
    assert!(problem(&bare(MOST_PARENTHESES)).is_ok());
    assert_eq!(problem(&bare(MOST_PARENTHESES + 1)), Err(Problem::TooDeep));
    let deep = |levels: usize| format!("{}a{}", "!(".repeat(levels), ")".repeat(levels));
    assert!(problem(&deep(MOST_DEPTH - 1)).is_ok());
    assert_eq!(problem(&deep(MOST_DEPTH)), Err(Problem::TooDeep));
    // A chain of relations leans to the left, so each link is a level.
    let leaning = |levels: usize| format!("a{}", "==a".repeat(levels));
    assert!(problem(&leaning(MOST_DEPTH - 1)).is_ok());
    assert_eq!(problem(&leaning(MOST_DEPTH)), Err(Problem::TooDeep));
    // A chain of && is one part with its terms.
    let wide = |terms: usize| vec!["a"; terms].join("&&");
    assert!(problem(&wide(MOST_NODES - 1)).is_ok());
    assert_eq!(problem(&wide(MOST_NODES)), Err(Problem::TooManyNodes));
    assert_eq!(problem(&format!("a{}", " ".repeat(4_095))).map(|_| ()), Ok(()));
    assert_eq!(problem(&format!("a{}", " ".repeat(4_096))), Err(Problem::TooLong));
}

#[test]
fn messages_stay_short() {
    let name = "x".repeat(4_000);
    for text in [name.clone(), format!("{name}("), format!("a.{name}()"), format!("a {name}")] {
        let message = Expr::parse(&text, &fields()).unwrap_err().to_string();
        assert!(message.len() < 300, "{message}");
    }
}

/// Words that expressions are made of, in any order.
fn words() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "a",
        "n",
        "s",
        "l",
        "true",
        "null",
        "in",
        "has",
        "size",
        "timestamp",
        "duration",
        ".",
        "contains",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        ",",
        "?",
        ":",
        "!",
        "-",
        "+",
        "&&",
        "||",
        "==",
        "!=",
        "<",
        "<=",
        "1",
        "0x",
        "0xf",
        "1u",
        "1e",
        "1.5",
        ".5",
        "'x'",
        "\"",
        "'''",
        "r'",
        "\\u",
        "\\",
        "//",
        "\n",
        " ",
        "屏",
        "\u{0}",
        "'1h'",
        "if",
    ]);
    prop::collection::vec(word, 0..40).prop_map(|words| words.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn nothing_makes_the_parser_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Expr::parse(&String::from_utf8_lossy(&bytes), &fields());
    }

    #[test]
    fn no_order_of_words_makes_the_parser_panic(text in words()) {
        match Expr::parse(&text, &fields()) {
            Ok(expr) => { let _ = expr.eval(&[]); }
            Err(refusal) => {
                prop_assert!(text.is_char_boundary(refusal.at), "{refusal}");
                prop_assert!(refusal.line > 0 && refusal.column > 0);
            }
        }
    }
}
