import { cpSync } from "node:fs";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { installInEmptyProject, pack } from "../../scripts/pack.mjs";

declare module "vitest" {
  interface ProvidedContext {
    tarball: string;
    /** An empty project with the tarball installed, and the files of `consumer/`. */
    project: string;
    installWarnings: string[];
  }
}

/** Builds, packs and installs the package once for all tests of this folder. */
export default function setup({ provide }: TestProject): () => void {
  const packed = pack();
  const project = join(packed.folder, "project");
  const { warnings } = installInEmptyProject(packed.tarball, project);
  cpSync("test/package/consumer", project, { recursive: true });
  provide("tarball", packed.tarball);
  provide("project", project);
  provide("installWarnings", warnings);
  return packed.remove;
}
