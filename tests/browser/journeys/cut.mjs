// The server dies while its page is open: the page says so, comes back by itself, and misses and repeats nothing.
import { LINES, gated } from "../apps.mjs";
import { says, sees, titled, visitor } from "../browser.mjs";
import { must } from "../until.mjs";

const LOST = "Connection lost, retrying";

export async function cut(world) {
  const { sextant, browser } = world;
  const { app, open } = await gated(sextant.folder, "cut");
  const id = await sextant.deploy(app, "cut");
  const page = await visitor(browser);
  await page.goto(await sextant.link(id));
  await says(page, `line ${LINES - 1}.`);
  const overview = await page.browserContext().newPage();
  await overview.goto(`${sextant.console}/`);
  await says(overview, "Building");
  await sextant.end("SIGKILL");
  await says(page, LOST);
  await says(overview, LOST);
  await sextant.start();
  const found = (lost) => !document.body.innerText.includes(lost);
  await sees(page, "that it is connected again", found, LOST);
  await open();
  await titled(page, "Deployed · cut");
  await sees(overview, "that it is connected again", found, LOST);
  await sees(overview, "the end of the deployment", (id) =>
    document.querySelector(`a[href="/deployments/${id}"]`)?.innerText.includes("Deployed"), id);
  const times = await page.$eval("#log", (log) => log.innerText.split("\n").filter((line) => line === "let go").length);
  must(times === 1, `the last line of the build stands there ${times} times`);
  must(page.faults.length === 0, page.faults.join("\n"));
  world.seen.cut = id;
  await page.browserContext().close();
}
