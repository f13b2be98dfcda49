/** Process groups that must not outlive this process. */
const groups = new Set<number>();
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/**
 * Kills the group when this process exits, or is ended by a signal that nobody else handles; the returned function takes it off
 * again. (A `SIGKILL` leaves no time for anything: then the children see their input end.)
 */
export function endWithProcess(group: number): () => void {
  if (groups.size === 0) {
    process.on("exit", killAll);
    for (const signal of SIGNALS) process.on(signal, onSignal);
  }
  groups.add(group);
  return () => {
    groups.delete(group);
    if (groups.size === 0) stopListening();
  };
}

/** Whether there was anything left to signal. */
export function signalGroup(group: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(process.platform === "win32" ? group : -group, signal);
    return true;
  } catch {
    return false; // all gone
  }
}

function killAll(): void {
  for (const group of groups) signalGroup(group, "SIGKILL");
}

function onSignal(signal: NodeJS.Signals): void {
  if (process.listenerCount(signal) > 1) return; // whoever else listens decides what the signal means
  killAll();
  stopListening();
  process.kill(process.pid, signal);
}

function stopListening(): void {
  process.off("exit", killAll);
  for (const signal of SIGNALS) process.off(signal, onSignal);
}
