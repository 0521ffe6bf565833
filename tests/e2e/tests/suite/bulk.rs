//! Files that are longer than one call may be: imported in parts, each row told by its place in the
//! file.

use std::{fs, path::Path};

use aftercare_e2e::{
    Backend, Suite,
    suite::{Finished, NameOnPanic},
};
use serde_json::{Value, json};

/// How many rows a file has.
const ROWS: usize = 30;
/// Rows that are wrong: in the first part, on both sides of where the second may begin, in the last.
const WRONG: [usize; 4] = [2, 12, 13, 29];
/// What one call may hold at most, in bytes.
const ONE_CALL: usize = 768 * 1_024;

/// A row, from 1: its words hold what has to be quoted somewhere.
fn row(number: usize, format: &str) -> Value {
    let line = format!("Answer {number} of {format}, \"in full\", as it stands\n");
    json!({
        "title": format!("Question {number} of {format}"),
        "body": line.repeat(50_000 / line.len()).trim_end(),
        "external_id": format!("{format}-{number}"),
    })
}

fn rows(format: &str) -> Vec<Value> {
    (1..=ROWS).map(|number| row(number, format)).collect()
}

fn text<'a>(row: &'a Value, key: &str) -> &'a str {
    row[key].as_str().unwrap()
}

/// The rows as lines of JSON, with an empty line between any two, which is no row.
fn lines(rows: &[Value]) -> String {
    let line = |(index, row): (usize, &Value)| {
        if WRONG.contains(&(index + 1)) {
            // A title is missing, then the end of a row.
            let row = json!({ "body": row["body"] }).to_string();
            return if index % 2 == 0 { row[..row.len() - 1].to_owned() } else { row };
        }
        row.to_string()
    };
    rows.iter().enumerate().map(line).collect::<Vec<_>>().join("\n\n")
}

/// The rows as a table.
fn table(rows: &[Value]) -> String {
    let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let mut table = "question,answer,external_id\n".to_owned();
    for (index, row) in rows.iter().enumerate() {
        let [title, body, id] = ["title", "body", "external_id"].map(|key| quoted(text(row, key)));
        let row = match (WRONG.contains(&(index + 1)), index % 2) {
            (false, _) => format!("{title},{body},{id}\n"),
            // A column too many, or no question.
            (true, 0) => format!("{title},{body},{id},more\n"),
            (true, _) => format!(",{body},{id}\n"),
        };
        table.push_str(&row);
    }
    table
}

/// The rows as documents in a folder, in their order.
fn documents(rows: &[Value], folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    for (number, row) in (1..).zip(rows) {
        let [title, body, id] = ["title", "body", "external_id"].map(|key| text(row, key));
        let front = match (WRONG.contains(&number), number % 2) {
            (false, _) => format!("---\ntitle: {title}\nexternal_id: {id}\n---\n"),
            // No front matter, or no title.
            (true, 0) => String::new(),
            (true, _) => format!("---\nexternal_id: {id}\n---\n"),
        };
        fs::write(folder.join(format!("{number:02}.md")), front + body + "\n").unwrap();
    }
}

struct Desk<'a>(&'a Suite);

