// Opens a page of another origin in headless Chromium and lets it walk.
//
// drive.js BUNDLE TOLD
// BUNDLE is the script of the page. TOLD is JSON: what the walk is told, the `origin` that the page is
// served from, and the `chromium` to run. Prints what the page tells, line by line; what the browser
// complains of goes to standard error.
"use strict";

const fs = require("node:fs");
const http = require("node:http");
const os = require("node:os");
const path = require("node:path");
const { chromium } = require("playwright-core");

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const PAGE = `<!doctype html>
<meta charset="utf-8">
<title>Walk</title>
<link rel="icon" href="data:,">
<script src="/walk.js"></script>`;

/** Serves the page and its script, and nothing else. */
function serve(bundle, origin) {
  const files = {
    "/": ["text/html", PAGE],
    "/walk.js": ["text/javascript", fs.readFileSync(bundle)],
  };
  const server = http.createServer((request, response) => {
    const [type, body] = files[request.url] ?? [];
    response.writeHead(body === undefined ? 404 : 200, { "content-type": type ?? "text/plain" });
    response.end(body);
  });
  const { hostname, port } = new URL(origin);
  return new Promise((ready) => server.listen(port, hostname, () => ready(server)));
}

async function drive(bundle, told) {
  const profile = fs.mkdtempSync(path.join(os.tmpdir(), "aftercare-browser-"));
  const server = await serve(bundle, told.origin);
  const browser = await chromium.launchPersistentContext(profile, {
    executablePath: told.chromium,
    args: FLAGS,
  });
  try {
    const page = await browser.newPage();
    page.on("console", (message) => console.error(message.text()));
    page.on("pageerror", (error) => console.error(error));
    await page.exposeFunction("tell", (line) => console.log(line));
    await page.goto(told.origin);
    await page.evaluate((told) => walk(told), told);
  } finally {
    await browser.close();
    server.close();
    fs.rmSync(profile, { recursive: true, force: true });
  }
}

drive(process.argv[2], JSON.parse(process.argv[3])).catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
