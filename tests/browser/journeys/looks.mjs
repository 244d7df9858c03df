// Every page as it is looked at: light and dark, on a phone, by keyboard, and by axe.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { desktop, phone, sees, shade, visitor } from "../browser.mjs";
import { must } from "../until.mjs";

/** What can be pressed, followed or filled in. */
const PRESSED = "a[href], button, input, textarea, select, summary";
const AXE = new URL("../node_modules/axe-core/axe.min.js", import.meta.url);

export async function looks(world) {
  const { sextant, browser } = world;
  const page = await visitor(browser);
  const stranger = await visitor(browser);
  await page.goto(await sextant.link());
  await sextant.run("tick", "--by", "7d");
  const axe = await readFile(AXE, "utf8");
  const faults = [];
  const look = async (tab, name, path) => {
    await tab.goto(path.startsWith("http") ? path : sextant.console + path);
    // A page that lists looks again as soon as it is connected; then it stays as it is.
    await sees(tab, "that it is live", () => !document.querySelector("[data-changes]:not([data-renewed])"));
    for (const check of [pictures, narrow, keyboard, accessible]) {
      for (const fault of await check(world, tab, name, axe)) faults.push(`${name}: ${fault}`);
    }
  };
  const { seen } = world;
  for (const [name, path] of [
    ["overview", "/"],
    ["deployment-deployed", `/deployments/${seen.deployed}`],
    ["deployment-failed", `/deployments/${seen.failed}`],
    ["deployment-rolled-back", `/deployments/${seen.rolledBack}`],
    ["deployment-taken-back", `/deployments/${seen.takenBack}`],
    ["service", "/services/shop"],
    ["service-stopped", "/services/till"],
    ["service-failed", "/services/broken"],
    ["learnings", "/learnings"],
    ["docs", "/docs"],
    ["docs-api", "/docs/api"],
    ["docs-settings", "/docs/settings"],
    ["errors", "/errors"],
    ["not-found", "/deployments/dep_nothing"],
    ["no-page", "/nothing/here"],
  ]) await look(page, name, path);
  const form = await sextant.form();
  for (const [name, path] of [
    ["sign-in", "/"],
    ["link-used", seen.usedLink],
    ["visitor-stopped", sextant.address("till")],
    ["visitor-nothing-serves", sextant.address("broken")],
    ["visitor-nowhere", sextant.address("nowhere")],
    ["feedback", form],
    ["feedback-unknown", form.replace(/[0-9a-f]+$/, "0".repeat(32))],
  ]) await look(stranger, name, path);
  await Promise.all([page, stranger].map((tab) => tab.browserContext().close()));
  must(faults.length === 0, faults.join("\n"));
}

async function pictures({ screenshots }, page, name) {
  for (const value of ["light", "dark"]) {
    await shade(page, value);
    await page.screenshot({ path: join(screenshots, `${name}-${value}.png`), fullPage: true });
  }
  return [];
}

/** Nothing is wider than a phone. */
async function narrow({ screenshots }, page, name) {
  await phone(page);
  const wide = await page.evaluate(() => {
    const width = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= width) return null;
    const over = [...document.body.querySelectorAll("*")].filter((one) => one.getBoundingClientRect().right > width + 1);
    return over.slice(0, 3).map((one) => one.outerHTML.slice(0, 120));
  });
  await page.screenshot({ path: join(screenshots, `${name}-phone.png`) });
  await desktop(page);
  return wide ? [`wider than 360 px: ${wide.join(" | ")}`] : [];
}

/** Tab reaches everything that can be pressed or followed, and where it is can be seen. */
async function keyboard(_world, page) {
  await page.evaluate(() => {
    document.activeElement?.blur();
    window.scrollTo(0, 0);
  });
  const reachable = await page.$$eval(PRESSED, (all) => {
    const shown = (one) => one.checkVisibility({ visibilityProperty: true }) && !one.disabled;
    // Of radios with one name, Tab reaches the group.
    const groups = new Set();
    return all.filter((one) => shown(one) && (one.type !== "radio" || !groups.has(one.name) && groups.add(one.name))).length;
  });
  const faults = [];
  const found = new Set();
  for (let step = 0; step < 3 * reachable + 10; step++) {
    await page.keyboard.press("Tab");
    const at = await page.evaluate((pressed) => {
      const one = document.activeElement;
      if (!one || one === document.body) return null;
      const key = [...document.querySelectorAll("*")].indexOf(one);
      const { outlineStyle, outlineWidth } = getComputedStyle(one);
      const seen = outlineStyle !== "none" && parseFloat(outlineWidth) >= 1;
      return { key, seen, counts: one.matches(pressed), html: one.outerHTML.slice(0, 120) };
    }, PRESSED);
    if (!at || found.has(at.key)) {
      if (found.size > 0 || step > 2) break;
      continue;
    }
    if (at.counts) found.add(at.key);
    if (!at.seen) faults.push(`the focus isn't seen on ${at.html}`);
  }
  if (found.size < reachable) faults.push(`Tab reaches ${found.size} of ${reachable} things`);
  return faults;
}

/** No serious finding of axe, light or dark. */
async function accessible(_world, page, _name, axe) {
  const faults = [];
  for (const value of ["light", "dark"]) {
    await shade(page, value);
    await page.evaluate(axe);
    // Whatever isn't a matter of colours is the same in the dark.
    const options = value === "dark" ? { runOnly: ["color-contrast", "link-in-text-block"] } : {};
    const violations = await page.evaluate(async (options) => (await window.axe.run(document, options)).violations, options);
    for (const { id, impact, help, nodes } of violations) {
      if (!["serious", "critical"].includes(impact)) continue;
      faults.push(`axe, ${value}: ${id}: ${help}: ${nodes.map((node) => node.html.slice(0, 120)).slice(0, 3).join(" | ")}`);
    }
  }
  return faults;
}
