//! The index as its callers use it.
#![expect(clippy::unwrap_used, reason = "a test may panic, in its helpers too")]

use aftercare_search::{
    Analyzer, Audience, Change, Entry, Filter, Hidden, Index, Reader, Related, Search, Settings,
    Stage, Suggest, Validity,
};
use tempfile::TempDir;
use uuid::Uuid;

fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

fn entry(locale: &str, title: &str, body: &str) -> Entry {
    Entry {
        locale: locale.to_owned(),
        revision: 1,
        kind: "faq".to_owned(),
        title: title.to_owned(),
        body: body.to_owned(),
        ..Entry::default()
    }
}

fn replace(number: u128, entries: impl Into<Vec<Entry>>) -> Change {
    Change::Replace { article: id(number), entries: entries.into() }
}

fn index(changes: Vec<Change>) -> (TempDir, Index) {
    let dir = tempfile::tempdir().unwrap();
    let index = Index::create(dir.path(), Analyzer::new(), Settings::default()).unwrap();
    index.apply(changes, "1").unwrap();
    (dir, index)
}

fn ask(text: &str) -> Search {
    Search { text: text.to_owned(), locale: "zh-CN".to_owned(), limit: 10, ..Search::default() }
}

fn found(index: &Index, search: &Search) -> Vec<u128> {
    index.search(search).unwrap().hits.iter().map(|hit| hit.article.as_u128()).collect()
}

fn house() -> (TempDir, Index) {
    let washing = Entry {
        questions: vec!["衣服洗不干净".to_owned(), "洗衣機壞了".to_owned()],
        products: vec!["w1".to_owned()],
        tags: vec!["售后".to_owned()],
        ..entry("zh-CN", "洗衣机怎么退货", "收到洗衣机七天之内可以退货，配件要齐全。")
    };
    index(vec![
        replace(1, [washing, entry("en", "How to return a washing machine", "Within seven days.")]),
        replace(2, [entry("zh-CN", "空调KFR-35GW保修多久", "空调保修六年，压缩机也一样。")]),
        replace(3, [entry("zh-TW", "虛擬機無法啟動", "虛擬機的設定要檢查。")]),
        replace(
            4,
            [entry("en", "iPhone 15 battery", "Batteries of an iPhone are charged by cable.")],
        ),
    ])
}

#[test]
fn stages_relax_one_after_the_other() {
    let (_dir, index) = house();
    let stage = |text: &str| {
        let answer = index.search(&ask(text)).unwrap();
        (answer.stage, answer.hits.iter().map(|hit| hit.article.as_u128()).collect::<Vec<_>>())
    };
    assert_eq!(stage("洗衣机退货"), (Stage::All, vec![1]));
    assert_eq!(stage("洗衣机退货配件冰箱"), (Stage::Most, vec![1]));
    assert_eq!(stage("洗衣机冰箱电视"), (Stage::Any, vec![1]));
    assert_eq!(stage("冰箱"), (Stage::Any, vec![]));
    assert_eq!(stage(""), (Stage::Any, vec![]));
}

#[test]
fn writing_does_not_matter() {
    let (_dir, index) = house();
    for text in ["虚拟机", "虛擬機", "虚拟机设定"] {
        assert_eq!(found(&index, &ask(text)), [3], "{text}");
    }
    for text in ["kfr35gw", "ＫＦＲ－３５ＧＷ", "KFR 35GW", "35gw", "kfr-35"] {
        assert_eq!(found(&index, &ask(text)), [2], "{text}");
    }
    for text in ["iphone15", "iPhone 15", "IPHONES", "charging battery"] {
        assert_eq!(found(&index, &ask(text)), [4], "{text}");
    }
    assert_eq!(found(&index, &ask("锅")), Vec::<u128>::new());
    assert_eq!(found(&index, &ask("机")), [1, 3]);
}

