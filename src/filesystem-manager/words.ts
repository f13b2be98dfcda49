import type { AccessRoot, FileAccess } from "./access.js";
import type { WorkspaceSettings } from "./options.js";

// What a model is told about its files. Nothing of other agents, of runs or of where workspaces are.

/** The same for every agent and turn, so that providers' prompt caches hit. */
export function instructionsText(settings: WorkspaceSettings, contexts: readonly AccessRoot[]): string {
  const excluded = settings.exclude.slice(0, 4).join(", ");
  const lines = [
    "# Files",
    "You have a directory of your own, your workspace. Relative paths mean files in it. Put there what belongs to your answer: a copy of " +
      `it goes with every answer you submit, without directories such as ${excluded}.`,
    "The files that came with an answer are in a directory named after it, such as agent2.1/. They are read-only: copy_file what you want to build on.",
  ];
  for (const { path, permission, file, protectedPaths = [] } of contexts) {
    const what = `The ${file ? "file" : "directory"} ${path}`;
    if (permission === "read") lines.push(`${what} may be read, not changed.`);
    else
      lines.push(
        `${what} may be read. It may be changed only while the final answer is presented; until then work on copies in your workspace.`,
      );
    if (permission === "write" && protectedPaths.length > 0)
      lines.push(`In it, these always stay as they are: ${protectedPaths.join(", ")}.`);
  }
  return lines.join("\n");
}

/** What a turn can find where. */
export function noteText(access: FileAccess, count: (label: string) => number): string | undefined {
  const lines: string[] = [];
  const answers = access.roots.filter(({ kind }) => kind === "answer");
  if (answers.length > 0) lines.push(`Files of the answers (read-only): ${answersText(answers, count)}.`);
  const writable = access.roots.filter(({ kind, permission }) => kind === "context" && permission === "write");
  if (writable.length > 0) lines.push(`You may now change ${writable.map(({ path }) => path).join(", ")}.`);
  return lines.length === 0 ? undefined : lines.join("\n");
}

function answersText(answers: readonly AccessRoot[], count: (label: string) => number): string {
  return answers
    .map(({ name = "" }) => {
      const files = count(name);
      return `${name}/ (${files === 0 ? "no files" : files === 1 ? "1 file" : `${files} files`})`;
    })
    .join(", ");
}
