// Who isn't signed in, or opens a link a second time, is told how to get another one; and that one works.
import { says, visitor } from "../browser.mjs";
import { must } from "../until.mjs";

/** A page of ours, not bare words: it has our style, the way to a new link, and no code. */
export async function helps(page) {
  await says(page, "sextant open");
  const looks = await page.evaluate(() => ({
    styled: getComputedStyle(document.body).fontFamily.includes("system-ui"),
    brand: document.querySelector(".brand") !== null,
    language: document.documentElement.lang,
    heading: document.querySelectorAll("h1").length,
  }));
  must(looks.styled && looks.brand && looks.language === "en" && looks.heading === 1, `it is bare: ${JSON.stringify(looks)}`);
}

export async function signing(world) {
  const { sextant, browser } = world;
  const stranger = await visitor(browser);
  const answer = await stranger.goto(`${sextant.console}/`);
  must(answer.status() === 401, `a stranger was answered ${answer.status()}`);
  await helps(stranger);
  await says(stranger, "Sign in");

  const link = await sextant.link();
  const page = await visitor(browser);
  await page.goto(link);
  await says(page, "Overview");
  const second = await stranger.goto(link);
  must(second.status() === 410, `a used link was answered ${second.status()}`);
  await helps(stranger);
  await stranger.goto(await sextant.link("shop"));
  await says(stranger, "Revisions that can take traffic");
  world.seen.usedLink = link;
  for (const one of [stranger, page]) {
    must(one.faults.length === 0, one.faults.join("\n"));
    await one.browserContext().close();
  }
}
