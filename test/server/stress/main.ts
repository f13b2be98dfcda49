/** `npm run stress:server [-- count [seed]]`: prints what happened and fails if anything is left behind. */
import { stress } from "./stress.js";

const [count = 500, seed = Date.now() % 1e6] = process.argv.slice(2).map(Number);
const result = await stress({ count, seed });
console.log(JSON.stringify({ count, seed, ...result }, undefined, 2));
const { running, queued, parked, openUpstream, resources } = result.left;
if (running + queued + openUpstream + resources.length > 0 || parked !== result.clients.parks) process.exitCode = 1;
