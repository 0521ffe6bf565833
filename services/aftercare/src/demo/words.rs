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
