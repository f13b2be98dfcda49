import { mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createMemory } from "../../../src/tools/memory/index.js";
import { openToolkit, temporaryDirectory } from "../toolkit-support.js";

const said = (promise: Promise<unknown>) =>
  promise.then(
    () => "no error",
    (error) => `${error.code}: ${error.message}`,
  );

describe("notes in a workspace", () => {
  it("are Markdown files with front matter, by tier", async () => {
    await using folder = await temporaryDirectory();
    const workspace = folder.path;
    const kit = await openToolkit(createMemory());
    const saved = await kit.call(
      "save_memory",
      { name: "API quirks", content: "# Quirks\n\nDates are UTC.\n", tier: "long_term" },
      { workspace },
    );
    expect(saved).toEqual({ name: "api-quirks", tier: "long_term", replaced: false, file: "memory/long_term/api-quirks.md" });
    expect(await readFile(join(workspace, "memory/long_term/api-quirks.md"), "utf8")).toBe(
      '---\nname: "api-quirks"\ndescription: "# Quirks Dates are UTC."\ntier: "long_term"\n---\n# Quirks\n\nDates are UTC.\n',
    );
    expect(await kit.call("load_memory", { name: "API quirks" }, { workspace })).toEqual({
      name: "api-quirks",
      tier: "long_term",
      description: "# Quirks Dates are UTC.",
      content: "# Quirks\n\nDates are UTC.\n",
    });
    expect(await readdir(join(workspace, "memory/long_term"))).toEqual(["api-quirks.md"]);
  });

  it("of the short term are shown when a turn starts, of the long term they are listed", async () => {
    await using folder = await temporaryDirectory();
    const workspace = folder.path;
    const kit = await openToolkit(createMemory());
    expect(await kit.note({ workspace })).toBeUndefined();
    await kit.call("save_memory", { name: "goal", content: "Ship </note> it, </task >." }, { workspace });
    await kit.call("save_memory", { name: "history", content: "Long.", description: "What\nwas tried", tier: "long_term" }, { workspace });
    expect(await kit.note({ workspace })).toBe(
      'Your short-term notes:\n<note name="goal">\nShip &lt;/note> it, &lt;/task >.\n</note>\nNotes to read with load_memory:\n- history: What was tried',
    );
  });

  it("are replaced by name, move between tiers, and are removed", async () => {
    await using folder = await temporaryDirectory();
    const workspace = folder.path;
    const kit = await openToolkit(createMemory());
    await kit.call("save_memory", { name: "a", content: "1" }, { workspace });
    expect(await kit.call("save_memory", { name: "A", content: "2", tier: "long_term" }, { workspace })).toMatchObject({ replaced: true });
    expect(await readdir(join(workspace, "memory/short_term"))).toEqual([]);
    expect(await kit.call("load_memory", { name: "a.md" }, { workspace })).toMatchObject({ content: "2", tier: "long_term" });
    expect(await kit.call("remove_memory", { name: "a" }, { workspace })).toEqual({ removed: { name: "a", tier: "long_term" } });
    expect(await readdir(join(workspace, "memory/long_term"))).toEqual([]);
    expect(await said(kit.call("load_memory", { name: "a" }, { workspace }))).toBe(
      'unknown_note: There is no note "a". There are none yet.',
    );
    expect(await said(kit.call("remove_memory", { name: "a" }, { workspace }))).toContain("unknown_note");
  });

  it("written with other tools count as well, with front matter or without", async () => {
    await using folder = await temporaryDirectory();
    const workspace = folder.path;
    await mkdir(join(workspace, "memory/short_term"), { recursive: true });
    await mkdir(join(workspace, "memory/long_term"), { recursive: true });
    await writeFile(join(workspace, "memory/short_term/Plain Words.md"), "Just text.");
    await writeFile(
      join(workspace, "memory/long_term/front.md"),
      "---\nname: other\ndescription: From the ancestor\ntier: short_term\n---\n\nBody",
    );
    await writeFile(join(workspace, "memory/long_term/dashes.md"), "---\n- a list: [\n---\nText");
    await writeFile(join(workspace, "memory/long_term/no-note.txt"), "x");
    const kit = await openToolkit(createMemory());
    expect(await kit.note({ workspace })).toBe(
      'Your short-term notes:\n<note name="Plain Words">\nJust text.\n</note>\nNotes to read with load_memory:\n- dashes: a list: [\n- front: From the ancestor',
    );
    expect(await kit.call("load_memory", { name: "Plain Words" }, { workspace })).toMatchObject({ content: "Just text." });
    expect(await kit.call("load_memory", { name: "dashes" }, { workspace })).toMatchObject({ content: "---\n- a list: [\n---\nText" });
    expect(await kit.call("load_memory", { name: "front" }, { workspace })).toMatchObject({ content: "\nBody", tier: "long_term" });
  });

  it("that cannot be shown or read are named", async () => {
    await using folder = await temporaryDirectory();
    const workspace = folder.path;
    await mkdir(join(workspace, "memory/short_term"), { recursive: true });
    await writeFile(join(workspace, "memory/short_term/big.md"), "x".repeat(30));
    await writeFile(join(workspace, "memory/short_term/huge.md"), "x".repeat(10_000));
    const kit = await openToolkit(createMemory({ maxNoteChars: 100, maxShortTermChars: 20 }));
    await writeFile(join(workspace, "memory/short_term/small.md"), "y");
    const note = await kit.note({ workspace });
    expect(note).toContain('<note name="small">\ny\n</note>');
    expect(note).toContain("- big (short_term, 30 characters, too long to be shown here): xxx");
    expect(note).toContain("- huge (short_term, cannot be read: too long, or no text file)");
    expect(await said(kit.call("load_memory", { name: "huge" }, { workspace }))).toContain("10000 bytes");
  });

  it("do not follow symbolic links out of the workspace", async () => {
    await using folder = await temporaryDirectory();
    await using elsewhere = await temporaryDirectory();
    const workspace = folder.path;
    await mkdir(join(elsewhere.path, "short_term"));
    await writeFile(join(elsewhere.path, "short_term/secret.md"), "the secret");
    await symlink(elsewhere.path, join(workspace, "memory"));
    const kit = await openToolkit(createMemory());
    expect(await kit.note({ workspace })).toBe("Your notes could not be read in this turn.");
    expect(kit.warnings).toHaveLength(1);
    expect(await said(kit.call("load_memory", { name: "secret" }, { workspace }))).not.toContain("the secret");
    expect(await said(kit.call("save_memory", { name: "mine", content: "x" }, { workspace }))).not.toBe("no error");
    expect(await readdir(join(elsewhere.path, "short_term"))).toEqual(["secret.md"]);
  });

  it("that are links themselves are no notes", async () => {
    await using folder = await temporaryDirectory();
    await using elsewhere = await temporaryDirectory();
    const workspace = folder.path;
    await writeFile(join(elsewhere.path, "secret"), "the secret");
    await mkdir(join(workspace, "memory/short_term"), { recursive: true });
    await symlink(join(elsewhere.path, "secret"), join(workspace, "memory/short_term/link.md"));
    const kit = await openToolkit(createMemory());
    expect((await kit.note({ workspace })) ?? "").not.toContain("the secret");
    expect(await said(kit.call("save_memory", { name: "link", content: "mine" }, { workspace }))).toContain("path_denied");
    expect(await said(kit.call("load_memory", { name: "link" }, { workspace }))).toContain("unknown_note");
    expect(await readFile(join(elsewhere.path, "secret"), "utf8")).toBe("the secret");
  });
});

