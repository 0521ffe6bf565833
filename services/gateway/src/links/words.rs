//! What the pages of links say, in the languages that they speak.

use contracts::tickets::v1::{CloseReason, CustomerStatus};
use jiff::Zoned;
use kernel::Locale;

use super::view::Notice;

/// The words of one language.
#[derive(Debug)]
pub(super) struct Words {
    locale: Locale,
    pub(super) progress: &'static str,
    pub(super) our_answer: &'static str,
    pub(super) is_it_settled: &'static str,
    pub(super) it_is: &'static str,
    pub(super) it_is_not: &'static str,
    pub(super) what_is_wrong: &'static str,
    pub(super) wrong_hint: &'static str,
    pub(super) object: &'static str,
    pub(super) opinion: &'static str,
    pub(super) answered: &'static str,
    pub(super) change_answers: &'static str,
    pub(super) survey_closed: &'static str,
    pub(super) survey_away: &'static str,
    pub(super) send: &'static str,
    pub(super) required: &'static str,
    pub(super) no_answer: &'static str,
    pub(super) unlikely: &'static str,
    pub(super) likely: &'static str,
    pub(super) more_follow: &'static str,
    pub(super) to_check: &'static str,
    pub(super) please_answer: &'static str,
    pub(super) please_choose: &'static str,
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
    progress: "Where it stands",
    our_answer: "Our answer",
    is_it_settled: "Is the matter settled for you?",
    it_is: "Yes, it is settled",
    it_is_not: "No, it is not",
    what_is_wrong: "What is still wrong?",
    wrong_hint: "We take it up again. A few words help us, and you may also leave it empty.",
    object: "Send the objection",
    opinion: "Your opinion",
    answered: "You have answered this.",
    change_answers: "Change your answers",
    survey_closed: "The survey can be answered no more.",
    survey_away: "The survey cannot be shown just now. Please try again in a few minutes.",
    send: "Send",
    required: "required",
    no_answer: "No answer",
    unlikely: "Not at all likely",
    likely: "Extremely likely",
    more_follow: "Thank you. Please answer these as well.",
    to_check: "Please check these answers",
    please_answer: "Please answer this.",
    please_choose: "Please choose one of these.",
};

const ZH: Words = Words {
    locale: Locale::Zh,
    progress: "处理进度",
    our_answer: "处理结果",
    is_it_settled: "您的问题解决了吗？",
    it_is: "已解决",
    it_is_not: "没有解决",
    what_is_wrong: "还有什么问题？",
    wrong_hint: "我们会继续处理。简单说明有助于我们处理，也可以不填。",
    object: "提交异议",
    opinion: "您的评价",
    answered: "您已作答。",
    change_answers: "修改回答",
    survey_closed: "问卷已结束，不能再作答。",
    survey_away: "暂时无法显示问卷，请过几分钟再试。",
    send: "提交",
    required: "必填",
    no_answer: "不作答",
    unlikely: "完全不可能",
    likely: "非常可能",
    more_follow: "谢谢，请继续回答以下问题。",
    to_check: "请检查以下回答",
    please_answer: "请回答此题。",
    please_choose: "请选择其中一项。",
};

