//! What a reader may not see decides nothing about what the reader is shown.
#![expect(clippy::unwrap_used, reason = "a test may panic, in its helpers too")]

use aftercare_search::{
    Analyzer, Audience, Change, Entry, Filter, Index, Reader, Related, Settings, Suggest,
};
use tempfile::TempDir;
use uuid::Uuid;

/// The level of those who see everything here.
const STAFF: u8 = 3;

fn entry(level: u8, title: &str, body: &str) -> Entry {
    Entry {
        locale: "en".to_owned(),
        audience: Audience { level, groups: Vec::new() },
        title: title.to_owned(),
        body: body.to_owned(),
        ..Entry::default()
    }
}

fn index(entries: impl IntoIterator<Item = Entry>) -> (TempDir, Index) {
    let dir = tempfile::tempdir().unwrap();
    let index = Index::create(dir.path(), Analyzer::new(), Settings::default()).unwrap();
    let change = |(number, entry)| Change::Replace {
        article: Uuid::from_u128(number),
        entries: vec![entry],
    };
    index.apply((1..).zip(entries).map(change), "1").unwrap();
    (dir, index)
}

fn of_level(level: u8) -> Filter {
    Filter { reader: Reader { level, ..Reader::default() }, ..Filter::default() }
}

fn related(index: &Index, text: &str, filter: Filter) -> Vec<u128> {
    let (text, locale) = (text.to_owned(), "en".to_owned());
    let related = Related { text, locale, filter, limit: 5 };
    index.related(&related).unwrap().iter().map(|hit| hit.article.as_u128()).collect()
}

fn suggested(index: &Index, text: &str, filter: Filter) -> Vec<String> {
    let (text, locale) = (text.to_owned(), "en".to_owned());
    let suggest = Suggest { text, locale, filter, limit: 5 };
    index.suggest(&suggest).unwrap().into_iter().map(|one| one.text.text).collect()
}

#[test]
fn a_word_of_hidden_articles_is_a_word_that_is_nowhere() {
    let (_dir, index) = index([
        entry(0, "Parcels to islands", "They take a week."),
        entry(STAFF, "Plans", "What is planned is called zephyrplan."),
        entry(STAFF, "Ferries to islands", "They are part of zephyrplan."),
    ]);
    for text in ["islands", "islands zephyrplax", "islands zephyrplan", "zephyrplan islands zephyr"]
    {
        assert_eq!(related(&index, text, of_level(0)), [1], "{text}");
    }
    assert_eq!(related(&index, "islands zephyrplan", of_level(STAFF)), [3]);
    assert!(related(&index, "zephyrplan", of_level(0)).is_empty());
}

#[test]
fn words_of_hidden_articles_do_not_crowd_a_long_text() {
    // More of them than are looked for in a text, and each of them rarer than the word that is seen.
    let secrets: Vec<String> = (0..40).map(|number| format!("secret{number}")).collect();
    let seen = (0..10).map(|_| entry(0, "Parcels", "Nothing else."));
    let hidden = secrets.iter().map(|word| entry(STAFF, word, word));
    let (_dir, index) = index(seen.chain(hidden));
    let text = format!("parcels {}", secrets.join(" "));
    assert_eq!(related(&index, &text, of_level(0)).len(), 5);
}

#[test]
fn titles_of_hidden_articles_do_not_crowd_suggestions() {
    // Each of these words is more frequent than the one that is seen.
    let hidden = |role: usize| {
        (0..160).map(move |number| {
            let word = format!("pro{}", char::from(b'a' + u8::try_from(number / 20).unwrap()));
            let word = format!("{word}{}", char::from(b'a' + u8::try_from(number % 20).unwrap()));
            let mut entry = entry(STAFF, &word, "Hidden.");
            if role == 1 {
                entry.title = "Hidden".to_owned();
                entry.questions = vec![word];
            }
            entry
        })
    };
    let mut question = entry(0, "Papers", "They are sent.");
    question.questions = vec!["When is proof of it sent".to_owned()];
    let seen = [entry(0, "Provenance of parts", "It is told on the label."), question];
    let all = (0..2).flat_map(|_| [hidden(0), hidden(1)]).flatten().chain(seen);
    let (_dir, index) = index(all);
    let mut found = suggested(&index, "pro", of_level(0));
    found.sort_unstable();
    assert_eq!(found, ["Provenance of parts", "When is proof of it sent"]);
    assert_eq!(suggested(&index, "pro", of_level(STAFF)).len(), 5);
}
