/** What the provider's teams are called. */
export const KINDS = ["team", "deltas", "later"];

/**
 * The agents of a team on the emulated provider: `<kind>-1` to `<kind>-3`.
 * @param {string} kind
 * @param {string} baseUrl
 */
export function team(kind, baseUrl) {
  return [1, 2, 3].map((n) => ({
    id: `${kind}-${n}`,
    backend: { type: /** @type {const} */ ("chatcompletion"), model: `${kind}-${n}`, baseUrl, apiKey: "sk-bench" },
  }));
}