impl Words {
    /// Where a ticket stands.
    pub(super) const fn status(&self, status: CustomerStatus) -> &'static str {
        let (en, zh) = match status {
            CustomerStatus::Unspecified | CustomerStatus::Received => ("We have it", "已受理"),
            CustomerStatus::InProgress => ("We are working on it", "处理中"),
            CustomerStatus::AwaitingYou => ("We are waiting for your reply", "待您回复"),
            CustomerStatus::AwaitingConfirmation => ("Waiting for your word", "待您确认"),
            CustomerStatus::Settled => ("Settled", "已完成"),
        };
        self.pick(en, zh)
    }

    /// Why it is closed; `None` where it is not.
    pub(super) const fn closed(&self, reason: CloseReason) -> Option<&'static str> {
        let (en, zh) = match reason {
            CloseReason::Unspecified => return None,
            CloseReason::Confirmed => ("Our answer was confirmed.", "处理结果已确认。"),
            CloseReason::Silent => (
                "It was closed since we heard nothing against our answer.",
                "因未收到异议，已自动完结。",
            ),
            CloseReason::Cancelled => ("It was withdrawn.", "已取消。"),
            CloseReason::Spam => ("It was closed.", "已关闭。"),
        };
        Some(self.pick(en, zh))
    }

    /// What is said of what was sent.
    pub(super) const fn notice(&self, notice: Notice) -> &'static str {
        let (en, zh) = match notice {
            Notice::Confirmed => {
                ("Thank you. It is recorded that the matter is settled.", "谢谢，已记录您的确认。")
            }
            Notice::Objected => (
                "Your objection is recorded. We are working on it again.",
                "已记录您的异议，我们会继续处理。",
            ),
            Notice::Answered => ("Thank you. Your answers are recorded.", "谢谢，您的回答已提交。"),
            Notice::Changed => (
                "Something has changed since you opened the page, so that nothing was recorded. \
                 Please look at it again.",
                "页面打开后情况有变化，您的操作没有记录。请重新查看。",
            ),
            Notice::Stale => (
                "The page was open for too long, or did not come whole, so that nothing was \
                 recorded. What you entered is still here: please send it again.",
                "页面打开时间过长或内容不完整，没有记录。您填写的内容已保留，请重新提交。",
            ),
            Notice::Repeated => (
                "This page was sent before with other answers, and those stand. Send it again to \
                 replace them.",
                "此页面之前已用其他回答提交过，以先前的为准。如需修改，请再次提交。",
            ),
            Notice::Lost => (
                "Something else happened at the same moment, so that nothing was recorded. Please \
                 send it again.",
                "与其他操作同时发生，没有记录。请重新提交。",
            ),
            Notice::TooLong => (
                "That is too long; nothing was recorded. An objection may have at most 8 000 \
                 characters.",
                "内容过长，没有记录。异议最多 8000 个字符。",
            ),
            Notice::Doubted => (
                "Several different answers came within a few seconds, so that none of them counts \
                 yet. Please send yours once more.",
                "几秒内收到多份不同的回答，暂未计入。请重新提交您的回答。",
            ),
        };
        self.pick(en, zh)
    }

    /// When something was, or will be, to the minute.
    pub(super) fn instant(&self, at: &Zoned) -> String {
        let at = match self.locale {
            Locale::En => at.strftime("%-d %B %Y, %H:%M"),
            Locale::Zh => at.strftime("%Y年%-m月%-d日 %H:%M"),
        };
        at.to_string()
    }

    /// That a ticket closes by itself.
    pub(super) fn closes(&self, at: &str) -> String {
        match self.locale {
            Locale::En => format!("If we hear nothing, we take it as settled on {at}."),
            Locale::Zh => format!("如未收到您的回复，将于 {at} 自动完结。"),
        }
    }

    /// Until when a survey can be answered.
    pub(super) fn until(&self, at: &str) -> String {
        match self.locale {
            Locale::En => format!("You can answer until {at}."),
            Locale::Zh => format!("可在 {at} 前作答。"),
        }
    }

    /// Where the instants of a page are told.
    pub(super) fn zone(&self, name: &str) -> String {
        match self.locale {
            Locale::En => format!("Times are those of {name}."),
            Locale::Zh => format!("时间为 {name} 时区。"),
        }
    }

    /// How many may be chosen: at least `min` and at most `max`, of which 0 means all; `None` where that
    /// needs no words.
    pub(super) fn choose(&self, min: i32, max: i32) -> Option<String> {
        Some(match (self.locale, min, max) {
            (_, ..=1, ..=0) => return None,
            (Locale::En, _, ..=0) => format!("Choose at least {min}."),
            (Locale::Zh, _, ..=0) => format!("至少选择 {min} 项。"),
            (Locale::En, ..=1, _) => format!("Choose at most {max}."),
            (Locale::Zh, ..=1, _) => format!("最多选择 {max} 项。"),
            (Locale::En, _, _) if min == max => format!("Choose {min}."),
            (Locale::Zh, _, _) if min == max => format!("请选择 {min} 项。"),
            (Locale::En, _, _) => format!("Choose {min} to {max}."),
            (Locale::Zh, _, _) => format!("请选择 {min} 至 {max} 项。"),
        })
    }

    /// How long a text may be.
    pub(super) fn shorter(&self, most: usize) -> String {
        match self.locale {
            Locale::En => format!("At most {most} characters, please."),
            Locale::Zh => format!("最多 {most} 个字符。"),
        }
    }

    /// A word behind what it says more of, in brackets.
    pub(super) fn bracket(&self, word: &str) -> String {
        match self.locale {
            Locale::En => format!(" ({word})"),
            Locale::Zh => format!("（{word}）"),
        }
    }

    const fn pick(&self, en: &'static str, zh: &'static str) -> &'static str {
        match self.locale {
            Locale::En => en,
            Locale::Zh => zh,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_many_may_be_chosen_is_told_where_it_needs_words() {
        let en = of(Locale::En);
        for (min, max, told) in [
            (0, 0, None),
            (1, 0, None),
            (2, 0, Some("Choose at least 2.")),
            (0, 3, Some("Choose at most 3.")),
            (1, 3, Some("Choose at most 3.")),
            (2, 3, Some("Choose 2 to 3.")),
            (2, 2, Some("Choose 2.")),
        ] {
            assert_eq!(en.choose(min, max).as_deref(), told, "{min} {max}");
        }
        assert_eq!(of(Locale::Zh).choose(2, 3).as_deref(), Some("请选择 2 至 3 项。"));
    }

    #[test]
    fn an_instant_is_told_as_each_language_does() {
        let at: Zoned = "2026-03-09T14:05:00+08:00[Asia/Shanghai]".parse().unwrap();
        assert_eq!(of(Locale::En).instant(&at), "9 March 2026, 14:05");
        assert_eq!(of(Locale::Zh).instant(&at), "2026年3月9日 14:05");
    }
}
