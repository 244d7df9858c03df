// Variables belong to the service: what was set stays when the same thing is deployed again from the service's page.
import { press, says, titled, visitor } from "../browser.mjs";
import { must, until } from "../until.mjs";

export async function variables(world) {
  const { sextant, browser } = world;
  await sextant.run("env", "set", "APP_VERSION=blue", "GREETING=hello <b>", "--service", "shop");
  const page = await visitor(browser);
  await page.goto(await sextant.link("shop"));
  await says(page, "APP_VERSION");
  await says(page, "hello <b>");
  await press(page, "Deploy again");
  // What it makes is followed at once.
  await page.waitForFunction(() => location.pathname.startsWith("/deployments/"));
  await titled(page, "Deployed · shop");
  world.seen.again = page.url().split("/").at(-1);
  const answer = await until("the new revision to answer", async () => {
    const text = await sextant.visit("shop");
    return text.includes("blue") && text;
  });
  must(answer === "hello from node-http blue\n", `it answers ${answer}`);
  await page.goto(`${sextant.console}/services/shop`);
  await says(page, "hello <b>");
  must(page.asked.length === 1, `it asked ${page.asked.length} times before it deployed again`);
  must(page.faults.length === 0, page.faults.join("\n"));
  await page.browserContext().close();
}
