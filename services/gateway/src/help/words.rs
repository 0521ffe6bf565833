//! What the pages of a help centre say, in the languages that they speak.

use contracts::knowledge::v1::{ArticleKind, SearchStage};
use jiff::civil::Date;
use kernel::Locale;

/// The words of one language.
#[derive(Debug)]
pub(super) struct Words {
    pub(super) locale: Locale,
    pub(super) help_center: &'static str,
    pub(super) ask: &'static str,
    pub(super) search: &'static str,
    pub(super) suggestions: &'static str,
    pub(super) questions: &'static str,
    pub(super) no_questions: &'static str,
    pub(super) more_questions: &'static str,
    pub(super) all_questions: &'static str,
    pub(super) in_all_languages: &'static str,
    pub(super) found_nothing: &'static str,
    pub(super) search_again: &'static str,
    pub(super) more_results: &'static str,
    pub(super) pages: &'static str,
    pub(super) also_in: &'static str,
    pub(super) table: &'static str,
    pub(super) did_it_help: &'static str,
    pub(super) yes: &'static str,
    pub(super) no: &'static str,
    pub(super) thanks: &'static str,
    pub(super) what_was_missing: &'static str,
    pub(super) nothing_personal: &'static str,
    pub(super) send: &'static str,
    pub(super) will_read: &'static str,
    pub(super) not_sent: &'static str,
    pub(super) back: &'static str,
}

/// Those of a language.
pub(super) const fn of(locale: Locale) -> &'static Words {
    match locale {
        Locale::En => &EN,
        Locale::Zh => &ZH,
    }
}

const EN: Words = Words {
    locale: Locale::En,
    help_center: "Help centre",
    ask: "What is your question?",
    search: "Search",
    suggestions: "Suggested questions",
    questions: "Questions and answers",
    no_questions: "There are no answers here yet.",
    more_questions: "More questions",
    all_questions: "All questions",
    in_all_languages: "Questions in all languages",
    found_nothing: "Nothing was found for",
    search_again: "Try fewer words, or others.",
    more_results: "More results",
    pages: "Pages",
    also_in: "Also in: ",
    table: "Table",
    did_it_help: "Did this answer your question?",
    yes: "Yes",
    no: "No",
    thanks: "Thank you for telling us.",
    what_was_missing: "What was missing, or wrong?",
    nothing_personal: "Please write nothing here that others must not know: no numbers of orders, \
                       accounts or telephones.",
    send: "Send",
    will_read: "Thank you. We will read it.",
    not_sent: "That did not go through. Please try again.",
    back: "To the help centre",
};

const ZH: Words = Words {
    locale: Locale::Zh,
    help_center: "帮助中心",
    ask: "您想问什么？",
    search: "搜索",
    suggestions: "推荐的问题",
    questions: "常见问题",
    no_questions: "这里还没有内容。",
    more_questions: "更多问题",
    all_questions: "全部问题",
    in_all_languages: "所有语言的问题",
    found_nothing: "没有找到",
    search_again: "请减少关键词，或换一种说法。",
    more_results: "更多结果",
    pages: "分页",
    also_in: "其他语言：",
    table: "表格",
    did_it_help: "这篇内容解答了您的问题吗？",
    yes: "是",
    no: "否",
    thanks: "感谢您的反馈。",
    what_was_missing: "缺少什么，或者哪里不对？",
    nothing_personal: "请不要填写订单号、账号、电话等个人信息。",
    send: "提交",
    will_read: "谢谢，我们会认真阅读。",
    not_sent: "没有提交成功，请重试。",
    back: "返回帮助中心",
};

impl Words {
    /// What kind of article it is.
    pub(super) const fn kind(&self, kind: ArticleKind) -> &'static str {
        let (en, zh) = match kind {
            ArticleKind::Unspecified | ArticleKind::Faq => ("Question", "问答"),
            ArticleKind::HowTo => ("How to", "操作指南"),
            ArticleKind::ProductSheet => ("Product", "产品说明"),
            ArticleKind::Policy => ("Policy", "政策"),
            ArticleKind::Notice => ("Notice", "公告"),
            ArticleKind::Case => ("Case", "案例"),
            ArticleKind::Script => ("Wording", "话术"),
        };
        self.pick(en, zh)
    }

    /// How many were found, at least or exactly, and how well they fit.
    pub(super) fn found(&self, count: i32, is_exact: bool, stage: SearchStage) -> String {
        let all = match (self.locale, count, is_exact) {
            (Locale::En, 1, true) => "1 answer".to_owned(),
            (Locale::En, _, true) => format!("{count} answers"),
            (Locale::En, _, false) => format!("At least {count} answers"),
            (Locale::Zh, _, true) => format!("{count} 条结果"),
            (Locale::Zh, _, false) => format!("至少 {count} 条结果"),
        };
        let how = match stage {
            SearchStage::Unspecified | SearchStage::All => return all,
            SearchStage::Most => self.pick("none has all of your words", "没有完全匹配的内容"),
            SearchStage::Any => self.pick("these have some of your words", "以下内容部分匹配"),
        };
        all + self.pick("; ", "，") + how
    }

    /// When a text was last written.
    pub(super) fn written(&self, day: Date) -> String {
        let written = match self.locale {
            Locale::En => day.strftime("Updated on %-d %B %Y"),
            Locale::Zh => day.strftime("更新于 %Y年%-m月%-d日"),
        };
        written.to_string()
    }

    const fn pick(&self, en: &'static str, zh: &'static str) -> &'static str {
        match self.locale {
            Locale::En => en,
            Locale::Zh => zh,
        }
    }
}

/// A language's name in itself; its tag, where we do not know it.
pub(super) fn language(tag: &str) -> &str {
    match tag {
        "en" => "English",
        "zh" => "中文",
        "zh-Hans" | "zh-CN" => "简体中文",
        "zh-Hant" | "zh-TW" | "zh-HK" => "繁體中文",
        "ja" => "日本語",
        "ko" => "한국어",
        "de" => "Deutsch",
        "fr" => "Français",
        "es" => "Español",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_days_are_told_as_each_language_does() {
        let day = Date::constant(2026, 3, 9);
        let (en, zh) = (of(Locale::En), of(Locale::Zh));
        assert_eq!(
            (en.written(day).as_str(), zh.written(day).as_str()),
            ("Updated on 9 March 2026", "更新于 2026年3月9日")
        );
        assert_eq!(en.found(1, true, SearchStage::All), "1 answer");
        assert_eq!(en.found(500, false, SearchStage::All), "At least 500 answers");
        assert_eq!(
            en.found(12, true, SearchStage::Any),
            "12 answers; these have some of your words"
        );
        assert_eq!(zh.found(12, true, SearchStage::Most), "12 条结果，没有完全匹配的内容");
    }
}
