//! Words that say nothing by themselves. They are indexed and count for scores and phrases; they
//! are not what a document must have to answer a question.

const ENGLISH: &str = " a about above after again all also am an and any are as at be because been \
before being below between both but by can cannot could did do does doing done down during each few \
for from further get gets getting got had has have having he her here hers him his how i if in into \
is it its itself just let like may me might more most must my myself need no nor not now of off on \
once only or other our ours out over own please same shall she should so some such than that the \
their theirs them then there these they this those through to too under until up us very want was \
we were what when where which while who whom why will with would you your yours dont im ive cant \
doesnt isnt didnt wont id ill youre hi hello dear thanks thank way make use using ";

const CHINESE: &str = " 的 了 吗 呢 吧 啊 呀 么 嘛 啦 地 得 着 过 是 在 有 我 你 您 他 她 它 我们 你们 您们 他们 \
咱们 自己 这 那 这个 那个 这些 那些 这样 那样 这里 那里 哪 哪个 哪些 哪里 哪儿 什么 怎么 怎样 怎么样 怎么办 如何 \
为什么 为何 为 多少 几 吗 请问 请 想 要 想要 需要 能 能否 可以 可否 是否 会 会不会 能不能 可不可以 是不是 有没有 \
和 与 及 或 或者 以及 而 而且 但 但是 就 都 也 还 又 再 很 太 最 更 把 被 给 让 向 对 对于 关于 从 到 于 由 以 \
因为 所以 如果 的话 时候 时 后 前 中 里 上 下 内 外 个 一个 一下 一些 有些 些 种 次 啥 咋 咋办 不 没 没有 不能 不会 \
应该 进行 其 之 所 等 并 并且 该 此 某 各 每 已 已经 正在 将 才 只 只能 做 说 谁 怎 办 吧 哦 嗯 谢谢 你好 您好 ";

/// Whether an English word, as it is written, says nothing by itself.
pub(crate) fn is_english(word: &str) -> bool {
    listed(ENGLISH, word)
}

/// Whether a Chinese word says nothing by itself.
pub(crate) fn is_chinese(word: &str) -> bool {
    listed(CHINESE, word)
}

fn listed(list: &str, word: &str) -> bool {
    list.match_indices(word).any(|(at, _)| {
        let after = list.get(at + word.len()..).unwrap_or_default();
        !word.is_empty()
            && list.get(..at).is_some_and(|s| s.ends_with(' '))
            && after.starts_with(' ')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_words_only() {
        assert!(is_english("the") && is_english("want") && !is_english("th") && !is_english(""));
        assert!(is_chinese("怎么办") && !is_chinese("退货") && !is_chinese("么样"));
    }
}
