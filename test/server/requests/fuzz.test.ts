import { describe, expect, onTestFinished, test } from "vitest";
import { published, schemasMissing } from "../schemas.js";
import { flaw, fuzzedServer, jsonCorpus, rejectedBodies } from "./fuzz.js";
import { singles } from "./mutations.js";
import { chatBodies, responsesBodies } from "./valid-bodies.js";

function start() {
  const server = fuzzedServer();
  onTestFinished(() => server.close());
  return server;
}

describe.skipIf(schemasMissing !== "")("bodies that the published schema rejects", () => {
  test("the bodies they are made of are valid and answered", { timeout: 30_000 }, async () => {
    const server = start();
    for (const body of chatBodies) {
      expect(published("chat", "CreateChatCompletionRequest")(body)).toBe(true);
      expect(await server.post("/v1/chat/completions", JSON.stringify(body))).toMatchObject({ status: 200 });
    }
    for (const body of responsesBodies) {
      expect(published("responses", "CreateResponse")(body)).toBe(true);
      expect(await server.post("/v1/responses", JSON.stringify(body))).toMatchObject({ status: 200 });
    }
  });

  test("are refused in OpenAI's envelope, and start no run", { timeout: 30_000 }, async () => {
    const server = start();
    const bodies = rejectedBodies(20_26);
    for (let n = 0; n < 400; n++) {
      const { path, body } = bodies.next().value;
      const refusal = await server.post(path, body);
      expect(flaw(refusal), `${path} ${body}`).toBe("");
    }
    expect(server.runs()).toBe(0);
  });

  test("so is each field of a whole request when it is null, taken away, or of another kind", { timeout: 60_000 }, async () => {
    const server = start();
    const valid = published("chat", "CreateChatCompletionRequest");
    for (const { body, at, what } of singles([chatBodies[1]!])) {
      if (valid(body)) continue;
      expect(flaw(await server.post("/v1/chat/completions", JSON.stringify(body))), `${at}: ${what}`).toBe("");
    }
    expect(server.runs()).toBe(0);
  });
});

const corpus = jsonCorpus();
if (corpus.length === 0) console.log("skipped: the corpora are not at ../shared/corpora");

test.skipIf(corpus.length === 0)("JSON's own test suite is refused", async () => {
  const server = start();
  for (const { path, name, body } of corpus) expect(flaw(await server.post(path, body)), name).toBe("");
  expect(server.runs()).toBe(0);
});
