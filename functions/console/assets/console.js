// Follows one deployment, and posts what buttons say to the API. Pages are whole without this.
"use strict";
document.documentElement.classList.add("js");

let most_lines = 2000;

/** A log's text as it may be shown: colours are left out, what else acts on a terminal or turns text around is seen. */
function visible(text) {
  const acts = /[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;
  return text.replace(/\u001b\[[0-9;:]*m/g, "").replace(acts, (c) => {
    const code = c.charCodeAt(0);
    if (c === "\r") return "\\r";
    if (c === "\n") return "\\n";
    return code < 128 ? "\\x" + code.toString(16).padStart(2, "0") : "\\u{" + code.toString(16) + "}";
  });
}

/** One line of a log as an element. */
function logged(line) {
  const span = document.createElement("span");
  span.className = ["out", "err", "sys", "end"].includes(line.stream) ? line.stream : "out";
  span.textContent = visible(line.text) + "\n";
  return span;
}

/** Puts the lines before the first one in place, page by page. */
document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-earlier]");
  if (!button) return;
  button.disabled = true;
  try {
    const answer = await fetch(button.dataset.earlier + button.dataset.place, { headers: { accept: "application/json" } });
    if (answer.ok) {
      const page = await answer.json();
      const log = document.getElementById("log");
      const from_end = log.scrollHeight - log.scrollTop;
      most_lines += page.lines.length;
      log.prepend(...page.lines.reverse().map(logged));
      log.scrollTop = log.scrollHeight - from_end;
      button.dataset.place = page.next;
      if (page.end) return void document.getElementById("earlier").remove();
    }
  } catch {
    // The button can be pressed again.
  }
  button.disabled = false;
});

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
          const place = document.getElementById(slot.dataset.slot);
          // What somebody opened or closed stays as it is.
          const folds = [...place.querySelectorAll("details")].map((fold) => fold.open);
          place.replaceChildren(...slot.childNodes);
          const now = place.querySelectorAll("details");
          if (now.length === folds.length) now.forEach((fold, index) => (fold.open = folds[index]));
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

function follow(live, events) {
  const log = document.getElementById("log");
  const refresh = refresher(live);
  const source = new EventSource(events);
  let last = "";
  // A refusal (too many streams) ends the source for good: another one goes on at the same place.
  source.addEventListener("error", () => {
    if (source.readyState !== EventSource.CLOSED) return;
    const path = live.dataset.events.split("?")[0];
    setTimeout(() => follow(live, last ? path + "?after=" + last : events), 10000);
  });
  for (const kind of ["log", "status", "reset"]) source.addEventListener(kind, (event) => (last = event.lastEventId));
  log.scrollTop = log.scrollHeight;
  source.addEventListener("log", (event) => {
    const line = JSON.parse(event.data);
    const at_end = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
    log.append(logged(line));
    while (log.childElementCount > most_lines) log.firstElementChild.remove();
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
if (live?.dataset.events) follow(live, live.dataset.events);
