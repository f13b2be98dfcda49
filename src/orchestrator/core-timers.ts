import type { Runtime } from "../runtime.js";

/** The core's timers, each of which it sets anew only when it has fired or was cleared. */
export class CoreTimers {
  readonly #clock: Pick<Runtime, "setTimer">;
  readonly #fire: (timer: string) => void;
  #timers: { timer: string; cancel: () => void }[] = [];

  constructor(clock: Pick<Runtime, "setTimer">, fire: (timer: string) => void) {
    this.#clock = clock;
    this.#fire = fire;
  }

  set(timer: string, ms: number): void {
    const cancel = this.#clock.setTimer(ms, () => {
      this.#forget(timer);
      this.#fire(timer);
    });
    this.#timers.push({ timer, cancel });
  }

  clear(timer: string): void {
    this.#timers.find((other) => other.timer === timer)?.cancel();
    this.#forget(timer);
  }

  clearAll(): void {
    for (const { cancel } of this.#timers) cancel();
    this.#timers = [];
  }

  #forget(timer: string): void {
    this.#timers = this.#timers.filter((other) => other.timer !== timer);
  }
}