#[test]
fn own_locale_comes_first_and_an_article_once() {
    let (_dir, index) = house();
    let mut search = ask("washing machine 洗衣机");
    let answer = index.search(&search).unwrap();
    let shown: Vec<(&str, bool)> =
        answer.hits.iter().map(|hit| (hit.locale.as_str(), hit.own_locale)).collect();
    assert_eq!((answer.stage, shown), (Stage::Any, vec![("zh-CN", true)]));
    search.locale = "en".to_owned();
    let answer = index.search(&search).unwrap();
    assert_eq!(answer.hits[0].locale, "en");
    search.text = "洗衣机".to_owned();
    let answer = index.search(&search).unwrap();
    assert_eq!((answer.hits[0].locale.as_str(), answer.hits[0].own_locale), ("zh-CN", false));
}

#[test]
fn similar_questions_are_found_and_shown() {
    let (_dir, index) = house();
    let answer = index.search(&ask("洗衣机坏了")).unwrap();
    let question = answer.hits[0].question.clone().unwrap();
    assert_eq!(question.text, "洗衣機壞了");
    assert_eq!(&question.text[question.marks[0].clone()], "洗衣機");
}

#[test]
fn a_change_is_seen_at_once_and_moves_the_cursor() {
    let (dir, index) = house();
    assert_eq!(index.cursor().unwrap().as_deref(), Some("1"));
    index.apply([replace(2, [entry("zh-CN", "冰箱", "冰箱不制冷")])], "2").unwrap();
    assert_eq!(found(&index, &ask("空调")), Vec::<u128>::new());
    assert_eq!(found(&index, &ask("冰箱")), [2]);
    index.apply([Change::Remove { article: id(2) }], "3").unwrap();
    assert_eq!(found(&index, &ask("冰箱")), Vec::<u128>::new());
    index.apply([], "4").unwrap();
    index.rest().unwrap();
    assert_eq!(index.cursor().unwrap().as_deref(), Some("4"));
    drop(index);
    let index = Index::open(dir.path(), Analyzer::new(), Settings::default()).unwrap();
    assert_eq!(index.cursor().unwrap().as_deref(), Some("4"));
    assert_eq!(found(&index, &ask("洗衣机")), [1]);
    index.verify().unwrap();
}

#[test]
fn nobody_sees_what_is_not_for_them() {
    let closed = |level: u8, groups: &[&str], from: i64, until: i64| Entry {
        audience: Audience { level, groups: groups.iter().map(|&g| g.to_owned()).collect() },
        validity: Validity { from, until },
        ..entry("zh-CN", "内部说明", "秘密")
    };
    let (_dir, index) = index(vec![
        replace(1, [closed(0, &[], 0, 100)]),
        replace(2, [closed(2, &[], 0, 100)]),
        replace(3, [closed(0, &["a", "b"], 0, 100)]),
        replace(4, [closed(0, &[], 50, 60)]),
    ]);
    let seen = |level, groups: &[&str], at| {
        let groups = groups.iter().map(|&group| group.to_owned()).collect();
        let filter =
            Filter { reader: Reader { level, groups, all_groups: false }, at, ..Filter::default() };
        let mut seen = found(&index, &Search { filter, ..ask("说明") });
        seen.sort_unstable();
        seen
    };
    assert_eq!(seen(0, &[], 10), [1]);
    assert_eq!(seen(2, &["b"], 10), [1, 2, 3]);
    assert_eq!(seen(1, &["c"], 50), [1, 4]);
    assert_eq!(seen(9, &[], 60), [1, 2]);
    assert_eq!(seen(9, &["a"], 100), Vec::<u128>::new());
}

#[test]
fn filters_and_facets() {
    let (_dir, index) = house();
    let filter = Filter { products: vec!["w1".to_owned()], ..Filter::default() };
    let narrowed = Search { filter, facets: true, ..ask("退货") };
    let answer = index.search(&narrowed).unwrap();
    let facets = answer.facets.unwrap();
    assert_eq!((answer.hits.len(), facets.articles), (1, 1));
    assert_eq!((facets.tags[0].value.as_str(), facets.tags[0].articles), ("售后", 1));
    let none = Filter { tags: vec!["nothing".to_owned()], ..Filter::default() };
    assert_eq!(found(&index, &Search { filter: none, ..ask("退货") }), Vec::<u128>::new());
}

