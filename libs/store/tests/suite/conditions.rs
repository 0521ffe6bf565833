//! Conditions as SQL: both databases say of every row what evaluating says of it.

use kernel::{
    Time,
    expr::{Expr, Fields, Kind, Problem, Value},
};
use proptest::{prelude::*, strategy::ValueTree as _, test_runner::TestRunner};
use store::{Arg, Db, List, Migration, Sql, args, transact};
use testing::each_db;

use crate::tenant;

const FACTS: &[Migration] = &[Migration {
    version: 100,
    name: "0100_facts",
    sql: Sql::split(
        "CREATE TABLE facts (tenant BLOB NOT NULL, number BIGINT NOT NULL, a BOOLEAN, b BOOLEAN, \
         n BIGINT, m BIGINT, x DOUBLE PRECISION, y DOUBLE PRECISION, s TEXT, t TEXT, at BIGINT, \
         waited BIGINT, PRIMARY KEY (tenant, number));",
        "CREATE TABLE facts (tenant UUID NOT NULL, number BIGINT NOT NULL, a BOOLEAN, b BOOLEAN, \
         n BIGINT, m BIGINT, x DOUBLE PRECISION, y DOUBLE PRECISION, s TEXT, t TEXT, at BIGINT, \
         waited BIGINT, PRIMARY KEY (tenant, number));",
    ),
}];
const INSERT: Sql = Sql::both(
    "INSERT INTO facts (tenant, number, a, b, n, m, x, y, s, t, at, waited) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
);
const COLUMNS: [(&str, &str, Kind); 10] = [
    ("r.a", "f.a", Kind::Bool),
    ("r.b", "f.b", Kind::Bool),
    ("r.n", "f.n", Kind::Int),
    ("r.m", "f.m", Kind::Int),
    ("r.x", "f.x", Kind::Double),
    ("r.y", "f.y", Kind::Double),
    ("r.s", "f.s", Kind::Text),
    ("r.t", "f.t", Kind::Text),
    ("r.at", "f.at", Kind::Time),
    ("r.waited", "f.waited", Kind::Duration),
];

type Row = Vec<Option<Value>>;

fn fields() -> Fields {
    Fields::of(COLUMNS.map(|(name, _, kind)| (name, kind))).unwrap()
}

fn column(field: usize) -> Option<&'static str> {
    COLUMNS.get(field).map(|(_, column, _)| *column)
}

fn parse(text: &str) -> Expr {
    Expr::parse(text, &fields()).unwrap_or_else(|refusal| panic!("{text}: {refusal}"))
}

/// A NULL keeps its type, as PostgreSQL needs it.
fn arg(kind: Kind, value: Option<Value>) -> Arg {
    match (value, kind) {
        (Some(value), _) => Arg::from(value),
        (None, Kind::Bool) => Arg::Bool(None),
        (None, Kind::Double) => Arg::Double(None),
        (None, Kind::Text) => Arg::Text(None),
        (None, Kind::Int | Kind::Time | Kind::Duration) => Arg::Int(None),
        (None, Kind::Ints | Kind::Texts) => Arg::Json(None),
    }
}

async fn insert(db: &Db, rows: &[Row]) {
    transact!(*db, "test", |tx| {
        for (number, row) in rows.iter().enumerate() {
            let mut values = args![tenant(1), i64::try_from(number).unwrap()];
            let kinds = COLUMNS.iter().map(|(_, _, kind)| *kind);
            values.extend(kinds.zip(row).map(|(kind, value)| arg(kind, value.clone())));
            tx.execute(INSERT, values).await?;
        }
        Ok::<_, store::Error>(())
    })
    .unwrap();
}

/// What the database says of each row, and the numbers of those that a `WHERE` selects.
async fn ask(db: &Db, condition: &Expr) -> (Vec<Option<bool>>, Vec<i64>) {
    let mut all = List::new("SELECT f.number, ");
    all.condition(condition, column).unwrap();
    all.push(" FROM facts f WHERE f.tenant = ").bind(tenant(1)).push(" ORDER BY f.number");
    let (text, values) = all.finish();
    let said = db.all::<(i64, Option<bool>)>(text, values).await.unwrap();
    let mut selected = List::new("SELECT f.number FROM facts f WHERE f.tenant = ");
    selected.bind(tenant(1)).push(" AND ");
    selected.condition(condition, column).unwrap().push(" ORDER BY f.number");
    let (text, values) = selected.finish();
    let selected = db.all::<(i64,)>(text, values).await.unwrap();
    (
        said.into_iter().map(|(_, held)| held).collect(),
        selected.into_iter().map(|(number,)| number).collect(),
    )
}

