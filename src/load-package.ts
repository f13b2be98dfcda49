/**
 * A package that is loaded when it is first needed. Where it is not installed, throws what `missing` makes of the words "needs the …
 * package" and how to install it.
 */
export async function loadPackage<T>(name: string, load: () => Promise<T>, missing: (needs: string, cause: unknown) => Error): Promise<T> {
  try {
    return await load();
  } catch (cause) {
    const code = (cause as { code?: unknown } | null)?.code;
    if (code !== "ERR_MODULE_NOT_FOUND" && code !== "MODULE_NOT_FOUND") throw cause;
    throw missing(`needs the \`${name}\` package. Install it: npm i ${name}`, cause);
  }
}
