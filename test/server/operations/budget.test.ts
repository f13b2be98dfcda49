import OpenAI from "openai";
import { expect, test } from "vitest";
import { newAnswer, scriptedBackend, vote } from "../../../src/testing/index.js";
import { startTeam } from "../helpers.js";

const messages = [{ role: "user" as const, content: "Which index fits?" }];
const usage = { inputTokens: 9_000, outputTokens: 1_000 };
const answering = () => scriptedBackend([newAnswer("An answer."), vote("agent1"), "Final words."], { usage });

test.each([
  ["before anybody has answered", { maxTokens: 10 }],
  ["where it aborts", { maxTokens: 15_000, onExceed: "abort" as const }],
])("a spent budget %s is a 402 of its own, which no client tries again", async (_, budget) => {
  const requests: string[] = [];
  const server = { onRequest: ({ path }: { path: string }) => requests.push(path) };
  const { url } = await startTeam([answering(), answering()], server, { budget });
  const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: "none", maxRetries: 2 });
  const error = await client.chat.completions.create({ model: "team", messages }).catch((error: unknown) => error);
  expect(error).toMatchObject({
    status: 402,
    code: "budget_exceeded",
    type: "billing_error",
    message: expect.stringContaining("The budget of a request was spent before there was an answer. Asking again costs as much."),
  });
  expect(String(error)).not.toMatch(/gpt|claude|maxTokens/);
  expect(requests).toEqual(["/v1/chat/completions"]);
});

test("a spent budget with an answer at hand is that answer", async () => {
  const { client } = await startTeam([answering(), answering()], {}, { budget: { maxTokens: 25_000 } });
  const { choices } = await client.chat.completions.create({ model: "team", messages });
  expect(choices[0]?.message.content).toBe("An answer.");
});
