import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";

/** Names a process so that it can be told later whether it is still alive. */
export interface ProcessIdentity {
  /** The machine, its boot and its process namespace, as far as the system tells; a pid means something only there. */
  machine: string;
  pid: number;
  /** When it started, as pids are used again. Only where the system tells. */
  started?: string;
}

export function ownIdentity(): ProcessIdentity {
  const started = startOf(process.pid);
  const machine = [
    hostname(),
    attempt(() => readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim()),
    attempt(() => readlinkSync("/proc/self/ns/pid")),
  ];
  return { machine: machine.filter((part) => part !== undefined).join(" "), pid: process.pid, ...(started !== undefined && { started }) };
}

/** `unknown`: another machine's, or of another boot or container. */
export function stateOfProcess(identity: ProcessIdentity, own: ProcessIdentity = ownIdentity()): "alive" | "dead" | "unknown" {
  if (identity.machine !== own.machine) return "unknown";
  try {
    process.kill(identity.pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH" ? "dead" : "alive"; // EPERM: someone else's, but it is there
  }
  const started = startOf(identity.pid);
  return started !== undefined && identity.started !== undefined && started !== identity.started ? "dead" : "alive";
}

/** Field 22 of `stat`, in clock ticks since boot; see proc_pid_stat(5). */
function startOf(pid: number): string | undefined {
  return attempt(() => {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  });
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
