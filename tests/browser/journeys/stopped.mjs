// What a visitor of an app meets when it is stopped, when nothing serves, and under a name that leads nowhere.
import { press, says, sees, visitor, words } from "../browser.mjs";
import { must } from "../until.mjs";

export async function stopped(world) {
  const { sextant, browser } = world;
  const page = await visitor(browser);
  await page.goto(await sextant.link("till"));
  await press(page, "Stop");
  await sees(page, "that it is stopped", () => document.querySelector(".badge, .held")?.innerText.includes("Stopped"));
  const stranger = await visitor(browser);
  for (const [address, status] of [
    [sextant.address("till"), 503],
    [sextant.address("broken"), 503],
    [sextant.address("nowhere"), 404],
  ]) {
    const answer = await stranger.goto(address);
    must(answer.status() === status, `${address} was answered ${answer.status()}`);
    const said = await words(stranger);
    must(!/shop|till-|sextant|revision/i.test(said), `a visitor is told of what is inside:\n${said}`);
    const loaded = await stranger.evaluate(() => performance.getEntriesByType("resource").length);
    must(loaded === 0, `the page of ${address} loads ${loaded} things`);
  }
  await press(page, "Start");
  await sees(page, "that it serves", () => !document.body.innerText.includes("Stopped by"));
  await sextant.run("stop", "till");
  for (const one of [stranger, page]) await one.browserContext().close();
}
