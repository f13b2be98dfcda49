import { simulateCore } from "./core.js";
import { simulateDriver } from "./driver.js";

// npm run simulate [-- core|driver|all] [-- --seeds N] [--from N]: random worlds over the real core and driver.
const args = process.argv.slice(2);
const option = (name: string, fallback: number): number => {
  const at = args.indexOf(`--${name}`);
  return at < 0 ? fallback : Number(args[at + 1]);
};
const what = args.find((arg) => !arg.startsWith("--") && !/^\d+$/.test(arg)) ?? "all";
const from = option("from", 1);

async function simulate(name: string, seeds: number, one: (seed: number) => { turns: number } | Promise<{ turns: number }>): Promise<void> {
  const start = performance.now();
  let shown = start;
  let turns = 0;
  for (let seed = from; seed < from + seeds; seed++) {
    try {
      turns += (await one(seed)).turns;
    } catch (error) {
      console.error(error);
      console.error(`\nReplay it with:  npm run simulate -- ${name} --from ${seed} --seeds 1`);
      process.exit(1);
    }
    const now = performance.now();
    if (now - shown < 2_000 && seed !== from + seeds - 1) continue;
    shown = now;
    const done = seed - from + 1;
    const rate = Math.round((done / (now - start)) * 1_000);
    console.log(
      `${name}: ${done.toLocaleString("en")} of ${seeds.toLocaleString("en")} runs hold, ${turns.toLocaleString("en")} turns, ${rate.toLocaleString("en")} seeds/s`,
    );
  }
}

process.on("unhandledRejection", (error) => {
  console.error("an unhandled rejection:", error);
  process.exit(1);
});
if (what === "core" || what === "all") await simulate("core", option("seeds", 1_000_000), simulateCore);
if (what === "driver" || what === "all") await simulate("driver", option("seeds", 50_000), simulateDriver);
