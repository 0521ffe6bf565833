//! Every question about an index says the same of who sees what as the predicate does.
#![expect(clippy::unwrap_used, reason = "a test may panic, in its helpers too")]

use std::collections::BTreeSet;

use aftercare_search::{
    Analyzer, Audience, Change, Entry, Filter, Index, Reader, Related, Search, Settings, Suggest,
    Validity,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::subsequence;
use proptest::test_runner::{Config, TestRunner};
use uuid::Uuid;

const GROUPS: [&str; 3] = ["a", "b", "c"];
const VALUES: [&str; 3] = ["x", "y", "z"];

fn some(of: &'static [&'static str]) -> impl Strategy<Value = Vec<String>> {
    subsequence(of, 0..=2).prop_map(|some| some.into_iter().map(str::to_owned).collect())
}

fn entries() -> impl Strategy<Value = Vec<Entry>> {
    let one = (0..3u8, some(&GROUPS), some(&VALUES), some(&VALUES), 0..6i64, 0..6i64, 0..2usize);
    let entry = one.prop_map(|(level, groups, products, tags, from, until, kind)| Entry {
        locale: VALUES[kind].to_owned(),
        kind: VALUES[kind + 1].to_owned(),
        audience: Audience { level, groups },
        products,
        tags,
        validity: Validity { from, until },
        title: "退货的说明".to_owned(),
        questions: vec!["怎么退货".to_owned()],
        ..Entry::default()
    });
    vec(entry, 1..12)
}

fn filters() -> impl Strategy<Value = Filter> {
    let lists = (some(&VALUES), some(&VALUES), some(&VALUES), some(&VALUES));
    (0..3u8, some(&GROUPS), 0..6i64, lists, any::<bool>()).prop_map(
        |(level, groups, at, (locales, kinds, products, tags), narrow)| {
            let reader = Reader { level, groups, all_groups: false };
            if narrow {
                Filter { reader, at, locales, kinds, products, tags }
            } else {
                Filter { reader, at, ..Filter::default() }
            }
        },
    )
}

#[test]
fn every_question_says_the_same() {
    let analyzer = Analyzer::new();
    let mut runner = TestRunner::new(Config::with_cases(10));
    runner
        .run(&(entries(), vec(filters(), 6)), |(entries, filters)| {
            let dir = tempfile::tempdir().unwrap();
            let index = Index::create(dir.path(), analyzer.clone(), Settings::default()).unwrap();
            let change = |(number, entry): (u128, &Entry)| Change::Replace {
                article: Uuid::from_u128(number),
                entries: vec![entry.clone()],
            };
            // Two commits, so that there are two segments.
            let (first, second) = entries.split_at(entries.len() / 2);
            index.apply((0..).zip(first).map(change), "1").unwrap();
            let begin = u128::try_from(first.len()).unwrap();
            index.apply((begin..).zip(second).map(change), "2").unwrap();
            for filter in filters {
                let visible: BTreeSet<u128> = (0..)
                    .zip(&entries)
                    .filter(|(_, entry)| filter.hides(entry).is_empty())
                    .map(|(number, _)| number)
                    .collect();
                agree(&index, &filter, &visible)?;
            }
            Ok(())
        })
        .unwrap();
}

fn agree(index: &Index, filter: &Filter, visible: &BTreeSet<u128>) -> Result<(), TestCaseError> {
    let (filter, locale) = (filter.clone(), "x".to_owned());
    // All concepts, some, and by single words.
    for text in ["退货", "退货保修说明", "怎么退货"] {
        let search = Search {
            text: text.to_owned(),
            locale: locale.clone(),
            filter: filter.clone(),
            limit: 100,
            facets: true,
            ..Search::default()
        };
        let answer = index.search(&search).unwrap();
        let found: BTreeSet<u128> = answer.hits.iter().map(|hit| hit.article.as_u128()).collect();
        prop_assert_eq!(&found, visible);
        prop_assert_eq!(answer.total, visible.len());
        prop_assert_eq!(answer.facets.unwrap().articles, visible.len());
        for number in 0..12 {
            let explained = index.explain(&search, Uuid::from_u128(number)).unwrap();
            prop_assert_eq!(explained.place.is_some(), visible.contains(&number));
            let shown = explained.entries.iter().any(|entry| entry.hidden.is_empty());
            prop_assert_eq!(shown, visible.contains(&number));
        }
    }
    let suggest = Suggest {
        text: "怎么".to_owned(),
        locale: locale.clone(),
        filter: filter.clone(),
        limit: 100,
    };
    let suggested: BTreeSet<u128> =
        index.suggest(&suggest).unwrap().iter().map(|one| one.article.as_u128()).collect();
    prop_assert_eq!(&suggested, visible);
    let related = Related { text: "退货的说明".to_owned(), locale, filter, limit: 100 };
    let related: BTreeSet<u128> =
        index.related(&related).unwrap().iter().map(|hit| hit.article.as_u128()).collect();
    prop_assert_eq!(&related, visible);
    Ok(())
}
