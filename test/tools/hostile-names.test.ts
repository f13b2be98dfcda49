import { existsSync, readFileSync } from "node:fs";
import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { MassGenError } from "../../src/errors.js";
import { createMemory } from "../../src/tools/memory/index.js";
import { taskPlanNote } from "../../src/tools/task-planning/describe.js";
import { createPlan, readyTasks, setStatus } from "../../src/tools/task-planning/plan.js";
import { parsePlan, planText } from "../../src/tools/task-planning/plan-file.js";
import { openToolkit, temporaryDirectory } from "./toolkit-support.js";

const own = [
  "../up",
  "/etc/passwd",
  "a/../../b",
  "..\\..\\b",
  "%2e%2e%2f",
  "a\0b",
  "",
  " ",
  ".",
  "..",
  "con",
  "CON.md",
  "ﬁle",
  "K",
  "K",
  "é",
  "é",
  "💥",
  "\u202etxt",
  "__proto__",
  "constructor",
];

/** The strings of a corpus beside the project, or this file's own where there is none. */
function hostile(name: string): string[] {
  const path = new URL(`../../../shared/corpora/${name}`, import.meta.url);
  if (existsSync(path)) return [...own, ...(JSON.parse(readFileSync(path, "utf8")) as string[])];
  console.log(`${name}: the corpus is not beside this project; only ${own.length} strings of this test are tried`);
  return own;
}

const everything = async (folder: string) =>
  (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());

describe.each(["naughty-strings.json", "paths.json"])("names out of %s", (corpus) => {
  it("become a note in its folder that can be loaded again, or an error that says what a name is", async () => {
    await using folder = await temporaryDirectory();
    const workspace = join(folder.path, "outer", "workspace");
    await mkdir(workspace, { recursive: true });
    const kit = await openToolkit(createMemory({ maxNotes: 100_000 }));
    let kept = 0;
    let refused = 0;
    for (const [index, name] of hostile(corpus).entries()) {
      const content = `note ${index}`;
      try {
        await kit.call("save_memory", { name, content, tier: "long_term", description: name }, { workspace });
        expect(await kit.call("load_memory", { name }, { workspace }), name).toMatchObject({ content, tier: "long_term" });
        kept++;
      } catch (error) {
        if (!(error instanceof MassGenError) || error.code !== "bad_note_name") throw error;
        refused++;
      }
    }
    const files = await everything(folder.path);
    for (const file of files) expect(file.parentPath).toBe(join(workspace, "memory/long_term"));
    expect(files.length).toBeGreaterThan(0);
    expect(refused).toBeGreaterThan(own.length / 2);
    console.log(`${corpus}: ${kept} names kept as ${files.length} notes, ${refused} refused, none left the folder`);
  });

  it("are ids and descriptions of tasks, or errors, and the plan's file reads back the same", async () => {
    let kept = 0;
    let refused = 0;
    for (const text of hostile(corpus)) {
      try {
        const made = createPlan(
          [
            { id: text, description: text },
            { description: "after", dependsOn: [text] },
          ],
          10,
        );
        const plan = setStatus(made, text, "completed");
        expect(readyTasks(plan).map(({ description }) => description)).toEqual(["after"]);
        expect(taskPlanNote(plan)).toContain("1 of 2 tasks completed");
        expect(parsePlan(planText(plan), 10).tasks).toEqual(plan.tasks);
        kept++;
      } catch (error) {
        if (!(error instanceof MassGenError) || error.code !== "bad_task_plan") throw error;
        refused++;
      }
    }
    expect(kept).toBeGreaterThan(own.length / 2);
    console.log(`${corpus}: ${kept} ids of tasks kept, ${refused} refused`);
  });
});
