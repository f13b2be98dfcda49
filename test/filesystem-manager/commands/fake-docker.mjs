#!/usr/bin/env node
// Stands in for the Docker command line: writes down its arguments and runs "containers" as processes of this machine.
import { spawn } from "node:child_process";
import { appendFileSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const state = process.env.FAKE_DOCKER ?? "";
const args = process.argv.slice(2);
appendFileSync(join(state, "calls.jsonl"), `${JSON.stringify(args)}\n`);
const containerFile = (/** @type {string | undefined} */ name) => join(state, `${name}.pid`);

const fail = (/** @type {string} */ message, code = 1) => {
  process.stderr.write(`${message}\n`);
  process.exit(code);
};

/** Options that have a value, as far as they are used. */
const VALUED = new Set([
  ..."--name --label --workdir --network --cap-drop --security-opt --pids-limit --hostname --memory --cpus".split(" "),
  ..."--user --mount --entrypoint --env --format".split(" "),
]);

/** @param {string[]} words */
function parse(words) {
  /** @type {Record<string, any>} */
  const options = {};
  let at = 0;
  for (; at < words.length && words[at]?.startsWith("-"); at++) {
    const name = words[at] ?? "";
    if (!VALUED.has(name)) options[name] = true;
    else {
      at++;
      options[name] = [...(options[name] ?? []), words[at]];
    }
  }
  return { options, rest: words.slice(at) };
}

const { options, rest } = parse(args.slice(1));
if (existsSync(join(state, "down")))
  fail("Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?");
else if (args[0] === "version") console.log("29.0.0");
else if (args[0] === "run") run();
else if (args[0] === "exec") exec();
else if (args[0] === "rm") remove(rest[0]);
else fail(`unknown command ${args[0]}`);

function run() {
  const [image, ...command] = rest;
  if (image === "no-such-image") fail("Unable to find image 'no-such-image:latest' locally", 125);
  const [name] = options["--name"];
  const child = spawn(options["--entrypoint"][0], command, { stdio: ["pipe", "inherit", "inherit"] });
  writeFileSync(containerFile(name), String(process.pid));
  process.stdin.pipe(child.stdin);
  const end = () => {
    rmSync(containerFile(name), { force: true });
    child.kill("SIGKILL");
  };
  process.on("SIGTERM", () => {
    end();
    process.exit(137);
  });
  child.on("exit", (code) => {
    end();
    process.exit(code ?? 137);
  });
}

function exec() {
  const [name, program, ...command] = rest;
  if (!existsSync(containerFile(name))) fail(`Error response from daemon: No such container: ${name}`);
  const given = Object.fromEntries((options["--env"] ?? []).map((/** @type {string} */ each) => each.split(/=(.*)/s).slice(0, 2)));
  const child = spawn(program ?? "", command, {
    cwd: options["--workdir"]?.[0],
    env: { PATH: process.env.PATH, ...given },
    stdio: [options["--interactive"] ? "inherit" : "ignore", "inherit", "inherit"],
    detached: true, // as in a container, where our signals do not reach it
  });
  child.on("exit", (code, signal) => process.exit(code ?? (signal === "SIGKILL" ? 137 : 143)));
}

/** @param {string | undefined} name */
function remove(name) {
  if (!existsSync(containerFile(name))) fail(`Error response from daemon: No such container: ${name}`);
  process.kill(Number(readFileSync(containerFile(name), "utf8")), "SIGTERM");
  console.log(name);
}
