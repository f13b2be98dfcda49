import type { Runtime } from "../runtime.js";

export interface PausableTimer {
  /** Begins anew. */
  restart(): void;
  /** Stands still until the returned function is called; several may hold it. */
  hold(): () => void;
  end(): void;
}

/** Calls `fn` once `ms` have passed without a restart, not counting the time it was held. `Infinity`: never. */
export function pausableTimer(runtime: Runtime, ms: number, fn: () => void): PausableTimer {
  let left = ms;
  let since = runtime.now();
  let holds = 0;
  let cancel = () => {};
  const arm = () => {
    since = runtime.now();
    if (left !== Number.POSITIVE_INFINITY) cancel = runtime.setTimer(left, fn);
  };
  arm();
  return {
    restart() {
      cancel();
      left = ms;
      if (holds === 0) arm();
    },
    hold() {
      if (holds++ === 0) {
        cancel();
        left = Math.max(0, left - (runtime.now() - since));
      }
      let held = true;
      return () => {
        if (!held) return;
        held = false;
        if (--holds === 0) arm();
      };
    },
    end() {
      cancel();
      cancel = () => {};
      left = Number.POSITIVE_INFINITY;
    },
  };
}
