// Opens every address that it is given in headless Chromium, scripts and all, as what looks into a mail
// before its reader does; it clicks nothing. Prints how many pages it saw, as JSON.
"use strict";

const { chromium } = require("playwright-core");

const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"];

async function main() {
  const told = JSON.parse(process.argv[2]);
  const browser = await chromium.launch({ executablePath: told.chromium, args: FLAGS });
  const context = await browser.newContext({ viewport: { width: 360, height: 740 } });
  const page = await context.newPage();
  let seen = 0;
  for (const url of told.urls) {
    const answer = await page.goto(url, { waitUntil: "networkidle" });
    await page.mouse.wheel(0, 5_000);
    if (answer.status() === 200 && (await page.locator("form").count()) > 0) seen += 1;
  }
  await browser.close();
  console.log(JSON.stringify({ seen }));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