impl Desk<'_> {
    fn import(&self, path: &Path, more: &[&str]) -> Finished {
        let path = path.to_str().unwrap();
        self.0.run(&[&["import", path, "--tenant", "north", "--publish"], more].concat())
    }

    /// What is exported, by line.
    fn exported(&self) -> Vec<Value> {
        let exported = self.0.run(&["export", "--tenant", "north"]);
        assert_eq!(exported.code, 0, "{}", exported.err);
        exported.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// The good rows of a file, as they are exported.
fn good(format: &str) -> Vec<[String; 3]> {
    let rows =
        (1..=ROWS).filter(|number| !WRONG.contains(number)).map(|number| row(number, format));
    rows.map(|row| words(&row)).collect()
}

fn words(row: &Value) -> [String; 3] {
    ["title", "body", "external_id"].map(|key| text(row, key).to_owned())
}

/// The rows that are complained of, and about what.
fn complaints(finished: &Finished) -> Vec<(String, String)> {
    let lines = finished.err.lines().filter_map(|line| line.split_once(", row "));
    let told = lines.filter_map(|(file, rest)| {
        let (row, why) = rest.split_once(": ")?;
        let file = Path::new(file).file_name()?.to_str()?;
        Some((format!("{file} {row}"), why.to_owned()))
    });
    told.collect()
}

/// Imports a file of a format three times: to look, in earnest, and again with one row of its last part
/// changed.
fn holds(desk: &Desk<'_>, format: &str, write: impl Fn(&[Value]) -> std::path::PathBuf) {
    let (kept, wrong) = (ROWS - WRONG.len(), WRONG.len());
    let before = desk.exported();
    let path = write(&rows(format));
    let looked = desk.import(&path, &["--dry-run"]);
    let counts = format!("created {kept}, updated 0, unchanged 0, refused {wrong}\n");
    assert_eq!((looked.code, looked.out.as_str()), (1, format!("would be {counts}").as_str()));
    assert_eq!(desk.exported(), before, "to look writes nothing");

    let first = desk.import(&path, &[]);
    assert_eq!((first.code, first.out.as_str()), (1, counts.as_str()), "{}", first.err);
    let places: Vec<_> = complaints(&first).into_iter().map(|(place, _)| place).collect();
    let file = path.file_name().unwrap().to_str().unwrap();
    let name = |number: usize| {
        if path.is_dir() { format!("{number:02}.md 1") } else { format!("{file} {number}") }
    };
    assert_eq!(places, WRONG.map(name), "{}", first.err);
    assert_eq!(complaints(&looked), complaints(&first));
    assert!(complaints(&first).iter().any(|(_, why)| why.starts_with("title: ")), "{}", first.err);
    let exported = desk.exported();
    let new: Vec<_> = exported[before.len()..].iter().map(words).collect();
    assert!(new == good(format), "what was imported is exported, in its order");

    let again = desk.import(&path, &[]);
    let counts = format!("created 0, updated 0, unchanged {kept}, refused {wrong}\n");
    assert_eq!((again.code, again.out.as_str()), (1, counts.as_str()), "{}", again.err);
    assert!(desk.exported() == exported, "a second import changes nothing");

    let mut changed = rows(format);
    changed[ROWS - 1]["body"] = json!("Another answer");
    let third = desk.import(&write(&changed), &[]);
    let counts = format!("created 0, updated 1, unchanged {}, refused {wrong}\n", kept - 1);
    assert_eq!(third.out, counts, "{}", third.err);
    let last = desk.exported().pop().unwrap();
    assert_eq!(words(&last)[1..], ["Another answer".to_owned(), format!("{format}-{ROWS}")]);
}

#[tokio::test]
async fn long_files_are_imported_in_parts_and_told_by_their_rows() {
    for backend in Backend::BOTH {
        let naming = NameOnPanic(backend);
        // Not the shared suite: what goes out must be what came in.
        let suite = Suite::new(backend).await;
        let _process = suite.serve(&[]).await;
        let desk = Desk(&suite);
        let file = |name: &str, content: String| {
            assert!(content.len() > ONE_CALL, "{name} is too short to need parts");
            let path = suite.home().join(name);
            fs::write(&path, content).unwrap();
            path
        };
        holds(&desk, "jsonl", |rows| file("rows.jsonl", lines(rows)));
        holds(&desk, "csv", |rows| file("rows.csv", table(rows)));
        holds(&desk, "md", |rows| {
            let folder = suite.home().join("documents");
            documents(rows, &folder);
            folder
        });
        comes_back(&desk, &suite);
        drop(naming);
    }
}

/// What is exported in each format is imported as it was.
fn comes_back(desk: &Desk<'_>, suite: &Suite) {
    let all = desk.exported().len();
    assert_eq!(all, 3 * (ROWS - WRONG.len()));
    for (format, name) in [("json-lines", "out.jsonl"), ("csv", "out.csv"), ("markdown", "out")] {
        let out = suite.home().join(name);
        let path = out.to_str().unwrap();
        let done = suite.run(&["export", "--tenant", "north", "--format", format, "--out", path]);
        assert_eq!(done.code, 0, "{}", done.err);
        let back = desk.import(&out, &[]);
        let counts = format!("created 0, updated 0, unchanged {all}, refused 0\n");
        assert_eq!((back.code, back.out.as_str()), (0, counts.as_str()), "{}", back.err);
    }
}
