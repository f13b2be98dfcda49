// Two typed tools: one tells how far it has got, the other waits for your yes: `npx tsx examples/tools.ts`
import { Orchestrator, tool } from "massgen";
import { z } from "zod";
import { organizers } from "./support/organizers.js";
import { serverForExamples } from "./support/server.js";

const findRooms = tool({
  name: "find_rooms",
  description: "Meeting rooms in a city, with their price for a day in euros.",
  input: z.object({ city: z.string(), people: z.number().int().positive() }),
  annotations: { readOnlyHint: true }, // harmless: also called while the team is still deciding
  async *execute({ city, people }, { logger }) {
    yield `asking two agencies in ${city}`;
    logger.debug("asked", { city, people });
    yield [
      { room: "Sala Azul", seats: 14, price: 450 },
      { room: "Sala Verde", seats: 40, price: 900 },
    ];
  },
});

const bookRoom = tool({
  name: "book_room",
  description: "Books a meeting room for a day.",
  input: z.object({ room: z.string(), price: z.number() }),
  needsApproval: ({ price }) => price > 100,
  timeoutMs: 10_000,
  execute: ({ room }) => ({ room, booked: true }),
});

await using server = await serverForExamples(organizers());

await using orchestrator = new Orchestrator({
  agents: ["ada", "ben"].map((id) => ({
    id,
    backend: { type: "chatcompletion", model: server.model(id), baseUrl: server.baseUrl },
    tools: [findRooms, bookRoom],
  })),
  planningMode: true, // only the winner books, when it presents the result; until then a booking is noted
});

const run = orchestrator.run("Book a room for twelve people in Lisbon.");

run.on("tool-progress", ({ agentId, output }) => console.log(`${agentId}: ${output}`));
run.on("tool-result", ({ agentId, toolName, planned, error }) => {
  if (planned) console.log(`${agentId} would call ${toolName}`);
  if (error) console.log(`${agentId}: ${toolName} failed: ${error.message}`);
});
run.on("input-request", ({ requestId, message, input }) => {
  const { room, price } = input as { room: string; price: number };
  const approved = price < 500; // a person would decide here
  console.log(`${message}, ${room} for ${price} euros: ${approved ? "yes" : "no"}`);
  run.respond(requestId, approved ? true : { approved, reason: "too expensive" });
});

const { winner, text } = await run.result;
console.log(`\n${text}\n\npresented by ${winner}`);
