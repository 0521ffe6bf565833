//! What is said in a story, in the language of its complaint.

use contracts::tickets::v1::Nature;

use super::texts::Form;

/// The sentences of one language.
#[derive(Debug)]
pub(crate) struct Words {
    /// The agent's first answer.
    pub(crate) reply: &'static str,
    /// A note for colleagues.
    pub(crate) note: &'static str,
    /// What the agent asks the customer, and the answer.
    pub(crate) question: &'static str,
    pub(crate) answer: &'static str,
    /// The same where it is not known what the customer expects; the answer is the expectation.
    pub(crate) what_is_expected: &'static str,
    pub(crate) expected: &'static str,
    /// Why the customer drops the matter.
    pub(crate) dropped: &'static str,
    /// Why the customer does not agree, and what is then done.
    pub(crate) objection: &'static str,
    pub(crate) second_resolution: &'static str,
    /// Why staff judge it as they do.
    pub(crate) evidence: &'static str,
}

const EN: Words = Words {
    reply: "Thank you for telling us. I have read your complaint and I am looking into it now; you \
            will hear from me here.",
    note: "The account history bears the customer out. No earlier ticket on the same matter.",
    question: "To look into this I need one more thing: has this happened before?",
    answer: "It happened once before, about three months ago.",
    what_is_expected: "So that I can settle this as you want it: what do you expect of us?",
    expected: "I expect a written explanation, and that it does not happen again.",
    dropped: "The other side has settled it with me meanwhile. Please drop this complaint.",
    objection: "This does not settle it: the same thing is still there today.",
    second_resolution: "You were right, the first correction had not gone through. It is done now; we \
            checked it again this morning and send you the confirmation in writing.",
    evidence: "The customer's own account.",
};

const ZH: Words = Words {
    reply: "您好，您的投诉我们已经收到，我正在为您核实处理，有进展会第一时间在这里告诉您。",
    note: "已核对车辆维修记录，与车主描述一致，此前没有同类工单。",
    question: "为了尽快核实，想跟您确认一下：这个问题以前出现过吗？",
    answer: "大概三个月前也出现过一次。",
    what_is_expected: "为了按您的意愿解决，请问您希望我们怎么处理？",
    expected: "希望厂家给出书面答复，并且以后不再出现。",
    dropped: "经销商已经跟我协商解决了，这个投诉撤销吧。",
    objection: "没有解决，今天问题还是一样。",
    second_resolution: "非常抱歉，第一次处理没有到位。现已重新处理并复检合格，书面结果随后发给您。",
    evidence: "车主本人的描述。",
};

/// The sentences for complaints of this form.
pub(crate) fn of(form: Form) -> &'static Words {
    match form {
        Form::Bank => &EN,
        Form::Cars => &ZH,
    }
}

/// What was done, as the customer is told.
pub(crate) fn resolution(form: Form, nature: Nature) -> &'static str {
    match (form, nature) {
        (Form::Bank, Nature::Billing) => {
            "We went through the entries with the department. What was charged wrongly is refunded; you \
             will see it on your next statement."
        }
        (Form::Bank, Nature::Account) => {
            "We corrected the record, informed the bureaus, and sent you the confirmation in writing."
        }
        (Form::Bank, Nature::ServiceFailing) => {
            "We looked into your matter again from the start. You were not answered as you should have \
             been, and we apologise; the result is in the letter that we sent you."
        }
        (Form::Bank, Nature::Policy) => {
            "We reviewed the decision together with you. The new terms are in your mailbox and hold from \
             today."
        }
        (
            Form::Bank,
            Nature::Unspecified
            | Nature::ProductQuality
            | Nature::Misuse
            | Nature::Logistics
            | Nature::Other,
        ) => "We found the cause and put it right. It should work for you from today.",
        (Form::Cars, Nature::ProductQuality) => {
            "经检测确认是零件问题，已安排授权店免费更换，并为该零件延长质保一年。"
        }
        (Form::Cars, Nature::ServiceFailing) => {
            "我们已核实服务过程，确有不到位之处，向您致歉，并由专人重新为您处理完毕。"
        }
        (Form::Cars, Nature::Billing) => "多收的费用已经退回原支付账户，三个工作日内到账。",
        (Form::Cars, Nature::Logistics) => "配件已加急调货并到店，门店会与您约定更换时间。",
        (
            Form::Cars,
            Nature::Unspecified | Nature::Misuse | Nature::Account | Nature::Policy | Nature::Other,
        ) => "您反映的情况我们已经核实，并与门店一起为您办理完毕。",
    }
}

