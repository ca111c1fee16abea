// Opens a page in Chromium, shows each of its faces, and prints what was reported as JSON.
// node open_only.cjs CHROMIUM PAGE.html
const { chromium } = require("playwright-core");
const path = require("path");

const [, , executable, file] = process.argv;

async function main() {
  const browser = await chromium.launch({
    executablePath: executable,
    args: ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist"],
  });
  const page = await browser.newPage({ viewport: { width: 900, height: 700 } });
  const report = { errors: [], outside: [] };
  page.on("console", (message) => { if (message.type() === "error") report.errors.push(message.text()); });
  page.on("pageerror", (error) => report.errors.push(error.message));
  page.on("request", (request) => { if (!/^(file|data|blob):/.test(request.url())) report.outside.push(request.url()); });
  await page.goto("file://" + encodeURI(path.resolve(file)));
  await page.waitForFunction(() => document.body.dataset.ready !== "loading", null, { timeout: 120000 });
  report.ready = await page.evaluate(() => document.body.dataset.ready);
  const buttons = page.locator("#gallery button");
  report.shown = await buttons.count();
  for (let i = 0; i < report.shown; ++i) {
    await buttons.nth(i).click();
    await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
  }
  await browser.close();
  console.log(JSON.stringify(report));
}

main().catch((error) => { console.error(error); process.exit(1); });
