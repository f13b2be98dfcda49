import { expect, test } from "vitest";
import { stress } from "./stress.js";

// `npm run stress:server` is the long form, with 500 clients.
test("clients that vanish, stall, reconnect and leave their tools undone leave nothing behind", async () => {
  const { clients, left } = await stress({ count: 40, seed: 7 });
  for (const count of Object.values(clients)) expect(count).toBeGreaterThan(0);
  expect(left).toEqual({ running: 0, queued: 0, parked: clients.parks, openUpstream: 0, resources: [] });
}, 60_000);
