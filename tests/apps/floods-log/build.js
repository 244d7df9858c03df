const { writeSync } = require("node:fs");

const line = `${"x".repeat(99)}\n`;
const block = Buffer.from(line.repeat(1000));
for (let written = 0; written < 100_000_000; ) {
  try {
    written += writeSync(1, block, written % block.length);
  } catch (error) {
    // A full pipe is no failure: whoever reads it is only slower.
    if (error.code !== "EAGAIN") throw error;
  }
}
