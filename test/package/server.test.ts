import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { expect, inject, it } from "vitest";
import { run } from "../../scripts/npm.mjs";

const project = inject("project");

it("massgen/server serves a team, and the process ends by itself when it has stopped", () => {
  const { stdout, stderr } = run(process.execPath, ["server.mjs"], { cwd: project });
  expect(stderr).toBe("");
  expect(JSON.parse(stdout).text).not.toBe("");
});

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  it(`massgen serve listens, logs, and ends with 0 at ${signal}`, async () => {
    const child = spawn(process.execPath, [join(project, "node_modules/massgen/dist/cli/main.js"), "serve", "--demo", "--port", "0"], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    let err = "";
    child.stderr.setEncoding("utf8").on("data", (text) => {
      err += text;
    });
    const [line] = (await once(child.stdout.setEncoding("utf8"), "data")) as [string];
    const url = /^massgen serves demo at (http:\S+\/v1)\n$/.exec(line)?.[1];
    expect(url).toBeDefined();
    const { data } = (await (await fetch(`${url}/models`)).json()) as { data: { id: string }[] };
    expect(data[0]!.id).toBe("demo");
    child.kill(signal);
    const [code] = await once(child, "exit");
    expect(code).toBe(0);
    expect(err).toContain('"path":"/v1/models"');
  });
}