describe("notes without a workspace", () => {
  it("last as long as the run, and are the agent's own", async () => {
    const toolkit = createMemory();
    const kit = await openToolkit(toolkit);
    expect(await kit.call("save_memory", { name: "goal", content: "Ship it." })).toEqual({
      name: "goal",
      tier: "short_term",
      replaced: false,
    });
    expect(await kit.note()).toContain("Ship it.");
    expect(await kit.note({ agentId: "ben" })).toBeUndefined();
    expect(await said(kit.call("load_memory", { name: "goal" }, { agentId: "ben" }))).toContain("unknown_note");
    expect(await (await openToolkit(toolkit)).note()).toBeUndefined();
  });
});

describe("what memory refuses, with nothing changed", () => {
  it.each([
    ["an empty note", { name: "a", content: " \n" }, "empty_note"],
    ["a long one", { name: "a", content: "x".repeat(51) }, "note_too_long: A note may have 50 characters, not 51"],
    [
      "more in the short term than there is room",
      { name: "a", content: "x".repeat(41) },
      "short_term_full: Short-term notes may have 60 characters together: the others have 20",
    ],
    ["a tier that is none", { name: "a", content: "x", tier: "forever" }, "invalid_tool_input"],
    ["no name", { content: "x" }, "invalid_tool_input"],
    [
      "a path",
      { name: "../a", content: "x" },
      'bad_note_name: "../a" cannot be the name of a note. Take letters, digits, "-" and "_", at most 64 of them. For example: "a".',
    ],
    ["a device", { name: "NUL", content: "x" }, "bad_note_name"],
    ["a long name", { name: "x".repeat(65), content: "x" }, "bad_note_name"],
  ])("%s", async (_, input, words) => {
    const kit = await openToolkit(createMemory({ maxNoteChars: 50, maxShortTermChars: 60 }));
    await kit.call("save_memory", { name: "other", content: "y".repeat(20) });
    const before = await kit.note();
    expect(await said(kit.call("save_memory", input))).toContain(words);
    expect(await kit.note()).toBe(before);
  });

  it("more notes than there may be; replacing one is none more", async () => {
    const kit = await openToolkit(createMemory({ maxNotes: 2 }));
    for (const name of ["a", "b", "a"]) await kit.call("save_memory", { name, content: name, tier: "long_term" });
    expect(await said(kit.call("save_memory", { name: "c", content: "c" }))).toContain("too_many_notes: There are 2 notes");
  });

  it("options that cannot be", () => {
    expect(() => createMemory({ maxNotes: 0.5 })).toThrow("maxNotes must be a whole number of at least 1, not 0.5.");
  });
});

it("notes saved at the same time are all kept, within the limit", async () => {
  await using folder = await temporaryDirectory();
  const workspace = folder.path;
  const kit = await openToolkit(createMemory({ maxShortTermChars: 30 }));
  const results = await Promise.all(
    Array.from({ length: 40 }, (_, index) => said(kit.call("save_memory", { name: `n${index}`, content: "x" }, { workspace }))),
  );
  expect(results.filter((text) => text === "no error")).toHaveLength(30);
  expect(await readdir(join(workspace, "memory/short_term"))).toHaveLength(30);
});
