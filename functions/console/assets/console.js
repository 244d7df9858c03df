// Follows what a page shows, and posts what buttons say to the API. Pages are whole without this.
"use strict";
document.documentElement.classList.add("js");

let most_lines = 2000;

/** How long something took, in the words of the server. */
function duration(ms) {
  const s = Math.floor(ms / 1000);
  if (ms < 1000) return `${Math.floor(ms)} ms`;
  if (s < 10) return `${(ms / 1000).toFixed(1)} s`;
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  return `${Math.floor(s / 3600)} h ${Math.floor(s / 60) % 60} min`;
}

/** How long ago something was, in the words of the server. */
function ago(ms) {
  const s = Math.floor(ms / 1000);
  if (s < 5) return "just now";
  if (s < 60) return `${s} s ago`;
  if (s < 3600) return `${Math.floor(s / 60)} min ago`;
  if (s < 2 * 86400) return `${Math.floor(s / 3600)} h ago`;
  return `${Math.floor(s / 86400)} days ago`;
}

/** Says whether what stands on the page is how things stand, and since when. */
const pulse = {
  place: document.querySelector(".pulse"),
  heard_at: Date.now(),
  lost_at: null,
  words: "",
  heard() {
    this.heard_at = Date.now();
    this.lost_at = null;
    this.words = "Live";
    this.show();
  },
  lost() {
    this.lost_at ??= Date.now();
  },
  ended: false,
  /** Nothing is waited for any more. */
  over(words) {
    this.ended = true;
    this.words = words;
    this.lost_at = null;
    this.show();
    this.place = null;
  },
  show() {
    if (!this.place) return;
    // A stream ends now and then, and is back within a second.
    const lost = this.lost_at !== null && Date.now() - this.lost_at > 1500;
    const [status, age] = this.place.children;
    const words = lost ? "Connection lost, retrying" : this.words;
    this.place.hidden = words === "";
    this.place.classList.toggle("lost", lost);
    // Only what is new is said aloud.
    if (status.textContent !== words) status.textContent = words;
    const since = ago(Date.now() - this.heard_at);
    age.textContent = words === "Live" || lost ? `· updated ${since}` : "";
  },
};

/** What goes on by itself between two answers of the server. */
function tick() {
  pulse.show();
  for (const element of document.querySelectorAll("[data-ms]")) {
    element.since ??= Date.now() - Number(element.dataset.ms);
    const ms = Date.now() - element.since;
    const words = element.classList.contains("ticking") ? duration(ms) : ago(ms);
    if (ms >= 0 && element.textContent !== words) element.textContent = words;
  }
}
tick();
setInterval(tick, 1000);

/** Puts the lines before the first one in place, page by page. */
async function earlier(button) {
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
}

const groups = () => [...document.querySelectorAll(".buttons")];

/** What a button does: one request; the answer's own words are shown beside it, and a new deployment is followed. */
async function post(button) {
  if (button.dataset.confirm && !confirm(button.dataset.confirm)) return;
  // The page may be renewed meanwhile: the group is found again by its place.
  const place = groups().indexOf(button.closest(".buttons"));
  const say = (text, bad) => {
    const output = groups()[place]?.querySelector("output");
    if (!output) return;
    output.textContent = text;
    output.className = bad ? "bad" : "";
  };
  const enable = (on) => groups()[place]?.querySelectorAll("button").forEach((one) => (one.disabled = !on));
  enable(false);
  say("…", false);
  try {
    const answer = await fetch(button.dataset.post, {
      method: "POST",
      headers: { "content-type": "application/json", accept: "application/json" },
      body: button.dataset.body,
    });
    const said = await answer.json();
    if (answer.ok && said.events_url && said.deployment_id) {
      return void location.assign("/deployments/" + said.deployment_id);
    }
    say(said.message || said.detail || answer.statusText, !answer.ok);
  } catch {
    say("The server can't be reached. Nothing is known of what became of this; look again before you repeat it.", true);
  }
  enable(true);
}

async function copy(button) {
  const label = button.textContent;
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.textContent = "Copied";
  } catch {
    button.textContent = "Not allowed";
  }
  setTimeout(() => (button.textContent = label), 2000);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button?.dataset.post) post(button);
  if (button?.dataset.earlier) earlier(button);
  if (button?.dataset.copy) copy(button);
});

