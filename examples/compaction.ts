// A conversation longer than its model's window, made shorter as it goes on: `npx tsx examples/compaction.ts`
import { Orchestrator, tool } from "massgen";
import { startEmulator } from "massgen/testing";

// A model that reads a shelf per step, thirty of them, with room for 16,000 tokens. Each shelf takes 2,000, what it notes on it 400.
const SHELVES = 30;
const WINDOW = 16_000;
let shelf = 0;
await using server = await startEmulator({
  contextWindow: WINDOW,
  respond: ({ messages }) => {
    if (messages[0]?.text.includes("You condense a conversation"))
      return "## Goal and constraints\nFind the map.\n## Facts\nThe shelves read so far hold paper, no map.";
    if (shelf === SHELVES) return "The map is on shelf 30.";
    shelf++;
    return { text: `Shelf ${shelf}: ${"no map here, ".repeat(120)}`, toolCalls: [{ name: "read_shelf", input: { shelf } }] };
  },
});

const readShelf = tool({
  name: "read_shelf",
  description: "Reads what is on a shelf.",
  input: { type: "object", properties: { shelf: { type: "integer" } }, required: ["shelf"] },
  execute: () => "dust and paper, ".repeat(500),
});

await using orchestrator = new Orchestrator({
  agents: [
    {
      id: "archivist",
      backend: { type: "chatcompletion", model: "small", baseUrl: server.baseUrl, apiKey: "none", contextWindow: WINDOW },
      tools: [readShelf],
    },
  ],
  compaction: { methods: ["clear", "summary"], highWater: 0.8, lowWater: 0.3, keepToolResults: 1 },
});

const run = orchestrator.run("On which shelf is the map?");
run.on("compaction", ({ agentId, method, reason, tokensBefore, tokensAfter, usage, failed }) => {
  const spent = usage === undefined ? "no request" : `${usage.inputTokens + usage.outputTokens} tokens spent`;
  const before = failed?.map((each) => ` (${each.method}: ${each.why})`).join("") ?? "";
  console.log(`${agentId}, ${reason}: ${method} made ${tokensBefore} tokens ${tokensAfter}, ${spent}${before}`);
});
const { text, usage } = await run.result;
console.log(text.trim().split("\n").at(-1));
console.log(`${shelf} shelves, ${usage.inputTokens} tokens read in all, never more than ${WINDOW} at once`);
