// From the moment a client goes away to the moment the provider sees the connection of its request close.
import { begin } from "./http.mjs";

const { url, upstreamControlUrl, models } = JSON.parse(process.argv[2] ?? "{}");
const ms = [];
for (const model of models) {
  const cut = await begin(url, model);
  const left = process.hrtime.bigint();
  cut();
  const closed = BigInt(await (await fetch(`${upstreamControlUrl}/${model}`)).text());
  ms.push(Number(closed - left) / 1e6);
}
console.log(JSON.stringify({ ms }));
process.exit(0);
