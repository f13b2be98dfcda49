import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { BUILD } from "./build.js";

export const fileUrl = (path: string): string => pathToFileURL(resolve(path)).href;

/** Clean of keys and proxies, so that every machine measures the same. */
const env = { PATH: process.env.PATH, HOME: process.env.HOME, OPENAI_API_KEY: "sk-bench", NODE_ENV: "production" };

export interface Server {
  /** What an OpenAI client calls its base URL. */
  baseUrl: string;
  /** Tells when a connection was seen to close. */
  controlUrl: string;
  stop(): void;
}

/** Starts the emulated provider in a process of its own. */
export async function startServer(): Promise<Server> {
  const child = spawn(process.execPath, ["bench/server.mjs", fileUrl(`${BUILD}/testing/index.js`)], {
    env,
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  const [urls] = (await Promise.race([once(child, "message"), died(child)])) as [Omit<Server, "stop">];
  return { ...urls, stop: () => child.kill() };
}

/** A server under test. */
export interface ServerUnderTest {
  url: string;
  /** Tells its CPU time and memory. */
  controlUrl: string;
  stop(): void;
}

export async function startProxy(file: string, args: object, flags: string[] = []): Promise<ServerUnderTest> {
  const child = spawn(process.execPath, ["--expose-gc", ...flags, `bench/servers/${file}.mjs`, JSON.stringify(args)], {
    env,
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  const [urls] = (await Promise.race([once(child, "message"), died(child)])) as [Omit<ServerUnderTest, "stop">];
  return { ...urls, stop: () => child.kill() };
}

async function died(child: ChildProcess): Promise<never> {
  const [code] = await once(child, "exit");
  throw new Error(`The benchmark's server ended with code ${code} before it was ready.`);
}

/** Runs a case in a fresh process and returns what it reports. Throws when it fails, or prints anything else. */
export async function runCase<T>(file: string, args: object = {}, flags: string[] = ["--expose-gc"]): Promise<T> {
  const child = spawn(process.execPath, [...flags, `bench/cases/${file}.mjs`, JSON.stringify(args)], {
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text) => {
    stderr += text;
  });
  const [code] = await once(child, "close");
  if (code !== 0 || stderr !== "" || !/^\{.*\}\n$/.test(stdout)) {
    throw new Error(`Case ${file} ${JSON.stringify(args)} ended with code ${code} and printed:\n${stdout}${stderr}`);
  }
  return JSON.parse(stdout);
}
