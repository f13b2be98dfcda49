import { execFile, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it, onTestFinished } from "vitest";
import { displayWidth } from "../../src/cli/text.js";
import { type ReplyRule, simulatedTeam, startEmulator } from "../../src/testing/index.js";
import { gate, teamFile } from "./support.js";

const root = fileURLToPath(new URL("../../", import.meta.url));
const hasTmux = spawnSync("tmux", ["-V"]).status === 0;
if (!hasTmux) console.log("test/cli/terminal.test.ts is skipped: there is no tmux on this machine.");

const execute = promisify(execFile);
const MODELS = ["ada", "ben", "cleo"];
const team = simulatedTeam({ improves: () => false });

interface Terminal {
  /** Resolves with the screen as soon as it satisfies the predicate; it is looked at whenever something is written. */
  until(predicate: (screen: string) => boolean): Promise<string>;
  tmux(...args: string[]): Promise<string>;
}

/** The program in a real terminal of this size. */
async function terminal(columns: number, rows: number, args: readonly string[]): Promise<Terminal> {
  const folder = mkdtempSync(join(tmpdir(), "massgen-tmux-"));
  const socket = join(folder, "socket");
  const tmux = async (...command: string[]) => (await execute("tmux", ["-S", socket, "-f", "/dev/null", ...command])).stdout;
  const quoted = ["--import", "tsx", "src/cli/main.ts", ...args].map((arg) => `'${arg}'`).join(" ");
  const command = `cd '${root}'; '${process.execPath}' ${quoted}; echo "EXIT $?"; read _`;
  await tmux("new-session", "-d", "-x", String(columns), "-y", String(rows), "-s", "t", "-e", "NO_COLOR=", "-e", "LC_ALL=C.UTF-8", command);
  // A client in control mode hears of all output.
  const control = spawn("tmux", ["-S", socket, "-C", "attach", "-t", "t"], { stdio: ["pipe", "pipe", "ignore"] });
  const gone = new Promise((resolve) => control.once("exit", resolve));
  onTestFinished(async () => {
    await tmux("kill-server").catch(() => {});
    await gone;
    rmSync(folder, { recursive: true, force: true });
  });
  // It must not decide on the window's size.
  control.stdin.write(`refresh-client -C ${columns}x${rows}\n`);
  const screen = async () => (await tmux("capture-pane", "-p", "-t", "t")).replace(/ +$/gm, "");
  return {
    tmux,
    until(predicate) {
      return new Promise((resolve, reject) => {
        let looking = false;
        let again = false;
        const look = async () => {
          if (looking) {
            again = true;
            return;
          }
          looking = true;
          do {
            again = false;
            const text = await screen();
            if (predicate(text)) {
              control.stdout.off("data", onData);
              resolve(text);
              return;
            }
          } while (again);
          looking = false;
        };
        const onData = () => void look().catch(reject);
        control.stdout.on("data", onData);
        onData();
      });
    },
  };
}

