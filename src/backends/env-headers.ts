/**
 * Takes back the headers of `variable` (`OPENAI_CUSTOM_HEADERS` and the like): it is meant for the SDK's own provider, and
 * the SDK would send it to every host.
 */
export function withoutEnvHeaders(variable: string): Record<string, null> {
  const lines = (process.env[variable] ?? "").split("\n");
  return Object.fromEntries(lines.flatMap((line) => (line.includes(":") ? [[line.slice(0, line.indexOf(":")).trim(), null]] : [])));
}
