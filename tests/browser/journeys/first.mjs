// The console of somebody who has deployed nothing yet, then a first deploy on the page from its first line to its last.
import { LINES, gated } from "../apps.mjs";
import { press, says, sees, shade, titled, visitor, words } from "../browser.mjs";
import { must } from "../until.mjs";
import { shot } from "../shots.mjs";

export async function first(world) {
  const { sextant, browser } = world;
  const page = await visitor(browser);
  await page.goto(await sextant.link());
  await says(page, "Nothing is deployed yet");
  await shot(world, page, "overview-empty");

  const { app, open } = await gated(sextant.folder, "first");
  const id = await sextant.deploy(app, "shop");
  await sees(page, "the new deployment by itself", (id) => document.querySelector(`a[href="/deployments/${id}"]`), id);

  await page.goto(await sextant.link(id));
  await titled(page, "Building · shop");
  await says(page, "green, red <b>bold</b> and plain");
  const streamed = await coloured(page);
  await page.reload();
  must((await coloured(page)) === streamed, "the server colours a line otherwise than the script does");
  await shot(world, page, "deployment-building");
  await wholeLog(page);
  await says(page, "updated");
  await open();
  await titled(page, "Deployed · shop");
  await says(page, "let go");
  must(page.url().endsWith(id), `the page was left for ${page.url()}`);
  const address = await page.$eval("a.url", (link) => link.href);
  must(address === sextant.address("shop"), `its address is ${address}`);
  await page.goto(address);
  await says(page, "hello from node-http 1");
  must(page.faults.length === 0, page.faults.join("\n"));
  world.seen.deployed = id;
  await page.browserContext().close();
}

/** Colours of a log are colours on the page, light and dark, and what looks like markup is text; gives that line. */
async function coloured(page) {
  let line = "";
  for (const value of ["light", "dark"]) {
    await shade(page, value);
    const found = await page.evaluate(() => {
      const log = document.getElementById("log");
      const of = (text) => [...log.querySelectorAll("span")].filter((span) => span.textContent.startsWith(text)).at(-1);
      const paint = (text) => of(text) && getComputedStyle(of(text));
      return {
        plain: getComputedStyle(log).color,
        green: paint("green")?.color,
        weight: Number(paint("green")?.fontWeight),
        red: paint("red <b>bold")?.color,
        markup: log.querySelector("b") !== null,
        html: of("green")?.closest("#log > span").innerHTML,
      };
    });
    const { plain, green, red, weight, markup } = found;
    line = found.html;
    must(new Set([plain, green, red]).size === 3, `colours of the log are no colours in ${value}: ${JSON.stringify(found)}`);
    must(weight >= 600 && !markup, `bold isn't bold, or text became markup: ${JSON.stringify(found)}`);
  }
  return line;
}

/** The page begins with the newest lines; the first one is reached from it. */
async function wholeLog(page) {
  must(!(await words(page)).includes("line 0.\n"), "the page began with the whole log");
  await press(page, "Show earlier ones");
  await sees(page, "an earlier page of the log", () => document.getElementById("log").innerText.includes("line 500."));
  await press(page, "Show earlier ones");
  await sees(page, "the log's first line", () => document.getElementById("log").innerText.includes("line 0.\n"));
  const lines = await page.$eval("#log", (log) => log.innerText.split("\n").filter((line) => /^line \d+\.$/.test(line)));
  must(lines.length === LINES, `the log has ${lines.length} of ${LINES} lines`);
  must(lines.every((line, n) => line === `line ${n}.`), "the log's lines are out of order");
}
