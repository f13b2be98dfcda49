import { describe, expect, test } from "vitest";
import { Orchestrator } from "../../src/index.js";
import type { CoordinationEvent } from "../../src/orchestrator/events.js";
import { Narrator } from "../../src/server/narrator.js";
import { callTool, fail, newAnswer, say, scriptedBackend, vote } from "../../src/testing/index.js";
import { phaseOf, startTeam } from "./helpers.js";

/** What is said, event by event. */
function told(events: Partial<CoordinationEvent>[]): string {
  const narrator = new Narrator();
  return events.map((event) => narrator.tell(event as CoordinationEvent)).join("");
}

const delta = (agentId: string, text: string) =>
  ({ type: "answer-delta", turnId: `turn-${agentId}`, agentId, delta: text, phase: "draft" }) as const;
const answer = (agentId: string, label: string, content: string) =>
  ({ type: "answer", turnId: `turn-${agentId}`, agentId, label, content, phase: "draft" }) as const;
const voteOf = (agentId: string, targetAgentId: string, reason = "") =>
  ({ type: "vote", agentId, targetAgentId, label: "agent1.1", reason }) as const;

test("what is spent is nobody's business here", () => {
  const usage = { inputTokens: 1, outputTokens: 1 };
  expect(told([{ type: "usage", agentId: "ada", turnId: "turn-ada", usage }])).toBe("");
});

describe("while one agent writes", () => {
  test("what others do waits, and who wrote meanwhile is told whole", () => {
    const text = told([
      delta("ada", "One, "),
      delta("ben", "Other "),
      delta("ada", "two, "),
      { type: "tool-call", agentId: "cy", toolName: "search", phase: "draft" },
      delta("ben", "words."),
      delta("ada", "three."),
      answer("ben", "agent2.1", "Other words."),
      answer("ada", "agent1.1", "One, two, three."),
    ]);
    expect(text).toBe(
      ["ada writes:\nOne, two, three.", "(ada's answer agent1.1)", "cy uses search.", "ben writes (answer agent2.1):\nOther words."].join(
        "\n\n",
      ),
    );
  });

  test("another who is not done speaks next, from the beginning", () => {
    const text = told([
      delta("ada", "One."),
      delta("ben", "Other "),
      answer("ada", "agent1.1", "One."),
      delta("ben", "words."),
      answer("ben", "agent2.1", "Other words."),
    ]);
    expect(text).toBe("ada writes:\nOne.\n\n(ada's answer agent1.1)\n\nben writes:\nOther words.\n\n(ben's answer agent2.1)");
  });

  test.each([
    [{ type: "turn-interrupt", turnId: "turn-ada", agentId: "ada" }, "(not finished)"],
    [{ type: "decision-rejected", turnId: "turn-ada", agentId: "ada" }, "(not accepted)"],
    [{ type: "step-finish", turnId: "turn-ada", agentId: "ada", status: "retry" }, "(not finished)"],
  ])("%o is said", (event, ending) => {
    expect(told([delta("ada", "One"), event as Partial<CoordinationEvent>])).toBe(`ada writes:\nOne\n\n${ending}`);
  });
});

test("a vote says whose answer it is for, in one line", () => {
  expect(told([voteOf("ben", "ada", "Short\n\nand right. ")])).toBe("ben votes for ada's answer agent1.1: Short and right.");
  expect(told([voteOf("ada", "ada")])).toBe("ada votes for its own answer agent1.1.");
});

test("void votes are said once for each new answer", () => {
  const lost = (agentId: string) => ({ type: "vote-void", agentId, label: "agent1.1", reason: "new-answer" }) as const;
  const text = told([voteOf("ada", "ada"), lost("ada"), lost("ben"), voteOf("ben", "ada"), lost("ben")]);
  expect(text.match(/The votes so far are void/g)).toHaveLength(2);
});

test("the same tool used again and again is said once", () => {
  const use = { type: "tool-call", agentId: "ada", toolName: "read_file", phase: "draft" } as const;
  expect(told([use, use, use])).toBe("ada uses read_file.");
});

