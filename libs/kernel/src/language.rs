//! Languages of texts, by BCP 47 tags: which of those that there are is nearest to the one wanted.

/// The best of `available` for who wants `wanted`, both BCP 47 tags: the tag itself, then what it
/// narrows (`zh` for `zh-HK`), then another of the same language, then English, then whatever there is,
/// by tag. `None` where there is none.
pub fn nearest<'a>(wanted: &str, available: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    available.into_iter().min_by_key(|tag| (distance(wanted, tag), *tag))
}

/// The usual spelling of a BCP 47 tag: `zh-Hant-TW` for `ZH-hant-tw`, so that one language has one tag.
pub fn canonical(tag: &str) -> String {
    let part = |(index, part): (usize, &str)| match (index, part.len()) {
        (0, _) => part.to_ascii_lowercase(),
        (_, 2) => part.to_ascii_uppercase(),
        (_, 4) if part.is_ascii() => {
            part[..1].to_ascii_uppercase() + &part[1..].to_ascii_lowercase()
        }
        _ => part.to_ascii_lowercase(),
    };
    tag.split('-').enumerate().map(part).collect::<Vec<_>>().join("-")
}

/// How far a language is from the one that is wanted; 0 for the same.
fn distance(wanted: &str, tag: &str) -> usize {
    let parts = |tag: &str| tag.split('-').map(str::to_ascii_lowercase).collect::<Vec<_>>();
    let (wanted, tag) = (parts(wanted), parts(tag));
    if wanted == tag {
        return 0;
    }
    if wanted.first() == tag.first() {
        let common = wanted.iter().zip(&tag).take_while(|(one, other)| one == other).count();
        // What is wider than what is wanted is better than what is beside it.
        let beside = usize::from(common < tag.len());
        return 1 + 100 * beside + wanted.len() + tag.len() - 2 * common;
    }
    if tag.first().is_some_and(|language| language == "en") { 1_000 } else { 10_000 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_has_one_tag() {
        for (tag, usual) in
            [("ZH-hant-tw", "zh-Hant-TW"), ("en", "en"), ("EN-us", "en-US"), ("a-éé", "a-éé")]
        {
            assert_eq!(canonical(tag), usual);
        }
    }

    #[test]
    fn the_nearest_language_is_taken() {
        for (wanted, available, best) in [
            ("zh", ["en", "zh"].as_slice(), Some("zh")),
            ("ZH", &["en", "zh"], Some("zh")),
            ("zh-HK", &["zh-TW", "zh"], Some("zh")),
            ("zh-Hant-HK", &["zh", "zh-Hant"], Some("zh-Hant")),
            ("zh", &["en", "zh-Hant"], Some("zh-Hant")),
            ("zh-HK", &["zh-TW", "zh-CN", "en"], Some("zh-CN")),
            ("fr", &["zh", "en"], Some("en")),
            ("fr", &["zh", "de"], Some("de")),
            ("fr", &[], None),
        ] {
            assert_eq!(nearest(wanted, available.iter().copied()), best, "{wanted} {available:?}");
        }
    }
}
