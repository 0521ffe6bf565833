//! Who complains: made up from the row, by the same rule in every run. Nobody real: the telephone
//! numbers are ones that nobody has, the addresses end on `example.com`.

use contracts::tickets::v1::Contact;

use super::{
    rule::dice,
    texts::{Form, Text},
};

/// Area codes of the United States; of each the numbers 555-0100 to 555-0199 are kept for fiction.
const AREAS: [u16; 50] = [
    201, 203, 205, 206, 207, 208, 209, 210, 212, 213, 214, 215, 216, 217, 218, 219, 225, 228, 229,
    231, 239, 240, 251, 252, 253, 254, 256, 260, 262, 267, 269, 270, 276, 281, 301, 302, 303, 304,
    305, 307, 308, 309, 310, 312, 313, 314, 315, 316, 317, 318,
];
const NUMBERS_OF_AREA: u64 = 100;
/// How many car owners there are; fewer than complaints may have, so that some come back.
const OWNERS: u64 = 20_000;

const GIVEN: [&str; 24] = [
    "Ada", "Ben", "Carol", "David", "Elena", "Felix", "Gina", "Henry", "Iris", "Jack", "Karen",
    "Louis", "Maria", "Nina", "Oscar", "Paula", "Quinn", "Rosa", "Sam", "Tara", "Ulrich", "Vera",
    "Walter", "Yvonne",
];
const FAMILY: [&str; 25] = [
    "Adams",
    "Baker",
    "Clark",
    "Diaz",
    "Evans",
    "Flores",
    "Garcia",
    "Harris",
    "Irwin",
    "Jones",
    "Kelly",
    "Lopez",
    "Miller",
    "Nguyen",
    "Ortiz",
    "Parker",
    "Quincy",
    "Reed",
    "Smith",
    "Turner",
    "Underwood",
    "Vargas",
    "White",
    "Young",
    "Zimmer",
];
const FAMILY_ZH: [&str; 25] = [
    "王", "李", "张", "刘", "陈", "杨", "黄", "赵", "吴", "周", "徐", "孙", "马", "朱", "胡", "郭",
    "何", "林", "高", "罗", "郑", "梁", "谢", "宋", "欧阳",
];
const GIVEN_ZH: [&str; 24] = [
    "伟", "芳", "娜", "敏", "静", "丽", "强", "磊", "军", "洋", "勇", "艳", "杰", "涛", "明", "超",
    "秀英", "霞", "平", "刚", "桂英", "建华", "玉兰", "志强",
];

/// The customer of a complaint. Some complain more than once.
pub(crate) fn of(form: Form, text: &Text) -> Contact {
    match form {
        Form::Bank => {
            american(dice(form.name(), &text.id, "person", AREAS.len() as u64 * NUMBERS_OF_AREA))
        }
        Form::Cars => chinese(dice(form.name(), &text.id, "person", OWNERS)),
    }
}

fn american(who: u64) -> Contact {
    let (given, family) = (pick(&GIVEN, who), pick(&FAMILY, who));
    let (area, number) = (pick(&AREAS, who / NUMBERS_OF_AREA), who % NUMBERS_OF_AREA);
    Contact {
        display_name: format!("{given} {family}"),
        phone: format!("({area}) 555-01{number:02}"),
        phone_region: "US".to_owned(),
        email: format!("{}.{}.{who}@example.com", given.to_lowercase(), family.to_lowercase()),
    }
}

/// China keeps no numbers for fiction; no operator has been given those that start with 154.
fn chinese(who: u64) -> Contact {
    Contact {
        display_name: format!("{}{}", pick(&FAMILY_ZH, who), pick(&GIVEN_ZH, who)),
        phone: format!("154000{who:05}"),
        phone_region: "CN".to_owned(),
        email: format!("chezhu{who:05}@example.com"),
    }
}

/// What the customer of this number is called, in a language.
pub(crate) fn name(language: &str, who: u64) -> String {
    if language == "zh" { chinese(who).display_name } else { american(who).display_name }
}

fn pick<T: Copy>(from: &[T], at: u64) -> T {
    from[usize::try_from(at).unwrap_or(0) % from.len()]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn different_people_share_nothing() {
        for make in [american as fn(u64) -> Contact, chinese] {
            let mut seen = BTreeMap::new();
            for who in 0..5_000 {
                let contact = make(who);
                assert_eq!(seen.insert(contact.phone, who), None);
                assert_eq!(seen.insert(contact.email, who), None);
            }
        }
    }

    #[test]
    fn numbers_are_of_the_form_of_their_country() {
        assert_eq!(american(142).phone, "(203) 555-0142");
        assert_eq!(american(142).email, "walter.reed.142@example.com");
        let chinese = chinese(7);
        assert_eq!(chinese.phone, "15400000007");
        assert_eq!(chinese.display_name, "赵磊");
    }
}
