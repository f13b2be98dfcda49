import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { startEmulator } from "../../src/testing/index.js";
import { startTeam } from "../server/helpers.js";
import { contentOf, gate, readUntil } from "../server/operations/emulated.js";
import { type Program, run, start, teamFile } from "./support.js";

/** Config files of one agent each, in a directory that goes with the test. */
function directory(configs: Record<string, string>): string {
  const folder = mkdtempSync(join(tmpdir(), "massgen-serve-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(configs)) writeFileSync(join(folder, name), text);
  return folder;
}

const config = (baseUrl: string, id = "one") =>
  `agents:\n  - id: ${id}\n    backend: { type: vllm, model: m-${id}, base_url: "${baseUrl}" }\n`;

/** The program once it listens; it is stopped with the test. */
async function serving(args: string[], env: Record<string, string> = {}): Promise<Program & { url: string }> {
  const program = start(["serve", "--port", "0", ...args], { env });
  await Promise.race([program.saw("/v1\n"), program.exit]);
  const url = /at (http:\S+)\/v1\n/.exec(program.out())?.[1];
  if (url === undefined) throw new Error(`It does not serve: ${program.err()}`);
  onTestFinished(async () => {
    program.interrupt();
    program.interrupt();
    await program.exit;
  });
  return { ...program, url };
}

const models = async (url: string, headers: Record<string, string> = {}) => {
  const { data } = (await (await fetch(`${url}/v1/models`, { headers })).json()) as { data: { id: string }[] };
  return data.map(({ id }) => id).filter((id) => !id.includes("-agent-"));
};

const chat = (url: string, model: string, body: object = {}) =>
  fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model, messages: [{ role: "user", content: "Hello?" }], ...body }),
  });

describe("massgen serve", () => {
  test("serves each config of a directory by its file's name, and others under names of their own", async () => {
    await using emulator = await startEmulator({ respond: ({ model }) => `I am ${model}.` });
    const { baseUrl } = emulator;
    const folder = directory({ "fast.yaml": config(baseUrl, "f"), "slow.yml": config(baseUrl, "s"), "notes.txt": "no config" });
    const { url, out, err, interrupt, exit } = await serving(["-c", folder, "--model", `mine=${teamFile(baseUrl, ["x"])}`]);
    expect(out()).toBe(`massgen serves fast, slow, mine at ${url}/v1\n`);
    expect(await models(url)).toEqual(["fast", "slow", "mine"]);
    for (const [name, said] of Object.entries({ slow: "I am m-s.", mine: "I am x.", massgen: "I am m-f." })) {
      const reply = (await (await chat(url, name)).json()) as { choices: { message: { content: string } }[] };
      expect(reply.choices[0]!.message.content).toBe(said);
    }
    await (await chat(url, "nope")).text();
    interrupt("SIGTERM");
    expect(await exit).toBe(0);
    const all = err()
      .split("\n")
      .filter((each) => each.startsWith("{"))
      .map((each) => JSON.parse(each));
    const lines = all.filter(({ event }) => event === "request-finish");
    expect(all.filter(({ event }) => event === "request-start").map(({ requestId }) => requestId)).toEqual(
      lines.map(({ requestId }) => requestId),
    );
    expect(all.map(({ event, status, level }) => [event, status, level])).toEqual(
      all.map(({ event, status }) => [event, status, status === undefined || status < 400 ? "info" : "warn"]),
    );
    expect(lines.map(({ path, model, status }) => [path, model, status])).toEqual([
      ["/v1/models", undefined, 200],
      ["/v1/chat/completions", "slow", 200],
      ["/v1/chat/completions", "mine", 200],
      ["/v1/chat/completions", "fast", 200],
      ["/v1/chat/completions", undefined, 404],
    ]);
    expect(lines[4]).toMatchObject({
      error: { code: "model_not_found", message: expect.stringContaining("nope") },
      requestId: expect.any(String),
      time: expect.any(String),
    });
  });

  test("tells the whole story of a request under its trace id, where logging is on", { timeout: 60_000 }, async () => {
    await using emulator = await startEmulator({ respond: ({ model }) => `I am ${model}.` });
    const args = ["--import", "tsx", "src/cli/main.ts", "serve", "--port", "0", "-c", teamFile(emulator.baseUrl, ["x"])];
    const child = spawn(process.execPath, args, { env: { ...process.env, MASSGEN_LOG: "info" } });
    onTestFinished(() => void child.kill("SIGKILL"));
    let err = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      err += text;
    });
    let out = "";
    for await (const text of child.stdout.setEncoding("utf8")) {
      out += text;
      if (out.includes("/v1\n")) break;
    }
    const url = /at (http:\S+)\/v1\n/.exec(out)?.[1];
    const id = "0af7651916cd43dd8448eb211c80319c";
    await (
      await fetch(`${url}/v1/chat/completions`, {
        method: "POST",
        headers: { "content-type": "application/json", traceparent: `00-${id}-b7ad6b7169203331-01` },
        body: JSON.stringify({ model: "massgen", messages: [{ role: "user", content: "Hello?" }] }),
      })
    ).text();
    child.kill("SIGTERM");
    await once(child, "close");
    const story = err
      .split("\n")
      .filter((line) => line.includes(id))
      .map((line) => JSON.parse(line));
    expect(story.map(({ event }) => event)).toEqual([
      ...["request-start", "run-start", "turn-start", "answer", "turn-finish", "consensus", "run-finish", "request-finish"],
    ]);
    expect(new Set(story.map(({ trace_id }) => trace_id))).toEqual(new Set([id]));
    expect(new Set(story.slice(1).map(({ run }) => run)).size).toBe(1);
  });

  test("lets a run under way finish at SIGTERM", async () => {
    const wait = gate();
    await using emulator = await startEmulator({ respond: () => ({ text: "To the end.", hold: { afterChunks: 0, until: wait.opened } }) });
    const program = await serving(["-q", "-c", directory({ "team.yaml": config(emulator.baseUrl) })]);
    const reader = (await chat(program.url, "team", { stream: true })).body!.getReader();
    await emulator.nextRequest();
    program.interrupt("SIGTERM");
    await program.saw("requests under way may finish");
    wait.open();
    expect(contentOf(await readUntil(reader, "[DONE]"))).toBe("To the end.");
    expect(await program.exit).toBe(0);
    expect(program.listening()).toBe(false);
    expect(program.err()).not.toContain("{");
  });

  test("stops at once at the second signal", async () => {
    const never = gate();
    await using emulator = await startEmulator({ respond: () => ({ text: "Hm.", hold: { afterChunks: 0, until: never.opened } }) });
    const program = await serving(["-c", directory({ "team.yaml": config(emulator.baseUrl) })]);
    const reply = await chat(program.url, "team", { stream: true });
    await emulator.nextRequest();
    program.interrupt();
    await program.saw("Again to stop at once");
    program.interrupt();
    expect(await program.exit).toBe(0);
    expect(await reply.text()).toContain("shutting_down");
    expect(await emulator.requests[0]!.closed).toBe("client-left");
  });

  test("takes its address, keys and default config from the environment", async () => {
    await using emulator = await startEmulator();
    const env = {
      MASSGEN_SERVER_HOST: "127.0.0.1",
      MASSGEN_SERVER_PORT: "0",
      MASSGEN_SERVER_DEFAULT_CONFIG: directory({ "house.yaml": config(emulator.baseUrl) }),
      MASSGEN_SERVER_API_KEY: "k1",
      MASSGEN_SERVER_API_KEYS: "k2, k3",
    };
    const { url } = await serving(["--api-key", "k4"], env);
    for (const key of ["k1", "k2", "k3", "k4"]) expect(await models(url, { "x-api-key": key })).toEqual(["house"]);
    expect((await fetch(`${url}/v1/models`, { headers: { "x-api-key": "k5" } })).status).toBe(401);
  });

  test("has a demonstration, and hands its options on", async () => {
    const { url, err } = await serving(["--demo", "--progress", "off", "--cors", "https://chat.example", "--sessions", "--max-runs", "3"]);
    expect(await models(url)).toEqual(["demo"]);
    expect(err()).toContain("SIMULATED");
    const health = await fetch(`${url}/health`, { headers: { origin: "https://chat.example" } });
    expect(health.headers.get("access-control-allow-origin")).toBe("https://chat.example");
  });
});