/// Fails where the database and the evaluation differ on a row.
async fn agree(db: &Db, text: &str, rows: &[Row]) {
    let condition = parse(text);
    let (said, selected) = ask(db, &condition).await;
    let mut expected = Vec::new();
    for (number, (row, said)) in rows.iter().zip(said).enumerate() {
        let held = condition.eval(row);
        let sql = condition.sql(1, column).unwrap();
        assert_eq!(said, held, "{text}\n{}\n{row:?}", sql.postgres());
        if held == Some(true) {
            expected.push(i64::try_from(number).unwrap());
        }
    }
    assert_eq!(selected, expected, "{text}");
}

/// Integers around those that a double cannot hold.
fn int() -> impl Strategy<Value = i64> {
    prop_oneof![
        6 => -3_i64..6,
        2 => (-2_i64..3).prop_map(|by| 9_007_199_254_740_992 + by),
        1 => (0_i64..600).prop_map(|less| i64::MAX - less),
        1 => (0_i64..600).prop_map(|more| i64::MIN + more),
    ]
}

fn double() -> impl Strategy<Value = f64> {
    let integers = prop::sample::select(vec![
        9_007_199_254_740_992.0,
        9_007_199_254_740_994.0,
        9_223_372_036_854_775_808.0,
        9_223_372_036_854_774_784.0,
        -9_223_372_036_854_775_808.0,
        -9_223_372_036_854_777_856.0,
        1e19,
        -1e300,
    ]);
    prop_oneof![3 => (-6_i32..12).prop_map(|halves| f64::from(halves) / 2.0), 1 => integers]
}

fn text() -> impl Strategy<Value = String> {
    let words = vec![
        "", "a", "A", "b", "B", "ab", "aB", "ba", "%", "_", "a%", "\\", "'", "\"", " ", "a ", "é",
        "e\u{301}", "Z", "屏", "屏幕", "幕", "😀", "\u{ffff}", "aa", "aaa", "$1", "\n",
    ];
    prop::sample::select(words).prop_map(str::to_owned)
}

fn time() -> impl Strategy<Value = Time> {
    (-2_i64..3).prop_map(|halves| Time::from_micros(halves * 500_000))
}

fn row() -> impl Strategy<Value = Row> {
    use prop::option::of;
    (
        (of(any::<bool>()), of(any::<bool>())),
        (of(int()), of(int()), of(double()), of(double())),
        (of(text()), of(text())),
        (of(time()), of(-2_i64..3)),
    )
        .prop_map(|((a, b), (n, m, x, y), (s, t), (at, waited))| {
            vec![
                a.map(Value::from),
                b.map(Value::from),
                n.map(Value::from),
                m.map(Value::from),
                x.map(Value::from),
                y.map(Value::from),
                s.map(Value::from),
                t.map(Value::from),
                at.map(Value::from),
                waited.map(|seconds| Value::Duration(seconds * 1_000_000)),
            ]
        })
}

fn one_of(words: &'static [&'static str]) -> impl Strategy<Value = String> + Clone {
    prop::sample::select(words).prop_map(str::to_owned)
}

fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => one_of(&["r.n", "r.m", "r.x", "r.y", "size(r.s)", "size(r.t)"]),
        1 => int().prop_map(|int| int.to_string()),
        1 => double().prop_map(|double| format!("{double:?}")),
    ]
}

/// As CEL writes it; Rust's escapes are others.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'").replace('\n', "\\n"))
}

fn string() -> impl Strategy<Value = String> {
    prop_oneof![one_of(&["r.s", "r.t"]), text().prop_map(|text| quoted(&text))]
}

fn instant() -> impl Strategy<Value = String> {
    prop_oneof![Just("r.at".to_owned()), time().prop_map(|time| format!("timestamp('{time}')"))]
}

fn span() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("r.waited".to_owned()),
        (-2_i64..3).prop_map(|seconds| format!("duration('{seconds}s')"))
    ]
}

/// Conditions without parts that are conditions.
fn simple() -> impl Strategy<Value = String> {
    use prop::collection::vec;
    let compared = |side: BoxedStrategy<String>| {
        let comparison = one_of(&["==", "!=", "<", "<=", ">", ">="]);
        (side.clone(), comparison, side).prop_map(|(a, op, b)| format!("{a} {op} {b}"))
    };
    let literal = prop_oneof![
        int().prop_map(|int| int.to_string()),
        double().prop_map(|double| format!("{double:?}"))
    ];
    prop_oneof![
        one_of(&["true", "false", "r.a", "r.b", "has(r.a)", "has(r.n)", "has(r.s)", "has(r.at)"]),
        compared(number().boxed()),
        compared(number().boxed()),
        compared(string().boxed()),
        compared(instant().boxed()),
        compared(span().boxed()),
        (number(), vec(literal, 0..4))
            .prop_map(|(a, list)| format!("{a} in [{}]", list.join(", "))),
        (string(), vec(text().prop_map(|text| quoted(&text)), 0..4))
            .prop_map(|(a, list)| format!("{a} in [{}]", list.join(", "))),
        (instant(), time()).prop_map(|(a, time)| format!("{a} in [timestamp('{time}')]")),
        (string(), one_of(&["startsWith", "endsWith", "contains"]), string())
            .prop_map(|(a, method, b)| format!("{a}.{method}({b})")),
        (string(), one_of(&["startsWith", "endsWith", "contains"]), string())
            .prop_map(|(a, method, b)| format!("{a}.{method}({b})")),
    ]
}

