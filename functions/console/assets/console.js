// Follows one deployment, and posts what buttons say to the API. Pages are whole without this.
"use strict";
document.documentElement.classList.add("js");

const MOST_LINES = 2000;

/** What a button does: one request; the answer's own words are shown beside it. */
document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-post]");
  if (!button || (button.dataset.confirm && !confirm(button.dataset.confirm))) return;
  const group = button.closest(".buttons");
  const output = group.querySelector("output");
  const enable = (on) => group.querySelectorAll("button").forEach((one) => (one.disabled = !on));
  enable(false);
  output.textContent = "…";
  try {
    const answer = await fetch(button.dataset.post, {
      method: "POST",
      headers: { "content-type": "application/json", accept: "application/json" },
      body: button.dataset.body,
    });
    const said = await answer.json();
    output.textContent = said.message || said.detail || answer.statusText;
    output.className = answer.ok ? "" : "bad";
  } catch {
    output.textContent = "The server can't be reached. Nothing is known of what became of this; look again before you repeat it.";
    output.className = "bad";
  }
  enable(true);
});

/** Puts the changed part of a deployment's page in place: one request at a time, the newest last. */
function refresher(live) {
  let under_way = false;
  let again = false;
  return async function refresh() {
    if (under_way) return void (again = true);
    under_way = true;
    try {
      const answer = await fetch(live.dataset.part, { headers: { accept: "text/html" } });
      if (answer.ok) {
        const said = live.querySelector(".buttons output")?.cloneNode(true);
        const part = new DOMParser().parseFromString(await answer.text(), "text/html");
        for (const slot of part.querySelectorAll("[data-slot]")) {
          document.getElementById(slot.dataset.slot).replaceChildren(...slot.childNodes);
        }
        const output = live.querySelector(".buttons output");
        if (said && output) output.replaceWith(said);
      }
    } catch {
      // The stream comes back by itself, and with it the next refresh.
    }
    await new Promise((done) => setTimeout(done, 200));
    under_way = false;
    if (again) {
      again = false;
      refresh();
    }
  };
}

function follow(live) {
  const log = document.getElementById("log");
  const refresh = refresher(live);
  const source = new EventSource(live.dataset.events);
  log.scrollTop = log.scrollHeight;
  source.addEventListener("log", (event) => {
    const line = JSON.parse(event.data);
    const at_end = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
    const span = document.createElement("span");
    span.className = ["out", "err", "sys", "end"].includes(line.stream) ? line.stream : "out";
    span.textContent = line.text + "\n";
    log.append(span);
    while (log.childElementCount > MOST_LINES) log.firstElementChild.remove();
    if (at_end) log.scrollTop = log.scrollHeight;
    document.getElementById("no-log")?.remove();
  });
  source.addEventListener("reset", (event) => {
    if (JSON.parse(event.data).log_from === "0:0") log.replaceChildren();
    refresh();
  });
  source.addEventListener("status", refresh);
  source.addEventListener("canary", refresh);
  source.addEventListener("done", () => {
    source.close();
    refresh();
  });
}

const live = document.getElementById("live");
if (live?.dataset.events) follow(live);
