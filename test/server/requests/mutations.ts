import { seededRandom } from "../../../src/testing/random.js";

const JUNK: readonly unknown[] = [
  null,
  true,
  false,
  0,
  -1,
  1.5,
  1e21,
  "",
  "x",
  "\u0000",
  "nope".repeat(50),
  [],
  [null],
  [[]],
  {},
  { a: 1 },
];

/** Endless bodies made from valid ones by 1 to 3 changes: a value replaced, taken away, doubled or moved. The same seed gives the same bodies. */
export function* mutated(valid: readonly Record<string, unknown>[], seed: number): Generator<Record<string, unknown>, never> {
  const random = seededRandom(seed);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
  for (;;) {
    const body = structuredClone(pick(valid)) as Record<string, unknown>;
    for (let n = 1 + Math.floor(random() * 3); n > 0; n--) change(body);
    yield body;
  }

  function change(body: Record<string, unknown>): void {
    const places = placesIn(body);
    if (places.length === 0) return;
    const { holder, key } = pick(places);
    const value = Reflect.get(holder, key);
    const way = random();
    if (way < 0.55) Reflect.set(holder, key, structuredClone(pick(JUNK)));
    else if (way < 0.75) {
      if (Array.isArray(holder)) holder.splice(Number(key), 1);
      else Reflect.deleteProperty(holder, key);
    } else if (way < 0.85) Reflect.set(holder, key, [value]);
    else if (way < 0.95) {
      const other = pick(places);
      Reflect.set(holder, key, structuredClone(Reflect.get(other.holder, other.key)));
    } else if (typeof value === "string") Reflect.set(holder, key, `${value}x`);
    else if (typeof value === "number") Reflect.set(holder, key, -value * 1000);
    else Reflect.set(holder, key, JSON.stringify(value));
  }
}

interface Place {
  holder: object;
  key: string;
}

function placesIn(value: unknown, found: Place[] = []): Place[] {
  if (typeof value !== "object" || value === null) return found;
  for (const key of Object.keys(value)) {
    found.push({ holder: value, key });
    placesIn(Reflect.get(value, key), found);
  }
  return found;
}

/** Every body with one change: each value replaced by each kind of junk, or taken away. */
export function* singles(
  valid: readonly Record<string, unknown>[],
): Generator<{ body: Record<string, unknown>; at: string; what: string }> {
  for (const each of valid) {
    const paths = pathsIn(each);
    for (const path of paths) {
      for (const junk of [undefined, ...JUNK]) {
        const body = structuredClone(each);
        const holder = path.slice(0, -1).reduce<object>((at, key) => Reflect.get(at, key), body);
        const key = path.at(-1)!;
        if (junk !== undefined) Reflect.set(holder, key, structuredClone(junk));
        else if (Array.isArray(holder)) holder.splice(Number(key), 1);
        else Reflect.deleteProperty(holder, key);
        yield { body, at: path.join("."), what: junk === undefined ? "taken away" : JSON.stringify(junk).slice(0, 20) };
      }
    }
  }
}

function pathsIn(value: unknown, path: string[] = []): string[][] {
  if (typeof value !== "object" || value === null) return [];
  return Object.keys(value).flatMap((key) => [[...path, key], ...pathsIn(Reflect.get(value, key), [...path, key])]);
}
