// Opens a page in Chromium, does what a reader would, and prints what happened as JSON.
// node browser.cjs CHROMIUM PAGE.html FOLDER
const { chromium } = require("playwright-core");
const path = require("path");

const [, , executable, file, folder] = process.argv;
const url = "file://" + encodeURI(path.resolve(file));
const report = { errors: [], requests: [], changed: {} };

// The part of the canvas that differs from the last time it was looked at; the first look answers 1.
async function changedPart(page, selector) {
  return page.evaluate(async (which) => {
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    const canvas = document.querySelector(which);
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    const last = window.lastLook;
    window.lastLook = data;
    if (!last || last.length !== data.length) return 1;
    let changed = 0;
    for (let i = 0; i < data.length; ++i) changed += Math.abs(data[i] - last[i]) > 8;
    return changed / data.length;
  }, selector);
}

async function act(page, name, action, selector = "#views canvas") {
  await changedPart(page, selector);
  await action();
  report.changed[name] = await changedPart(page, selector);
}

async function open(browser, options = {}, script = null) {
  const page = await browser.newPage({ viewport: { width: 900, height: 700 }, acceptDownloads: true, ...options });
  page.on("console", (message) => { if (message.type() === "error") report.errors.push(message.text()); });
  page.on("pageerror", (error) => report.errors.push(error.message));
  page.on("request", (request) => report.requests.push(request.url().slice(0, 60)));
  if (script) await page.addInitScript(script);
  const start = Date.now();
  await page.goto(url);
  await page.waitForFunction(() => document.body.dataset.ready !== "loading", null, { timeout: 60000 });
  return { page, milliseconds: Date.now() - start };
}

async function slide(page, mode, value) {
  await page.evaluate(([index, number]) => {
    const input = document.querySelector(`input[data-mode="${index}"]`);
    input.value = number;
    input.dispatchEvent(new Event("input"));
  }, [mode, value]);
}

async function save(page, kind) {
  const waiting = page.waitForEvent("download");
  await page.click(`#download-${kind}`);
  const download = await waiting;
  await download.saveAs(path.join(folder, `face.${kind}`));
}

async function useViewer(page) {
  const canvas = page.locator("#views canvas").first();
  const box = await canvas.boundingBox();
  const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
  report.wiped = await page.evaluate(() => document.getElementById("wipe").value);
  const wipe = (value) => page.evaluate((number) => {
    const input = document.getElementById("wipe");
    input.value = number;
    input.dispatchEvent(new Event("input"));
  }, value);
  await act(page, "wipe to the face", () => wipe(0), "#overlay");
  await act(page, "wipe to the photo", () => wipe(100), "#overlay");
  await wipe(0);
  report.landmarkSet = await page.getAttribute("#landmarks", "title");
  await act(page, "drag", async () => {
    await page.mouse.move(x, y);
    await page.mouse.down();
    await page.mouse.move(x + 80, y + 20, { steps: 4 });
    await page.mouse.up();
  });
  await act(page, "wheel", () => page.mouse.wheel(0, -300));
  await canvas.focus();
  await act(page, "arrow key", () => page.keyboard.press("ArrowLeft"));
  await act(page, "plus key", () => page.keyboard.press("+"));
  report.label = await canvas.getAttribute("aria-label");
  await page.click("#reset-view");
  for (const surface of ["clay", "normals", "none", "photo"]) {
    await act(page, surface, () => page.check(`input[name=surface][value=${surface}]`, { force: true }));
  }
  for (const id of ["wire", "landmarks"]) await act(page, id, () => page.click(`#${id}`));
  for (const overlay of ["surface", "landmarks", "none"]) {
    const select = () => page.check(`input[name=overlay-style][value=${overlay}]`, { force: true });
    await act(page, `overlay ${overlay}`, select, "#overlay");
  }
}

async function useSliders(page) {
  const modes = await page.evaluate(() => document.querySelectorAll("input[data-mode]").length);
  report.modes = modes;
  await act(page, "identity slider", () => slide(page, 0, 2));
  await act(page, "expression slider", () => slide(page, modes - 1, 1));
  await save(page, "obj");
  await save(page, "glb");
  report.readout = await page.textContent("#parameter-rows");
  report.unlabeled = await page.evaluate(() => (
    [...document.querySelectorAll("input[type=range]")].filter((input) => !input.labels.length).length
  ));
  await act(page, "as in the photo", () => page.click("#restore"));
}

async function main() {
  const browser = await chromium.launch({
    executablePath: executable,
    args: ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist"],
  });
  const opened = await open(browser);
  report.ready = await opened.page.evaluate(() => document.body.dataset.ready);
  report.why = await opened.page.textContent("#why");
  await useViewer(opened.page);
  await useSliders(opened.page);
  report.thumbnails = await opened.page.locator("#gallery button").count();
  await opened.page.click("#compare");
  report.compared = await opened.page.locator("#views canvas").count();
  await opened.page.click("#tab-attributes");
  report.meters = await opened.page.locator("[role=meter]").count();
  await opened.page.close();

  const narrow = await open(browser, { viewport: { width: 360, height: 740 }, colorScheme: "dark" });
  report.narrowWidth = await narrow.page.evaluate(() => document.documentElement.scrollWidth);
  report.dark = await narrow.page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  await narrow.page.click("#theme");
  report.light = await narrow.page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  await narrow.page.close();

  const times = [opened.milliseconds, narrow.milliseconds];
  for (let i = 0; i < 2; ++i) {
    const again = await open(browser);
    times.push(again.milliseconds);
    await again.page.close();
  }
  report.milliseconds = Math.min(...times);

  const without = await open(browser, {}, () => {
    const original = HTMLCanvasElement.prototype.getContext;
    HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {
      return kind === "webgl2" ? null : original.call(this, kind, ...rest);
    };
  });
  report.fallback = await without.page.locator("#fallback").innerText();
  report.still = await without.page.locator("#fallback img").isVisible();
  report.stageWithout = await without.page.locator("#stage").isVisible();
  await browser.close();
  console.log(JSON.stringify(report));
}

main().catch((error) => { console.error(error); process.exit(1); });
