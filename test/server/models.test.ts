import { describe, expect, onTestFinished, test } from "vitest";
import { ConfigError, Orchestrator } from "../../src/index.js";
import { ModelTable } from "../../src/server/models.js";
import { member, phaseOf, startTeam } from "./helpers.js";

function team(...ids: string[]): Orchestrator {
  const orchestrator = new Orchestrator({ agents: ids.map((id) => ({ id, backend: member(id) })) });
  onTestFinished(() => orchestrator.close());
  return orchestrator;
}
const agentsOf = ({ orchestrator }: { orchestrator: Orchestrator }) => orchestrator.agents.map(({ id }) => id);

describe("the names that clients may ask for", () => {
  test("are the teams', slashes and blanks taken out, and each agent's", () => {
    const models = new ModelTable({ "our teams/fast one": team("gpt", "claude"), deep: team("gpt", "big/qwen") });
    expect(models.ids).toEqual([
      "our-teams-fast-one",
      "deep",
      "massgen-agent-gpt",
      "massgen-agent-claude",
      "deep-agent-gpt",
      "deep-agent-big-qwen",
    ]);
    expect(agentsOf(models.find("massgen-agent-claude"))).toEqual(["claude"]);
    expect(agentsOf(models.find("deep-agent-big-qwen"))).toEqual(["big/qwen"]);
  });

  test("have aliases: the name as it was given, with massgen/ before it, and massgen for the first team", () => {
    const models = new ModelTable({ "our teams/fast one": team("gpt"), deep: team("gpt", "qwen") });
    for (const name of ["our teams/fast one", "massgen/our teams/fast one", "massgen"])
      expect(models.find(name).id).toBe("our-teams-fast-one");
    expect(models.find("massgen/deep").id).toBe("deep");
    expect(new ModelTable({ fast: team("gpt"), massgen: team("qwen") }).find("massgen").id).toBe("massgen");
  });

  test("are no files: a path is a model that does not exist", () => {
    const models = new ModelTable({ team: team("gpt") });
    for (const name of [
      "massgen/path:/etc/passwd",
      "massgen/path:team.yaml",
      "./team",
      "../team",
      "team.yaml",
      "__proto__",
      "constructor",
    ]) {
      expect(() => models.find(name), name).toThrow(expect.objectContaining({ status: 404, code: "model_not_found", param: "model" }));
    }
  });

  test("cannot be the same twice", () => {
    const make = () => new ModelTable({ "a b": team("gpt"), "a-b": team("gpt") });
    expect(make).toThrow(ConfigError);
    expect(make).toThrow(expect.objectContaining({ code: "duplicate_model" }));
  });
});

const question = [{ role: "user" as const, content: "Which index fits?" }];

test("titles go to the agent that is named for them", async () => {
  const { client, backends } = await startTeam(undefined, { backgroundJobs: "claude" });
  const messages = [{ role: "user" as const, content: "Generate a concise 3-7 word title for this conversation, please." }];
  await client.chat.completions.create({ model: "team", messages });
  expect(backends.map(({ requests }) => requests.length)).toEqual([0, 1]);
});

test("every agent reads what the client's tools do, the one that presents alone is given them", async () => {
  const { client, backends } = await startTeam();
  const look = {
    name: "look_around",
    description: "Looks around in the client's kitchen.",
    parameters: { type: "object", properties: {} },
  };
  await client.chat.completions.create({ model: "team", messages: question, tools: [{ type: "function", function: look }] });
  const requests = backends.flatMap(({ requests }) => requests);
  expect(requests.map(({ tools }) => phaseOf(tools)).sort()).toEqual(["draft", "draft", "evaluate", "evaluate", "present"]);
  for (const request of requests) {
    const presents = phaseOf(request.tools) === "present";
    expect(request.tools?.some(({ name }) => name === "look_around") ?? false).toBe(presents);
    if (!presents) expect(JSON.stringify([request.system, request.messages])).toContain("Looks around in the client's kitchen.");
  }
});

test("progress can be left out: streamed or whole, on either API, the text is all there is", async () => {
  const { client } = await startTeam(undefined, { progress: "off" });
  let said = "";
  for await (const chunk of await client.chat.completions.create({ model: "team", messages: question, stream: true }))
    said += JSON.stringify(chunk);
  said += JSON.stringify(await client.chat.completions.create({ model: "team", messages: question }));
  for await (const event of await client.responses.create({ model: "team", input: "Which?", stream: true })) said += JSON.stringify(event);
  said += JSON.stringify(await client.responses.create({ model: "team", input: "Which?" }));
  expect(said).toContain("Final words of one.");
  expect(said).not.toMatch(/Draft of|likes it|votes for|reasoning_content|<details>|summary_text/);
});
