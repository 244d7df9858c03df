// Apps that journeys deploy: those of tests/apps, and one whose build waits until it is let go.
import { cp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** One of tests/apps. */
export const example = (name) => fileURLToPath(new URL(`../apps/${name}`, import.meta.url));

/** Lines that the build writes before it waits: more than a page begins with. */
export const LINES = 1500;

/** `node-http` with a build that writes coloured lines and waits until `open` was called. */
export async function gated(folder, name) {
  const app = join(folder, name);
  const gate = join(folder, `${name}.open`);
  await cp(example("node-http"), app, { recursive: true });
  const manifest = JSON.parse(await readFile(join(app, "package.json"), "utf8"));
  manifest.scripts.build = "node build.js";
  await writeFile(join(app, "package.json"), JSON.stringify(manifest));
  await writeFile(join(app, "build.js"), build(gate));
  return { app, open: () => writeFile(gate, "") };
}

const build = (gate) => `
for (let n = 0; n < ${LINES}; n++) console.log("line " + n + ".");
console.log("\\x1b[1;32mgreen\\x1b[0m, \\x1b[31mred <b>bold</b>\\x1b[0m and plain");
const { existsSync } = require("node:fs");
const look = () => existsSync(${JSON.stringify(gate)}) ? console.log("let go") : setTimeout(look, 50);
look();
`;
