import { randomUUID } from "node:crypto";
import { MassGenError } from "../../errors.js";
import type { Runtime } from "../../runtime.js";
import type { FileAccess } from "../access.js";
import { type Child, startChild } from "./child.js";
import { commandEnvironment } from "./environment.js";
import type { Executor, RunningProcess } from "./executor.js";
import type { ExecutorEnvironment } from "./local.js";
import { insidePath, type Mount, mountsOf } from "./mounts.js";
import { runToEnd } from "./run-command.js";

/** A container for each agent and run, made by the Docker command-line program. */
export interface DockerOptions {
  /** Must have `sh`, `cat` and `grep`. Pulled by Docker when it is missing. */
  image: string;
  /** As `--network` of `docker run` takes it. Default: `none`. */
  network?: string;
  /** As `--memory` takes it, e.g. `2g`. Default: Docker's own. */
  memory?: string;
  /** Processors, e.g. 1.5. Default: Docker's own. */
  cpus?: number;
  /** As `--user` takes it. Default: the user of this program, so that files in the workspace are its own. */
  user?: string;
}

export interface DockerSettings extends DockerOptions {
  env: readonly string[];
  maxProcesses: number;
}

interface Container {
  name: string;
  cli: Child;
  isOpen(): boolean;
  /** Commands that run in it. */
  users: number;
  isRetired: boolean;
}

/** What the daemon says of a call takes no longer; starting a container may have to pull its image. */
const CALL_MS = 30_000;
const START_MS = 600_000;
const LABEL = "massgen.commands";
const MARK = "MASSGEN_COMMAND";

/** Sends a signal to every process of a command, wherever it went: they all have its mark in their environment. */
const SIGNAL_MARKED = `for f in $(grep -l "${MARK}=$mark" /proc/[0-9]*/environ 2>/dev/null); do
  p=\${f#/proc/}; p=\${p%/environ}; [ "$p" = $$ ] || kill -s "$signal" "$p" 2>/dev/null
done`;
/** Runs the command, and ends what it leaves behind. It has no mark itself, so that it lives until then. */
const RUN = `mark=$1; shift; ${MARK}=$mark "$@"; code=$?; signal=KILL; ${SIGNAL_MARKED}; exit $code`;
const STOP = `mark=$1; signal=$2; ${SIGNAL_MARKED}`;

/**
 * Runs commands in a container. It is made at the first command, and anew when what the agent may touch has changed; it ends with
 * this program, even if that is killed.
 * @throws MassGenError `docker_unavailable`
 */
