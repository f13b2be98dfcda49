import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { type Emulator, startEmulator } from "../../src/testing/index.js";
import { type Program, start, teamFile } from "./support.js";

/** A model that deploys twice and then says what came of it. */
const emulate = () =>
  startEmulator({
    respond: ({ messages }) => {
      const results = messages.filter(({ role }) => role === "tool").map(({ text }) => text);
      if (results.length > 0) return { text: `Outcome: ${results.join(" | ")}` };
      return { toolCalls: ["blue", "green"].map((slot) => ({ name: "deploy", input: { slot } })) };
    },
  });

function begin(server: Emulator, flags: string[], options: Parameters<typeof start>[1]): Program {
  const file = teamFile(server.baseUrl, ["ada"]);
  const source = `export const deploy = {
    name: "deploy", description: "Deploys.", inputSchema: { type: "object" }, needsApproval: true,
    execute: ({ slot }) => "deployed " + slot,
  };`;
  writeFileSync(join(dirname(file), "tools.mjs"), source);
  const agents = [
    { id: "ada", backend: { type: "vllm", model: "ada", base_url: server.baseUrl, custom_tools: [{ path: "./tools.mjs" }] } },
  ];
  writeFileSync(file, JSON.stringify({ agents }));
  return start(["--config", file, "--no-color", ...flags, "Deploy it"], options);
}

describe("an approval", () => {
  it("is asked for on a terminal, one after the other: y allows, another key does not", async () => {
    await using server = await emulate();
    const program = begin(server, [], { columns: 120 });
    await program.saw('ada asks to call deploy with {"slot":"blue"}. Allow it? (y/n)');
    program.press("y");
    await program.saw('ada asks to call deploy with {"slot":"green"}. Allow it? (y/n)');
    program.press("n");
    expect(await program.exit).toBe(0);
    expect(program.out()).toMatch(/Allowed\.[\s\S]*Denied\.[\s\S]*Outcome: deployed blue \| [\s\S]*did not\s+allow/);
    expect(program.listening()).toBe(false);
  });

  it("can be interrupted with Ctrl-C, which is a key then", async () => {
    await using server = await emulate();
    const program = begin(server, [], { columns: 120 });
    await program.saw("Allow it? (y/n)");
    program.press("\u0003");
    expect(await program.exit).toBe(4);
  });

  it.each([[[]], [["--json"]], [["--quiet"]]])("is denied with a plain line where nobody can be asked: %j", async (flags) => {
    await using server = await emulate();
    const program = begin(server, flags, flags.length > 0 ? { columns: 120 } : {});
    expect(await program.exit).toBe(0);
    expect(program.err()).toContain(
      'massgen: ada asks to call deploy with {"slot":"blue"}: denied, for this program does not run on a terminal where it could ask.',
    );
    expect(program.out()).toMatch(/nobody is at the terminal to\s+allow it/);
  });
});
