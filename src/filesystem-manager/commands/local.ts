import { mkdir, mkdtemp, realpath, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { MassGenError } from "../../errors.js";
import type { Runtime } from "../../runtime.js";
import { removeTree } from "../remove-tree.js";
import { type Bubblewrap, findBubblewrap, openNetwork, type SharedNetwork, startSandboxed } from "./bubblewrap.js";
import { bubblewrapArgs, isVisible, nodeDirectory } from "./bubblewrap-args.js";
import { startChild } from "./child.js";
import { commandEnvironment, searchPath } from "./environment.js";
import type { Executor, RunningProcess } from "./executor.js";
import { insidePath, mountsOf } from "./mounts.js";

export interface LocalOptions {
  sandbox: "auto" | "required" | "none";
  network: boolean;
  env: readonly string[];
  systemPaths: readonly string[];
  maxProcesses: number;
}

export interface ExecutorEnvironment {
  runtime: Runtime;
  warn(warning: { code: string; message: string }): void;
  /** The program's own environment. Default: `process.env`. */
  host?: NodeJS.ProcessEnv;
  /** A directory in which directories for the commands' temporary files are made. Default: the system's. */
  temporary?: string;
}

/**
 * Runs commands on this machine, in a sandbox where it has one.
 * @throws MassGenError `no_sandbox` where one is required and there is none
 */
export async function localExecutor(options: LocalOptions, environment: ExecutorEnvironment): Promise<Executor> {
  if (options.sandbox === "none") return unfencedExecutor(options, environment);
  const found = await findBubblewrap(environment.host);
  if (!("reason" in found)) return sandboxExecutor(found, options, environment);
  const advice =
    process.platform === "linux"
      ? "install bubblewrap (apt-get install bubblewrap) and allow user namespaces, or use the docker executor"
      : "use the docker executor";
  if (options.sandbox === "required") {
    throw new MassGenError("no_sandbox", `Commands need a sandbox and this machine has none (${found.reason}): ${advice}.`);
  }
  environment.warn({
    code: "no_sandbox",
    message: `Commands run without a sandbox (${found.reason}): they can read and change whatever this program can. To fence them in, ${advice}.`,
  });
  return unfencedExecutor(options, environment);
}

/** A directory of ours, made when first needed: `tmp` for the commands, with their home in it, and `hosts`. */
function scratchDirectory(parent = tmpdir()) {
  let made: Promise<string> | undefined;
  return {
    path: () => {
      made ??= makeScratch(parent);
      return made;
    },
    async remove() {
      const path = await made?.catch(() => undefined);
      if (path !== undefined) await removeTree(dirname(path), basename(path));
    },
  };
}

async function makeScratch(parent: string): Promise<string> {
  const path = await mkdtemp(join(await realpath(parent), "massgen-"));
  await mkdir(join(path, "tmp", "home"), { recursive: true });
  await writeFile(join(path, "hosts"), "127.0.0.1 localhost sandbox\n::1 localhost\n");
  return path;
}

function sandboxExecutor(
  found: Bubblewrap,
  options: LocalOptions,
  { runtime, warn, host = process.env, temporary }: ExecutorEnvironment,
): Executor {
  const scratch = scratchDirectory(temporary);
  const running = new Set<RunningProcess>();
  const warned = new Set<string>();
  let network: Promise<SharedNetwork> | undefined;
  let closed = false;

  const node = nodeDirectory(host.HOME ?? "/");
  const systemPaths = [...options.systemPaths, ...(node === undefined ? [] : [node])];
  const path = searchPath(host).filter((entry) => isVisible(entry, systemPaths));
  if (node !== undefined && !path.includes(join(node, "bin"))) path.push(join(node, "bin"));
  const env = { ...commandEnvironment({ names: options.env, home: "/tmp/home", temporary: "/tmp", host }), PATH: path.join(":") };

  async function sharedNetwork(): Promise<SharedNetwork> {
    const last = network;
    const isOpen = (await last?.then((open) => open.isOpen()).catch(() => false)) ?? false;
    if (!isOpen && network === last) network = openNetwork(found.bwrap);
    return network!;
  }

  return {
    isolated: !options.network,
    description: [
      "Commands run in a sandbox: they can write to your workspace, to /tmp, which is yours alone, and to context paths you may write to; the system is read-only.",
      options.network
        ? "They can use the network."
        : `There is no network but localhost${found.nsenter === undefined ? ", and each command and job has one of its own" : ", which your commands and jobs share"}.`,
      "The files of an answer are in a directory beside your workspace, e.g. ../agent2.1, read-only.",
    ].join(" "),
    insidePath,
    async start({ argv, cwd, access, stdin }) {
      const { mounts, leftOut } = await mountsOf(access);
      for (const { path: left } of leftOut) {
        if (warned.has(left)) continue;
        warned.add(left);
        warn({ code: "context_path_left_out", message: `Commands cannot use ${left}: it is too large to keep hidden files in it hidden.` });
      }
      const prefix: string[] = [];
      if (!options.network && found.nsenter !== undefined) prefix.push(...(await sharedNetwork()).enter(found.nsenter));
      const layout = { mounts, systemPaths, network: options.network, scratch: await scratch.path(), cwd };
      const args = bubblewrapArgs(layout, found.noNamespaces);
      if (!options.network && found.nsenter === undefined) args.push("--unshare-net");
      const limit = found.prlimit === undefined ? [] : [found.prlimit, `--nproc=${options.maxProcesses}:${options.maxProcesses}`, "--"];
      if (closed) throw new MassGenError("closed", "The run is over, no more commands are run.");
      const child = startSandboxed(
        [...prefix, found.bwrap, ...args, "--json-status-fd", "3", "--", ...limit, ...argv],
        env,
        stdin,
        runtime,
      );
      return tracked(child, running);
    },
    async close() {
      closed = true;
      await endAll(running);
      await network?.then((open) => open.close()).catch(() => {});
      await scratch.remove();
    },
  };
}

function unfencedExecutor(options: LocalOptions, { host = process.env, temporary: parent }: ExecutorEnvironment): Executor {
  const scratch = scratchDirectory(parent);
  const running = new Set<RunningProcess>();
  let closed = false;
  return {
    isolated: false,
    description: [
      "Commands run on the user's own machine without a sandbox: stay in your workspace and leave everything else alone.",
      "The files of answers are read with the file tools, not with commands.",
    ].join(" "),
    insidePath: (real) => real,
    async start({ argv, cwd, stdin }) {
      const temporary = join(await scratch.path(), "tmp");
      const env = commandEnvironment({ names: options.env, home: join(temporary, "home"), temporary, host });
      if (closed) throw new MassGenError("closed", "The run is over, no more commands are run.");
      return tracked(startChild(argv, { env: { ...env, PATH: searchPath(host).join(":") }, cwd, stdin }), running);
    },
    async close() {
      closed = true;
      await endAll(running);
      await scratch.remove();
    },
  };
}

function tracked(child: RunningProcess, running: Set<RunningProcess>): RunningProcess {
  running.add(child);
  const forget = () => void running.delete(child);
  child.exited.then(forget, forget);
  return child;
}

async function endAll(running: Set<RunningProcess>): Promise<void> {
  const all = [...running];
  for (const child of all) child.kill();
  await Promise.allSettled(all.map((child) => child.exited));
}
