//! What is decided about a complaint by its row alone: its nature, severity, channel, what the
//! customer expects, and how the story goes on. Pure and total, so that a second run decides the same.

use contracts::tickets::v1::{Channel, Nature, Stage};
use uuid::Uuid;

use super::texts::{self, Form, Text};

/// How staff judge a matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Judgement {
    pub(crate) nature: Nature,
    /// 1 (worst) to 4.
    pub(crate) severity: i32,
    /// What a customer with such a matter expects; empty where that is not clear by itself.
    expects: &'static str,
}

const fn judged(nature: Nature, severity: i32, expects: &'static str) -> Judgement {
    Judgement { nature, severity, expects }
}

/// Issues of banks, by a part of their names: the first that fits holds.
const ISSUES: &[(&str, Judgement)] = &[
    ("unauthorized", judged(Nature::Billing, 1, "Refund what I did not authorise.")),
    ("fraud alerts", judged(Nature::ServiceFailing, 2, "Set the freeze that I asked for.")),
    ("fraud", judged(Nature::Account, 1, "Stop the fraud and make good the loss.")),
    ("identity theft", judged(Nature::Account, 1, "Stop the fraud and make good the loss.")),
    ("legal action", judged(Nature::Policy, 2, "Withdraw the threat of legal action.")),
    ("threatened", judged(Nature::ServiceFailing, 2, "Stop threatening me.")),
    ("debt not owed", judged(Nature::Billing, 2, "Stop collecting a debt that is not mine.")),
    ("struggling", judged(Nature::Policy, 2, "Offer me terms that I can keep.")),
    ("closing on a mortgage", judged(Nature::ServiceFailing, 2, "Close as it was agreed.")),
    ("improper use", judged(Nature::Account, 2, "Remove inquiries that I never agreed to.")),
    ("investigation", judged(Nature::ServiceFailing, 3, "Investigate again, and in writing.")),
    ("incorrect information", judged(Nature::Account, 3, "Correct what is wrong.")),
    ("unable to get your credit", judged(Nature::ServiceFailing, 3, "Send me my report.")),
    ("charging your account", judged(Nature::Billing, 2, "Give back what was charged.")),
    ("wrong amount", judged(Nature::Billing, 2, "Correct the amount.")),
    ("fees or interest", judged(Nature::Billing, 3, "Take back the fees.")),
    ("purchase", judged(Nature::Billing, 3, "Refund the purchase.")),
    ("payment", judged(Nature::Billing, 3, "Credit my payment as I made it.")),
    ("payoff", judged(Nature::Billing, 3, "Tell me what is left to pay.")),
    ("funds being low", judged(Nature::Billing, 3, "Take back the charges.")),
    ("trouble using", judged(Nature::ProductQuality, 3, "Make it work.")),
    ("contact", judged(Nature::ServiceFailing, 3, "Give me somebody to speak to.")),
    ("communication", judged(Nature::ServiceFailing, 3, "Write to me instead of calling.")),
    ("notification", judged(Nature::ServiceFailing, 3, "Show me what the debt is.")),
    ("disclosures", judged(Nature::Policy, 3, "Tell me the terms as they are.")),
    ("advertising", judged(Nature::Policy, 3, "Keep what was advertised.")),
    ("false statements", judged(Nature::Policy, 3, "Take back what is not true.")),
    ("managing an account", judged(Nature::Account, 3, "Give me access to my account.")),
    ("closing", judged(Nature::Account, 3, "Close it properly, or leave it open.")),
    ("opening an account", judged(Nature::Account, 4, "Open the account.")),
    ("getting a", judged(Nature::Policy, 4, "Look at my application again.")),
    ("applying", judged(Nature::Policy, 4, "Look at my application again.")),
    ("loan or lease", judged(Nature::Billing, 3, "Settle the end of the contract.")),
];

/// Products of banks, for issues that say nothing; by a part of their names.
const PRODUCTS: &[(&str, Judgement)] = &[
    ("credit report", judged(Nature::Account, 3, "")),
    ("card", judged(Nature::Billing, 3, "")),
    ("money transfer", judged(Nature::Billing, 3, "")),
    ("debt", judged(Nature::Billing, 3, "")),
    ("loan", judged(Nature::Billing, 3, "")),
    ("mortgage", judged(Nature::Billing, 3, "")),
    ("account", judged(Nature::Account, 3, "")),
];

/// How a matter is judged.
pub(crate) fn judge(form: Form, text: &Text) -> Judgement {
    match form {
        Form::Bank => {
            let (issue, product) = (text.topic.to_lowercase(), text.product.title.to_lowercase());
            let issues = ISSUES.iter().filter(|(part, _)| issue.contains(part));
            let products = PRODUCTS.iter().filter(|(part, _)| product.contains(part));
            let first = issues.chain(products).map(|(_, judgement)| *judgement).next();
            first.unwrap_or(judged(Nature::Other, 3, ""))
        }
        Form::Cars => component(text.topic.chars().next()),
    }
}