#[test]
fn pages_join_without_gaps() {
    let many: Vec<Change> =
        (0..30).map(|number| replace(number, [entry("zh-CN", "退货", "说明")])).collect();
    let (_dir, index) = index(many);
    let all = found(&index, &Search { limit: 30, ..ask("退货") });
    assert_eq!(all, (0..30).collect::<Vec<u128>>());
    let paged: Vec<u128> = (0..4)
        .flat_map(|page| found(&index, &Search { offset: page * 8, limit: 8, ..ask("退货") }))
        .collect();
    assert_eq!(paged, all);
}

#[test]
fn typing_is_completed() {
    let (_dir, index) = house();
    let suggest = |text: &str| {
        let suggest = Suggest {
            text: text.to_owned(),
            locale: "zh-CN".to_owned(),
            limit: 5,
            ..Suggest::default()
        };
        let found = index.suggest(&suggest).unwrap();
        found.into_iter().map(|one| one.text.text).collect::<Vec<_>>()
    };
    assert_eq!(suggest("洗"), ["洗衣机怎么退货"]);
    assert_eq!(suggest("洗衣机坏"), ["洗衣機壞了"]);
    assert_eq!(suggest("洗衣机怎"), ["洗衣机怎么退货"]);
    assert_eq!(suggest("how to ret"), ["How to return a washing machine"]);
    assert_eq!(suggest("iph"), ["iPhone 15 battery"]);
    assert_eq!(suggest("battery"), ["iPhone 15 battery"]);
    assert_eq!(suggest("虚拟"), ["虛擬機無法啟動"]);
    assert_eq!(suggest(""), Vec::<String>::new());
    assert_eq!(suggest("nothing like it"), Vec::<String>::new());
}

#[test]
fn a_long_text_finds_what_it_is_about() {
    let (_dir, index) = house();
    let related = |text: &str| {
        let related = Related {
            text: text.to_owned(),
            locale: "zh-CN".to_owned(),
            limit: 3,
            ..Related::default()
        };
        let found = index.related(&related).unwrap();
        found.into_iter().map(|hit| hit.article.as_u128()).collect::<Vec<_>>()
    };
    let text =
        "你好，我上周在你们店里买了一台洗衣机，收到以后发现配件不齐全，想问一下能不能退货，谢谢！";
    assert_eq!(related(text), [1]);
    assert_eq!(related("Hello, my iPhone's battery is not charged, what can I do?"), [4]);
    assert_eq!(related(&"没有关系的话".repeat(10_000)), Vec::<u128>::new());
}

#[test]
fn an_article_is_explained() {
    let (_dir, index) = house();
    let filter = Filter { kinds: vec!["notice".to_owned()], ..Filter::default() };
    let explained = index.explain(&Search { filter, ..ask("洗衣机冰箱") }, id(1)).unwrap();
    assert_eq!(explained.concepts, ["洗衣机", "冰箱"]);
    assert_eq!((explained.stage, explained.place), (Stage::Any, None));
    let zh = explained.entries.iter().find(|entry| entry.locale == "zh-CN").unwrap();
    assert_eq!((zh.hidden.as_slice(), zh.stage), ([Hidden::Kind].as_slice(), Some(Stage::Any)));
    assert_eq!(zh.has, ["洗衣机"]);
    assert!(zh.matched.iter().any(|m| m.field == "title_words" && m.term == "洗衣机"));
    let sum: f32 = zh.matched.iter().map(|matched| matched.score).sum::<f32>() + zh.questions;
    assert!((sum * zh.complete - zh.score).abs() < 1e-3 && zh.complete > 1.0);
    let place = index.explain(&ask("洗衣机"), id(1)).unwrap().place;
    assert_eq!(place, Some(1));
    assert!(index.explain(&ask("洗衣机"), id(99)).unwrap().entries.is_empty());
}
