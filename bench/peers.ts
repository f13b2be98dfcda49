import { cpSync, readFileSync } from "node:fs";
import { installLocked } from "../scripts/npm.mjs";
import { BUILD } from "./build.js";

const FOLDER = "bench/peers";
/** A copy of the build whose `import("openai")` finds the SDK line of the peers' folder. */
export const PEERS_BUILD = `${FOLDER}/node_modules/.massgen-bench`;

/** Installs the peers where they are not yet. False, with the reason printed, where that does not work. */
export function preparePeers(): boolean {
  try {
    installLocked(FOLDER);
    cpSync(BUILD, PEERS_BUILD, { recursive: true });
    return true;
  } catch (error) {
    console.error(`The peers are left out: they could not be installed. ${error instanceof Error ? error.message : String(error)}`);
    return false;
  }
}

export function versionOf(name: string, folder = "."): string {
  return JSON.parse(readFileSync(`${folder}/node_modules/${name}/package.json`, "utf8")).version;
}

export const peerVersion = (name: string): string => versionOf(name, FOLDER);