/// Cars by the first letter of the fault code, which is the component or the kind of service.
fn component(letter: Option<char>) -> Judgement {
    match letter {
        Some('A') => judged(Nature::ProductQuality, 2, "查明并修复发动机故障"),
        Some('B') => judged(Nature::ProductQuality, 2, "查明并修复变速箱故障"),
        Some('C') => judged(Nature::ProductQuality, 2, "更换离合器"),
        Some('D') => judged(Nature::ProductQuality, 1, "排除转向系统的安全隐患"),
        Some('E') => judged(Nature::ProductQuality, 1, "排除制动系统的安全隐患"),
        Some('F') => judged(Nature::ProductQuality, 2, "更换轮胎"),
        Some('G') => judged(Nature::ProductQuality, 2, "修复悬挂和车桥"),
        Some('H') => judged(Nature::ProductQuality, 3, "修复车身附件及电器"),
        Some('I') => judged(Nature::ServiceFailing, 3, "给出明确答复并解决"),
        Some('J') => judged(Nature::ServiceFailing, 3, "重新维修并彻底解决"),
        Some('K') => judged(Nature::Billing, 3, "退还不合理的收费"),
        Some('L') => judged(Nature::ServiceFailing, 3, "兑现承诺"),
        Some('M') => judged(Nature::Policy, 3, "按宣传的配置给出解决方案"),
        Some('N') => judged(Nature::Logistics, 3, "尽快到货并更换配件"),
        Some('P') => judged(Nature::Account, 4, "解除绑定"),
        Some('Q') => judged(Nature::ProductQuality, 3, "给出改进或召回方案"),
        Some('O') => judged(Nature::Other, 4, ""),
        Some(_) | None => judged(Nature::Other, 3, ""),
    }
}

/// What the customer expects: in the customer's own words where they say it, else what follows from
/// the matter; `None` where neither does, so that somebody has to ask.
pub(crate) fn expectation<'a>(text: &'a Text, judgement: &Judgement) -> Option<&'a str> {
    let own = text.title.find("希望").and_then(|at| text.title.get(at..));
    own.or(Some(judgement.expects)).filter(|words| !words.is_empty())
}

/// How the customer came to us.
pub(crate) fn channel(form: Form, text: &Text) -> Channel {
    match (form, text.via.as_str()) {
        (Form::Bank, "Web") => Channel::SelfService,
        (Form::Bank, "Phone") => Channel::Phone,
        (Form::Bank, "Email") => Channel::Email,
        (Form::Bank, "Fax") => Channel::Fax,
        // Letters and referrals reach us through the office that took them.
        (Form::Bank, _) => Channel::Api,
        (Form::Cars, _) => match dice(form.name(), &text.id, "channel", 3) {
            0 => Channel::WebChat,
            1 => Channel::Wechat,
            _ => Channel::SelfService,
        },
    }
}

/// Before, during or after the sale.
pub(crate) fn stage(form: Form, text: &Text) -> Stage {
    let topic = text.topic.to_lowercase();
    let applies = ["getting a", "applying", "opening an account"];
    match form {
        Form::Bank if applies.iter().any(|part| topic.contains(part)) => Stage::PreSale,
        // Charges, promises and what was said of a car when it was sold.
        Form::Cars if topic.starts_with(['k', 'l', 'm']) => Stage::InSale,
        Form::Bank | Form::Cars => Stage::AfterSale,
    }
}

/// The fault code: the bank's issue as a code, or the car's own; empty where there is none.
pub(crate) fn fault_code(form: Form, text: &Text) -> String {
    match form {
        Form::Bank => texts::code(&text.topic),
        Form::Cars => text.topic.clone(),
    }
}

/// Whether customers of a channel sign in and speak for themselves; for the others staff record what
/// they say.
pub(crate) fn speaks_for_itself(channel: Channel) -> bool {
    matches!(channel, Channel::SelfService | Channel::WebChat | Channel::Wechat)
}

/// How a story ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Ending {
    /// Closed at once: no matter of a customer.
    Spam,
    /// Judged, but nobody has taken it yet.
    Untouched,
    /// The customer drops it.
    Dropped,
    /// Somebody works on it.
    Unfinished,
    /// The customer has been asked and has not answered.
    Unanswered,
    /// Resolved; the customer has not said anything yet.
    Silent,
    /// The customer objects to the first resolution and confirms the second.
    Objected,
    /// The customer confirms.
    Confirmed,
}

/// How the story of a complaint goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Course {
    pub(crate) ending: Ending,
    /// Whether the agent leaves a note for colleagues.
    pub(crate) note: bool,
    /// Whether the agent asks the customer something; where the expectation is missing, that.
    pub(crate) ask: bool,
}

