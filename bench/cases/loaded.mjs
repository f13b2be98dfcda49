// Which modules `import(url)` loads, and what of the network it touches.
import { createHook } from "node:async_hooks";
import { register } from "node:module";
import { MessageChannel } from "node:worker_threads";

const { url } = JSON.parse(process.argv[2] ?? "{}");
const hooks = `let port;
export const initialize = (given) => { port = given; };
export async function load(url, context, next) { port.postMessage(url); return next(url, context); }`;
const { port1, port2 } = new MessageChannel();
/** @type {string[]} */
const modules = [];
port1.on("message", (module) => modules.push(module));
register(`data:text/javascript,${encodeURIComponent(hooks)}`, { data: port2, transferList: [port2] });
/** @type {string[]} */
const network = [];
const hook = createHook({
  init(_id, type) {
    if (/^(TCP|UDP|TLS|GETADDR|QUERY|HTTP)/.test(type)) network.push(type);
  },
}).enable();
await import(url);
await new Promise((resolve) => setTimeout(resolve, 50)); // the hooks' thread reports a little later
hook.disable();
port1.close();
console.log(JSON.stringify({ modules, network }));
