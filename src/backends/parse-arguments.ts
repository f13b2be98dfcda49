/** The arguments of a finished tool call as JSON; where they are none, the raw text and why. `cutByLimit`: the reply hit its limit. */
export function parseArguments(name: string, args: string, cutByLimit: boolean): { input: unknown; invalid?: string } {
  if (!name) return { input: args, invalid: "the call has no tool name" };
  if (!args.trim()) return { input: {} };
  try {
    return { input: JSON.parse(args) };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const cut = cutByLimit ? "the output limit cut the arguments off" : "the arguments are not valid JSON";
    return { input: args, invalid: `${cut}: ${why}` };
  }
}
