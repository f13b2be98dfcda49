// The simulated models of examples/tools.ts: they look for rooms, book one, and otherwise say what simulated models say.
import { type ReplyRule, simulatedTeam } from "massgen/testing";

const CALLS = [
  { name: "find_rooms", input: { city: "Lisbon", people: 12 } },
  { name: "book_room", input: { room: "Sala Azul", price: 450 } },
];

/** Each tool once in a turn, before it is decided. */
export function organizers(): ReplyRule {
  const team = simulatedTeam();
  return (prompt, info) => {
    const called = new Set(prompt.messages.flatMap(({ toolCalls }) => toolCalls.map(({ name }) => name)));
    const voting = prompt.tools.some(({ name }) => name === "vote");
    const next = CALLS.find(({ name }) => prompt.tools.some((offered) => offered.name === name) && !called.has(name));
    return next === undefined || voting ? team(prompt, info) : { toolCalls: [next] };
  };
}
