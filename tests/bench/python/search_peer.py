"""What others make of a set: BM25 over pairs of characters, and over jieba's words.

Reads {"documents": [text], "queries": [text], "texts": [text], "traditional": bool} from the file named first and writes
{"bigrams": [[place]], "words": [[place]], "traditional": [text]} to the one named second: for each query
the ten best documents, best first, those without a score left out; and the texts in traditional
characters where they are asked for. Nothing here is ours: bm25s with k1 1.2 and b 0.75, jieba, opencc.

In English both fields are words in lower case, as the two tokenisers cut them: runs of letters and
digits, and what jieba leaves of them.
"""
import json
import re
import sys

import bm25s
import jieba

HAN = r"\u3400-\u9fff\U00020000-\U0003ffff"
RUN = re.compile(rf"([{HAN}]+)|([^\W_{HAN}]+)")


def bigrams(text):
    tokens = []
    for run in RUN.finditer(text.lower()):
        if run[1] is None:
            tokens.append(run[2])
        elif len(run[1]) == 1:
            tokens.append(run[1])
        else:
            tokens.extend(run[1][i : i + 2] for i in range(len(run[1]) - 1))
    return tokens


def words(text):
    return [word for word in jieba.lcut_for_search(text.lower()) if any(c.isalnum() for c in word)]


def best(tokenize, documents, queries):
    retriever = bm25s.BM25(k1=1.2, b=0.75)
    retriever.index([tokenize(text) or [""] for text in documents], show_progress=False)
    known = retriever.vocab_dict
    asked = [[token for token in tokenize(text) if token in known] for text in queries]
    k = min(10, len(documents))
    answers = []
    for tokens in asked:
        if not tokens:
            answers.append([])
            continue
        places, scores = retriever.retrieve([tokens], k=k, show_progress=False)
        answers.append([int(p) for p, s in zip(places[0], scores[0]) if s > 0])
    return answers


def main():
    jieba.setLogLevel(60)
    with open(sys.argv[1], encoding="utf-8") as file:
        given = json.load(file)
    documents, queries = given["documents"], given["queries"]
    answer = {
        "bigrams": best(bigrams, documents, queries),
        "words": best(words, documents, queries),
        "traditional": [],
    }
    if given["traditional"]:
        import opencc

        convert = opencc.OpenCC("s2t").convert
        answer["traditional"] = [convert(text) for text in given["texts"]]
    with open(sys.argv[2], "w", encoding="utf-8") as file:
        json.dump(answer, file)


main()
