// Reads a help centre in headless Chromium on a screen of a phone, by keyboard alone.
//
// help.js TOLD
// TOLD is JSON: what a phone is told, the `base` of the help centre, the `question` to ask, the `title` of
// the article to read, and the `comment` to leave.
"use strict";

const { MOST_STEPS, run, visit } = require("./phone");

const look = () => ({
  feedback: document.getElementById("feedback-title")?.textContent.trim() ?? "",
  hacked: window.hacked === true,
});
// That a page is not there is what was asked for last.
const expected = (text) => text.includes("404");

run((told) =>
  visit(told, look, expected, async (phone) => {
    const { page, focused, tabTo, tell, go, press } = phone;
    await page.goto(told.base);
    await tell("home");

    await press("Tab");
    await press("Enter");
    const { id: skipped } = await focused();
    if (skipped !== "content") throw new Error(`the skip link leads to #${skipped}`);

    await page.goto(told.base);
    await tabTo("the question", (at) => at.id === "q");
    const begun = Array.from(told.question).slice(0, 4).join("");
    await page.keyboard.type(begun);
    if (told.script) {
      await choose(page, told.title, () => tell("suggested"));
    } else {
      await page.keyboard.type(told.question.slice(begun.length));
    }
    await go(() => press("Enter"));
    await tell("search");

    await tabTo("the article", (at) => at.text === told.title);
    await go(() => press("Enter"));
    await tell("article");

    await tabTo("the answer no", (at) => at.name === "helpful" && at.value === "no");
    await answer(phone, told, () => press("Enter"));
    await tell("judged");

    await tabTo("the comment", (at) => at.id === "comment");
    await page.keyboard.type(told.comment);
    await press("Tab");
    await answer(phone, told, () => press("Enter"));
    await tell("explained");

    await page.goto(told.base);
    const other = told.locale === "zh" ? "en" : "zh";
    await tabTo("the other language", (at) => at.lang === other);
    await go(() => press("Enter"));
    await tell("other");

    await page.goto(`${told.base}/${told.locale}/nothing`);
    await tell("nothing");
  }),
);

/** Goes to a suggestion by the arrow keys, once it is there. */
async function choose(page, title, look) {
  const suggested = (title) =>
    [...document.querySelectorAll("#suggestions li")].some((one) => one.textContent === title);
  await page.waitForFunction(suggested, title);
  for (let step = 0; step < MOST_STEPS; step += 1) {
    await page.keyboard.press("ArrowDown");
    const active = await page.evaluate(() => {
      const id = document.activeElement.getAttribute("aria-activedescendant");
      return id === null ? "" : document.getElementById(id).textContent;
    });
    if (active === title) return look();
  }
  throw new Error(`the arrow keys do not reach ${title}`);
}

/** Sends a form of the feedback: with scripts the page stays, and says thanks. */
async function answer({ page, go }, told, act) {
  if (!told.script) {
    await go(act);
    return;
  }
  const before = page.url();
  const title = await page.textContent("#feedback-title");
  await act();
  const changed = (title) => document.getElementById("feedback-title").textContent !== title;
  await page.waitForFunction(changed, title);
  if (page.url() !== before) throw new Error("the page was left");
}
