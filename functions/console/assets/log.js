// Lines of a log as elements: text, and colours as classes. The server does the same with the lines a page begins with.
"use strict";

const COLOUR = /\u001b\[([0-9;:]*)m/g;

/** What else acts on a terminal, or turns text around, is seen instead. */
function visible(text) {
  const acts = /[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;
  return text.replace(acts, (c) => {
    const code = c.charCodeAt(0);
    if (c === "\r") return "\\r";
    if (c === "\n") return "\\n";
    return code < 128 ? "\\x" + code.toString(16).padStart(2, "0") : "\\u{" + code.toString(16) + "}";
  });
}

/** Which parts stand out says the hue; grey has none. */
function nearest(red, green, blue) {
  const most = Math.max(red, green, blue);
  const least = Math.min(red, green, blue);
  if (most - least < 32) return most < 160 ? 8 : 7;
  const middle = Math.floor((most + least) / 2);
  return (red > middle ? 1 : 0) | (green > middle ? 2 : 0) | (blue > middle ? 4 : 0);
}

/** `5;N` of a palette, or `2;R;G;B`: the nearest of the sixteen colours. */
function extended(codes) {
  const kind = codes.shift();
  if (kind === 5) {
    const code = codes.shift();
    if (code === undefined || code < 16) return code;
    if (code > 231) return nearest(code, code, code);
    const level = (part) => (Math.floor(part) % 6) * 51;
    return nearest(level((code - 16) / 36), level((code - 16) / 6), level(code - 16));
  }
  if (kind !== 2) return undefined;
  if (codes.length < 3) return void codes.splice(0);
  return nearest(codes.shift(), codes.shift(), codes.shift());
}

/** What the parameters of one sequence ask for; what is unknown is passed over. */
function apply(look, parameters) {
  const codes = parameters.split(/[;:]/).map(Number);
  while (codes.length > 0) {
    const code = codes.shift();
    if (code === 0) for (const name of Object.keys(look)) delete look[name];
    else if (code === 1) look.bold = true;
    else if (code === 2) look.faint = true;
    else if (code === 3) look.italic = true;
    else if (code === 4) look.underlined = true;
    else if (code === 22) look.bold = look.faint = false;
    else if (code === 23) look.italic = false;
    else if (code === 24) look.underlined = false;
    else if (code >= 30 && code <= 37) look.text = code - 30;
    else if (code === 38) look.text = extended(codes);
    else if (code === 39) look.text = undefined;
    else if (code >= 40 && code <= 47) look.ground = code - 40;
    else if (code === 48) look.ground = extended(codes);
    else if (code === 49) look.ground = undefined;
    else if (code >= 90 && code <= 97) look.text = code - 82;
    else if (code >= 100 && code <= 107) look.ground = code - 92;
  }
}

function classes(look) {
  const names = ["bold", "faint", "italic", "underlined"].filter((name) => look[name]);
  if (look.text !== undefined) names.push("fg-" + look.text);
  if (look.ground !== undefined) names.push("bg-" + look.ground);
  return names.join(" ");
}

/** One line of a log as an element. */
function logged(line) {
  const element = document.createElement("span");
  element.className = ["out", "err", "sys", "end"].includes(line.stream) ? line.stream : "out";
  const look = {};
  // Of a split by a pattern with one group, every second part is what the group took.
  line.text.split(COLOUR).forEach((part, index) => {
    if (index % 2 === 1) return apply(look, part);
    if (part === "") return;
    const name = classes(look);
    if (name === "") return element.append(visible(part));
    const run = document.createElement("span");
    run.className = name;
    run.textContent = visible(part);
    element.append(run);
  });
  element.append("\n");
  return element;
}