test("a failure is told by its kind, not in the provider's words", () => {
  const error = { name: "BackendError", code: "auth", message: "Incorrect API key sk-123 at http://10.0.0.1" };
  expect(told([{ type: "turn-error", agentId: "ada", turnId: "t", error, willRetry: true }])).toBe("ada failed (auth) and tries again.");
});

/** Three agents: one looks something up, one improves its answer after the first votes, one fails at first. */
function quarrel() {
  let improved = false;
  const gpt = scriptedBackend((request) => {
    const phase = phaseOf(request.tools);
    if (phase === "present") return "Use a B-tree.";
    if (phase === "evaluate") return vote("agent2", "It is more precise.");
    return request.messages.at(-1)?.role === "tool" ? newAnswer("A B-tree.\n\n- ordered") : [say("I look it up."), callTool("search", {})];
  });
  const claude = scriptedBackend((request) => {
    const phase = phaseOf(request.tools);
    if (phase === "present") return "Use a B-tree: it serves ranges.";
    if (phase === "draft") return newAnswer("A hash index, for lookups by key.");
    if (improved) return vote("agent2", "It is complete.");
    improved = true;
    return newAnswer("A B-tree: it serves ranges as well as keys.", "None mentions ranges.");
  });
  const qwen = scriptedBackend((request, { call }) => {
    if (call === 0) return fail("server_error");
    return phaseOf(request.tools) === "draft" ? newAnswer("No index at all.") : vote("agent2", "Simple.");
  });
  return [gpt, claude, qwen];
}

test("a whole deliberation: every answer and vote that counts once, and nothing of its inner names", async () => {
  const [gpt, claude, qwen] = quarrel();
  const search = { name: "search", description: "Searches.", inputSchema: { type: "object" }, execute: async () => "found" };
  const orchestrator = new Orchestrator({
    agents: [
      { id: "gpt", backend: gpt!, tools: [search] },
      { id: "claude", backend: claude! },
      { id: "qwen", backend: qwen! },
    ],
  });
  const narrator = new Narrator();
  const events: CoordinationEvent[] = [];
  let text = "";
  for await (const event of orchestrator.run("Which index?")) {
    events.push(event);
    text += narrator.tell(event);
  }
  await orchestrator.close();
  const count = (part: string) => text.split(part).length - 1;
  for (const event of events) {
    if (event.type === "answer") expect(count(event.content), event.content).toBe(1);
    if (event.type === "answer") expect(count(`answer ${event.label}`)).toBeGreaterThan(0);
  }
  expect(count(" votes for ")).toBe(events.filter(({ type }) => type === "vote").length);
  expect(count("what was lacking: None mentions ranges.")).toBe(1);
  expect(count("gpt uses search.")).toBe(1);
  expect(text).toMatch(/\n\nThe vote is over: claude's answer agent2\.2 is chosen\.$/);
  expect(text).not.toMatch(/turn-\d|undefined|\n{3}/);
});

test("as <details> it stands before the answer, closed, and cannot be closed from within", async () => {
  const { client } = await startTeam(
    [
      scriptedBackend((request) =>
        phaseOf(request.tools) === "draft"
          ? newAnswer("See </details> and <b>.")
          : phaseOf(request.tools) === "evaluate"
            ? vote("agent1")
            : "Final.",
      ),
      scriptedBackend((request) => (phaseOf(request.tools) === "draft" ? newAnswer("Other.") : vote("agent1"))),
    ],
    { progress: "details" },
  );
  const question = { model: "team", messages: [{ role: "user" as const, content: "Which?" }] };
  let streamed = "";
  for await (const { choices } of await client.chat.completions.create({ ...question, stream: true }))
    streamed += choices[0]?.delta.content ?? "";
  const whole = (await client.chat.completions.create(question)).choices[0]?.message.content ?? "";
  for (const content of [streamed, whole]) {
    expect(content).toMatch(/^<details>\n<summary>Deliberation<\/summary>\n\n[\s\S]+\n\n<\/details>\n\nFinal\.$/);
    expect(content.split("</details>")).toHaveLength(2);
  }
});
