import { readFile } from "node:fs/promises";
import type { Runtime } from "../../runtime.js";
import { SEPARATION } from "./bubblewrap-args.js";
import { type Child, signalProcess, startChild } from "./child.js";
import type { Exit, RunningProcess } from "./executor.js";
import { programPath } from "./program-path.js";

/** What of bubblewrap works on this machine. */
export interface Bubblewrap {
  bwrap: string;
  /** `--disable-userns`: commands cannot make further namespaces. */
  noNamespaces: boolean;
  /** Limits the number of processes; from util-linux. */
  prlimit: string | undefined;
  /** Enters a network that several sandboxes share; from util-linux. */
  nsenter: string | undefined;
}

const searches = new Map<string, Promise<Bubblewrap | { reason: string }>>();

/** Tries it, once in a process, as having the program does not mean that the kernel lets it. `reason`: why there is none. */
export function findBubblewrap(host: NodeJS.ProcessEnv = process.env): Promise<Bubblewrap | { reason: string }> {
  const key = host.PATH ?? "";
  const found = searches.get(key) ?? search(host);
  searches.set(key, found);
  return found;
}

async function search(host: NodeJS.ProcessEnv): Promise<Bubblewrap | { reason: string }> {
  if (process.platform !== "linux") return { reason: "bubblewrap is for Linux" };
  const bwrap = await programPath("bwrap", host);
  if (bwrap === undefined) return { reason: "bubblewrap (bwrap) is not installed" };
  const sandboxed = (more: string[], inner: string[]) => {
    return [bwrap, ...SEPARATION, ...more, "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", ...inner, "true"];
  };
  const plain = await tried(sandboxed(["--unshare-net"], []));
  if (plain !== undefined) return { reason: `bubblewrap does not work here: ${plain}` };
  const [prlimit, nsenter] = await Promise.all([programPath("prlimit", host), programPath("nsenter", host)]);
  const works = async (argv: string[]) => (await tried(argv)) === undefined;
  const noNamespaces = await works(sandboxed(["--unshare-net", "--disable-userns"], []));
  const limits = prlimit !== undefined && (await works(sandboxed(["--unshare-net"], [prlimit, "--nproc=512:512", "--"])));
  let shares = false;
  if (nsenter !== undefined) {
    const network = await openNetwork(bwrap).catch(() => undefined);
    shares = network !== undefined && (await works([...network.enter(nsenter), ...sandboxed([], [])]));
    network?.close();
  }
  return { bwrap, noNamespaces, prlimit: limits ? prlimit : undefined, nsenter: shares ? nsenter : undefined };
}

/** What it complained of; `undefined` when it went well. */
async function tried(argv: string[]): Promise<string | undefined> {
  const child = startChild(argv, { env: process.env.PATH === undefined ? {} : { PATH: process.env.PATH } });
  let complaint = "";
  child.stdout.resume();
  child.stderr.on("data", (chunk: Buffer) => {
    complaint += chunk.toString();
  });
  const exit = await child.exited.catch((error: Error) => error.message);
  if (typeof exit === "string") return exit;
  return exit.code === 0 ? undefined : complaint.trim() || `exit code ${exit.code ?? exit.signal}`;
}

/** A network of nothing but loopback, that an agent's commands and jobs share: what a job serves, a command can ask for. */
export interface SharedNetwork {
  /** What goes before `bwrap` to run in it. */
  enter(nsenter: string): string[];
  isOpen(): boolean;
  close(): void;
}

export async function openNetwork(bwrap: string): Promise<SharedNetwork> {
  // No --dev: for it bubblewrap would put the process into one more user namespace, which does not own the network.
  const isolation = ["--unshare-user", "--unshare-net", "--die-with-parent", "--ro-bind", "/", "/", "--json-status-fd", "3"];
  const argv = [bwrap, ...isolation, "sh", "-c", "echo ready; exec sleep 2147483647"];
  const child = startChild(argv, { env: process.env.PATH === undefined ? {} : { PATH: process.env.PATH }, morePipes: 1 });
  const status = readStatus(child);
  let open = true;
  child.stderr.resume();
  const over = child.exited
    .catch(() => {})
    .then(() => {
      open = false;
    });
  const ready = new Promise((resolve) => child.stdout.once("data", resolve));
  await Promise.race([Promise.all([ready, status.known]), over]);
  const pid = status.childPid();
  if (!open || pid === undefined) {
    child.kill();
    throw new Error("The shared network could not be opened.");
  }
  return {
    enter: (nsenter) => [nsenter, "--target", String(pid), "--user", "--net", "--preserve-credentials", "--"],
    isOpen: () => open,
    close: child.kill,
  };
}

/** Bubblewrap's word about what it does, on descriptor 3. */
function readStatus(child: Child): { known: Promise<void>; childPid(): number | undefined; hasRun(): boolean } {
  let text = "";
  const known = new Promise<void>((resolve) => {
    child.pipes[0]?.on("data", (chunk: Buffer) => {
      text += chunk.toString();
      if (text.includes("}")) resolve();
    });
  });
  child.pipes[0]?.on("error", () => {});
  return {
    known,
    childPid: () => Number(/"child-pid": (\d+)/.exec(text)?.[1]) || undefined,
    hasRun: () => text.includes('"exit-code"'),
  };
}

/**
 * Starts a command in a sandbox: `argv` begins with `bwrap`, or what goes before it, and reports its status on descriptor 3. It has
 * ended when everything in the sandbox has, whatever was left in the background.
 */
export function startSandboxed(argv: string[], env: Record<string, string>, stdin: string | undefined, runtime: Runtime): RunningProcess {
  const child = startChild(argv, { env, stdin, morePipes: 1 });
  const status = readStatus(child);
  let ended = false;
  const exited = child.exited.then(async (exit): Promise<Exit> => {
    ended = true;
    const pid = status.childPid();
    if (pid !== undefined) await gone(pid, runtime);
    return exit.signal === null && !status.hasRun() ? { ...exit, notSetUp: true } : exit;
  });
  exited.catch(() => {});
  return {
    stdout: child.stdout,
    stderr: child.stderr,
    exited,
    terminate() {
      if (ended) return;
      // To the command's own group, which is there once the sandbox is. Bubblewrap would end at once, and the command with it.
      const pid = status.childPid();
      if (pid === undefined || !signalProcess(-pid, "SIGTERM")) child.kill();
    },
    kill: child.kill,
  };
}

/** Waits for the sandbox's first process, which the kernel lets go only after all the others. Not for ever. */
async function gone(pid: number, runtime: Runtime): Promise<void> {
  for (let look = 0; look < 200; look++) {
    const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
    if (stat === "" || /^[ZX]/.test(stat.slice(stat.lastIndexOf(")") + 2))) return;
    await new Promise<void>((resolve) => void runtime.setTimer(5, resolve));
  }
}
