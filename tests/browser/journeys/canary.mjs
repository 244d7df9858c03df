// A release that passes its probe and fails people: the page follows how it is caught and taken back, in words first.
import { readFile, writeFile, cp } from "node:fs/promises";
import { request, Agent } from "node:http";
import { join } from "node:path";
import { example } from "../apps.mjs";
import { says, titled, visitor } from "../browser.mjs";
import { shot } from "../shots.mjs";
import { must, until } from "../until.mjs";

/** Windows are a second on a machine: three of them, and 59 requests at each weight, before it may pass. */
const POLICY = { bake_windows: 3, min_requests: 59, deadline_windows: 60 };

export async function canary(world) {
  const { sextant, browser } = world;
  await sextant.deployed(example("node-http"), "till");
  const crowd = new Crowd(sextant.ingress, "till.localhost");
  try {
    await until("500 answers before the shift", () => crowd.answers > 500);
    const { deployment_id: id } = await sextant.api("/api/v1/deployments", {
      method: "POST",
      body: JSON.stringify({ path: await faulty(sextant.folder), service: "till", strategy: "canary", canary: POLICY }),
    });
    const page = await visitor(browser);
    await page.goto(await sextant.link(id));
    await titled(page, "Shifting traffic · till");
    await says(page, "Shift of traffic");
    await shot(world, page, "deployment-shifting");
    await titled(page, "Rolled back · till");
    await says(page, "What went wrong");
    await says(page, "requests to it failed");
    must(page.faults.length === 0, page.faults.join("\n"));
    world.seen.takenBack = id;
    await page.browserContext().close();
  } finally {
    crowd.leaves();
  }
}

/** `node-http`, healthy by its own word, that fails half of what people ask. */
async function faulty(folder) {
  const app = join(folder, "faulty");
  await cp(example("node-http"), app, { recursive: true });
  const server = await readFile(join(app, "server.js"), "utf8");
  const healthy = `request.url === "/"`;
  must(server.includes(healthy), "node-http is written differently now");
  await writeFile(
    join(app, "server.js"),
    `let asked = 0;\n${server.replace(healthy, `request.url === "/" && ++asked % 2`)}`.replace(
      "response.statusCode = 404;",
      `console.error("Error: no such table: orders");\n    response.statusCode = 500;`,
    ),
  );
  return app;
}

/** People who ask all the time, eight at once. */
class Crowd {
  answers = 0;
  #agent = new Agent({ keepAlive: true });
  #gone = false;

  constructor(port, host) {
    for (let one = 0; one < 8; one++) this.#ask(port, host);
  }

  #ask(port, host) {
    if (this.#gone) return;
    const again = () => setTimeout(() => this.#ask(port, host), 10);
    const asked = request({ port, host: "127.0.0.1", agent: this.#agent, headers: { host } }, (answer) => {
      this.answers += 1;
      answer.resume().on("end", again);
    });
    asked.on("error", again).end();
  }

  leaves() {
    this.#gone = true;
    this.#agent.destroy();
  }
}
