//! Rows as text, and text as rows.

use contracts::knowledge::v1::TransferFormat;
use serde::Deserialize;

use super::{Fault, Written};

/// What separates the items of a list in CSV.
const ITEMS: char = '|';
/// What stands before a separator, or before another of itself, that is part of an item.
const ESCAPE: char = '\\';
/// The line around front matter.
const FENCE: &str = "---";
/// The columns of CSV, as they are written.
const COLUMNS: [&str; 13] = [
    "question",
    "answer",
    "locale",
    "kind",
    "audience",
    "teams",
    "products",
    "tags",
    "similar_questions",
    "external_id",
    "valid_from",
    "valid_until",
    "publish",
];

/// A row of a file, or why it is none.
type Read = Result<Written, Vec<Fault>>;

/// The rows of a file, in their order.
pub(crate) fn rows(format: TransferFormat, content: &str) -> Vec<Read> {
    // Many programs put one in front of what they write in UTF-8.
    let content = content.strip_prefix('\u{feff}').unwrap_or(content);
    match format {
        TransferFormat::Markdown => vec![document(content)],
        TransferFormat::Csv => table(content),
        TransferFormat::JsonLines => lines(content),
        TransferFormat::Unspecified => Vec::new(),
    }
}

/// The first line of a file, where there is one before its rows.
pub(crate) fn header(format: TransferFormat) -> Option<String> {
    (format == TransferFormat::Csv).then(|| COLUMNS.join(",") + "\n")
}

/// A row as a line with its end, or a document.
pub(crate) fn write(format: TransferFormat, written: &Written) -> String {
    match format {
        TransferFormat::Markdown => {
            let front = Written { body: String::new(), ..written.clone() };
            let front = serde_saphyr::to_string(&front).unwrap_or_default();
            format!("{FENCE}\n{}\n{FENCE}\n{}\n", front.trim_end(), written.body.trim_end())
        }
        TransferFormat::Csv => record(written),
        TransferFormat::JsonLines => {
            serde_json::to_string(written).map(|line| line + "\n").unwrap_or_default()
        }
        TransferFormat::Unspecified => String::new(),
    }
}

fn whole(description: impl std::fmt::Display) -> Vec<Fault> {
    vec![Fault::of("", &description.to_string())]
}

/// A Markdown document with front matter.
fn document(content: &str) -> Read {
    let missing = || whole("must begin with front matter between lines of `---`");
    let rest = content.trim_start().strip_prefix(FENCE).ok_or_else(missing)?;
    let rest = rest.strip_prefix("\r\n").or_else(|| rest.strip_prefix('\n')).ok_or_else(missing)?;
    let mut end = 0;
    for line in rest.split_inclusive('\n') {
        if line.trim_end() == FENCE {
            let (front, body) = (&rest[..end], &rest[end + line.len()..]);
            let mut written: Written = serde_saphyr::from_str(front).map_err(whole)?;
            if !written.body.is_empty() {
                return Err(vec![Fault::of("body", "stands below the front matter")]);
            }
            body.trim().clone_into(&mut written.body);
            return Ok(written);
        }
        end += line.len();
    }
    Err(missing())
}

/// JSON objects, one a line; empty lines are none.
fn lines(content: &str) -> Vec<Read> {
    let lines = content.lines().filter(|line| !line.trim().is_empty());
    lines.map(|line| serde_json::from_str(line).map_err(whole)).collect()
}

/// A record of CSV, as it stands there.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Record {
    question: String,
    answer: String,
    locale: String,
    kind: String,
    audience: String,
    teams: String,
    products: String,
    tags: String,
    similar_questions: String,
    external_id: String,
    valid_from: String,
    valid_until: String,
    publish: String,
}

fn table(content: &str) -> Vec<Read> {
    let mut reader = csv::ReaderBuilder::new().flexible(false).from_reader(content.as_bytes());
    let headers = match reader.headers() {
        Ok(headers) => headers.clone(),
        Err(error) => return vec![Err(whole(error))],
    };
    for needed in ["question", "answer"] {
        if !headers.iter().any(|name| name == needed) {
            return vec![Err(vec![Fault::of(needed, "is a column that must be there")])];
        }
    }
    let read = |record: Result<csv::StringRecord, csv::Error>| {
        let record: Record =
            record.and_then(|record| record.deserialize(Some(&headers))).map_err(whole)?;
        let publish = match record.publish.trim().to_ascii_lowercase().as_str() {
            "" => None,
            "true" | "yes" | "1" => Some(true),
            "false" | "no" | "0" => Some(false),
            _ => return Err(vec![Fault::of("publish", "must be `true` or `false`")]),
        };
        Ok(Written {
            title: record.question,
            locale: record.locale,
            kind: record.kind,
            audience: record.audience,
            teams: items(&record.teams),
            products: items(&record.products),
            tags: items(&record.tags),
            similar_questions: items(&record.similar_questions),
            external_id: record.external_id,
            valid_from: record.valid_from,
            valid_until: record.valid_until,
            publish,
            body: record.answer,
        })
    };
    reader.into_records().map(read).collect()
}