describe.skipIf(!hasTmux)("a real terminal", { timeout: 60_000 }, () => {
  it("shows one line per agent in place, decisions above, the final text below, and gets its cursor back", async () => {
    const drafts = gate();
    const votes = gate();
    const respond: ReplyRule = async (prompt, info) => {
      const reply = await team(prompt, info);
      if (typeof reply === "string" || prompt.model !== "cleo") return reply;
      const voting = prompt.tools.some(({ name }) => name === "vote");
      return { ...reply, hold: { afterChunks: 12, until: voting ? votes.opened : drafts.opened } };
    };
    await using server = await startEmulator({ respond });
    const { until, tmux } = await terminal(100, 40, ["--config", teamFile(server.baseUrl, MODELS), "Which index, and why?"]);

    const drafting = await until((screen) => /2 answers/.test(screen) && /cleo +drafting ~\d+ tokens/.test(screen));
    expect(drafting).toMatch(/^Which index, and why\?\nada \(ada\), ben \(ben\), cleo \(cleo\)\n/);
    expect(drafting).toMatch(/^agent1 ada +answers agent1\.1: Simulated answer/m);
    expect(drafting).toMatch(
      /✓ agent1 {2}ada {3}ada {3}answered agent1\.1\n✓ agent2 {2}ben {3}ben {3}answered agent2\.1\n. agent3 {2}cleo {2}cleo {2}drafting/,
    );
    expect(drafting).toMatch(/\n {2}2 answers · .*Ctrl-C takes the best answer so far\n/);
    expect(await tmux("display-message", "-p", "-t", "t", "#{cursor_flag}")).toBe("0\n");

    drafts.open();
    const voting = await until((screen) => /2 votes/.test(screen) && /cleo +comparing 3 answers ~/.test(screen));
    expect(voting).toMatch(/✓ agent1 {2}ada .*voted → agent\d\.1: It is the easiest to act on/);
    expect(voting.match(/Ctrl-C takes/g)).toHaveLength(1);

    votes.open();
    const done = await until((screen) => screen.includes("EXIT"));
    expect(done).toMatch(/\nagent\d\.1 by \w+ wins with 3 of 3 votes\n\nSimulated final answer/);
    expect(done).toMatch(/\nagent\d\.1 by \w+ · 3 of 3 votes · consensus · .* tokens · [\d.]+ s\nEXIT 0/);
    expect(done).not.toContain("Ctrl-C takes");
    expect(await tmux("display-message", "-p", "-t", "t", "#{cursor_flag}")).toBe("1\n");
  });

  it("fits a narrow window, and one that changes its size meanwhile", async () => {
    const held = gate();
    const respond: ReplyRule = async (prompt, info) => {
      const reply = await team(prompt, info);
      return typeof reply === "string" || prompt.model !== "cleo" ? reply : { ...reply, hold: { afterChunks: 12, until: held.opened } };
    };
    await using server = await startEmulator({ respond });
    const { until, tmux } = await terminal(60, 40, [
      "--config",
      teamFile(server.baseUrl, MODELS),
      "世界で一番高い山は？ Which one, and why would anybody climb it?",
    ]);
    const one = (screen: string) =>
      (screen.match(/^. agent3 {2}cleo/gm) ?? []).length === 1 && (screen.match(/2 answers ·/g) ?? []).length === 1;
    await until((screen) => one(screen) && /drafting ~\d/.test(screen));
    for (const columns of [34, 90, 45]) {
      await tmux("resize-window", "-t", "t", "-x", String(columns), "-y", "40");
      const screen = await until(
        (text) => one(text) && text.split("\n").some((line) => line.startsWith("  2 answers") && displayWidth(line) > 20),
      );
      expect(screen.split("\n").every((line) => displayWidth(line) <= columns)).toBe(true);
    }
    held.open();
    const done = await until((screen) => screen.includes("EXIT 0"));
    expect(done).toContain("Simulated final answer");
    expect(done).not.toMatch(/drafting|Ctrl-C/);
  });

  it("takes Ctrl-C: the best answer so far is presented", async () => {
    const respond: ReplyRule = (prompt, info) =>
      prompt.model === "ada" || prompt.tools.length === 0 ? team(prompt, info) : { fault: { type: "stall", afterChunks: 2 } };
    await using server = await startEmulator({ respond });
    const { until, tmux } = await terminal(80, 40, ["--config", teamFile(server.baseUrl, MODELS), "Which index?"]);
    await until((screen) => screen.includes("1 answer ·"));
    await tmux("send-keys", "-t", "t", "C-c");
    const done = await until((screen) => screen.includes("EXIT"));
    expect(done).toMatch(
      /Presenting the best answer so far[\s\S]*agent1\.1[\s\S]*Simulated final answer[\s\S]*finished-early[\s\S]*EXIT 4/,
    );
    expect(await tmux("display-message", "-p", "-t", "t", "#{cursor_flag}")).toBe("1\n");
  });
});
