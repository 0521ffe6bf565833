//! What the overview says, in the languages that it speaks.

use contracts::surveys::v1::LoopState;
use jiff::{Zoned, civil::Date};
use kernel::Locale;

use super::view::Notice;

/// The words of one language.
#[derive(Debug)]
pub(super) struct Words {
    locale: Locale,
    pub(super) overview: &'static str,
    pub(super) sign_in: &'static str,
    pub(super) sign_out: &'static str,
    pub(super) token: &'static str,
    pub(super) token_hint: &'static str,
    pub(super) trial: &'static str,
    pub(super) queues: &'static str,
    pub(super) queue: &'static str,
    pub(super) new: &'static str,
    pub(super) in_progress: &'static str,
    pub(super) with_customer: &'static str,
    pub(super) due_soon: &'static str,
    pub(super) breached: &'static str,
    pub(super) next_due: &'static str,
    pub(super) no_queue: &'static str,
    pub(super) figures: &'static str,
    pub(super) measure: &'static str,
    pub(super) today: &'static str,
    pub(super) ticket: &'static str,
    pub(super) day: &'static str,
    pub(super) created: &'static str,
    pub(super) complaints: &'static str,
    pub(super) resolved: &'static str,
    pub(super) rejected: &'static str,
    pub(super) reopened: &'static str,
    pub(super) closed: &'static str,
    pub(super) confirmed: &'static str,
    pub(super) first_response: &'static str,
    pub(super) resolution: &'static str,
    pub(super) by_day: &'static str,
    pub(super) as_table: &'static str,
    pub(super) bad_answers: &'static str,
    pub(super) no_bad_answer: &'static str,
    pub(super) not_told: &'static str,
    pub(super) away: &'static str,
    pub(super) refresh: &'static str,
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
    overview: "Overview",
    sign_in: "Sign in",
    sign_out: "Sign out",
    token: "Access token",
    token_hint: "The token of a member of the staff, from your identity provider. This browser keeps it, \
                 sealed, for up to twelve hours, and uses it for this page only.",
    trial: "On a trial installation this command prints one:",
    queues: "Queues",
    queue: "Queue",
    new: "New",
    in_progress: "In progress",
    with_customer: "With the customer",
    due_soon: "Due in 4 hours",
    breached: "Overdue",
    next_due: "Earliest due",
    no_queue: "You have no queues.",
    figures: "Today and the last days",
    measure: "What happened",
    today: "Today",
    ticket: "Ticket",
    day: "Day",
    created: "Recorded",
    complaints: "of them complaints",
    resolved: "Resolutions proposed",
    rejected: "Objections",
    reopened: "Reopened",
    closed: "Closed",
    confirmed: "of them confirmed",
    first_response: "First response in time",
    resolution: "Resolution in time",
    by_day: "Recorded, resolved and closed, by day",
    as_table: "The same as a table",
    bad_answers: "Latest low scores",
    no_bad_answer: "Nobody has answered badly.",
    not_told: "The answers cannot be shown.",
    away: "This cannot be shown just now. Please try again in a few minutes.",
    refresh: "Refresh",
};

const ZH: Words = Words {
    locale: Locale::Zh,
    overview: "总览",
    sign_in: "登录",
    sign_out: "退出登录",
    token: "访问令牌",
    token_hint: "员工在身份提供方取得的令牌。浏览器会将其加密保存，最长十二小时，仅用于本页面。",
    trial: "试用环境可用以下命令取得：",
    queues: "队列",
    queue: "队列",
    new: "待领取",
    in_progress: "处理中",
    with_customer: "待客户答复",
    due_soon: "4 小时内到期",
    breached: "已超时",
    next_due: "最早到期",
    no_queue: "没有属于您的队列。",
    figures: "今日与近日",
    measure: "事项",
    today: "今日",
    ticket: "工单",
    day: "日期",
    created: "受理",
    complaints: "其中投诉",
    resolved: "提出处理结果",
    rejected: "客户异议",
    reopened: "重新打开",
    closed: "完结",
    confirmed: "其中客户确认",
    first_response: "首次响应及时",
    resolution: "处理及时",
    by_day: "每日受理、提出处理结果与完结",
    as_table: "以表格查看",
    bad_answers: "最近的低分评价",
    no_bad_answer: "暂无低分评价。",
    not_told: "无法显示回答内容。",
    away: "暂时无法显示，请过几分钟再试。",
    refresh: "刷新",
};

