//! Sets of questions with right answers, as they lie in folders.
//!
//! A set is known by its files: `corpus.jsonl`, `queries.jsonl` and `qrels.tsv` are a retrieval set; the
//! same without judgements, but with a text per language and answers in each query, are one set per
//! language; `train.jsonl` and `test.jsonl` are intents, each of which is an article whose similar
//! questions are the training texts. Any file may be gzipped (`.gz`).

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use flate2::read::MultiGzDecoder;
use serde_json::Value;

/// A document.
#[derive(Clone, Debug, Default)]
pub(crate) struct Document {
    pub(crate) title: String,
    pub(crate) text: String,
    pub(crate) questions: Vec<String>,
}

impl Document {
    /// Everything in one text, as a peer gets it.
    pub(crate) fn whole(&self) -> String {
        let mut parts = vec![self.title.as_str(), self.text.as_str()];
        parts.extend(self.questions.iter().map(String::as_str));
        parts.retain(|part| !part.is_empty());
        parts.join("\n")
    }
}

/// A question with the documents that answer it.
#[derive(Clone, Debug)]
pub(crate) struct Query {
    /// Whether weights may be chosen by it.
    pub(crate) odd: bool,
    pub(crate) text: String,
    pub(crate) right: BTreeSet<usize>,
}

/// A set.
#[derive(Clone, Debug)]
pub(crate) struct Set {
    pub(crate) name: String,
    pub(crate) documents: Vec<Document>,
    pub(crate) queries: Vec<Query>,
    pub(crate) intents: bool,
}

impl Set {
    /// Whether most of its text is Chinese.
    pub(crate) fn is_chinese(&self) -> bool {
        let some = self.documents.iter().take(200).map(Document::whole).collect::<String>();
        let letters = some.chars().filter(|c| c.is_alphabetic()).count();
        some.chars().filter(|c| text::is_han(*c)).count() * 2 > letters
    }
}

/// The sets of a folder: itself one, or with sets up to two folders deep.
pub(crate) fn load(dir: &Path) -> Result<Vec<Set>> {
    let mut sets = Vec::new();
    visit(dir, 0, &mut sets)?;
    ensure!(!sets.is_empty(), "no set in {}", dir.display());
    Ok(sets)
}

fn visit(dir: &Path, depth: usize, sets: &mut Vec<Set>) -> Result<()> {
    let found = of_folder(dir).with_context(|| format!("reading {}", dir.display()))?;
    if !found.is_empty() || depth == 2 {
        sets.extend(found);
        return Ok(());
    }
    let entries = std::fs::read_dir(dir).with_context(|| format!("reading {}", dir.display()))?;
    let mut folders: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    folders.retain(|path| path.is_dir());
    folders.sort();
    for folder in folders {
        visit(&folder, depth + 1, sets)?;
    }
    Ok(())
}

fn of_folder(dir: &Path) -> Result<Vec<Set>> {
    let name = dir.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if let (Some(train), Some(test)) = (file(dir, "train.jsonl"), file(dir, "test.jsonl")) {
        return Ok(intents(name, &lines(&train)?, &lines(&test)?).into_iter().collect());
    }
    let (Some(corpus), Some(queries)) = (file(dir, "corpus.jsonl"), file(dir, "queries.jsonl"))
    else {
        return Ok(Vec::new());
    };
    let (corpus, queries) = (lines(&corpus)?, lines(&queries)?);
    match file(dir, "qrels.tsv") {
        Some(judged) => {
            let judged = judgements(&judged)?;
            Ok(vec![retrieval(name, &corpus, &queries, ["title", "text", "text"], &judged)])
        }
        None => Ok(["zh", "en"]
            .into_iter()
            .map(|language| {
                let keys = ["title", language, language];
                retrieval(
                    format!("{name}, {language}"),
                    &corpus,
                    &queries,
                    keys,
                    &answers(&queries),
                )
            })
            .filter(|set| !set.queries.is_empty())
            .collect()),
    }
}

fn file(dir: &Path, name: &str) -> Option<PathBuf> {
    [dir.join(name), dir.join(format!("{name}.gz"))].into_iter().find(|path| path.exists())
}

fn open(path: &Path) -> Result<Box<dyn Read>> {
    let file = File::open(path)?;
    let gzipped = path.extension().is_some_and(|extension| extension == "gz");
    Ok(if gzipped { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) })
}

fn lines(path: &Path) -> Result<Vec<Value>> {
    let mut values = Vec::new();
    for line in BufReader::new(open(path)?).lines() {
        let line = line?;
        if !line.trim().is_empty() {
            values.push(serde_json::from_str(&line).context("a line that is no JSON")?);
        }
    }
    Ok(values)
}

fn string(value: &Value, key: &str) -> String {
    match value.get(key) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    }
}

