// Opens sealed links in headless Chromium on a screen of a phone, by keyboard alone.
//
// link.js TOLD
// TOLD is JSON: what a phone is told, the links to a `ticket` to confirm, to one to be `objected` to, to an
// `invitation`, to a ticket that is `framed`, and to nothing (`bad`), the `words` of the objection and of
// the answers, and the origin of the company's own `shop`, which may frame the pages.
"use strict";

const http = require("node:http");
const { run, visit } = require("./phone");

const look = () => ({
  notice: document.getElementById("next")?.innerText.trim().replace(/\s+/g, " ") ?? "",
  checked: [...document.querySelectorAll("input:checked")].map((one) => `${one.name}=${one.value}`),
  questions: [...document.querySelectorAll("input[name=shown]")].map((one) => one.value),
});
// Refusals are asked for: answers to be mended, a link to nothing, a frame that may not be. So are the
// pages of others that frame ours. The browser shows a page of its own in the frame that may not be, and
// that one complains where it is left while it still draws itself by trusted types, which ours have none of.
const asked = ["422", "404", "frame-ancestors", "//shop.", "//evil.", "TrustedTypePolicy"];
const expected = (text) => asked.some((one) => text.includes(one));

const sends = (end) => (at) => at.tag === "BUTTON" && new URL(at.action).pathname.endsWith(end);

run((told) =>
  visit(told, look, expected, async ({ page, focused, tabTo, tell, go, press }) => {
    await page.goto(told.ticket);
    await tell("result");
    await press("Tab");
    await press("Enter");
    const { id: skipped } = await focused();
    if (skipped !== "content") throw new Error(`the skip link leads to #${skipped}`);

    await page.goto(told.objected);
    await tabTo("the objection", (at) => at.tag === "SUMMARY");
    await press("Enter");
    await tabTo("its words", (at) => at.id === "objection");
    await page.keyboard.type(told.words);
    await tell("objecting");
    await tabTo("the way to send it", sends("/object"));
    await go(() => press("Enter"));
    await tell("objected");

    await page.goto(told.ticket);
    await tabTo("the way to confirm", sends("/confirm"));
    await go(() => press("Enter"));
    await tell("confirmed");

    await tabTo("the way to answer", sends("/answers"));
    await go(() => press("Enter"));
    await tell("faulty");
    await press("Tab");
    await press("Enter");
    const { id: faulty } = await focused();
    if (faulty !== "answers.overall") throw new Error(`the summary leads to #${faulty}`);
    await press("Space");
    await tabTo("the way to answer", sends("/answers"));
    await go(() => press("Enter"));
    await tell("next");
    await tabTo("a reason", (at) => at.name === "answers.reasons");
    await press("Space");
    await tabTo("the words", (at) => at.id === "answers.words");
    await page.keyboard.type(told.words);
    await tabTo("the way to answer", sends("/answers"));
    await go(() => press("Enter"));
    await tell("answered");
    await tabTo("what was answered", (at) => at.tag === "SUMMARY");
    await press("Enter");
    await tell("again");

    const other = told.locale === "zh" ? "en" : "zh";
    await page.goto(told.ticket);
    await tabTo("the other language", (at) => at.lang === other);
    await go(() => press("Enter"));
    await tell("other");

    await page.goto(`${told.invitation}?recommend=9`);
    await tell("invited");
    await page.goto(told.bad);
    await tell("nothing");
    await frame(page, told, "evil");
    await frame(page, told, "shop");
  }),
);

/** Puts a page into a frame of another site, and confirms there. */
async function frame(page, told, site) {
  const html = `<!doctype html><title>Shop</title><iframe src="${told.framed}" width="340" height="600"></iframe>`;
  const server = http.createServer((_, response) => {
    response.setHeader("content-type", "text/html");
    response.end(html);
  });
  const { port } = new URL(told.shop);
  await new Promise((ready) => server.listen(port, "127.0.0.1", ready));
  await page.goto(told.shop.replace("shop", site));
  const framed = page.frames()[1];
  const button = framed.locator("form[action*='/confirm'] button");
  const shown = await button.isVisible();
  let notice = "";
  if (shown) {
    await button.click();
    await framed.locator("#next").waitFor();
    notice = (await framed.locator("#next").textContent()).trim();
  }
  console.log(JSON.stringify({ page: site, shown, notice }));
  server.closeAllConnections();
  await new Promise((closed) => server.close(closed));
}
