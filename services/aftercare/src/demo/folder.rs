//! Sets of a folder: each is a folder of its own, and which form it has is told by its files. What is of
//! no known form is told and passed over.

use std::{
    collections::BTreeMap,
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use flate2::read::MultiGzDecoder;
use serde::Deserialize;

use super::{
    set::{self, Article, Set},
    texts::{self, Texts},
};

/// The limits of the contract: of a title and a similar question, in characters, and how many of them.
const TITLE: usize = 200;
const SIMILAR: usize = 300;
const MOST_SIMILAR: usize = 500;

/// Where the shipped sets are played, in each language.
const BANK: &str = "meridian";
const CARS: &str = "qingfeng";

/// A question with its intent.
#[derive(Deserialize)]
struct Labelled {
    text: String,
    label: String,
}

/// A document of a retrieval set.
#[derive(Deserialize)]
struct Document {
    #[serde(rename = "_id")]
    id: String,
    title: String,
    text: String,
}

/// A question of a retrieval set.
#[derive(Deserialize)]
struct Query {
    #[serde(rename = "_id")]
    id: String,
    text: String,
}

/// An article as the import reads it.
#[derive(serde::Serialize)]
struct Line<'a> {
    external_id: &'a str,
    locale: &'a str,
    audience: &'a str,
    title: &'a str,
    body: &'a str,
    similar_questions: &'a [String],
}

/// Adds what a folder holds to what is played.
pub(crate) fn read(folder: &Path, complaints: &mut Vec<Texts>, sets: &mut Vec<Set>) -> Result<()> {
    let named = || folder.display().to_string();
    let entries = std::fs::read_dir(folder).with_context(named)?;
    let mut folders = vec![folder.to_owned()];
    for entry in entries {
        folders.push(entry.with_context(named)?.path());
    }
    folders.retain(|folder| folder.is_dir());
    folders.sort();
    for one in &folders {
        let taken = banking(one, sets)? || corpus(one, sets)? || complained(one, complaints);
        if !taken && one != folder {
            eprintln!("{} is passed over: no set of a known form", one.display());
        }
    }
    Ok(())
}

/// The file of this name, or the same compressed.
fn file(folder: &Path, name: &str) -> Option<PathBuf> {
    [name.to_owned(), format!("{name}.gz")]
        .map(|name| folder.join(name))
        .into_iter()
        .find(|path| path.is_file())
}

fn text(path: &Path) -> Result<String> {
    let named = || path.display().to_string();
    let mut file = File::open(path).with_context(named)?;
    let mut text = String::new();
    if path.extension().is_some_and(|end| end == "gz") {
        MultiGzDecoder::new(file).read_to_string(&mut text).with_context(named)?;
    } else {
        file.read_to_string(&mut text).with_context(named)?;
    }
    Ok(text)
}

/// Banking77 whole, in place of the part that is shipped: every question to learn from as a phrasing,
/// every question to test with as a message.
fn banking(folder: &Path, sets: &mut Vec<Set>) -> Result<bool> {
    let Some(train) = file(folder, "train.jsonl") else { return Ok(false) };
    let Some(test) = file(folder, "test.jsonl") else { return Ok(false) };
    let lines = |path: &Path| -> Result<Vec<Labelled>> {
        set::lines(&text(path)?).with_context(|| path.display().to_string())
    };
    let Ok(train) = lines(&train) else { return Ok(false) };
    let mut phrasings: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in train {
        let similar = phrasings.entry(format!("banking77-{}", line.label)).or_default();
        let question = cut(line.text.trim(), SIMILAR);
        if similar.len() < MOST_SIMILAR && !question.is_empty() && !similar.contains(&question) {
            similar.push(question);
        }
    }
    let shipped = set::banking()?.articles;
    if !phrasings.keys().all(|label| shipped.iter().any(|article| article.id == *label)) {
        return Ok(false);
    }
    let articles = shipped.into_iter().map(|article| {
        let Article { id, locale, title, body, .. } = article;
        let similar = phrasings.remove(&id).unwrap_or_default();
        written(id, locale, title, body, &similar)
    });
    let articles = articles.collect::<Result<_>>()?;
    let questions = lines(&test)?.into_iter().enumerate().map(|(at, line)| {
        (format!("t{at:04}"), format!("banking77-{}", line.label), line.text.trim().to_owned())
    });
    let whole = set::asked("banking77-whole", BANK, "en", articles, questions.collect());
    sets.retain(|set| set.name != "banking77");
    sets.push(whole);
    Ok(true)
}

