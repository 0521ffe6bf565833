//! Pages are parts of one ranking, and totals count articles.
#![expect(clippy::unwrap_used, reason = "a test may panic, in its helpers too")]

use std::collections::BTreeSet;

use aftercare_search::{Analyzer, Answer, Change, Entry, Index, Search, Settings};
use tempfile::TempDir;
use uuid::Uuid;

/// How many results a caller of the service can reach.
const REACH: usize = 500;

fn entry(locale: &str, title: &str, body: &str) -> Entry {
    Entry {
        locale: locale.to_owned(),
        kind: "faq".to_owned(),
        title: title.to_owned(),
        body: body.to_owned(),
        ..Entry::default()
    }
}

fn index(articles: impl IntoIterator<Item = Vec<Entry>>) -> (TempDir, Index) {
    let dir = tempfile::tempdir().unwrap();
    let index = Index::create(dir.path(), Analyzer::new(), Settings::default()).unwrap();
    let mut changes = (0..)
        .zip(articles)
        .map(|(number, entries)| Change::Replace { article: Uuid::from_u128(number), entries });
    // Several commits, so that there are several segments.
    for commit in 0.. {
        let some: Vec<Change> = changes.by_ref().take(70).collect();
        if some.is_empty() {
            break;
        }
        index.apply(some, &commit.to_string()).unwrap();
    }
    (dir, index)
}

fn page(index: &Index, text: &str, offset: usize, limit: usize) -> Answer {
    let (text, locale) = (text.to_owned(), "en".to_owned());
    let search = Search { text, locale, offset, limit, facets: true, ..Search::default() };
    index.search(&search).unwrap()
}

/// The articles of all pages of a size, as far as the reach.
fn paged(index: &Index, text: &str, size: usize) -> Vec<u128> {
    let mut all: Vec<u128> = Vec::new();
    loop {
        let limit = size.min(REACH - all.len());
        let answer = page(index, text, all.len(), limit);
        assert!(answer.total >= all.len() + answer.hits.len(), "{text}: {}", answer.total);
        assert!(answer.hits.len() == limit || !answer.more, "{text}: a short page is the last");
        all.extend(answer.hits.iter().map(|hit| hit.article.as_u128()));
        if !answer.more || all.len() == REACH {
            return all;
        }
    }
}

/// Articles that fit more or less well, so that what counts first and what counts last differ.
fn varied(number: usize) -> Vec<Entry> {
    let title = match number % 5 {
        0 => "Blorptron".to_owned(),
        1 => format!("Guide {number}"),
        _ => format!("Notes of the blorptron family, part {number}"),
    };
    let filler = "word ".repeat(number % 17);
    let body = format!("The blorptron {filler} is mended {filler} blorptron.");
    let locale = if number.is_multiple_of(3) { "zh-CN" } else { "en" };
    let mut entry = entry(locale, &title, &body);
    if number.is_multiple_of(4) {
        entry.questions = vec!["Who mends a blorptron".to_owned(), "blorptron".to_owned()];
    }
    vec![entry]
}

#[test]
fn pages_are_parts_of_one_ranking() {
    for articles in [15, 150, 700] {
        let (_dir, index) = index((0..articles).map(varied));
        for text in ["blorptron", "how is a blorptron of the family mended with a zzz"] {
            let all: Vec<u128> = paged(&index, text, REACH);
            let distinct: BTreeSet<u128> = all.iter().copied().collect();
            assert_eq!((all.len(), distinct.len()), (articles.min(REACH), articles.min(REACH)));
            for size in [7, 10, 50, 120] {
                assert_eq!(paged(&index, text, size), all, "{text}, {articles}, pages of {size}");
            }
        }
    }
}

#[test]
fn a_total_is_exact_or_says_that_it_is_not() {
    for articles in [9, 150, 700] {
        let (_dir, index) = index((0..articles).map(varied));
        for offset in [0, 50, 120] {
            let look_up = page(&index, "blorptron", offset, 10);
            assert_eq!((look_up.total, look_up.exact), (articles, true));
            let sentence = page(&index, "how is a blorptron of the family mended", offset, 10);
            let exact = articles <= REACH;
            assert_eq!((sentence.total, sentence.exact), (articles.min(REACH), exact));
            for answer in [look_up, sentence] {
                let facets = answer.facets.unwrap();
                assert_eq!(
                    (facets.articles, facets.kinds[0].articles),
                    (answer.total, answer.total)
                );
            }
        }
    }
}

#[test]
fn an_article_in_two_languages_is_one_result() {
    let both = |number: usize| {
        let words = "blorptron 退货";
        let mut zh = entry("zh-CN", &format!("{words} {number}"), words);
        zh.tags = vec!["tag".to_owned()];
        zh.questions = vec![words.to_owned()];
        vec![
            zh.clone(),
            Entry { locale: "zh-TW".to_owned(), ..zh.clone() },
            Entry { locale: "en".to_owned(), ..zh },
        ]
    };
    for articles in [10, 130] {
        let (_dir, index) = index((0..articles).map(both));
        for text in
            ["blorptron", "how do I send a blorptron back", "请问怎么退货给你们呢 blorptron"]
        {
            let answer = page(&index, text, 0, 10);
            let facets = answer.facets.unwrap();
            assert_eq!((answer.total, answer.hits.len()), (articles, 10), "{text}");
            assert_eq!(answer.more, articles > 10);
            assert_eq!((facets.articles, facets.kinds[0].articles), (articles, articles));
            assert_eq!(facets.tags[0].articles, articles);
            assert_eq!(paged(&index, text, 7).len(), articles);
        }
    }
}