/// The course of a complaint; of 100, one is spam, three each stay untouched, are dropped or stay
/// unfinished, two are unanswered, 20 silent, 14 objected to and 54 confirmed.
pub(crate) fn course(form: Form, text: &Text) -> Course {
    let ending = match dice(form.name(), &text.id, "ending", 100) {
        0 => Ending::Spam,
        1..=3 => Ending::Untouched,
        4..=6 => Ending::Dropped,
        7..=9 => Ending::Unfinished,
        10..=11 => Ending::Unanswered,
        12..=31 => Ending::Silent,
        32..=45 => Ending::Objected,
        _ => Ending::Confirmed,
    };
    let missing = expectation(text, &judge(form, text)).is_none();
    Course {
        ending,
        note: dice(form.name(), &text.id, "note", 4) == 0,
        ask: missing || dice(form.name(), &text.id, "ask", 6) == 0,
    }
}

/// A number below `sides` that depends on the set, the row and `what` alone.
pub(crate) fn dice(set: &str, row: &str, what: &str, sides: u64) -> u64 {
    let mut number = [0; 8];
    number.copy_from_slice(&hash(set, row, what)[..8]);
    u64::from_be_bytes(number) % sides
}

/// The request id of one step of a row's story: the same in every run, so that a step that was taken
/// is answered and not taken again.
pub(crate) fn request_id(set: &str, row: &str, step: &str) -> String {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash(set, row, step)[..16]);
    let id: Uuid = uuid::Builder::from_custom_bytes(bytes).into_uuid();
    id.to_string()
}

fn hash(set: &str, row: &str, what: &str) -> [u8; 32] {
    kernel::keys::digest(format!("demo\0{set}\0{row}\0{what}").as_bytes())
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::demo::texts::{self, Product};

    fn text(topic: &str, product: &str) -> Text {
        Text {
            id: "7".to_owned(),
            date: None,
            title: "t".to_owned(),
            what: "w".to_owned(),
            product: Product {
                id: "p".to_owned(),
                title: product.to_owned(),
                model: String::new(),
                brand: String::new(),
            },
            topic: topic.to_owned(),
            via: String::new(),
        }
    }

    #[test]
    fn the_issue_comes_before_the_product_and_nothing_is_left_unjudged() {
        let judge = |topic, product| {
            let judgement = judge(Form::Bank, &text(topic, product));
            (judgement.nature, judgement.severity)
        };
        assert_eq!(judge("Fraud or scam", "Mortgage"), (Nature::Account, 1));
        assert_eq!(judge("Incorrect information on your report", "x"), (Nature::Account, 3));
        assert_eq!(judge("Other features", "Vehicle loan or lease"), (Nature::Billing, 3));
        assert_eq!(judge("", ""), (Nature::Other, 3));
        for letter in ('\0'..='\u{ff}').map(Some).chain([None]) {
            let judgement = component(letter);
            assert!(judgement.nature != Nature::Unspecified);
            assert!((1..=4).contains(&judgement.severity));
        }
        for (_, judgement) in ISSUES.iter().chain(PRODUCTS) {
            assert!(judgement.nature != Nature::Unspecified);
            assert!((1..=4).contains(&judgement.severity));
        }
    }

    #[test]
    fn every_line_of_the_table_can_be_reached() {
        for (at, (part, judgement)) in ISSUES.iter().enumerate() {
            let first = ISSUES.iter().position(|(other, _)| part.contains(other));
            assert_eq!(first, Some(at), "`{part}` is hidden");
            assert_eq!(judge(Form::Bank, &text(part, "")), *judgement);
        }
    }

    #[test]
    fn customers_say_what_they_expect_or_are_asked() {
        let cars = |title: &str, topic: &str| Text { title: title.to_owned(), ..text(topic, "") };
        let expected = |text: &Text| expectation(text, &judge(Form::Cars, text)).map(str::to_owned);
        let own = cars("轮胎开裂希望尽快处理", "F39");
        assert_eq!(expected(&own).as_deref(), Some("希望尽快处理"));
        assert_eq!(expected(&cars("轮胎开裂", "F39")).as_deref(), Some("更换轮胎"));
        let silent = cars("轮胎开裂", "");
        assert_eq!(expected(&silent), None);
        assert!(course(Form::Cars, &silent).ask);
    }

    #[test]
    fn request_ids_are_uuids_that_never_change() {
        let id = request_id("cfpb", "7523056", "create");
        assert_eq!(id, "5f970957-9292-8ced-b794-9ee6d8a942ad");
        let mut all = BTreeSet::new();
        for form in [Form::Bank, Form::Cars] {
            for row in ["1", "11"] {
                for step in ["create", "triage"] {
                    assert!(all.insert(request_id(form.name(), row, step)));
                }
            }
        }
        assert_eq!(uuid::Uuid::parse_str(&id).unwrap().get_version_num(), 8);
    }

    #[test]
    fn the_shipped_complaints_take_every_course() {
        let texts = texts::shipped().unwrap();
        let mut endings = BTreeMap::new();
        for text in &texts.rows {
            let course = course(texts.form, text);
            *endings.entry(course.ending).or_insert(0) += 1;
            assert_eq!(channel(texts.form, text), Channel::SelfService);
        }
        assert_eq!(endings.len(), 8, "{endings:?}");
        assert!(endings[&Ending::Confirmed] > 150 && endings[&Ending::Objected] > 30);
    }
}