/// A Chinese retrieval set: documents with titles, questions, and which document answers which.
fn corpus(folder: &Path, sets: &mut Vec<Set>) -> Result<bool> {
    let named = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let paths = ["corpus.jsonl", "queries.jsonl", "qrels.tsv"].map(|name| file(folder, name));
    let [Some(corpus), Some(queries), Some(right)] = paths else { return Ok(false) };
    let Ok(documents) = set::lines::<Document>(&text(&corpus)?) else { return Ok(false) };
    // The tenant that they are played in speaks Chinese.
    if !named.contains("_zh_") {
        return Ok(false);
    }
    let articles = documents.into_iter().map(|document| {
        let Document { id, title, text } = document;
        let (title, body) = (title.trim(), text.trim());
        let title = if title.is_empty() { body } else { title };
        let body = if body.is_empty() { title } else { body };
        let id = format!("{named}-{id}");
        written(id, "zh".to_owned(), cut(title, TITLE).replace('\n', " "), body.to_owned(), &[])
    });
    let articles = articles.collect::<Result<_>>()?;
    let rights = text(&right)?;
    let rights: BTreeMap<_, _> = rights
        .lines()
        .filter_map(|line| {
            let mut fields = line.split('\t');
            Some((fields.next()?, fields.next()?))
        })
        .collect();
    let queries: Vec<Query> = set::lines(&text(&queries)?)?;
    let questions = queries.into_iter().filter_map(|query| {
        let right = format!("{named}-{}", rights.get(query.id.as_str())?);
        Some((query.id, right, query.text.trim().to_owned()))
    });
    sets.push(set::asked(named, CARS, "zh", articles, questions.collect()));
    Ok(true)
}

/// Files of complaints, of the forms that the complaints have.
fn complained(folder: &Path, complaints: &mut Vec<Texts>) -> bool {
    let Ok(entries) = std::fs::read_dir(folder) else { return false };
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| {
        let end = |path: &Path| path.extension().is_some_and(|end| end == "csv");
        end(path) || path.extension().is_some_and(|gz| gz == "gz") && end(&path.with_extension(""))
    });
    paths.sort();
    let found: Vec<_> = paths.iter().filter_map(|path| texts::file(path).ok()).collect();
    let taken = !found.is_empty();
    for texts in found {
        // What is in the file stands in place of what is shipped of the same form.
        complaints.retain(|shipped| shipped.form != texts.form);
        complaints.push(texts);
    }
    taken
}

fn written(
    id: String,
    locale: String,
    title: String,
    body: String,
    similar: &[String],
) -> Result<Article> {
    let line = serde_json::to_string(&Line {
        external_id: &id,
        locale: &locale,
        audience: "public",
        title: &title,
        body: &body,
        similar_questions: similar,
    })?;
    Ok(Article { id, locale, title, body, line })
}

/// The first `most` characters.
fn cut(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(folder: &Path, name: &str, text: &str) {
        std::fs::create_dir_all(folder).unwrap();
        std::fs::write(folder.join(name), text).unwrap();
    }

    #[test]
    fn known_forms_are_read_and_others_passed_over() {
        let data = tempfile::tempdir().unwrap();
        let at = |name: &str| data.path().join(name);
        let question = "{\"text\": \"Where is my card?\", \"label\": \"card_arrival\"}\n";
        put(&at("bank"), "train.jsonl", question);
        put(&at("bank"), "test.jsonl", question);
        put(&at("other"), "train.jsonl", "{\"text\": \"x\", \"label\": \"unheard of\"}\n");
        put(&at("other"), "test.jsonl", "");
        put(
            &at("kb_zh_x"),
            "corpus.jsonl",
            "{\"_id\": \"d0\", \"title\": \"保修\", \"text\": \"\"}\n",
        );
        put(&at("kb_zh_x"), "queries.jsonl", "{\"_id\": \"q0\", \"text\": \"保修多久？\"}\n");
        put(&at("kb_zh_x"), "qrels.tsv", "query-id\tcorpus-id\tscore\nq0\td0\t1\n");
        put(&at("cars"), "a.csv", "id,date,brand,car_model,problem_codes,text\n1,,B,M,,抖动\n");
        put(&at("nothing"), "b.csv", "a,b\n1,2\n");
        let (mut complaints, mut sets) = (vec![texts::shipped().unwrap()], Vec::new());
        sets.push(set::banking().unwrap());
        read(data.path(), &mut complaints, &mut sets).unwrap();
        let names: Vec<_> =
            sets.iter().map(|set| (set.name.as_str(), set.messages.len())).collect();
        assert_eq!(names, [("banking77-whole", 1), ("kb_zh_x", 1)]);
        assert_eq!(complaints.len(), 2);
        assert_eq!(sets[1].messages[0].article.as_deref(), Some("kb_zh_x-d0"));
    }
}
