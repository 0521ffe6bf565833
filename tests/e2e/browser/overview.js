// Looks at the overview in headless Chromium on a screen of a phone, by keyboard alone.
//
// overview.js TOLD
// TOLD is JSON: what a phone is told, and the `token` of a supervisor.
"use strict";

const { run, visit } = require("./phone");

const look = () => ({
  notice: document.getElementById("notice")?.innerText.trim() ?? "",
  titles: [...document.querySelectorAll("h2")].map((one) => one.textContent.trim()),
  numbers: [...document.querySelectorAll("td.n")].map((one) => one.textContent.trim()),
  bars: document.querySelectorAll("svg rect").length,
  answers: [...document.querySelectorAll(".answers li")].map((one) => one.innerText.replace(/\s+/g, " ")),
  cookies: document.cookie,
});
// A wrong token is refused.
const expected = (text) => text.includes("403");

run((told) =>
  visit(told, look, expected, async ({ page, tabTo, tell, go, press }) => {
    await page.goto(`${told.origin}/overview`);
    await tell("form");
    await tabTo("the token", (at) => at.id === "token");
    await page.keyboard.type("nonsense");
    await go(() => press("Enter"));
    await tell("refused");
    await tabTo("the token", (at) => at.id === "token");
    await page.keyboard.type(told.token);
    await tabTo("the way in", (at) => at.tag === "BUTTON");
    await go(() => press("Enter"));
    await tell("overview");
    await tabTo("the table", (at) => at.tag === "SUMMARY");
    await press("Enter");
    await tell("table");
    const other = told.locale === "zh" ? "en" : "zh";
    await page.goto(`${told.origin}/overview`);
    await tabTo("the other language", (at) => at.lang === other);
    await go(() => press("Enter"));
    await tell("other");
    await page.goto(`${told.origin}/overview`);
    await tabTo("the way out", (at) => at.action.endsWith("/overview/sign-out?lang=" + told.locale));
    await go(() => press("Enter"));
    await page.goto(`${told.origin}/overview`);
    await tell("out");
  }),
);
