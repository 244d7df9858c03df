// An app that ends at once: its page says why in the app's own words, and what to do, and links nothing that is dead.
import { example } from "../apps.mjs";
import { says, titled, visitor, words } from "../browser.mjs";
import { must } from "../until.mjs";

export async function failing(world) {
  const { sextant, browser } = world;
  const page = await visitor(browser);
  const id = await sextant.deploy(example("exits-at-once"), "broken");
  await page.goto(await sextant.link(id));
  await titled(page, "Failed · broken");
  await says(page, "What went wrong");
  await says(page, "What to do:");
  await says(page, "no configuration, giving up");
  const dead = await page.$$eval("a", (links) => links.map((link) => link.href).filter((to) => to.includes(".localhost")));
  must(dead.length === 0, `nothing serves, and the page links ${dead}`);
  const said = await words(page);
  must(!said.includes("http://broken.localhost"), `nothing serves, and the page shows its address:\n${said}`);
  await page.goto(`${sextant.console}/services/broken`);
  await says(page, "None has proved itself yet");
  must((await page.$("a.url")) === null, "nothing serves, and the service's page links it");
  must(page.faults.length === 0, page.faults.join("\n"));
  world.seen.failed = id;
  await page.browserContext().close();
}
