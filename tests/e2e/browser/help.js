// Reads a help centre in headless Chromium on a screen of a phone, by keyboard alone.
//
// help.js TOLD
// TOLD is JSON: the `base` of the help centre, the `chromium` to run, the `locale` of the visitor (`en`
// or `zh`), whether `script`s run, the colour `scheme`, the `question` to ask, the `title` of the article
// to read, the `comment` to leave, the folder for `screenshots`, and the `words` of the pages. Prints a line
// of JSON for each page: what it is, what axe finds wrong with it, whether it is wider than the screen.
"use strict";

const fs = require("node:fs");
const path = require("node:path");
const { chromium } = require("playwright-core");

const AXE = fs.readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"];
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
const PHONE = { width: 360, height: 740 };
/** No page has more places that take the focus before its content. */
const MOST_STEPS = 60;

async function read(told) {
  const browser = await chromium.launch({ executablePath: told.chromium, args: FLAGS });
  const context = await browser.newContext({
    viewport: PHONE,
    hasTouch: true,
    locale: told.locale === "zh" ? "zh-CN" : "en-GB",
    colorScheme: told.scheme,
    javaScriptEnabled: told.script,
  });
  const page = await context.newPage();
  const complaints = [];
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("request", (request) => {
    if (!request.url().startsWith(told.origin) && !request.url().startsWith("data:")) {
      complaints.push(`asked for ${request.url()}`);
    }
  });
  const focused = () =>
    page.evaluate(() => {
      const at = document.activeElement;
      return { id: at.id, name: at.name ?? "", value: at.value ?? "", text: at.textContent.trim(), lang: at.lang };
    });

  /** Goes on with the Tab key to what is looked for. */
  async function tabTo(what, is) {
    for (let step = 0; step < MOST_STEPS; step += 1) {
      await page.keyboard.press("Tab");
      if (is(await focused())) return;
    }
    throw new Error(`the keyboard does not reach ${what} on ${page.url()}`);
  }

  async function tell(name) {
    const seen = await page.evaluate(() => ({
      lang: document.documentElement.lang,
      heading: document.querySelector("h1").textContent.trim(),
      headings: document.querySelectorAll("h1").length,
      feedback: document.getElementById("feedback-title")?.textContent.trim() ?? "",
      wide: document.documentElement.scrollWidth > document.documentElement.clientWidth,
      hacked: window.hacked === true,
    }));
    const at = await focused();
    const file = `${told.locale}-${told.scheme}-${told.script ? "script" : "plain"}-${name}.png`;
    await page.screenshot({ path: path.join(told.screenshots, file), fullPage: true });
    const faults = await axe(browser, page, told.scheme);
    console.log(JSON.stringify({ page: name, url: page.url(), focus: at.id, ...seen, faults }));
  }

  try {
    await page.goto(told.base);
    await tell("home");

    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
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
    await go(page, () => page.keyboard.press("Enter"));
    await tell("search");

    await tabTo("the article", (at) => at.text === told.title);
    await go(page, () => page.keyboard.press("Enter"));
    await tell("article");

    await tabTo("the answer no", (at) => at.name === "helpful" && at.value === "no");
    await answer(page, told, () => page.keyboard.press("Enter"));
    await tell("judged");

    await tabTo("the comment", (at) => at.id === "comment");
    await page.keyboard.type(told.comment);
    await page.keyboard.press("Tab");
    await answer(page, told, () => page.keyboard.press("Enter"));
    await tell("explained");

    await page.goto(told.base);
    const other = told.locale === "zh" ? "en" : "zh";
    await tabTo("the other language", (at) => at.lang === other);
    await go(page, () => page.keyboard.press("Enter"));
    await tell("other");

    await page.goto(`${told.base}/${told.locale}/nothing`);
    await tell("nothing");
  } finally {
    // That a page is not there is what was asked for last.
    const real = complaints.filter((text) => !text.includes("404"));
    console.log(JSON.stringify({ page: "", complaints: real }));
    await browser.close();
  }
}

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

/** Does something that leads to another page. */
async function go(page, act) {
  await Promise.all([page.waitForNavigation(), act()]);
}

/** Sends a form of the feedback: with scripts the page stays, and says thanks. */
async function answer(page, told, act) {
  if (!told.script) {
    await go(page, act);
    return;
  }
  const before = page.url();
  const title = await page.textContent("#feedback-title");
  await act();
  const changed = (title) => document.getElementById("feedback-title").textContent !== title;
  await page.waitForFunction(changed, title);
  if (page.url() !== before) throw new Error("the page was left");
}

/** What axe finds wrong with a page, by rule. It needs scripts, so that it looks at a copy. */
async function axe(browser, page, scheme) {
  const body = await page.content();
  const copy = await browser.newPage({ viewport: PHONE, hasTouch: true, colorScheme: scheme });
  await copy.route("**/*", (route) => route.fulfill({ contentType: "text/html", body }));
  await copy.goto(page.url());
  await copy.evaluate(AXE);
  const run = (rules) =>
    window.axe.run(document, { runOnly: rules, resultTypes: ["violations"] });
  const { violations } = await copy.evaluate(run, RULES);
  await copy.close();
  return violations.map(({ id, impact, nodes }) => ({
    id,
    impact,
    at: nodes.map((node) => node.target.join(" ")),
  }));
}

read(JSON.parse(process.argv[2])).catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
