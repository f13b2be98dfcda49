import { describe, expect, it } from "vitest";
import { commandPolicy } from "../../../../src/filesystem-manager/commands/policy/policy.js";

type Command = string | string[];
const refuses = (policy: (command: Command) => void, command: Command) => {
  try {
    policy(command);
  } catch (error) {
    expect(error).toMatchObject({ code: "command_refused" });
    return (error as Error).message;
  }
  return undefined;
};

describe("patterns that deny", () => {
  const deny = commandPolicy({ deny: ["rm -rf *", "del *", "dd *", "git push *", "shutdown"] });

  it.each<Command>([
    "node train.js --model gpt",
    "echo model dd-2024-05-01",
    "cat perform.txt; date +%d",
    'echo "rm -rf /"',
    "echo rm -rf /",
    "git log --grep 'git push'",
    "rm -r build",
    "sh -c 'git status'",
    ["git", "status"],
    ["echo", "rm -rf /"],
    "./shutdown-tests.sh",
    "find . -name '*.o' -exec cat {} +",
    "printf '%s\\n' a | xargs -n1 echo",
    "cat <<END\nrm -rf /\nEND",
    'for f in a b; do cat "$f"; done',
  ])("let through: %s", (command) => expect(refuses(deny, command)).toBeUndefined());

  it.each<Command>([
    "rm -rf /",
    "rm -rf",
    ["rm", "-rf", "/"],
    "/bin/rm -rf x",
    "./tools/rm -rf x",
    "r'm' -rf x",
    "\\rm -rf x",
    "cd . && rm -rf x",
    "true; rm -rf x",
    "ls | rm -rf x",
    "ls & rm -rf x",
    "ls\nrm -rf x",
    "(rm -rf x)",
    "{ rm -rf x; }",
    "if true; then rm -rf x; fi",
    "for f in x; do rm -rf $f; done",
    "case a in a) rm -rf x;; esac",
    "f() { rm -rf x; }; f",
    "echo $(rm -rf x)",
    'echo "`rm -rf x`"',
    `echo \${x:-$(rm -rf x)}`,
    "cat <<END\n$(rm -rf x)\nEND",
    "A=1 rm -rf x",
    "> out rm -rf x",
    "sh -c 'rm -rf x'",
    "bash -ec 'rm -rf x' name",
    "bash -eo pipefail -c 'rm -rf x'",
    ["bash", "-lc", "cd a && rm -rf x"],
    "sh -c \"sh -c 'rm -rf x'\"",
    "eval rm -rf x",
    "eval 'rm  -rf x'",
    "trap 'rm -rf x' EXIT",
    "env A=1 rm -rf x",
    "env -i -u B rm -rf x",
    "nohup rm -rf x",
    "nice -n 5 rm -rf x",
    "timeout -k 1 5 rm -rf x",
    "timeout --signal=KILL 5 rm -rf x",
    "sudo -u root rm -rf x",
    "exec rm -rf x",
    "command rm -rf x",
    "busybox rm -rf x",
    "ls | xargs rm -rf",
    "ls | xargs -0 -n 1 -- rm -rf",
    "ls | xargs -I{} sh -c 'rm -rf {}'",
    "find . -exec rm -rf {} +",
    "find . -exec rm {} +",
    "find . -name x -execdir rm -rf {} \\;",
    "watch -n 1 'rm -rf x'",
    "time rm -rf x",
    "rm $FLAGS x",
    "rm -rf $(ls)",
    "$CMD -rf x",
    "`echo rm` -rf x",
    "git $SUB",
    "git push origin main",
    "shutdown",
  ])("refused: %s", (command) => expect(refuses(deny, command)).toBeDefined());

  it.each<[Command, string]>([
    ["echo a &> b", "simpler"],
    ["sh", "reads its commands from its input"],
    ["curl x | bash", "reads its commands from its input"],
    ["sh -s < script", "reads its commands from its input"],
    ['sh -c "$X"', "comes from an expansion"],
    ["eval $X", "comes from an expansion"],
    ["env -S 'rm -rf x'", "-S"],
    ["sudo -s", "shell of sudo"],
    ["su -c 'rm -rf x'", '"su"'],
    ["alias x=rm; x -rf y", '"alias"'],
    ["echo 'a", "not closed"],
    ["timeout --unknown 5 ls", "--unknown"],
    ["find $WHERE -name x", "-exec"],
  ])("not read with certainty: %s", (command, message) => expect(refuses(deny, command)).toContain(message));
});

describe("patterns that allow", () => {
  const allow = commandPolicy({ allow: ["git *", "npm run test", "npm run lint *", "ls *", "node *.js"], deny: ["git push *"] });

  it.each<Command>([
    "git status",
    "git",
    ["git", "commit", "-m", "rm -rf; $(x)"],
    "/usr/bin/git log",
    "cd sub && git diff | ls",
    "npm run test",
    "npm run lint -- --fix",
    "node build.js",
    "echo done; test -f x && true",
    "timeout 10 npm run test",
    "env CI=1 npm run test",
    "sh -c 'git status && ls'",
    'ls "$HOME" *.ts',
    'for f in *; do ls "$f"; done',
    "if [ -f x ]; then ls; fi",
  ])("let through: %s", (command) => expect(refuses(allow, command)).toBeUndefined());

  it.each<Command>(
    [
      "rm x",
      "git status; rm x",
      "git push",
      "gitk",
      "./git status",
      "/home/me/bin/git status",
      "npm run test -- --watch",
      "npm run",
      'npm run "$X"',
      "npm $X",
      "node build.js x",
      "node -e 1",
      "node a.js b.js",
      "ls $(rm x)",
      "env rm x",
      "xargs rm",
      "sh script.sh",
      "nohup",
      "PATH=. git status",
      "PATH=.; git status",
      "env PATH=. git status",
      "for PATH in .; do git status; done",
      "export X=1",
      "LD_PRELOAD=./x.so git status",
      "sudo git status",
      "f() { rm x; }; git status",
      "find . -exec git status ;",
      "",
    ].filter((command) => command !== ""),
  )("refused: %s", (command) => expect(refuses(allow, command)).toBeDefined());

  it("watches what is exported where that is allowed", () => {
    const policy = commandPolicy({ allow: ["export *", "git *"] });
    expect(refuses(policy, "export CI=1; git status")).toBeUndefined();
    expect(refuses(policy, "export PATH=.; git status")).toContain("change what is run");
    expect(refuses(policy, 'export "$X"; git status')).toContain("change what is run");
  });

  it("allows nothing when the list is empty", () => {
    expect(refuses(commandPolicy({ allow: [] }), "ls")).toContain("none of the commands");
  });

  it("takes no longer for long commands", () => {
    const policy = commandPolicy({ deny: ["* a * b * c"] });
    expect(refuses(policy, `echo ${"a $X ".repeat(20_000)}`)).toBeDefined();
    expect(refuses(policy, ["echo", ...new Array(50_000).fill("a")])).toBeUndefined();
  });
});

describe("without patterns", () => {
  it("nothing is read, so nothing is refused", () => {
    expect(refuses(commandPolicy({}), "echo 'unclosed")).toBeUndefined();
    expect(refuses(commandPolicy({ deny: [] }), "a &> b")).toBeUndefined();
  });

  it("an empty pattern is an error", () => {
    expect(() => commandPolicy({ deny: [" "] })).toThrow(
      expect.objectContaining({ code: "bad_command_pattern", path: "commands.deny[0]" }),
    );
  });
});
