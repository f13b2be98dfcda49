#!/usr/bin/env node
import { readFileSync } from "node:fs";

// Everything else loads when it is needed: `massgen --help` waits for nothing.
const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as { version: string };
const { main } = await import("./program.js");
const { stdin, stdout, stderr, env } = process;
for (const stream of [stdout, stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    // Whoever read it has gone, as `| head` does; a run hears of it and stops.
    if (error.code !== "EPIPE") throw error;
  });
}
process.exitCode = await main(process.argv.slice(2), {
  stdin,
  stdout,
  stderr,
  env,
  version,
  onInterrupt(listener) {
    process.on("SIGINT", listener).on("SIGTERM", listener);
    return () => process.off("SIGINT", listener).off("SIGTERM", listener);
  },
});
