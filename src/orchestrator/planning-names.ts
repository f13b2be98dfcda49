import { nearest } from "../nearest-key.js";
import { matches, type PlanningMode } from "./planning-mode.js";

/** What is wrong with the names in the options, given those of all tools there are: a name that no tool has protects from nothing. */
export function unmatchedNames({ block, allow }: PlanningMode, tools: readonly string[]): string[] {
  return Object.entries({ block, allow }).flatMap(([key, names]) =>
    names
      .filter((name) => !tools.some((tool) => matches(tool, [name])))
      .map((name) => {
        const near = nearest(name, tools);
        return `planningMode.${key}: no tool is called "${name}"${near === undefined ? "" : `; did you mean "${near}"?`}`;
      }),
  );
}
