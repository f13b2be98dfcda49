import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { parseConfig } from "../../src/config/index.js";
import { Orchestrator } from "../../src/orchestrator/orchestrator.js";
import { simulatedTeam, startEmulator } from "../../src/testing/index.js";
import { run as program } from "../cli/support.js";

const root = fileURLToPath(new URL("../../", import.meta.url));
const execute = promisify(execFile);
// As someone without any key runs them.
const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/_API_KEY$|^MASSGEN_/.test(name)));

/** What each example must print. */
const expected: Record<string, RegExp[]> = {
  "quick-start.ts": [/→ agent\d\.\d: /, /Simulated final answer/, /\w+ won with 3 votes; 2 other answers; \d+ tokens written/],
  "compaction.ts": [
    /^archivist, high-water: clear made 1\d{4} tokens \d{4}, no request$/m,
    /^archivist, high-water: summary made 1\d{4} tokens \d{4}, \d+ tokens spent \(clear: /m,
    /^The map is on shelf 30\.$/m,
    /^30 shelves, \d{6} tokens read in all, never more than 16000 at once$/m,
  ],
  "custom-backend.ts": [/^(one|two|three): A B-tree, because it keeps its keys in order\.$/m],
  "events.ts": [/answered agent1\.1, \d+ characters/, /consensus on agent\d\.\d:/, /Simulated final answer/, /'run-finish': 1/],
  "abort.ts": [/^finished-early: agent\d\.1 was presented$/m, /^aborted: .*the user has left$/m, /^answers so far: agent\d\.1/m],
  "building_a_program.ts": [
    /^careful tests it: IV MCMXCIV/m,
    /^quick may not write_file: .*it is read-only for you now/m,
    /^careful's program is chosen with 3 votes$/m,
    /^roman\.mjs says: MMXXVI$/m,
  ],
  "tools.ts": [
    /^(ada|ben): asking two agencies in Lisbon$/m,
    /^(ada|ben) would call book_room$/m,
    /^(ada|ben) asks to call "book_room", Sala Azul for 450 euros: yes$/m,
    /^presented by (ada|ben)$/m,
  ],
  "server.ts": [/Simulated final answer/, /^after a deliberation$/m, /^mounted: team, massgen-agent-ada, massgen-agent-ben$/m],
  "logging.ts": [
    /^\d\d:\d\d:\d\d\.\d{3} INFO {2}\w{6} run started with ada \(simulated-ada\)/m,
    /^consensus 0af7651916cd43dd8448eb211c80319c agent\d\.1 of \w+ wins/m,
  ],
  "run-record.ts": [
    /^consensus: \w+ won with agent\d\.\d$/m,
    /^events\.jsonl, report\.html, status\.json/m,
    /^\d answers, 3 votes, \d+ turns$/m,
  ],
  "seven_providers.ts": [/Simulated final answer/, /^consensus: \w+ by \d votes$/m, /^gemini: \d+ tokens read, \d+ written$/m],
};

describe("the examples", () => {
  it("are all run here", () => {
    expect(readdirSync(`${root}examples`).filter((name) => name.endsWith(".ts"))).toEqual(Object.keys(expected).sort());
  });

  it.each(Object.entries(expected))("%s", { timeout: 60_000 }, async (name, patterns) => {
    const { stdout, stderr } = await execute(process.execPath, ["--import", "tsx", `examples/${name}`], {
      cwd: root,
      env,
      timeout: 60_000,
    });
    for (const pattern of patterns) expect(stdout).toMatch(pattern);
    expect(stderr).toBe("");
  });

  it("custom-backend.ts shows a backend of about twenty lines", () => {
    const [, body = ""] = /class TinyBackend[^\n]*\n([\s\S]*?)\n}\n/.exec(readFileSync(`${root}examples/custom-backend.ts`, "utf8")) ?? [];
    expect(body.split("\n").length).toBeGreaterThan(10);
    expect(body.split("\n").length).toBeLessThan(28);
  });
});

describe("three_agents_vllm.yaml", () => {
  const text = readFileSync(`${root}examples/three_agents_vllm.yaml`, "utf8");

  it("is a team of three on one server, without a key", () => {
    const { agents } = parseConfig(text, { env: {} });
    expect(agents.map(({ backend }) => backend)).toEqual(
      Array.from({ length: 3 }, () =>
        expect.objectContaining({ type: "vllm", model: "Qwen/Qwen3-4B", baseUrl: "http://localhost:8000/v1" }),
      ),
    );
    expect(new Orchestrator(parseConfig(text, { env: {} })).agents.map(({ id }) => id)).toEqual(["explorer", "engineer", "checker"]);
  });

  it("runs, with its parameters on the wire", async () => {
    await using server = await startEmulator({ respond: simulatedTeam() });
    process.env.VLLM_BASE_URL = server.baseUrl;
    try {
      const { code, out } = await program(["--quiet", "--config", `${root}examples/three_agents_vllm.yaml`, "Which index?"]);
      expect(code).toBe(0);
      expect(out).toContain("Simulated final answer");
    } finally {
      delete process.env.VLLM_BASE_URL;
    }
    const bodies = server.requests.map(({ body }) => body as Record<string, unknown>);
    expect(bodies.slice(0, 3).map(({ temperature }) => temperature)).toEqual([0.9, 0.4, 0.2]);
    expect(bodies[0]).toMatchObject({ top_k: 40, max_tokens: 4096, chat_template_kwargs: { enable_thinking: true } });
  });
});
