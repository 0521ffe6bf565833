//! A set: a company's products, its customers with what they bought, what it knows, and what its
//! customers write. Two are shipped: a shop of household appliances that was written for this demo, in
//! Chinese, and Banking77 with answers that were.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use contracts::tickets::v1::{Channel, Kind, Nature};
use jiff::civil::Date;
use serde::{Deserialize, de::DeserializeOwned};

use super::rule::dice;

const PRODUCTS: &str = include_str!("../../data/shop/products.csv");
const CUSTOMERS: &str = include_str!("../../data/shop/customers.csv");
const PURCHASES: &str = include_str!("../../data/shop/purchases.csv");
const SHOP_ARTICLES: &str = include_str!("../../data/shop/articles.jsonl");
const MESSAGES: &str = include_str!("../../data/shop/messages.jsonl");
const BANK_ARTICLES: &str = include_str!("../../data/banking77/articles.jsonl");
const QUESTIONS: &str = include_str!("../../data/banking77/questions.jsonl");

/// What is played.
#[derive(Clone, Debug)]
pub(crate) struct Set {
    /// Its name, part of every request id: never changed.
    pub(crate) name: String,
    /// The tenant that it is played in.
    pub(crate) tenant: &'static str,
    /// Its language as a tag, `zh` or `en`.
    pub(crate) language: &'static str,
    pub(crate) products: Vec<Product>,
    pub(crate) people: Vec<Person>,
    pub(crate) orders: Vec<Order>,
    pub(crate) articles: Vec<Article>,
    pub(crate) messages: Vec<Message>,
}

/// Something that the company sells.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Product {
    #[serde(rename = "product")]
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) model: String,
    pub(crate) brand: String,
    /// In fen.
    pub(crate) price: i64,
}

/// A customer; nobody real.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Person {
    /// What the set calls them.
    #[serde(rename = "customer")]
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) salutation: String,
    pub(crate) phone: String,
    pub(crate) email: String,
    pub(crate) wechat: String,
    pub(crate) segment: String,
}

/// What somebody bought at one time.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Order {
    #[serde(rename = "order")]
    pub(crate) number: String,
    pub(crate) customer: String,
    pub(crate) date: Date,
    /// One of each, separated by a space.
    pub(crate) products: String,
}

/// An article in one language, as a line that the import reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Article {
    /// What the import finds it again by.
    pub(crate) id: String,
    pub(crate) locale: String,
    pub(crate) title: String,
    pub(crate) body: String,
    pub(crate) line: String,
}

/// What a customer writes.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    /// Its id within the set.
    pub(crate) id: String,
    /// Whose it is, by the set's own name.
    pub(crate) customer: String,
    pub(crate) kind: Kind,
    pub(crate) channel: Channel,
    pub(crate) product: Option<String>,
    /// How staff judge it, where it is a complaint.
    pub(crate) judgement: Option<(Nature, i32)>,
    pub(crate) text: String,
    pub(crate) expectation: String,
    /// When it happened, where that was said.
    pub(crate) date: Option<Date>,
    /// The article that answers it; `None` where nothing has to be looked up.
    pub(crate) article: Option<String>,
}

/// A line of articles, as far as the demo reads it.
#[derive(Deserialize)]
struct ArticleLine {
    external_id: String,
    locale: String,
    title: String,
    body: String,
}

/// A line of messages.
#[derive(Deserialize)]
struct MessageLine {
    id: String,
    kind: String,
    channel: String,
    customer: String,
    product: Option<String>,
    nature: Option<String>,
    severity: Option<i32>,
    text: String,
    #[serde(default)]
    expectation: String,
    date: Option<Date>,
    article: Option<String>,
}

/// A line of questions.
#[derive(Deserialize)]
struct QuestionLine {
    id: String,
    article: String,
    text: String,
}

/// The household-appliance shop.
pub(crate) fn shop() -> Result<Set> {
    let read = || -> Result<Set> {
        Ok(Set {
            name: "shop".to_owned(),
            tenant: "jiahe",
            language: "zh",
            products: table(PRODUCTS)?,
            people: table(CUSTOMERS)?,
            orders: table(PURCHASES)?,
            articles: articles(SHOP_ARTICLES)?,
            messages: lines(MESSAGES)?.into_iter().map(message).collect::<Result<_>>()?,
        })
    };
    read().context("the shipped shop cannot be read")
}

/// Banking77: 77 answers, and five questions of its test part for each.
pub(crate) fn banking() -> Result<Set> {
    let read = || -> Result<Set> {
        let questions = lines::<QuestionLine>(QUESTIONS)?;
        let questions = questions.into_iter().map(|line| (line.id, line.article, line.text));
        Ok(asked("banking77", "meridian", "en", articles(BANK_ARTICLES)?, questions.collect()))
    };
    read().context("the shipped Banking77 cannot be read")
}

/// A set of questions, each with the article that answers it, by made-up customers; where the set does
/// not say how they came or of what kind they are, chance does, the same in each run.
pub(crate) fn asked(
    name: &str,
    tenant: &'static str,
    language: &'static str,
    articles: Vec<Article>,
    questions: Vec<(String, String, String)>,
) -> Set {
    /// How many questions a customer has, about.
    const EACH: usize = 3;
    let many = (questions.len() / EACH).max(1) as u64;
    let mut people = BTreeMap::new();
    let messages = questions.into_iter().map(|(id, article, text)| {
        let who = dice(name, &id, "person", many);
        let customer = format!("p{who:04}");
        people.entry(customer.clone()).or_insert_with(|| person(name, language, who));
        let channel = match dice(name, &id, "channel", 10) {
            0..=3 => Channel::WebChat,
            4..=5 => Channel::Email,
            6..=7 => Channel::SelfService,
            8 => Channel::Sms,
            _ => Channel::Phone,
        };
        Message {
            customer,
            kind: kind(&article),
            channel,
            product: None,
            judgement: None,
            text,
            expectation: String::new(),
            date: None,
            article: Some(article),
            id,
        }
    });
    let messages = messages.collect();
    Set {
        name: name.to_owned(),
        tenant,
        language,
        products: Vec::new(),
        people: people.into_values().collect(),
        orders: Vec::new(),
        articles,
        messages,
    }
}

