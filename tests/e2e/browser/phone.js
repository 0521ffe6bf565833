// A phone in headless Chromium, held by somebody who has a keyboard and nothing else.
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

/**
 * Opens the browser and lets `walk` go. `told` has the `chromium` to run, the `origin` that pages may be
 * asked for from, the `locale` of the visitor (`en` or `zh`), whether `script`s run, the colour `scheme`,
 * and the folder for `screenshots`; `look` reads from a page what else is told of it. Prints a line of
 * JSON for each page: what it is, what axe finds wrong with it, whether it is wider than the screen; at
 * last what the browser complains of, but for what `expected` knows.
 */
async function visit(told, look, expected, walk) {
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
      return {
        id: at.id,
        tag: at.tagName,
        name: at.name ?? "",
        value: at.value ?? "",
        text: at.textContent.trim(),
        lang: at.lang,
        action: at.form?.action ?? "",
      };
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
      wide: document.documentElement.scrollWidth > document.documentElement.clientWidth,
    }));
    const more = await page.evaluate(look);
    const at = await focused();
    const file = `${told.locale}-${told.scheme}-${told.script ? "script" : "plain"}-${name}.png`;
    await page.screenshot({ path: path.join(told.screenshots, file), fullPage: true });
    const faults = await axe(browser, page, told.scheme);
    console.log(JSON.stringify({ page: name, url: page.url(), focus: at.id, ...seen, ...more, faults }));
  }

  /** Does something that leads to another page. */
  async function go(act) {
    await Promise.all([page.waitForNavigation(), act()]);
  }

  try {
    await walk({ page, focused, tabTo, tell, go, press: (key) => page.keyboard.press(key) });
  } finally {
    console.log(JSON.stringify({ page: "", complaints: complaints.filter((text) => !expected(text)) }));
    await browser.close();
  }
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

/** Runs a script that is told what to do in its first argument. */
function run(script) {
  script(JSON.parse(process.argv[2])).catch((error) => {
    console.error(error);
    process.exitCode = 1;
  });
}

module.exports = { MOST_STEPS, run, visit };