/** Puts new content in a place; what somebody opened, what was answered, and where the keyboard is, stays. */
function renew(place, nodes) {
  const folds = [...place.querySelectorAll("details")].map((fold) => fold.open);
  const said = [...place.querySelectorAll(".buttons output")];
  const name = (one) =>
    [one.tagName, one.dataset.post, one.dataset.body, one.getAttribute("href"), one.dataset.copy].join();
  const likes = (name_of) => [...place.querySelectorAll("a, button, summary")].filter((one) => name(one) === name_of);
  const active = document.activeElement;
  const at = place.contains(active) ? name(active) : null;
  const which = at === null ? -1 : likes(at).indexOf(active);
  place.replaceChildren(...nodes);
  const now = place.querySelectorAll("details");
  if (now.length === folds.length) now.forEach((fold, index) => (fold.open = folds[index]));
  place.querySelectorAll(".buttons output").forEach((output, index) => said[index] && output.replaceWith(said[index]));
  if (which >= 0) likes(at)[which]?.focus({ preventScroll: true });
}

/** Puts what changed in place: one request at a time, the newest last. */
function refresher(live) {
  let under_way = false;
  let again = false;
  return async function refresh() {
    if (under_way) return void (again = true);
    under_way = true;
    try {
      const answer = await fetch(live.dataset.part ?? location.href, { headers: { accept: "text/html" } });
      if (answer.ok) {
        const part = new DOMParser().parseFromString(await answer.text(), "text/html");
        for (const slot of part.querySelectorAll("[data-slot]")) {
          renew(document.getElementById(slot.dataset.slot), slot.childNodes);
        }
        document.title = document.querySelector("[data-title]")?.dataset.title ?? (part.title || document.title);
        live.dataset.renewed = "";
        pulse.heard();
        tick();
      } else if (answer.status === 401) {
        pulse.over("Your session is over: `sextant open` makes a new link.");
      } else if (answer.status === 404) {
        location.assign("/");
      } else {
        // What changed stays unseen until it is asked for again.
        pulse.lost();
        setTimeout(refresh, 2000);
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

/** A page that nobody looks at gives its stream back after so long: a browser has few for all pages of a server. */
const UNSEEN_MS = 30000;

/** Opens a stream and keeps it open while somebody looks; `place` says from where it goes on. `hear` gets it and a way
 * to be done with it. */
function listen(place, refresh, hear) {
  let source = null;
  let timer = null;
  let done = false;
  const close = () => {
    clearTimeout(timer);
    source?.close();
    source = null;
  };
  const stop = () => {
    done = true;
    close();
  };
  const open = () => {
    if (done || pulse.ended) return;
    close();
    source = new EventSource(place());
    source.addEventListener("open", () => (pulse.lost_at === null ? pulse.heard() : refresh()));
    source.addEventListener("error", () => {
      pulse.lost();
      if (source?.readyState !== EventSource.CLOSED) return;
      // A refusal (too many streams, nobody signed in) ends the source for good: another one goes on at the same place.
      source = null;
      refresh();
      timer = setTimeout(open, 10000);
    });
    hear(source, stop);
  };
  document.addEventListener("visibilitychange", () => {
    if (done) return;
    if (document.hidden) {
      clearTimeout(timer);
      timer = setTimeout(close, UNSEEN_MS);
    } else if (source) {
      clearTimeout(timer);
    } else {
      refresh();
      open();
    }
  });
  open();
}

/** A page that lists, or of what is at rest, is renewed whenever something changed. */
function watch(live) {
  const refresh = refresher(live);
  listen(() => live.dataset.changes, refresh, (source) => source.addEventListener("changed", refresh));
}

/** A deployment is followed by its story and its log until it is at rest. */
function follow(live) {
  const log = document.getElementById("log");
  const refresh = refresher(live);
  let last = "";
  const place = () => (last ? live.dataset.events.split("?")[0] + "?after=" + last : live.dataset.events);
  log.scrollTop = log.scrollHeight;
  listen(place, refresh, (source, stop) => {
    const on = (kind, heard) =>
      source.addEventListener(kind, (event) => {
        last = event.lastEventId || last;
        pulse.heard();
        heard(event);
      });
    on("log", (event) => {
      const at_end = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
      log.append(logged(JSON.parse(event.data)));
      while (log.childElementCount > most_lines) log.firstElementChild.remove();
      if (at_end) log.scrollTop = log.scrollHeight;
      document.getElementById("no-log")?.remove();
    });
    on("reset", (event) => {
      if (JSON.parse(event.data).log_from === "0:0") log.replaceChildren();
      refresh();
    });
    on("status", refresh);
    on("canary", refresh);
    on("done", () => {
      stop();
      watch(live);
    });
  });
}

const live = document.getElementById("live");
if (live?.dataset.events) follow(live);
else if (live?.dataset.changes) watch(live);
