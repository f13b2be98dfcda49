import { appendFileSync } from "node:fs";

export function load(url, context, nextLoad) {
  appendFileSync(process.env.TRACE_FILE, `${url}\n`);
  return nextLoad(url, context);
}