/// Query to documents; a first line without a number as score is a heading.
fn judgements(path: &Path) -> Result<HashMap<String, BTreeSet<String>>> {
    let mut judged: HashMap<String, BTreeSet<String>> = HashMap::new();
    for line in BufReader::new(open(path)?).lines() {
        let line = line?;
        let fields: Vec<&str> = line.split('\t').collect();
        let (Some(query), Some(score)) = (fields.first(), fields.last()) else { continue };
        // Three columns, or TREC's four with a second that means nothing.
        let document = fields.get(fields.len().saturating_sub(2));
        if let (Some(document), Ok(score)) = (document, score.trim().parse::<f64>())
            && score > 0.0
        {
            judged.entry((*query).to_owned()).or_default().insert((*document).to_owned());
        }
    }
    Ok(judged)
}

fn answers(queries: &[Value]) -> HashMap<String, BTreeSet<String>> {
    let of = |query: &Value| -> BTreeSet<String> {
        let answers = query.get("answers").and_then(Value::as_array);
        let id = |answer: &Value| match answer {
            Value::String(id) => id.clone(),
            other => other.to_string(),
        };
        answers.into_iter().flatten().map(id).collect()
    };
    queries.iter().map(|query| (string(query, "_id"), of(query))).collect()
}

/// Numbers are odd by themselves; other ids by their line, counted from one.
fn is_odd(id: &str, line: usize) -> bool {
    id.parse::<u64>().map_or(line.is_multiple_of(2), |number| number % 2 == 1)
}

fn retrieval(
    name: String,
    corpus: &[Value],
    queries: &[Value],
    [title, text, question]: [&str; 3],
    judged: &HashMap<String, BTreeSet<String>>,
) -> Set {
    let places: HashMap<String, usize> =
        corpus.iter().enumerate().map(|(at, document)| (string(document, "_id"), at)).collect();
    let documents = corpus.iter().map(|document| Document {
        title: string(document, title),
        text: string(document, text),
        questions: Vec::new(),
    });
    let mut asked = Vec::new();
    for (line, query) in queries.iter().enumerate() {
        let id = string(query, "_id");
        let right: BTreeSet<usize> = judged
            .get(&id)
            .into_iter()
            .flatten()
            .filter_map(|document| places.get(document).copied())
            .collect();
        let text = string(query, question);
        if !right.is_empty() && !text.is_empty() {
            asked.push(Query { odd: is_odd(&id, line), text, right });
        }
    }
    Set { name, documents: documents.collect(), queries: asked, intents: false }
}

fn intents(name: String, train: &[Value], test: &[Value]) -> Option<Set> {
    let either = |value: &Value, keys: [&str; 2]| {
        keys.into_iter().map(|key| string(value, key)).find(|text| !text.is_empty())
    };
    let label = |value: &Value| either(value, ["label", "intent"]);
    let wording = |value: &Value| either(value, ["text", "utterance"]);
    let mut by_label: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for value in train {
        by_label.entry(label(value)?).or_default().push(wording(value)?);
    }
    let places: HashMap<&String, usize> =
        by_label.keys().enumerate().map(|(at, label)| (label, at)).collect();
    let mut queries = Vec::new();
    for (line, value) in test.iter().enumerate() {
        if let Some(place) = places.get(&label(value)?) {
            let right = BTreeSet::from([*place]);
            queries.push(Query { odd: line.is_multiple_of(2), text: wording(value)?, right });
        }
    }
    let documents = by_label
        .values()
        .map(|questions| Document { questions: questions.clone(), ..Document::default() })
        .collect();
    Some(Set { name, documents, queries, intents: true })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(dir: &Path, name: &str, text: &str) {
        std::fs::write(dir.join(name), text).unwrap();
    }

    #[test]
    fn the_three_forms_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let folder = |name: &str| {
            let folder = dir.path().join(name);
            std::fs::create_dir(&folder).unwrap();
            folder
        };
        let a = folder("a");
        write(&a, "corpus.jsonl", "{\"_id\":\"d1\",\"title\":\"t\",\"text\":\"x\"}\n");
        write(
            &a,
            "queries.jsonl",
            "{\"_id\":\"q1\",\"text\":\"x\"}\n{\"_id\":\"q2\",\"text\":\"y\"}\n",
        );
        write(&a, "qrels.tsv", "query-id\tcorpus-id\tscore\nq1\td1\t1\nq2\td1\t0\n");
        let b = folder("b");
        write(&b, "corpus.jsonl", "{\"_id\":\"5\",\"zh\":\"水\",\"en\":\"water\"}\n");
        write(
            &b,
            "queries.jsonl",
            "{\"_id\":\"8\",\"zh\":\"水\",\"en\":\"wet\",\"answers\":[\"5\"]}\n",
        );
        let c = folder("c");
        write(&c, "train.jsonl", "{\"text\":\"hi\",\"label\":\"greet\"}\n");
        write(&c, "test.jsonl", "{\"text\":\"hello\",\"label\":\"greet\"}\n");
        let sets = load(dir.path()).unwrap();
        let told: Vec<(&str, usize, usize)> =
            sets.iter().map(|s| (s.name.as_str(), s.documents.len(), s.queries.len())).collect();
        assert_eq!(told, [("a", 1, 1), ("b, zh", 1, 1), ("b, en", 1, 1), ("c", 1, 1)]);
        assert!(sets[0].queries[0].odd && !sets[1].queries[0].odd);
        assert_eq!(sets[3].documents[0].questions, ["hi"]);
    }
}