/// What is said about the messages of a set, in its language.
#[derive(Debug)]
pub(crate) struct Talk {
    /// Before the article that answers.
    pub(crate) reply: &'static str,
    /// Where no article does.
    pub(crate) heard: &'static str,
    /// To praise and to a suggestion.
    pub(crate) praised: &'static str,
    pub(crate) suggested: &'static str,
    /// What the agent asks the customer.
    pub(crate) question: &'static str,
    /// To another department.
    pub(crate) handed_on: &'static str,
    /// What is proposed: for a complaint, for something to be done, for a question.
    pub(crate) made_good: &'static str,
    pub(crate) done: &'static str,
    pub(crate) answered: &'static str,
    /// Why the customer does not agree, and what is then done.
    pub(crate) objection: &'static str,
    pub(crate) second_resolution: &'static str,
    /// Why staff judge a complaint as they do.
    pub(crate) evidence: &'static str,
    /// Why a customer is not satisfied.
    pub(crate) dissatisfied: &'static str,
    /// What is said and done where a bad answer is followed up.
    pub(crate) sorry: &'static str,
    pub(crate) followed_up: &'static str,
    /// What the survey asks.
    pub(crate) survey: &'static str,
}

const TALK_EN: Talk = Talk {
    reply: "Thank you for writing to us. This is what helps in such a case:",
    heard: "Thank you for writing to us. I am looking into it and come back to you here.",
    praised: "Thank you! I have passed this on to the colleague whom you mean.",
    suggested: "Thank you for the idea; the people who make the product have it now.",
    question: "Could you tell me when this was, so that I can look at the right entry?",
    handed_on: "Please look at the entries on your side; the customer waits for the outcome.",
    made_good: "We looked into it and put it right; what you lost by it is made good.",
    done: "It is done. If anything does not work as described, tell us on this page.",
    answered: "I hope that this answers your question; if not, tell us on this page.",
    objection: "I followed this and it did not help: it is the same as before.",
    second_resolution: "I am sorry. I went through it again with the department by hand, and it is settled \
                        now; you need not do anything more.",
    evidence: "The customer's own account.",
    dissatisfied: "It took two answers until somebody understood what I was asking.",
    sorry: "I read your answer to our survey, and I am sorry. I would like to put it right.",
    followed_up: "We spoke on the telephone; the charge is given back and the case explained in writing.",
    survey: "After each ticket",
};

const TALK_ZH: Talk = Talk {
    reply: "您好，感谢您的联系。针对您反映的情况，请参考以下处理办法：",
    heard: "您好，您反映的情况已经收到，我正在核实，有结果会第一时间在这里告诉您。",
    praised: "谢谢您的肯定！我已经把您的表扬转给这位同事和他的主管。",
    suggested: "谢谢您的建议，我已经转给产品经理，采纳后会告诉您。",
    question: "为了尽快处理，麻烦您补充一下机身条码或者拍一段现象的视频。",
    handed_on: "请售后网点核实并回填上门时间，客户在等结果。",
    made_good: "我们已核实情况，确有做得不到位的地方，向您致歉，并已按您的诉求处理完毕。",
    done: "已经为您办理好了。如果还有问题，可以直接在本页面告诉我们。",
    answered: "希望以上内容解答了您的问题，如有疑问可以在本页面告诉我们。",
    objection: "按你们说的试过了，没有用，问题还在。",
    second_resolution: "非常抱歉让您多跑一趟。已安排资深工程师上门处理并当场试机正常，费用全免。",
    evidence: "客户的描述与照片。",
    dissatisfied: "前后说了两遍才有人听明白，等得太久。",
    sorry: "您好，看到您给我们的评价，非常抱歉。我想当面了解一下哪里没有做好。",
    followed_up: "已电话回访并上门复检，补偿 100 元配件券，客户表示认可。",
    survey: "服务回访",
};

/// The sentences for a set in this language.
pub(crate) fn talk(language: &str) -> &'static Talk {
    if language == "zh" { &TALK_ZH } else { &TALK_EN }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_told_for_every_nature() {
        for form in [Form::Bank, Form::Cars] {
            for nature in 0..=8 {
                let nature = Nature::try_from(nature).unwrap();
                assert!(resolution(form, nature).chars().count() > 15);
            }
        }
    }
}
