//! What all pages say, in the languages that they speak.

use kernel::Locale;

use super::problem::Told;

/// The words of one language.
#[derive(Debug)]
pub(super) struct Words {
    /// The language's name in itself.
    pub(super) language: &'static str,
    pub(super) languages: &'static str,
    pub(super) skip: &'static str,
    pub(super) not_found: Told,
    pub(super) no_link: Told,
    pub(super) link_over: Told,
    pub(super) closed: Told,
    pub(super) too_many: Told,
    pub(super) away: Told,
    pub(super) not_read: Told,
    pub(super) not_so: Told,
}

/// Those of a language.
pub(super) const fn of(locale: Locale) -> &'static Words {
    match locale {
        Locale::En => &EN,
        Locale::Zh => &ZH,
    }
}

/// Whether a text with this tag is in the language.
pub(crate) fn speaks(locale: Locale, tag: &str) -> bool {
    let language = tag.split('-').next().unwrap_or_default();
    language.eq_ignore_ascii_case(locale.tag())
}

const EN: Words = Words {
    language: "English",
    languages: "Language",
    skip: "Skip to the content",
    not_found: Told {
        title: "This page is not here",
        advice: "It may have been moved, or be valid no longer.",
    },
    no_link: Told {
        title: "This link opens nothing",
        advice: "Please check that you have the whole link, or ask us for a new one.",
    },
    link_over: Told {
        title: "This link is no longer valid",
        advice: "Its time is over. Please ask us for a new one if you need it.",
    },
    closed: Told {
        title: "This survey can be answered no more",
        advice: "Thank you for looking at it all the same.",
    },
    too_many: Told {
        title: "That was a little fast",
        advice: "Please wait a moment, then try again.",
    },
    away: Told { title: "We cannot answer just now", advice: "Please try again in a few minutes." },
    not_read: Told {
        title: "We cannot read that",
        advice: "Please go back and try it again, with fewer words where there are many.",
    },
    not_so: Told {
        title: "That does not work here",
        advice: "Please go back to the page where you came from.",
    },
};

const ZH: Words = Words {
    language: "中文",
    languages: "语言",
    skip: "跳到正文",
    not_found: Told {
        title: "没有这个页面", advice: "内容可能已经移动，或不再有效。"
    },
    no_link: Told {
        title: "链接无效", advice: "请检查链接是否完整，或联系我们获取新的链接。"
    },
    link_over: Told {
        title: "链接已失效",
        advice: "链接已超过有效期。如有需要，请联系我们获取新的链接。",
    },
    closed: Told {
        title: "问卷已结束", advice: "现在不能再作答了，感谢您的关注。"
    },
    too_many: Told { title: "操作太快了", advice: "请稍等片刻再试。" },
    away: Told { title: "暂时无法答复", advice: "请过几分钟再试。" },
    not_read: Told {
        title: "无法识别您的输入", advice: "请返回重试；如果内容较长，请适当精简。"
    },
    not_so: Told { title: "不能这样访问", advice: "请返回原来的页面。" },
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_in_a_language_whatever_the_region() {
        for (tag, speaks_zh) in [("zh", true), ("ZH-Hant-TW", true), ("en", false), ("", false)] {
            assert_eq!(speaks(Locale::Zh, tag), speaks_zh, "{tag}");
        }
    }
}
