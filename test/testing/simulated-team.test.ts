import { describe, expect, it } from "vitest";
import type { EmulatedMessage, EmulatedPrompt, Reply } from "../../src/testing/emulator/reply.js";
import { type SimulatedTeamOptions, simulatedTeam } from "../../src/testing/simulated-team.js";

const NEW_ANSWER = tool("new_answer", { content: { type: "string" } });
const IMPROVE = tool("new_answer", { content: { type: "string" }, lacking: { type: "string" } });
const voteFor = (...aliases: string[]) => tool("vote", { agent_id: { type: "string", enum: aliases }, reason: { type: "string" } });
const TASK = "Which index fits this query?";
const never = new AbortController().signal;

function tool(name: string, properties: Record<string, unknown>): EmulatedPrompt["tools"][number] {
  return { name, description: "", inputSchema: { type: "object", properties } };
}

async function ask(prompt: Partial<EmulatedPrompt>, options?: SimulatedTeamOptions): Promise<Reply> {
  const user: EmulatedMessage = { role: "user", text: `Preface.\n<task>\n${TASK}\n</task>`, toolCalls: [] };
  const defaults: EmulatedPrompt = { model: "m", stream: true, messages: [user], tools: [], toolChoice: "auto", body: {}, headers: {} };
  const reply = await simulatedTeam(options)({ ...defaults, ...prompt }, { index: 0, modelIndex: 0, signal: never });
  return typeof reply === "string" ? { text: reply } : reply;
}

const call = (reply: Reply) => ({ name: reply.toolCalls?.[0]?.name, input: reply.toolCalls?.[0]?.input as Record<string, string> });
const answersFrom = (entries: [string, string][]): EmulatedMessage[] => [
  { role: "user", text: `<task>${TASK}</task>`, toolCalls: [] },
  { role: "user", text: entries.map(([alias, text]) => `<answer of="${alias}">${text}</answer>`).join("\n"), toolCalls: [] },
];

describe("simulatedTeam", () => {
  it("drafts about the task, says it is simulated, and differs by model", async () => {
    const drafts = await Promise.all(
      ["simulated-ada", "simulated-ben", "simulated-cleo"].map((model) => ask({ model, tools: [NEW_ANSWER] })),
    );
    const texts = drafts.map((draft) => call(draft).input.content ?? "");
    for (const draft of drafts) expect(call(draft).name).toBe("new_answer");
    for (const text of texts) {
      expect(text).toContain(TASK);
      expect(text).toMatch(/simulated/i);
    }
    expect(new Set(texts).size).toBe(3);
    expect(await ask({ model: "simulated-ada", tools: [NEW_ANSWER] })).toEqual(drafts[0]);
  });

  it("improves once where its model does, then votes for the improved answer", async () => {
    const tools = [IMPROVE, voteFor("agent2", "agent1")];
    const options = { improves: (model: string) => model === "improver" };
    const improved = call(
      await ask(
        {
          model: "improver",
          tools,
          messages: answersFrom([
            ["agent1", "a"],
            ["agent2", "b"],
          ]),
        },
        options,
      ),
    );
    expect(improved.name).toBe("new_answer");
    expect(improved.input.lacking).toBeTruthy();
    const read = answersFrom([
      ["agent1", "a"],
      ["agent2", improved.input.content ?? ""],
      ["agent3", "c"],
    ]);
    for (const model of ["improver", "other"]) {
      const voted = call(await ask({ model, tools: [IMPROVE, voteFor("agent1", "agent2", "agent3")], messages: read }, options));
      expect(voted).toMatchObject({ name: "vote", input: { agent_id: "agent2", reason: expect.stringContaining("simulated") } });
    }
  });

  it("votes alike without an improved answer, whatever the order of the aliases", async () => {
    const options = { improves: () => false };
    const votes = await Promise.all(
      [
        ["agent1", "agent2", "agent3"],
        ["agent3", "agent1", "agent2"],
      ].map(async (aliases) => call(await ask({ model: aliases[0] ?? "", tools: [IMPROVE, voteFor(...aliases)] }, options)).input.agent_id),
    );
    expect(votes[0]).toBe(votes[1]);
    expect(["agent1", "agent2", "agent3"]).toContain(votes[0]);
  });

  it("votes when only a vote is offered, when one is demanded, and when its improvement was turned down", async () => {
    const options = { improves: () => true };
    const vote = voteFor("agent1");
    const turnedDown: EmulatedMessage[] = [
      ...answersFrom([["agent1", "a"]]),
      { role: "assistant", text: "", toolCalls: [{ id: "c", name: "new_answer", arguments: "{}" }] },
      { role: "tool", text: "Not accepted.", toolCalls: [], toolCallId: "c" },
    ];
    const asked = [
      { tools: [vote] },
      { tools: [IMPROVE, vote], toolChoice: { toolName: "vote" } },
      { tools: [IMPROVE, vote], messages: turnedDown },
    ];
    for (const prompt of asked) expect(call(await ask(prompt, options))).toMatchObject({ name: "vote", input: { agent_id: "agent1" } });
  });

  it("presents in plain text when nothing is offered, and accepts in a review", async () => {
    const final = await ask({});
    expect(final.toolCalls).toBeUndefined();
    expect(final.text).toContain(TASK);
    expect(final.text).toMatch(/simulated/i);
    expect(call(await ask({ tools: [tool("submit", {}), tool("restart_orchestration", {})] })).name).toBe("submit");
  });

  it("takes the last user message where no task is marked, and paces its deltas", async () => {
    const messages: EmulatedMessage[] = [{ role: "user", text: "Just a question", toolCalls: [] }];
    expect(await ask({ messages }, { delayMs: 3, chunkSize: 7 })).toMatchObject({
      text: expect.stringContaining("Just a question"),
      delayMs: 3,
      chunkSize: 7,
    });
  });

  it("has an improver among the demo's three models", async () => {
    const tools = [IMPROVE, voteFor("agent1", "agent2", "agent3")];
    const replies = await Promise.all(["ada", "ben", "cleo"].map((id) => ask({ model: `simulated-${id}`, tools })));
    expect(replies.map((reply) => call(reply).name).sort()).toEqual(["new_answer", "vote", "vote"]);
  });
});
