// Waits for conditions, never for times: the limit is only for what never comes.

/** How long anything may take on a machine that is busy with other things. */
export const PATIENCE_MS = 120_000;

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/** What `look` answers once it is true. */
export async function until(what, look) {
  const end = Date.now() + PATIENCE_MS;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > end) throw new Error(`waited ${PATIENCE_MS / 1000} s in vain for ${what}`);
    await pause(50);
  }
}

/** Fails with words. */
export function must(holds, words) {
  if (!holds) throw new Error(words);
}
