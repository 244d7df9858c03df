// Journeys of a person through the console, in a real browser over the real binary. Ends with 1 if one fails.
//   node main.mjs SEXTANT CHROMIUM SCREENSHOTS [WORD]     WORD: only journeys whose name has it
import { mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { launch } from "./browser.mjs";
import { Sextant } from "./sextant.mjs";
import { canary } from "./journeys/canary.mjs";
import { cut } from "./journeys/cut.mjs";
import { failing } from "./journeys/failing.mjs";
import { first } from "./journeys/first.mjs";
import { looks } from "./journeys/looks.mjs";
import { rollback } from "./journeys/rollback.mjs";
import { signing } from "./journeys/signing.mjs";
import { stopped } from "./journeys/stopped.mjs";
import { variables } from "./journeys/variables.mjs";

/** In this order: later ones find what earlier ones left, and the last one looks at every page. */
const JOURNEYS = [
  ["an empty console and the first deploy, followed live", first],
  ["a failing app explained", failing],
  ["variables kept across a redeploy", variables],
  ["rolled back and undone from the page", rollback],
  ["a canary failing on real requests", canary],
  ["the stream cut and resumed", cut],
  ["a link that was used, and one that works", signing],
  ["a visitor of an app that is stopped", stopped],
  ["every page: light, dark, phone, keyboard, axe", looks],
];

const [binary, chromium, screenshots, only = ""] = process.argv.slice(2);
await rm(screenshots, { recursive: true, force: true });
await mkdir(screenshots, { recursive: true });

const sextant = await Sextant.new(binary);
const browser = await launch(chromium);
let failed = 0;
try {
  await sextant.start();
  const world = { sextant, browser, screenshots, seen: {} };
  for (const [name, journey] of JOURNEYS.filter(([name]) => name.includes(only))) {
    const began = Date.now();
    try {
      await journey(world);
      console.log(`ok      ${name} (${((Date.now() - began) / 1000).toFixed(1)} s)`);
    } catch (error) {
      failed += 1;
      console.log(`FAILED  ${name}\n        ${error.message.replaceAll("\n", "\n        ")}`);
    }
  }
  if (failed) console.error(await readFile(join(sextant.folder, "log"), "utf8"));
} finally {
  await browser.close();
  await sextant.throwAway();
}
console.log(`${JOURNEYS.length - failed} passed, ${failed} failed. Screenshots are in ${screenshots}`);
process.exitCode = failed ? 1 : 0;
