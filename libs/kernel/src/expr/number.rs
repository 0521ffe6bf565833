//! Integers and doubles compared as the numbers that they are, to the last digit.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "every cast is checked to be exact, or its rounding is what the next line looks at"
)]

use std::cmp::Ordering;

use super::{Comparison, Value};

/// Two to the power of 63: the least double above every integer.
const BEYOND: f64 = 9_223_372_036_854_775_808.0;

/// How an integer stands to a double; `None` for NaN.
pub(super) fn compare(int: i64, double: f64) -> Option<Ordering> {
    if double.is_nan() {
        return None;
    }
    if double >= BEYOND {
        return Some(Ordering::Less);
    }
    if double < -BEYOND {
        return Some(Ordering::Greater);
    }
    let whole = double.trunc();
    Some(int.cmp(&(whole as i64)).then_with(|| {
        // The whole parts are equal, so the fraction decides.
        0.0_f64.partial_cmp(&(double - whole)).unwrap_or(Ordering::Equal)
    }))
}

/// A comparison of a column with a literal of the other kind of number, said without leaving the
/// column's kind.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Exact {
    /// The same as this comparison with a literal of the column's kind.
    With(Comparison, Value),
    /// The same for every number.
    Always(bool),
}

/// An integer column against a double.
pub(super) fn int_with(comparison: Comparison, double: f64) -> Exact {
    if (-BEYOND..BEYOND).contains(&double) {
        let floor = double.floor();
        return between(comparison, floor < double, Value::Int(floor as i64));
    }
    Exact::Always(comparison.holds(compare(0, double)))
}

/// A double column against an integer.
pub(super) fn double_with(comparison: Comparison, int: i64) -> Exact {
    let near = int as f64;
    match compare(int, near) {
        Some(Ordering::Greater) => between(comparison, true, Value::Double(near)),
        Some(Ordering::Less) => between(comparison, true, Value::Double(near.next_down())),
        Some(Ordering::Equal) | None => between(comparison, false, Value::Double(near)),
    }
}

/// `below` is the column's greatest value that is at most the literal, and less than it where the
/// column cannot hold the literal (`apart`).
fn between(comparison: Comparison, apart: bool, below: Value) -> Exact {
    if !apart {
        return Exact::With(comparison, below);
    }
    match comparison {
        Comparison::Equal => Exact::Always(false),
        Comparison::Unequal => Exact::Always(true),
        Comparison::Less | Comparison::AtMost => Exact::With(Comparison::AtMost, below),
        Comparison::Greater | Comparison::AtLeast => Exact::With(Comparison::Greater, below),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const COMPARISONS: [Comparison; 6] = [
        Comparison::Equal,
        Comparison::Unequal,
        Comparison::Less,
        Comparison::AtMost,
        Comparison::Greater,
        Comparison::AtLeast,
    ];

    #[test]
    fn large_numbers_keep_their_digits() {
        let two_53 = 9_007_199_254_740_992.0;
        assert_eq!(compare(9_007_199_254_740_993, two_53), Some(Ordering::Greater));
        assert_eq!(compare(9_007_199_254_740_992, two_53), Some(Ordering::Equal));
        assert_eq!(compare(i64::MAX, BEYOND), Some(Ordering::Less));
        assert_eq!(compare(i64::MIN, -BEYOND), Some(Ordering::Equal));
        assert_eq!(compare(i64::MIN, f64::NEG_INFINITY), Some(Ordering::Greater));
        assert_eq!(compare(-1, -1.5), Some(Ordering::Greater));
        assert_eq!(compare(0, -0.0), Some(Ordering::Equal));
        assert_eq!(compare(0, f64::NAN), None);
    }

    fn double() -> impl Strategy<Value = f64> {
        let near = |int: i64| [(int as f64).next_down(), int as f64, (int as f64).next_up()];
        prop_oneof![
            any::<i64>().prop_map(move |int| near(int)[0]),
            any::<i64>().prop_map(move |int| near(int)[1]),
            any::<i64>().prop_map(move |int| near(int)[2]),
            (-50_i32..50).prop_map(|quarters| f64::from(quarters) / 4.0),
            prop::num::f64::NORMAL | prop::num::f64::ZERO | prop::num::f64::INFINITE,
        ]
    }

    fn int() -> impl Strategy<Value = i64> {
        prop_oneof![
            any::<i64>(),
            -20_i64..20,
            (0_i64..4).prop_map(|less| i64::MAX - less),
            (0_i64..4).prop_map(|more| i64::MIN + more),
            (-4_i64..4).prop_map(|by| 9_007_199_254_740_992 + by),
        ]
    }

    proptest! {
        #[test]
        fn a_literal_of_the_other_kind_is_replaced_by_one_that_compares_alike(
            int in int(), double in double(),
        ) {
            for comparison in COMPARISONS {
                let expected = comparison.holds(compare(int, double));
                let as_int = match int_with(comparison, double) {
                    Exact::With(same, Value::Int(literal)) => same.holds(Some(int.cmp(&literal))),
                    Exact::Always(always) => always,
                    Exact::With(_, other) => panic!("{other:?}"),
                };
                prop_assert_eq!(as_int, expected, "{:?}", comparison);
                let turned = comparison.turned();
                let as_double = match double_with(turned, int) {
                    Exact::With(same, Value::Double(literal)) => {
                        same.holds(double.partial_cmp(&literal))
                    }
                    Exact::Always(always) => always,
                    Exact::With(_, other) => panic!("{other:?}"),
                };
                prop_assert_eq!(as_double, expected, "{:?}", turned);
            }
        }
    }
}