impl Words {
    /// What is said of what was sent.
    pub(super) const fn notice(&self, notice: Notice) -> &'static str {
        let (en, zh) = match notice {
            Notice::NoToken => (
                "This token is not valid, or has expired. Please check that it is whole.",
                "令牌无效或已过期，请检查是否完整。",
            ),
            Notice::NoMember => {
                ("This token does not belong to a member of the staff.", "该令牌不属于员工。")
            }
            Notice::TooLong => {
                ("This token is too long for a browser to keep.", "令牌过长，浏览器无法保存。")
            }
            Notice::NotKept => (
                "The browser has kept nothing. It does so over https, or where the suite runs on this \
                 machine.",
                "浏览器没有保存登录状态。请通过 https 访问，或在本机访问。",
            ),
        };
        self.pick(en, zh)
    }

    /// What became of a bad answer.
    pub(super) const fn state(&self, state: LoopState) -> &'static str {
        let (en, zh) = match state {
            LoopState::Unspecified | LoopState::Open => {
                ("Somebody is to talk to the customer", "待回访客户")
            }
            LoopState::Closed => ("Talked to; the customer is asked again", "已回访，待客户再评"),
            LoopState::Recovered => ("The customer is content now", "客户已满意"),
            LoopState::NotRecovered => ("The customer is still not content", "客户仍不满意"),
        };
        self.pick(en, zh)
    }

    /// An instant.
    pub(super) fn instant(&self, at: &Zoned) -> String {
        let at = match self.locale {
            Locale::En => at.strftime("%-d %b, %H:%M"),
            Locale::Zh => at.strftime("%-m月%-d日 %H:%M"),
        };
        at.to_string()
    }

    /// A day, short enough to stand below a bar.
    pub(super) fn short(&self, day: Date) -> String {
        let day = match self.locale {
            Locale::En => day.strftime("%-d %b"),
            Locale::Zh => day.strftime("%-m/%-d"),
        };
        day.to_string()
    }

    /// So many days, as the head of a column.
    pub(super) fn days(&self, count: usize) -> String {
        match self.locale {
            Locale::En => format!("{count} days"),
            Locale::Zh => format!("近 {count} 日"),
        }
    }

    /// The way to figures of so many days.
    pub(super) fn last(&self, days: &str) -> String {
        match self.locale {
            Locale::En => format!("The last {days} days"),
            Locale::Zh => format!("查看近 {days} 日"),
        }
    }

    /// When the page was so, and where its instants are told.
    pub(super) fn as_of(&self, at: &str, zone: &str) -> String {
        match self.locale {
            Locale::En => format!("As of {at} ({zone})."),
            Locale::Zh => format!("截至 {at}（{zone}）。"),
        }
    }

    /// So many promises of so many.
    pub(super) fn share(&self, kept: i64, all: i64) -> String {
        if all == 0 {
            return "–".to_owned();
        }
        // Half a percent is more.
        let percent = (200 * kept + all) / (2 * all);
        match self.locale {
            Locale::En => format!("{percent} % ({kept} of {all})"),
            Locale::Zh => format!("{percent}%（{all} 件中 {kept} 件）"),
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
    fn a_share_is_told_with_what_it_is_of() {
        assert_eq!(of(Locale::En).share(2, 3), "67 % (2 of 3)");
        assert_eq!(of(Locale::Zh).share(1, 8), "13%（8 件中 1 件）");
        assert_eq!(of(Locale::En).share(0, 0), "–");
    }

    #[test]
    fn days_and_instants_are_told_as_each_language_does() {
        let at: Zoned = "2026-03-09T14:05:00+08:00[Asia/Shanghai]".parse().unwrap();
        assert_eq!(of(Locale::En).instant(&at), "9 Mar, 14:05");
        assert_eq!(of(Locale::Zh).instant(&at), "3月9日 14:05");
        assert_eq!(of(Locale::En).short(at.date()), "9 Mar");
        assert_eq!(of(Locale::Zh).short(at.date()), "3/9");
    }
}
