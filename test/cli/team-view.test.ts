import { expect, it } from "vitest";
import { describe as lineOf } from "../../src/cli/describe.js";
import { progress } from "../../src/cli/displays.js";
import { makeStyle } from "../../src/cli/style.js";
import { emptyTeam, watch } from "../../src/cli/team-view.js";
import { newAnswer, vote } from "../../src/testing/index.js";
import { play, team } from "../orchestrator/helpers.js";

const usage = { inputTokens: 9_000, outputTokens: 1_000 };
const agents = { a: { backend: { usage } }, b: { backend: { usage } } };
const agree = { a: [newAnswer("A"), vote("agent1"), "Final."], b: [newAnswer("B"), vote("agent1")] };
const price = { input: 10, output: 10 };

it("the status line has the tokens and, as far as it is known, the cost so far", async () => {
  const lines = async (prices: Record<string, typeof price>) => {
    const { events } = await play(team(agree, { agents, prices: { scripted: prices } }));
    const view = emptyTeam();
    return events.map((event) => {
      watch(view, event);
      return progress(view, event.time);
    });
  };
  const both = await lines({ "model-a": price, "model-b": price });
  expect(both[0]).toBe("0 answers · 0.0 s");
  expect(both).toContain("1 answer · 10,000 tokens · $0.100 · 0.0 s");
  expect(both.at(-1)).toMatch(/50,000 tokens · \$0\.500 · /);
  expect((await lines({ "model-a": price })).at(-1)).toMatch(/50,000 tokens · ≥ \$0\.300 · /);
  expect((await lines({})).at(-1)).toMatch(/50,000 tokens · \d/);
});

it("a budget's warning is a line", async () => {
  const { of } = await play(team(agree, { agents, budget: { maxTokensPerAgent: 25_000, warnAt: 0.8 } }));
  const view = emptyTeam();
  const [run] = of("run-start");
  watch(view, run!);
  const told = of("warning").map((event) => lineOf(event, view, makeStyle(false)));
  expect(told[0]).toMatchObject({
    row: { agentId: "a" },
    text: "warning: 80 % of a budget: 20000 of the 25000 of budget.maxTokensPerAgent are spent.",
  });
});
