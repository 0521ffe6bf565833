//! A plain thank-you: it reopens nothing and answers nothing.

const WORDS: &[&str] = &[
    "thanks",
    "thank",
    "you",
    "thx",
    "ty",
    "much",
    "many",
    "so",
    "very",
    "a",
    "lot",
    "ok",
    "okay",
    "great",
    "perfect",
    "cheers",
    "appreciated",
    "appreciate",
    "it",
    "your",
    "help",
    "for",
    "the",
    "all",
    "good",
    "got",
    "solved",
    "works",
    "now",
    "fine",
    "again",
    "well",
    "received",
    "noted",
];
const NEEDED: &[&str] = &["thanks", "thank", "thx", "ty", "cheers", "appreciate", "appreciated"];
const PHRASES: &[&str] = &[
    "非常感谢",
    "十分感谢",
    "多谢",
    "谢谢",
    "感谢",
    "谢啦",
    "谢了",
    "辛苦了",
    "辛苦啦",
    "麻烦了",
    "你们",
    "您们",
    "你",
    "您",
    "的",
    "帮助",
    "好的",
    "好",
    "收到",
    "知道了",
    "明白了",
    "没问题了",
    "解决了",
    "可以了",
    "啦",
    "了",
    "嗯",
    "哈",
    "支持",
    "耐心",
    "回复",
    "啊",
    "哦",
];
const NEEDED_ZH: &[&str] = &["谢", "辛苦"];
/// Whoever has more to say than this is not merely thanking.
const LONGEST: usize = 60;

/// Whether a message says thank you and nothing else, in Chinese or English.
pub fn is_plain(message: &str) -> bool {
    let message = message.trim().to_lowercase();
    if message.chars().count() > LONGEST {
        return false;
    }
    // A number is an answer, or the number of something.
    if message.chars().any(char::is_numeric) {
        return false;
    }
    let cjk = message.chars().any(is_cjk);
    if cjk { is_plain_zh(&message) } else { is_plain_en(&message) }
}

fn is_cjk(c: char) -> bool {
    matches!(c, '\u{4e00}'..='\u{9fff}')
}

fn is_plain_en(message: &str) -> bool {
    if message.contains('?') {
        return false;
    }
    let words: Vec<&str> =
        message.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty()).collect();
    !words.is_empty()
        && words.iter().all(|word| WORDS.contains(word))
        && words.iter().any(|word| NEEDED.contains(word))
}

fn is_plain_zh(message: &str) -> bool {
    let mut rest = message;
    if message.contains(['?', '？', '吗', '不', '没', '还', '但']) && !message.contains("没问题了")
    {
        return false;
    }
    if !NEEDED_ZH.iter().any(|needed| message.contains(needed)) {
        return false;
    }
    while let Some(first) = rest.chars().next() {
        if let Some(phrase) = PHRASES.iter().find(|phrase| rest.starts_with(**phrase)) {
            rest = &rest[phrase.len()..];
        } else if first.is_alphanumeric() {
            return false;
        } else {
            rest = &rest[first.len_utf8()..];
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thanks_are_thanks() {
        for text in [
            "Thanks!",
            "thank you so much :)",
            "Ok, thanks a lot for your help",
            "谢谢",
            "好的，谢谢您！",
            "收到，感谢你们的帮助",
            "非常感谢🙏",
            "THX",
            "没问题了，谢谢",
        ] {
            assert!(is_plain(text), "{text}");
        }
    }

    #[test]
    fn whoever_says_more_is_not_merely_thanking() {
        for text in [
            "Thanks, but it still does not work",
            "thanks for nothing",
            "OK",
            "",
            "Thank you. When will you call?",
            "谢谢，但是还是不行",
            "不谢",
            "谢谢，请问什么时候退款？",
            "好的",
            "谢谢你们把我的钱弄没了",
            "It works",
            "Thanks, 4711",
            "谢谢，４７１１",
            "Thanks ①",
        ] {
            assert!(!is_plain(text), "{text}");
        }
    }
}
