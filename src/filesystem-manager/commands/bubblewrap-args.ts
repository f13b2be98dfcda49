import { existsSync, lstatSync, readlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { contains } from "../check-path.js";
import type { Mount } from "./mounts.js";

/** What every sandbox has: namespaces of its own, no capabilities, no terminal of ours, an end when we end. */
export const SEPARATION = [
  ..."--unshare-user --unshare-pid --unshare-ipc --unshare-uts --unshare-cgroup-try".split(" "),
  ..."--cap-drop ALL --new-session --die-with-parent --hostname sandbox".split(" "),
];

/** Read-only in every sandbox, where they exist. Nothing in them is secret or of a run. */
const SYSTEM = ["/usr", "/nix/store", "/run/current-system", "/gnu/store"];
const SYSTEM_LINKS = ["/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"];
const ETC = [
  ..."passwd group nsswitch.conf ld.so.cache ld.so.conf ld.so.conf.d alternatives localtime timezone os-release debian_version".split(" "),
  ..."ssl/certs ssl/openssl.cnf ca-certificates ca-certificates.conf pki/tls pki/ca-trust mime.types services protocols terminfo".split(
    " ",
  ),
  ..."fonts bash.bashrc profile profile.d java-8-openjdk java-11-openjdk java-17-openjdk java-21-openjdk python3 perl php magic".split(" "),
].map((name) => `/etc/${name}`);
const ETC_NETWORK = ["/etc/hosts", "/etc/resolv.conf", "/etc/host.conf", "/etc/gai.conf"];

export interface SandboxLayout {
  mounts: readonly Mount[];
  /** Directories of the machine to read besides. */
  systemPaths: readonly string[];
  network: boolean;
  /** Ours: its `tmp` is the command's `/tmp`, its `hosts` the command's `/etc/hosts` where there is no network. */
  scratch: string;
  cwd: string;
}

/** Everything between `bwrap` and the command, but for the network. */
export function bubblewrapArgs(layout: SandboxLayout, noNamespaces: boolean): string[] {
  const { mounts, network, scratch, cwd } = layout;
  const args = [...SEPARATION];
  if (noNamespaces) args.push("--disable-userns");
  if (process.getuid?.() === 0) args.push("--uid", "1000", "--gid", "1000"); // a name of root without its powers confuses programs
  args.push("--bind", join(scratch, "tmp"), "/tmp");
  for (const path of [...SYSTEM, ...ETC, ...(network ? ETC_NETWORK : []), ...layout.systemPaths]) args.push("--ro-bind-try", path, path);
  for (const path of SYSTEM_LINKS) args.push(...systemLink(path));
  args.push("--proc", "/proc", "--dev", "/dev");
  if (!network) args.push("--ro-bind", join(scratch, "hosts"), "/etc/hosts");
  const sealed: string[] = [];
  for (const { kind, source, target } of mounts) {
    if (kind === "read") args.push("--ro-bind", source, target);
    else if (kind === "write") args.push("--bind", source, target);
    else if (kind === "hide-file") args.push("--ro-bind", "/dev/null", target);
    else {
      args.push("--tmpfs", target);
      sealed.push(target);
    }
  }
  // What is written to an empty place would be lost without a word. And /proc/sys belongs to root, whatever its capabilities are.
  for (const path of [...sealed, "/proc", "/"]) args.push("--remount-ro", path);
  args.push("--chdir", cwd);
  return args;
}

function systemLink(path: string): string[] {
  if (!existsSync(path)) return [];
  return lstatSync(path).isSymbolicLink() ? ["--symlink", readlinkSync(path), path] : ["--ro-bind", path, path];
}

/** Whether a real path of the system can be seen in a sandbox. */
export function isVisible(path: string, systemPaths: readonly string[]): boolean {
  return [...SYSTEM, ...SYSTEM_LINKS, ...systemPaths].some((directory) => contains(directory, path));
}

/** Where this Node is installed, so that commands have `node` and `npm` too. */
export function nodeDirectory(home: string): string | undefined {
  const directory = dirname(dirname(process.execPath));
  const fine = directory !== "/" && !contains(directory, home) && !isVisible(directory, []);
  return fine ? directory : undefined;
}