export async function dockerExecutor(settings: DockerSettings, environment: ExecutorEnvironment): Promise<Executor> {
  const { runtime, warn, host = process.env } = environment;
  const containers = new Set<Container>();
  const env = commandEnvironment({ names: settings.env, home: "/tmp", temporary: "/tmp", host });
  const warned = new Set<string>();
  let current: { key: string; container: Promise<Container> } | undefined;
  let closed = false;

  const docker = (args: string[]) => callDocker(args, host, runtime);
  const version = await docker(["version", "--format", "{{.Server.Version}}"]);
  if (version.code !== 0) {
    const message = `Docker does not answer: ${version.stderr.trim() || version.stdout.trim() || `exit code ${version.code}`}. Start it, or use the local executor.`;
    throw new MassGenError("docker_unavailable", message);
  }

  async function containerFor(access: FileAccess): Promise<Container> {
    const { mounts, leftOut } = await mountsOf(access);
    for (const { path } of leftOut) {
      if (warned.has(path)) continue;
      warned.add(path);
      warn({ code: "context_path_left_out", message: `Commands cannot use ${path}: it is too large to keep hidden files in it hidden.` });
    }
    const key = JSON.stringify(mounts);
    for (;;) {
      const last = current;
      const container = await last?.container.catch(() => undefined);
      if (last?.key === key && container?.isOpen()) {
        container.users++;
        return container;
      }
      if (current !== last) continue; // another command was faster
      current = { key, container: startContainer(mounts, access.workspace) };
      current.container.catch(() => {});
      if (container !== undefined) retire(container);
      await current.container;
    }
  }

  /** No new commands; gone with its last one. */
  function retire(container: Container): void {
    container.isRetired = true;
    if (container.users > 0) return;
    containers.delete(container);
    void docker(["rm", "--force", container.name]);
  }

  async function startContainer(mounts: readonly Mount[], workspace: string): Promise<Container> {
    const name = `massgen-${randomUUID()}`;
    const user = settings.user ?? (process.getuid === undefined ? undefined : `${process.getuid()}:${process.getgid?.()}`);
    const args = ["run", "--rm", "--interactive", "--init", "--name", name, "--label", LABEL, "--workdir", workspace];
    args.push("--network", settings.network ?? "none", "--cap-drop", "ALL", "--security-opt", "no-new-privileges");
    args.push("--pids-limit", String(settings.maxProcesses), "--hostname", "sandbox");
    if (settings.memory !== undefined) args.push("--memory", settings.memory);
    if (settings.cpus !== undefined) args.push("--cpus", String(settings.cpus));
    if (user !== undefined) args.push("--user", user);
    for (const mount of mounts) args.push("--mount", mountOption(mount));
    // It lives as long as its input is open, so that nothing is left of it when this program dies.
    args.push("--entrypoint", "sh", settings.image, "-c", "echo ready; exec cat >/dev/null");
    const cli = startChild(["docker", ...args], { env: { ...host }, keepInputOpen: true });
    return await opened({ name, cli, users: 0, isRetired: false });
  }

  async function opened(container: Omit<Container, "isOpen">): Promise<Container> {
    const { cli } = container;
    let complaint = "";
    let open = true;
    cli.stderr.on("data", (chunk: Buffer) => {
      complaint = (complaint + chunk.toString()).slice(-4096);
    });
    const over = cli.exited
      .catch((error: Error) => {
        complaint = error.message;
      })
      .then(() => {
        open = false;
        return "ended" as const;
      });
    let cancel = () => {};
    const late = new Promise<"late">((resolve) => {
      cancel = runtime.setTimer(START_MS, () => resolve("late"));
    });
    const ready = new Promise<"ready">((resolve) => cli.stdout.once("data", () => resolve("ready")));
    const outcome = await Promise.race([ready, over, late]);
    cancel();
    cli.stdout.resume();
    const result = Object.assign(container, { isOpen: () => open });
    if (outcome === "ready" && !closed) {
      containers.add(result);
      return result;
    }
    cli.kill();
    if (outcome !== "ended") await docker(["rm", "--force", container.name]);
    if (outcome === "ready") throw new MassGenError("closed", "The run is over, no more commands are run.");
    const why = outcome === "late" ? `it was not ready after ${START_MS} ms` : complaint.trim();
    throw new MassGenError("sandbox_failed", `The container could not be started: ${why}`);
  }

  function startIn(container: Container, argv: readonly string[], cwd: string, stdin: string | undefined): RunningProcess {
    const mark = randomUUID();
    const args = ["exec", "--workdir", cwd];
    if (stdin !== undefined) args.push("--interactive");
    for (const [name, value] of Object.entries(env)) args.push("--env", `${name}=${value}`);
    const cli = startChild(["docker", ...args, container.name, "sh", "-c", RUN, "sh", mark, ...argv], { env: { ...host }, stdin });
    const stop = (signal: "TERM" | "KILL") => docker(["exec", container.name, "sh", "-c", STOP, "sh", mark, signal]);
    const left = () => {
      container.users--;
      if (container.isRetired) retire(container);
    };
    cli.exited.then(left, left);
    const exited = cli.exited.then((exit) => (container.isOpen() ? exit : { ...exit, notSetUp: true }));
    exited.catch(() => {});
    return {
      stdout: cli.stdout,
      stderr: cli.stderr,
      exited,
      terminate: () => void stop("TERM"),
      kill: () => {
        void stop("KILL").then(cli.kill);
      },
    };
  }

  return {
    isolated: (settings.network ?? "none") === "none",
    description: [
      `Commands run in a container of the image ${settings.image}: they can write to your workspace and to context paths you may write to; what else they change is lost when the answers you see change.`,
      (settings.network ?? "none") === "none"
        ? "There is no network but localhost, which your commands and jobs share."
        : "They can use the network.",
      "The files of an answer are in a directory beside your workspace, e.g. ../agent2.1, read-only.",
    ].join(" "),
    insidePath,
    async start({ argv, cwd, access, stdin }) {
      const container = await containerFor(access);
      if (closed) throw new MassGenError("closed", "The run is over, no more commands are run.");
      return startIn(container, argv, cwd, stdin);
    },
    async close() {
      closed = true;
      await current?.container.catch(() => {});
      await Promise.all(
        [...containers].map(async ({ name, cli }) => {
          await docker(["rm", "--force", name]);
          cli.kill();
        }),
      );
      containers.clear();
    },
  };
}

/** The value of `--mount`, which is read as a line of CSV. */
function mountOption({ kind, source, target }: Mount): string {
  const field = (text: string) => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  if (kind === "hide-directory") return ["type=tmpfs", `destination=${target}`].map(field).join(",");
  const from = kind === "hide-file" ? "/dev/null" : source;
  return ["type=bind", `source=${from}`, `destination=${target}`, ...(kind === "write" ? [] : ["readonly"])].map(field).join(",");
}

/** Never rejects. */
async function callDocker(
  args: string[],
  host: NodeJS.ProcessEnv,
  runtime: Runtime,
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  try {
    const child = startChild(["docker", ...args], { env: { ...host } });
    const { code, stdout, stderr } = await runToEnd(
      child,
      { timeoutMs: CALL_MS, maxBytes: 1024 * 1024 },
      runtime,
      new AbortController().signal,
    );
    return { code, stdout: stdout.toString(), stderr: stderr.toString() };
  } catch (error) {
    return { code: null, stdout: "", stderr: error instanceof Error ? error.message : String(error) };
  }
}
