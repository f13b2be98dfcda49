import picomatch from "picomatch";

/** Left out of snapshots and of searches, and never written to in a context path: history, dependencies, caches. */
export const DEFAULT_EXCLUDE: readonly string[] = [
  ".git",
  ".massgen",
  "node_modules",
  ".venv",
  "venv",
  "__pycache__",
  ".pytest_cache",
  ".mypy_cache",
  ".ruff_cache",
  ".DS_Store",
  "massgen_logs",
];

/** Neither read nor written in a context path: secrets, and the directories of runs. */
export const DEFAULT_HIDDEN: readonly string[] = [".env", ".env.*", ".massgen"];

export type NameTest = (name: string) => boolean;

const compiled = new WeakMap<readonly string[], NameTest>();
const never: NameTest = () => false;

/** Whether a single name is meant by one of the globs. Case and Unicode form count for nothing, as on file systems that fold them. */
export function nameTest(names: readonly string[] | undefined): NameTest {
  if (names === undefined || names.length === 0) return never;
  let test = compiled.get(names);
  if (test === undefined) {
    const matches = picomatch(names.map(folded), { dot: true });
    test = (name) => matches(folded(name));
    compiled.set(names, test);
  }
  return test;
}

/** How names are compared where a difference in case or Unicode form must not let one through. */
export function folded(name: string): string {
  return name.normalize("NFC").toLowerCase();
}