/// The items of a list in a cell.
fn items(cell: &str) -> Vec<String> {
    let (mut items, mut item) = (Vec::new(), String::new());
    let mut rest = cell.chars().peekable();
    while let Some(letter) = rest.next() {
        match letter {
            ITEMS => items.push(std::mem::take(&mut item)),
            ESCAPE => {
                let meant = rest.next_if(|next| [ITEMS, ESCAPE].contains(next));
                item.push(meant.unwrap_or(ESCAPE));
            }
            other => item.push(other),
        }
    }
    items.push(item);
    let items = items.iter().map(|item| item.trim()).filter(|item| !item.is_empty());
    items.map(str::to_owned).collect()
}

/// A list in a cell.
fn list(items: &[String]) -> String {
    let mut cell = String::new();
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            cell.push(ITEMS);
        }
        for letter in item.chars() {
            if [ITEMS, ESCAPE].contains(&letter) {
                cell.push(ESCAPE);
            }
            cell.push(letter);
        }
    }
    cell
}

fn record(written: &Written) -> String {
    let publish = written.publish.map(|publish| publish.to_string()).unwrap_or_default();
    let mut writer = csv::Writer::from_writer(Vec::new());
    let done = writer.write_record([
        written.title.as_str(),
        &written.body,
        &written.locale,
        &written.kind,
        &written.audience,
        &list(&written.teams),
        &list(&written.products),
        &list(&written.tags),
        &list(&written.similar_questions),
        &written.external_id,
        &written.valid_from,
        &written.valid_until,
        &publish,
    ]);
    let bytes = done.ok().and_then(|()| writer.into_inner().ok()).unwrap_or_default();
    String::from_utf8(bytes).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn one(format: TransferFormat, content: &str) -> Read {
        let mut all = rows(format, content);
        assert_eq!(all.len(), 1, "{all:?}");
        all.remove(0)
    }

    #[test]
    fn a_document_has_front_matter_and_a_body() {
        let text = "---\ntitle: 如何退货\nlocale: zh\ntags: [退货, 售后]\npublish: true\n---\n\n# 退货\n\n七天内。\n";
        let read = one(TransferFormat::Markdown, text).unwrap();
        assert_eq!((read.title.as_str(), read.publish), ("如何退货", Some(true)));
        assert_eq!(read.tags, ["退货", "售后"]);
        assert_eq!(read.body, "# 退货\n\n七天内。");
        for wrong in ["# 退货", "---\ntitle: x\n", "---\ntitel: x\n---\ny", "---\ntitle: [\n---\ny"]
        {
            assert!(one(TransferFormat::Markdown, wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_table_needs_question_and_answer() {
        let text = "\u{feff}question,answer,similar_questions,publish\n\
                    如何退货,\"七天内,\n可退\",怎么退|能退吗,true\nx,y\nz,w,,maybe\n";
        let all = rows(TransferFormat::Csv, text);
        let first = all[0].clone().unwrap();
        assert_eq!((first.title.as_str(), first.body.as_str()), ("如何退货", "七天内,\n可退"));
        assert_eq!(first.similar_questions, ["怎么退", "能退吗"]);
        assert!(all[1].is_err(), "a cell is missing");
        assert_eq!(all[2].clone().unwrap_err()[0].field, "publish");
        let none = one(TransferFormat::Csv, "question,reply\nx,y\n").unwrap_err();
        assert_eq!(none[0].field, "answer");
        assert!(one(TransferFormat::Csv, "question,answer,colour\nx,y,z\n").is_err());
    }

    #[test]
    fn lines_are_objects() {
        let all = rows(
            TransferFormat::JsonLines,
            "{\"title\":\"a\",\"body\":\"b\"}\n\n{\"titel\":1}\n7\n",
        );
        assert_eq!(all.len(), 3);
        assert_eq!(all[0].clone().unwrap().title, "a");
        assert!(all[1].is_err() && all[2].is_err());
    }

    #[test]
    fn a_separator_within_an_item_is_escaped() {
        let written = Written {
            title: "x".to_owned(),
            body: "y".to_owned(),
            tags: ["a|b", "c\\", "\\|d", "e\\f"].map(str::to_owned).to_vec(),
            ..Written::default()
        };
        let text = write(TransferFormat::Csv, &written);
        assert!(text.contains(r"a\|b|c\\|\\\|d|e\\f"), "{text}");
        let read = one(TransferFormat::Csv, &(header(TransferFormat::Csv).unwrap() + &text));
        assert_eq!(read, Ok(written));
        // Before anything else a backslash is itself, as other programs write it.
        assert_eq!(items(r"C:\dir | a\|b |x\"), [r"C:\dir", "a|b", r"x\"]);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(
            title in "[^\\p{C}]{1,40}", body in "[a-z\u{4e00}-\u{4e20}\n,\"':|#-]{1,80}",
            tags in prop::collection::vec("[a-z\u{4e00}-\u{4e20}: '\"#|\\\\-]{0,8}[a-z|\\\\]", 0..3),
            publish in prop::option::of(any::<bool>()),
        ) {
            let tags = tags.iter().map(|tag| tag.trim().to_owned()).collect();
            let written = Written {
                title: title.trim().to_owned(),
                body: body.trim().to_owned(),
                tags,
                publish,
                ..Written::default()
            };
            prop_assume!(!written.title.is_empty());
            for format in
                [TransferFormat::Markdown, TransferFormat::Csv, TransferFormat::JsonLines]
            {
                let text = header(format).unwrap_or_default() + &write(format, &written);
                let read = one(format, &text);
                prop_assert_eq!(read.as_ref(), Ok(&written), "{}", text);
            }
        }
    }
}
