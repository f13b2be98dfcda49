// Memory that a server takes for each of `count` streams that have brought one delta and then fallen silent.
import { begin, stream, usage } from "./http.mjs";

const { url, controlUrl, count } = JSON.parse(process.argv[2] ?? "{}");
for (let i = 0; i < 50; i++) await stream(url, "text-20");
const before = await usage(controlUrl, "memory");
for (let i = 0; i < count; i += 50) await Promise.all(Array.from({ length: 50 }, () => begin(url, "idle")));
const after = await usage(controlUrl, "memory");
const perStream = (/** @type {"rss" | "heap"} */ key) => (after[key] - before[key]) / count / 1024;
console.log(JSON.stringify({ rssKb: perStream("rss"), heapKb: perStream("heap") }));
process.exit(0);