/// Of what kind a question is, by the name of what it asks for.
fn kind(article: &str) -> Kind {
    let has = |parts: &[&str]| parts.iter().any(|part| article.contains(part));
    if has(&["not_working", "failed", "declined", "wrong", "swallowed", "twice", "blocked"]) {
        Kind::Fault
    } else if has(&["request_refund", "terminate", "order_", "getting_", "edit_", "activate"]) {
        Kind::ServiceRequest
    } else {
        Kind::Inquiry
    }
}

fn person(set: &str, language: &str, who: u64) -> Person {
    Person {
        id: format!("p{who:04}"),
        name: super::person::name(language, who),
        email: format!("{set}.{who:04}@example.com"),
        ..Person::default()
    }
}

/// The articles of a file that the import reads.
pub(crate) fn articles(text: &str) -> Result<Vec<Article>> {
    let article = |line: &str| -> Result<Article> {
        let read: ArticleLine = serde_json::from_str(line)?;
        let ArticleLine { external_id, locale, title, body } = read;
        Ok(Article { id: external_id, locale, title, body, line: line.to_owned() })
    };
    text.lines().filter(|line| !line.trim().is_empty()).map(article).collect()
}

fn message(line: MessageLine) -> Result<Message> {
    let nature = line.nature.map(|nature| {
        let name = format!("NATURE_{}", nature.to_ascii_uppercase());
        Nature::from_str_name(&name).with_context(|| format!("{}: no nature", line.id))
    });
    Ok(Message {
        kind: crate::seed::kind(&line.kind)?,
        channel: crate::seed::channel(&line.channel)?,
        judgement: nature.transpose()?.zip(line.severity),
        id: line.id,
        customer: line.customer,
        product: line.product,
        text: line.text,
        expectation: line.expectation,
        date: line.date,
        article: line.article,
    })
}

fn table<T: DeserializeOwned>(text: &str) -> Result<Vec<T>> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    Ok(reader.deserialize().collect::<Result<_, _>>()?)
}

/// The objects of JSON lines.
pub(crate) fn lines<T: DeserializeOwned>(text: &str) -> Result<Vec<T>> {
    let lines = text.lines().filter(|line| !line.trim().is_empty()).enumerate();
    let read = |(at, line)| {
        serde_json::from_str(line).with_context(|| format!("line {} cannot be read", at + 1))
    };
    lines.map(read).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Whether everything that a set names is there.
    fn hangs_together(set: &Set) {
        let people: BTreeSet<_> = set.people.iter().map(|person| &person.id).collect();
        let products: BTreeSet<_> = set.products.iter().map(|product| &product.id).collect();
        let articles: BTreeSet<_> = set.articles.iter().map(|article| &article.id).collect();
        let ids: BTreeSet<_> = set.messages.iter().map(|message| &message.id).collect();
        assert_eq!(ids.len(), set.messages.len());
        for message in &set.messages {
            assert!(people.contains(&message.customer), "{}", message.id);
            assert!(message.product.as_ref().is_none_or(|id| products.contains(id)));
            assert!(message.article.as_ref().is_none_or(|id| articles.contains(id)));
            assert_eq!(message.kind == Kind::Complaint, message.judgement.is_some());
        }
        for order in &set.orders {
            assert!(people.contains(&order.customer), "{}", order.number);
            assert!(order.products.split(' ').all(|id| products.contains(&id.to_owned())));
        }
    }

    #[test]
    fn the_shop_has_matters_of_every_kind_nature_and_channel() {
        let set = shop().unwrap();
        hangs_together(&set);
        let chinese = set.articles.iter().filter(|article| article.locale == "zh").count();
        assert!(chinese >= 60 && set.articles.len() > chinese);
        assert!(set.people.len() == 60 && set.orders.len() >= 60 && set.messages.len() >= 150);
        let kinds: BTreeSet<_> = set.messages.iter().map(|message| message.kind).collect();
        assert_eq!(kinds.len(), 8);
        let channels: BTreeSet<_> = set.messages.iter().map(|message| message.channel).collect();
        assert_eq!(channels.len(), 11);
        let natures: BTreeSet<_> =
            set.messages.iter().filter_map(|message| Some(message.judgement?.0)).collect();
        assert_eq!(natures.len(), 7, "all but other");
        for line in SHOP_ARTICLES.lines().chain(BANK_ARTICLES.lines()) {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            assert!(line["similar_questions"].as_array().unwrap().len() >= 3, "{line}");
        }
    }

    #[test]
    fn banking_has_an_answer_and_five_questions_for_each_intent() {
        let set = banking().unwrap();
        hangs_together(&set);
        assert_eq!((set.articles.len(), set.messages.len()), (77, 385));
        let kinds: BTreeSet<_> = set.messages.iter().map(|message| message.kind).collect();
        assert_eq!(kinds.len(), 3);
    }
}
