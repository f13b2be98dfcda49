import { callTool, say } from "../../../src/testing/index.js";
import { member, startTeam, type TestServer } from "../helpers.js";

/** The text of a tool's result, as the presenter reads it. */
export function resultIn(request: { messages: readonly { role: string; content: unknown }[] }): string | undefined {
  const last = request.messages.at(-1);
  if (last?.role !== "tool" || !Array.isArray(last.content)) return undefined;
  return last.content.map(({ output }: { output: unknown }) => (typeof output === "string" ? output : JSON.stringify(output))).join(", ");
}

/** A team whose presenter asks the client for the weather, and says what it got. */
export function weatherTeam(calls: readonly string[] = ["Paris"]): Promise<TestServer> {
  const presenter = member("one", (request) => {
    const result = resultIn(request);
    if (result !== undefined) return `It is ${result}.`;
    return [say("Let me see."), ...calls.map((city) => callTool("get_weather", { city }))];
  });
  return startTeam([presenter, member("two")]);
}
