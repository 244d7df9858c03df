// Chromium, and what a person does with a page: look, press, wait until it says something.
import puppeteer from "puppeteer-core";
import { PATIENCE_MS } from "./until.mjs";

/** A desktop's window. */
const WIDE = { width: 1200, height: 900 };

export async function launch(executablePath) {
  return puppeteer.launch({
    executablePath,
    // Everything runs as root in CI, where Chromium's own sandbox refuses to.
    args: ["--no-sandbox", "--disable-dev-shm-usage", "--no-proxy-server"],
    protocolTimeout: PATIENCE_MS,
    timeout: PATIENCE_MS,
  });
}

/** A browser that nobody is signed in with; what goes wrong on its pages is kept in `faults`. */
export async function visitor(browser) {
  const context = await browser.createBrowserContext();
  const page = await context.newPage();
  await page.setViewport(WIDE);
  page.setDefaultTimeout(PATIENCE_MS);
  page.faults = [];
  page.asked = [];
  page.on("pageerror", (error) => page.faults.push(`${page.url()}: ${error.message}`));
  page.on("console", (line) => {
    if (/Content.Security.Policy/i.test(line.text())) page.faults.push(`${page.url()}: ${line.text()}`);
  });
  page.on("dialog", async (dialog) => {
    page.asked.push(dialog.message());
    await dialog.accept();
  });
  return page;
}

/** What stands on the page. */
export const words = (page) => page.evaluate(() => document.body.innerText);

/** Waits until a look at the page, a function that runs there, is true. */
export async function sees(page, what, look, ...given) {
  try {
    await page.waitForFunction(look, { polling: 50 }, ...given);
  } catch (error) {
    // After a pause of the whole machine the limit is over before anything was looked at.
    if (await page.evaluate(look, ...given).catch(() => false)) return;
    const title = await page.title().catch(() => "?");
    const said = await words(page).catch(() => error.message);
    const short = said.length > 3000 ? `${said.slice(0, 1500)}\n…\n${said.slice(-1500)}` : said;
    throw new Error(`${page.url()} never showed ${what}. Its title is “${title}”; it says:\n${short}`);
  }
}

/** Waits until words stand on the page. */
export const says = (page, text) =>
  sees(page, `“${text}”`, (text) => document.body.innerText.includes(text), text);

/** Waits until the title begins so. */
export const titled = (page, text) =>
  sees(page, `a title that begins with “${text}”`, (text) => document.title.startsWith(text), text);

/** Presses the button that is named so, once it is there and can be pressed. */
export async function press(page, label) {
  const named = (label) =>
    [...document.querySelectorAll("button")].find((one) => one.innerText.trim() === label && !one.disabled);
  await sees(page, `a button “${label}”`, named, label);
  await page.evaluate((label) => {
    [...document.querySelectorAll("button")].find((one) => one.innerText.trim() === label && !one.disabled).click();
  }, label);
}

/** Light or dark, as the visitor's system is set. */
export const shade = (page, value) => page.emulateMediaFeatures([{ name: "prefers-color-scheme", value }]);

export const phone = (page) => page.setViewport({ width: 360, height: 740, isMobile: true, hasTouch: true });
export const desktop = (page) => page.setViewport(WIDE);