describe("massgen serve says what is wrong", () => {
  const refused = async (args: string[], env: Record<string, string> = {}) => {
    const { code, err, out } = await run(["serve", ...args], { env });
    expect([code, out]).toEqual([1, ""]);
    return err;
  };

  test("with a config, and where", async () => {
    const folder = directory({
      "good.yaml": config("http://127.0.0.1:9/v1"),
      "bad.yaml": config("http://127.0.0.1:9/v1").replace("model:", "modle:"),
    });
    const err = await refused(["-c", folder]);
    expect(err).toContain("bad.yaml");
    expect(err).toContain("modle");
    expect(await refused(["-c", join(folder, "none.yaml")])).toContain("none.yaml");
  });

  test("with the names of models", async () => {
    const folder = directory({ "a.yaml": config("http://127.0.0.1:9/v1"), "a.yml": config("http://127.0.0.1:9/v1") });
    expect(await refused(["-c", folder])).toContain('Two models are named "a"');
    expect(await refused(["-m", "nameless"])).toContain("name=file");
    const empty = join(folder, "empty");
    mkdirSync(empty);
    expect(await refused(["-c", empty])).toContain("no .yaml");
    expect(await refused(["-c", folder, "--demo"])).toContain("not several of them");
  });

  test("with the address", async () => {
    const { port } = await startTeam();
    expect(await refused(["--demo", "--port", String(port)])).toContain(`Port ${port} on 127.0.0.1 is taken`);
    expect(await refused(["--demo"], { MASSGEN_SERVER_PORT: String(port) })).toContain(`Port ${port}`);
    expect(await refused(["--demo", "--host", "0.0.0.0", "--port", "0"])).toContain("MASSGEN_SERVER_API_KEY");
    expect(await refused(["--demo", "--port", "http"])).toContain("--port");
    expect(await refused(["--demo", "--port", "70000"])).toContain("65535");
    expect(await refused(["--demo", "--progress", "loud"])).toContain("--progress");
    expect(await refused(["--demo", "--nope"])).toContain("--nope");
  });

  test("when there is no team", async ({ skip }) => {
    const program = start(["serve", "--port", "0"]);
    await Promise.race([program.exit, program.saw("/v1\n")]);
    if (program.listening()) {
      program.interrupt();
      await program.exit;
      skip("a local model server listens on this machine, and is served");
    }
    expect(await program.exit).toBe(1);
    expect(program.err()).toContain("--demo");
  });

  test("in its help", async () => {
    const { code, out } = await run(["serve", "--help"]);
    expect(code).toBe(0);
    expect(out).toContain("MASSGEN_SERVER_API_KEY");
  });
});
