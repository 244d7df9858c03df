// The real binary on a data folder of its own: started, stopped, killed and asked as people do it.
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { request } from "node:http";
import { mkdtemp, readFile, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { until } from "./until.mjs";

const run = promisify(execFile);

export class Sextant {
  /** A folder that is thrown away at the end. */
  static async new(binary) {
    const folder = await mkdtemp(join(tmpdir(), "sextant-browser-"));
    return new Sextant(binary, folder);
  }

  constructor(binary, folder) {
    this.binary = binary;
    this.folder = folder;
    this.data = join(folder, "data");
    this.log = createWriteStream(join(folder, "log"), { flags: "a" });
  }

  /** Starts it, at the ports it had before if it ran before. */
  async start() {
    const port = this.url ? new URL(this.url).port : "0";
    const args = ["--json", "--data", this.data, "up", "--port", port, "--ingress-port", String(this.ingress ?? 0)];
    const process = spawn(this.binary, [...args, "--stop-apps", "--no-limits", "on"], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    process.stderr.pipe(this.log, { end: false });
    this.process = process;
    let said = "";
    process.stdout.on("data", (chunk) => (said += chunk));
    await until("`sextant up` to say where it is", async () => {
      if (process.exitCode !== null) throw new Error(`it ended: ${await readFile(join(this.folder, "log"), "utf8")}`);
      return said.includes("\n");
    });
    const { url, token, ingress_port } = JSON.parse(await readFile(join(this.data, "up.json"), "utf8"));
    // Browsers are signed in at the name that links have.
    const console = url.replace("127.0.0.1", "localhost");
    Object.assign(this, { url, console, token, ingress: ingress_port });
  }

  /** Ends it: with SIGTERM it says goodbye, with SIGKILL it can't. */
  async end(signal) {
    const process = this.process;
    if (!process || process.exitCode !== null || process.signalCode !== null) return;
    const gone = once(process, "exit");
    process.kill(signal);
    await gone;
  }

  async throwAway() {
    await this.end("SIGTERM");
    // Where it was killed, its apps go on.
    await this.run("down", "--apps").catch(() => {});
    this.log.end();
    await rm(this.folder, { recursive: true, force: true });
  }

  /** Runs the command line to its end, and gives what it printed. */
  async run(...args) {
    const { stdout } = await run(this.binary, ["--json", "--data", this.data, ...args], { maxBuffer: 1 << 26 });
    return stdout;
  }

  /** What the command line prints, as JSON. */
  async cli(...args) {
    return JSON.parse(await this.run(...args));
  }

  /** A link that signs a browser in, once, and leads to a page. */
  async link(what) {
    const { link } = await this.cli("open", ...(what ? [what] : []), "--print");
    return link;
  }

  /** An answer of the API. */
  async api(path, options = {}) {
    const headers = { authorization: `Bearer ${this.token}`, "content-type": "application/json" };
    const answer = await fetch(this.url + path, { ...options, headers });
    const body = await answer.json();
    if (!answer.ok) throw new Error(`${path} answered ${answer.status}: ${JSON.stringify(body)}`);
    return body;
  }

  /** Begins a deployment of a folder and gives its id. */
  async deploy(folder, service, ...more) {
    const args = ["deploy", folder, "--service", service, "--strategy", "instant", "--no-wait", ...more];
    return (await this.cli(...args)).deployment_id;
  }

  /** Deploys a folder, waits until that came to rest, and gives its id. */
  async deployed(folder, service, ...more) {
    return this.atRest(await this.deploy(folder, service, ...more));
  }

  /** Waits until a deployment is at rest. */
  async atRest(id) {
    await until(`${id} to come to rest`, async () => (await this.api(`/api/v1/deployments/${id}`)).ended_at);
    return id;
  }

  /** Where a service answers, for browsers: they know that every such name is this machine. */
  address(service) {
    return `http://${service}.localhost:${this.ingress}/`;
  }

  /** What a service answers. */
  visit(service) {
    return new Promise((answered, failed) => {
      const headers = { host: `${service}.localhost` };
      const asked = request({ host: "127.0.0.1", port: this.ingress, headers }, (answer) => {
        let text = "";
        answer.on("data", (chunk) => (text += chunk)).on("end", () => answered(text));
      });
      asked.on("error", failed).end();
    });
  }

  /** The address of the form in the newest mail that has one. */
  async form() {
    return until("a mail that asks", async () => {
      for (const name of await readdir(join(this.data, "mail")).catch(() => [])) {
        const mail = (await readFile(join(this.data, "mail", name), "utf8")).replaceAll("=\r\n", "");
        const found = mail.match(/http[^\s<>]*\/feedback\/[0-9a-f]+/);
        if (found) return found[0];
      }
    });
  }
}
