// A release that works and isn't wanted: taken back by a button, and brought back by another.
import { press, says, sees, titled, visitor } from "../browser.mjs";
import { must, until } from "../until.mjs";

const revisionThatServes = (rows) =>
  [...rows.querySelectorAll("li")].find((row) => row.innerText.includes("Serving"))?.querySelector("code").innerText;

/** Runs in the page. */
const otherServes = (before) => {
  const row = [...document.querySelectorAll("#revisions li")].find((row) => row.innerText.includes("Serving"));
  const now = row?.querySelector("code").innerText;
  return now !== undefined && now !== before;
};

export async function rollback(world) {
  const { sextant, browser } = world;
  await sextant.run("env", "set", "APP_VERSION=unwanted", "--service", "shop");
  const [{ deployment_id: id }] = (await sextant.api("/api/v1/deployments?service=shop&limit=1")).deployments;
  const answers = (version) =>
    until(`the app to answer as ${version}`, async () => (await sextant.visit("shop")).includes(version));
  await answers("unwanted");
  const page = await visitor(browser);
  await page.goto(await sextant.link(id));
  await titled(page, "Deployed · shop");
  await press(page, "Roll back");
  await titled(page, "Rolled back · shop");
  await answers("blue");
  world.seen.rolledBack = id;

  await press(page, "Undo the rollback");
  await sees(page, "the deployment that undoes it", (id) => !location.pathname.endsWith(id), id);
  await titled(page, "Deployed · shop");
  await answers("unwanted");

  // And back again from the service's page, by revision.
  await page.goto(`${sextant.console}/services/shop`);
  await says(page, "Revisions that can take traffic");
  const serving = await page.$eval("#revisions", revisionThatServes);
  await press(page, "Go back to it");
  await sees(page, "another revision serving", otherServes, serving);
  must(page.asked.length === 3, `it asked ${page.asked.length} times: ${page.asked}`);
  must(page.faults.length === 0, page.faults.join("\n"));
  await page.browserContext().close();
}
