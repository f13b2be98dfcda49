import { existsSync, readFileSync } from "node:fs";
import { link, mkdir, realpath, rename, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { checkPath, contains, resolveEntry, resolvePath } from "../../src/filesystem-manager/check-path.js";
import { checkPathText } from "../../src/filesystem-manager/path-text.js";
import { codeOf, world, writeTree } from "./helpers.js";

const CORPUS = fileURLToPath(new URL("../../../shared/corpora/paths.json", import.meta.url));
/** For a clone that stands alone: one of each kind. */
const OWN_CASES = [
  "../../../etc/passwd",
  "/../../../etc/passwd",
  "..%2f..%2fetc%2fpasswd",
  "%2e%2e/%2e%2e/etc/passwd",
  "..%252f..%252fetc/passwd",
  "..%c0%af..%c0%afetc/passwd",
  "..\\..\\..\\windows\\win.ini",
  "....//....//etc/passwd",
  "..././..././etc/passwd",
  "file:///etc/passwd",
  "/etc/passwd%00.png",
  "../../etc/passwd\u0000.png",
  "C:\\boot.ini",
  "\\\\server\\share",
  "/proc/self/environ",
  "/proc/self/root/etc/passwd",
  "/dev/tcp/127.0.0.1/80",
  "~/.ssh/id_rsa",
  "~root/.bashrc",
  "．．/．．/etc/passwd",
  "..;/..;/etc/passwd",
  "/./././etc/passwd",
  "agent2.1/../../../outside/secret.txt",
  "../../answers/agent1.1/answer.txt",
];

describe("hostile paths", () => {
  const corpus: string[] = existsSync(CORPUS) ? JSON.parse(readFileSync(CORPUS, "utf8")) : [];
  if (corpus.length === 0) console.warn(`The corpus of paths is not there (${CORPUS}); only the ${OWN_CASES.length} own cases are tested.`);

  it("are refused, or stay inside", async () => {
    const { access, workspace } = await world();
    let refused = 0;
    let inside = 0;
    for (const path of [...OWN_CASES, ...corpus]) {
      for (const use of ["read", "write", "delete"] as const) {
        try {
          const { path: real, root } = await resolvePath(access, path, use);
          expect(contains(root.path, real), path).toBe(true);
          // Where it leads has been followed already: nobody can be led elsewhere by the same path.
          expect(await realpath(existsSync(real) ? real : dirname(firstMissing(real)))).toSatisfy((at: string) => contains(root.path, at));
          inside++;
        } catch (error) {
          expect(["path_denied", "bad_path"], path).toContain((error as { code?: string }).code);
          refused++;
        }
      }
    }
    console.info(`${OWN_CASES.length + corpus.length} paths in 3 uses: ${refused} refused, ${inside} stay inside.`);
    expect(refused + inside).toBe(3 * (OWN_CASES.length + corpus.length));
    expect(existsSync(workspace)).toBe(true);
  });

  it.each(OWN_CASES)("own case %j reads nothing outside", async (path) => {
    const { access } = await world();
    const result = await resolvePath(access, path, "read").catch((error: { code: string }) => error.code);
    if (typeof result === "string") expect(["path_denied", "bad_path"]).toContain(result);
    else expect(result.root.kind).toBe("workspace");
  });
});

function firstMissing(path: string): string {
  let at = path;
  while (!existsSync(dirname(at))) at = dirname(at);
  return at;
}

describe("the text of a path", () => {
  it.each([
    ["", "is empty"],
    ["a\nb", "control characters"],
    ["a\u202etxt.exe", "control characters"],
    ["a\ud800", "half a character"],
    ["~/x", "starts with"],
    ["https://example.com/x", "URL"],
    ["a\\b", "backslash"],
    ["x".repeat(5000), "longer than 4096"],
  ])("%j is refused", (path, why) => {
    expect(() => checkPathText(path, "linux")).toThrow(why);
  });

  it("is not decoded", () => {
    expect(checkPathText("100%25.txt", "linux")).toBe("100%25.txt");
  });

  it.each([["C:x"], ["a:stream"], ["\\\\?\\C:\\x"], ["//server/share"], ["aux.txt"], ["dir/COM1"], ["name. "], ["a./b"]])(
    "%j is refused on Windows",
    (path) => {
      expect(() => checkPathText(path, "win32")).toThrow(/The path/);
    },
  );

  it("may be an ordinary path of Windows", () => {
    expect(checkPathText("C:\\project\\..\\a.txt", "win32")).toBe("C:\\project\\..\\a.txt");
  });

  it("must be text", async () => {
    const { access } = await world();
    for (const path of [undefined, null, 7, ["a"], {}]) expect(await codeOf(checkPath(access, path, "read"))).toBe("bad_path");
  });
});

describe("what a path means", () => {
  it("relative paths are meant from the workspace", async () => {
    const { access, workspace } = await world();
    expect(await checkPath(access, "own.txt", "read")).toBe(join(workspace, "own.txt"));
    expect(await checkPath(access, "new/dir/file.txt", "write")).toBe(join(workspace, "new/dir/file.txt"));
    expect(await checkPath(access, "x/../own.txt", "write")).toBe(join(workspace, "own.txt"));
  });

  it.each(["agent2.1/answer.txt", "./agent2.1/answer.txt", "../agent2.1/answer.txt", "x/../agent2.1/answer.txt"])(
    "%s is a file of the answer",
    async (path) => {
      const { access, answer } = await world();
      const checked = await resolvePath(access, path, "read");
      expect(checked).toMatchObject({ path: join(answer, "answer.txt"), shown: "agent2.1/answer.txt", exists: true });
    },
  );

  it("files of answers are read-only, and those of answers not to be seen are not there", async () => {
    const { access } = await world();
    await expect(checkPath(access, "agent2.1/answer.txt", "write")).rejects.toThrow("the files of answers are read-only");
    await expect(checkPath(access, "agent1.1/answer.txt", "read")).rejects.toThrow("no files of that answer for you to read now");
    await expect(checkPath(access, "agent9.1/mine.txt", "write")).rejects.toThrow("no files of that answer");
  });

  it("a refusal says what is allowed, and shows no path of the workspace", async () => {
    const { access, context, base } = await world();
    const message = await checkPath(access, "/etc/passwd", "write").catch((error: Error) => error.message);
    expect(message).toBe(
      'You may not write "/etc/passwd": it is outside of what you may use. You may write in: your workspace (relative paths).',
    );
    const reading: string = await checkPath(access, "/etc/passwd", "read").catch((error: Error) => error.message);
    expect(reading).toContain(`You may read in: your workspace (relative paths), agent2.1/, ${context}.`);
    expect(reading.replace(context, "")).not.toContain(base);
  });

  it("whether something exists outside makes no difference", async () => {
    const { access, outside } = await world();
    const messages = await Promise.all(
      ["secret.txt", "nothing.txt", "secret.txt/x"].map((name) =>
        checkPath(access, join(outside, name), "read").catch((error: Error) => error.message.replace(name, "")),
      ),
    );
    expect(messages[0]).toContain("outside of what you may use");
    expect(messages[1]).toBe(messages[0]);
    expect(messages[2]?.replace(/: it [^.]*\./, "")).toBe(messages[0]?.replace(/: it [^.]*\./, ""));
  });
});

describe("symbolic links", () => {
  it("count for where they lead", async () => {
    const { access, workspace, outside, answer } = await world();
    await symlink(outside, join(workspace, "out"));
    await symlink(join(outside, "secret.txt"), join(workspace, "file"));
    await symlink("own.txt", join(workspace, "alias"));
    await symlink(answer, join(workspace, "theirs"));
    for (const use of ["read", "write", "delete"] as const) {
      for (const path of ["out", "out/secret.txt", "out/new.txt", "file"])
        expect(await codeOf(checkPath(access, path, use)), path).toBe("path_denied");
    }
    expect(await checkPath(access, "alias", "write")).toBe(join(workspace, "own.txt"));
    expect(await checkPath(access, "theirs/answer.txt", "read")).toBe(join(answer, "answer.txt"));
    expect(await codeOf(checkPath(access, "theirs/answer.txt", "write"))).toBe("path_denied");
  });

  it("that lead to nothing, or in circles, are refused", async () => {
    const { access, workspace, outside } = await world();
    await symlink(join(outside, "later.txt"), join(workspace, "dangling"));
    await symlink("b", join(workspace, "a"));
    await symlink("a", join(workspace, "b"));
    await symlink("missing", join(workspace, "inner"));
    for (const path of ["dangling", "dangling/x", "a", "a/x", "inner/x"])
      expect(await codeOf(checkPath(access, path, "write")), path).toBe("path_denied");
  });

  it('before ".." are refused, as others would go elsewhere', async () => {
    const { access, workspace, outside } = await world();
    await mkdir(join(outside, "deep"));
    await symlink(join(outside, "deep"), join(workspace, "deep"));
    await expect(checkPath(access, "deep/../own.txt", "read")).rejects.toThrow('a symbolic link stands before ".."');
    await expect(checkPath(access, `${workspace}/deep/../own.txt`, "read")).rejects.toThrow('a symbolic link stands before ".."');
  });

  it("to write or delete one, it must itself lie where that is allowed", async () => {
    const { access, workspace, context } = await world("read");
    await symlink(join(workspace, "own.txt"), join(context, "link"));
    expect(await checkPath(access, join(context, "link"), "read")).toBe(join(workspace, "own.txt"));
    expect(await codeOf(checkPath(access, join(context, "link"), "delete"))).toBe("path_denied");
    expect(await codeOf(checkPath(access, join(context, "link"), "write"))).toBe("path_denied");
  });

  it("as an entry, the link is meant and not what it leads to", async () => {
    const { access, workspace, outside } = await world();
    await symlink(join(outside, "secret.txt"), join(workspace, "file"));
    await expect(resolveEntry(access, "file", "delete")).resolves.toMatchObject({ path: join(workspace, "file"), exists: true });
  });

  it("by /proc lead where they lead", async () => {
    if (!existsSync("/proc/self/root")) return console.warn("No /proc here: not tested.");
    const { access, workspace, outside } = await world();
    await symlink("/proc/self/root", join(workspace, "root"));
    await symlink("/proc/self/cwd", join(workspace, "cwd"));
    for (const path of [`root${outside}/secret.txt`, "cwd/package.json", "/proc/self/fd/0", "/proc/self/environ", "/dev/stdin"]) {
      expect(await codeOf(checkPath(access, path, "read")), path).toBe("path_denied");
    }
    expect(await checkPath(access, `/proc/self/root${workspace}/own.txt`, "read")).toBe(join(workspace, "own.txt"));
  });
});

describe("context paths", () => {
  it("are read, and written to only with that permission", async () => {
    const reader = await world("read");
    expect(await checkPath(reader.access, join(reader.context, "main.ts"), "read")).toBe(join(reader.context, "main.ts"));
    await expect(checkPath(reader.access, join(reader.context, "main.ts"), "write")).rejects.toThrow("read-only for you now");
    const writer = await world("write");
    expect(await checkPath(writer.access, join(writer.context, "new.ts"), "write")).toBe(join(writer.context, "new.ts"));
  });

  it("protect what they name, in every spelling, and all that holds it", async () => {
    const { access, root, context } = await world("write");
    await writeTree(context, { "lib/keys/a.pem": "x", "lib/other.txt": "y" });
    root.protectedPaths = [join(context, "lib/keys")];
    for (const path of ["lib/keys", "lib/keys/a.pem", "lib/keys/new", "lib/KEYS/new", "Lib/keys"]) {
      await expect(checkPath(access, join(context, path), "write"), path).rejects.toThrow("it is protected");
    }
    await expect(checkPath(access, join(context, "lib"), "delete")).rejects.toThrow("something in it is protected");
    await symlink("lib/keys", join(context, "shortcut"));
    await expect(checkPath(access, join(context, "shortcut/a.pem"), "write")).rejects.toThrow("it is protected");
    expect(await checkPath(access, join(context, "lib/keys/a.pem"), "read")).toContain("a.pem");
    expect(await checkPath(access, join(context, "lib/keys-not"), "write")).toContain("keys-not");
  });

  it("protect names in either Unicode form", async () => {
    const { access, root, context } = await world("write");
    root.protectedPaths = [join(context, "gehe\u00efm")];
    await expect(checkPath(access, join(context, "gehei\u0308m/x"), "write")).rejects.toThrow("it is protected");
  });

  it("hide secrets and leave history and dependencies as they are", async () => {
    const { access, context, workspace } = await world("write");
    await writeTree(context, { ".env": "KEY=1", "sub/.env.local": "KEY=2", ".git/config": "[core]", "node_modules/a/index.js": "" });
    await writeTree(workspace, { ".env": "MINE=1" });
    for (const path of [".env", ".ENV", "sub/.env.local", ".massgen/x"])
      expect(await codeOf(checkPath(access, join(context, path), "read")), path).toBe("path_denied");
    for (const path of [".git/config", ".GIT/hooks/x", "node_modules/a/index.js"]) {
      expect(await codeOf(checkPath(access, join(context, path), "write")), path).toBe("path_denied");
    }
    expect(await checkPath(access, join(context, ".git/config"), "read")).toContain("config");
    expect(await checkPath(access, ".env", "write")).toBe(join(workspace, ".env")); // the agent's own
    await symlink(join(context, ".env"), join(workspace, "environment"));
    expect(await codeOf(checkPath(access, "environment", "read"))).toBe("path_denied");
  });

  it("of a single file give nothing beside it", async () => {
    const { access, context } = await world();
    const only = {
      ...access,
      roots: [
        ...access.roots.slice(0, 2),
        { path: join(context, "main.ts"), permission: "write" as const, kind: "context" as const, file: true },
      ],
    };
    await writeTree(context, { "other.ts": "" });
    expect(await checkPath(only, join(context, "main.ts"), "write")).toBe(join(context, "main.ts"));
    for (const path of ["other.ts", "", "main.ts/x", "main.ts.bak"])
      expect(await codeOf(checkPath(only, join(context, path), "read")), path).toBe("path_denied");
    expect(await codeOf(checkPath(only, join(context, "main.ts"), "delete"))).toBe("path_denied");
  });

  it("do not open directories of runs that lie in them, but the workspace there counts", async () => {
    const { access, base, workspace } = await world();
    const whole = {
      ...access,
      roots: [...access.roots, { path: base, permission: "write" as const, kind: "context" as const }],
      hiddenPaths: [join(base, "home")],
    };
    await writeTree(base, { "home/other/x.txt": "other agent" });
    expect(await codeOf(checkPath(whole, join(base, "home/other/x.txt"), "read"))).toBe("path_denied");
    expect(await checkPath(whole, "own.txt", "write")).toBe(join(workspace, "own.txt"));
    expect(await checkPath(whole, join(base, "outside/secret.txt"), "read")).toContain("secret");
  });
});

it("roots cannot be deleted", async () => {
  const { access, context } = await world("write");
  for (const path of [".", context]) expect(await codeOf(checkPath(access, path, "delete"))).toBe("path_denied");
});

it("a hard link is a file like any other; whoever writes to it breaks it", async () => {
  const { access, workspace, outside } = await world();
  await link(join(outside, "secret.txt"), join(workspace, "hard"));
  expect(await checkPath(access, "hard", "write")).toBe(join(workspace, "hard"));
});

it("a directory that becomes a link between check and use is noticed", async () => {
  const { access, workspace, outside } = await world();
  await writeTree(workspace, { "dir/secret.txt": "harmless" });
  const checked = await resolvePath(access, "dir/secret.txt", "read");
  await rename(join(workspace, "dir"), join(workspace, "was"));
  await symlink(outside, join(workspace, "dir"));
  const { openChecked, replaceFile } = await import("../../src/filesystem-manager/write-file.js");
  expect(await codeOf(openChecked(checked))).toMatch(/path_denied|not_a_directory/);
  expect(await codeOf(replaceFile(checked, "overwritten"))).toMatch(/path_denied|not_a_directory/);
  expect(readFileSync(join(outside, "secret.txt"), "utf8")).toBe("SECRET\n");
});

it("a file that becomes a link or a pipe between check and use is noticed", async () => {
  const { access, workspace, outside } = await world();
  const checked = await resolvePath(access, "own.txt", "read");
  await rename(join(workspace, "own.txt"), join(workspace, "was"));
  await symlink(join(outside, "secret.txt"), join(workspace, "own.txt"));
  const { openChecked, replaceFile } = await import("../../src/filesystem-manager/write-file.js");
  expect(await codeOf(openChecked(checked))).toBe("path_denied");
  expect(await codeOf(replaceFile(checked, "x"))).toBe("path_denied");
  await writeFile(join(workspace, "was"), "still here");
  expect(readFileSync(join(outside, "secret.txt"), "utf8")).toBe("SECRET\n");
});