fn condition() -> impl Strategy<Value = String> {
    simple().prop_recursive(4, 24, 3, |inner| {
        let joined = |by: &'static str| {
            prop::collection::vec(inner.clone(), 2..4).prop_map(move |terms| terms.join(by))
        };
        let bools = one_of(&["[]", "[true]", "[false]", "[true, false]"]);
        prop_oneof![
            joined(" && "),
            joined(" || "),
            inner.clone().prop_map(|a| format!("!({a})")),
            (inner.clone(), one_of(&["==", "!=", "<", ">="]), inner.clone())
                .prop_map(|(a, op, b)| format!("({a}) {op} ({b})")),
            (inner.clone(), bools).prop_map(|(a, list)| format!("({a}) in {list}")),
            (inner.clone(), inner.clone(), inner.clone())
                .prop_map(|(a, b, c)| format!("({a}) ? ({b}) : {c}")),
        ]
    })
}

fn generated<S: Strategy>(runner: &mut TestRunner, strategy: &S) -> S::Value {
    strategy.new_tree(runner).unwrap().current()
}

#[tokio::test]
async fn both_databases_say_of_any_condition_and_row_what_evaluating_says() {
    each_db(FACTS, async |db| {
        let mut runner = TestRunner::default();
        let mut rows: Vec<Row> = vec![vec![None; COLUMNS.len()]];
        rows.extend((0..150).map(|_| generated(&mut runner, &row())));
        insert(db, &rows).await;
        let conditions = condition();
        let mut asked = 0;
        while asked < 400 {
            let text = generated(&mut runner, &conditions);
            match Expr::parse(&text, &fields()).map_err(|refusal| refusal.problem) {
                Ok(_) => agree(db, &text, &rows).await,
                Err(Problem::TooDeep | Problem::TooManyNodes | Problem::TooLong) => {}
                Err(problem) => panic!("{text}: {problem}"),
            }
            asked += 1;
        }
    })
    .await;
}

/// The widest and the deepest that the limits let pass, which a database might not take.
#[tokio::test]
async fn the_largest_conditions_are_taken_by_both_databases() {
    each_db(FACTS, async |db| {
        let mut runner = TestRunner::default();
        let rows: Vec<Row> = (0..20).map(|_| generated(&mut runner, &row())).collect();
        insert(db, &rows).await;
        let numbers: Vec<String> = (0..197).map(|number| number.to_string()).collect();
        for text in [
            vec!["r.n == 1"; 66].join(" || "),
            format!("r.n in [{}]", numbers.join(", ")),
            format!("{}r.a{}", "!(r.b && ".repeat(7), ")".repeat(7)),
            format!("{}r.a{}", "!(".repeat(15), ")".repeat(15)),
            format!("r.a{}", " == r.b".repeat(15)),
            format!("{}r.s.contains(r.t)", "r.n == 1 ? r.b : ".repeat(49)),
            format!("{}r.a", "r.a ? r.b : ".repeat(99)),
            format!("{}r.a{}", "(r.a ? r.b : ".repeat(15), ")".repeat(15)),
            format!("{}r.a{}", "(r.n == 1 ? ".repeat(14), " : r.b)".repeat(14)),
        ] {
            agree(db, &text, &rows).await;
        }
    })
    .await;
}

#[test]
fn what_a_database_cannot_be_asked_is_refused() {
    use kernel::expr::NotInSql;
    let fields = Fields::of([("n", Kind::Int), ("r.q", Kind::Texts), ("s", Kind::Text)]).unwrap();
    let sql = |text: &str| {
        let condition = Expr::parse(text, &fields).unwrap();
        condition
            .sql(1, |field| [None, Some("q"), Some("s")][field])
            .map(|sql| sql.sqlite().to_owned())
    };
    assert_eq!(sql("n == 1"), Err(NotInSql::NoColumn { field: 0 }));
    assert_eq!(sql("'a' in r.q"), Err(NotInSql::List { field: 1 }));
    assert_eq!(sql("size(r.q) > 1"), Err(NotInSql::List { field: 1 }));
    assert_eq!(sql("s == '\\x00'"), Err(NotInSql::Nul));
    assert_eq!(sql("has(r.q)").unwrap(), "(q IS NOT NULL)");
    assert_eq!(
        sql("s.contains('a')").unwrap(),
        "(CASE WHEN $1 = '' THEN s = s ELSE replace(s, $1, '') <> s END)"
    );
}
