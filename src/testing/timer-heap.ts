/** A timer that has neither fired nor been cancelled. `index` is its place in the heap, -1 once it has left. */
export interface HeapTimer {
  readonly due: number;
  /** Breaks ties: timers due at the same time fire in the order they were set. */
  readonly order: number;
  readonly fn: () => void;
  index: number;
}

/** A binary heap of timers, earliest first. It knows each timer's place, so cancelling leaves nothing behind. */
export interface TimerHeap {
  readonly size: number;
  peek(): HeapTimer | undefined;
  push(timer: HeapTimer): void;
  remove(timer: HeapTimer): void;
}

export function timerHeap(): TimerHeap {
  const items: HeapTimer[] = [];
  const at = (index: number) => items[index] as HeapTimer;
  const before = (a: HeapTimer, b: HeapTimer) => a.due < b.due || (a.due === b.due && a.order < b.order);
  const place = (timer: HeapTimer, index: number) => {
    items[index] = timer;
    timer.index = index;
  };

  function rise(timer: HeapTimer): void {
    let index = timer.index;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!before(timer, at(parent))) break;
      place(at(parent), index);
      index = parent;
    }
    place(timer, index);
  }

  function sink(timer: HeapTimer): void {
    let index = timer.index;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= items.length) break;
      if (child + 1 < items.length && before(at(child + 1), at(child))) child++;
      if (!before(at(child), timer)) break;
      place(at(child), index);
      index = child;
    }
    place(timer, index);
  }

  return {
    get size() {
      return items.length;
    },
    peek: () => items[0],
    push(timer) {
      place(timer, items.length);
      rise(timer);
    },
    remove(timer) {
      const index = timer.index;
      if (index < 0) return;
      timer.index = -1;
      const last = items.pop() as HeapTimer;
      if (last === timer) return;
      place(last, index);
      rise(last);
      sink(last);
    },
  };
}
