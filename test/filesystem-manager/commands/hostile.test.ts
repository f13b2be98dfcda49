import { existsSync, readFileSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { beforeEach, expect, it } from "vitest";
import { type Commands, commandsIn, needsSandbox, scene } from "./support.js";

beforeEach(needsSandbox);

const CORPUS = new URL("../../../../shared/corpora/commands.json", import.meta.url);
const SECRET = "sk-0123456789-canary";
const BATCH = 25;
/** Runs its arguments one after the other, each for a moment, as some wait for ever, and says of each that it has run. */
const DRIVER = 'n=0; for each in "$@"; do n=$((n + 1)); echo "@@$n"; timeout -s KILL 0.4 sh -c "$each" < /dev/null; done; echo "@@end"';

/** A scene with things outside of the sandbox that no command may read, change or reach. */
async function guarded() {
  const place = await scene();
  const canary = await place.write("outside/canary.txt", SECRET);
  await place.write("run/two/workspace/theirs.txt", SECRET);
  place.access.hiddenPaths = [join(place.directory, "run")];
  let reached = 0;
  const server = createServer((socket) => {
    reached++;
    socket.end(SECRET);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  const commands = await commandsIn(place, { sandbox: "required" }, { ...process.env, OPENAI_API_KEY: SECRET });
  return {
    ...{ place, canary, port, commands },
    async check(): Promise<void> {
      expect(reached).toBe(0);
      expect(await readFile(canary, "utf8")).toBe(SECRET);
      expect(await readFile(join(place.directory, "run/two/workspace/theirs.txt"), "utf8")).toBe(SECRET);
      expect((await readdir(place.directory)).sort()).toEqual(["outside", "run"]);
      expect((await readdir(join(place.directory, "outside"))).sort()).toEqual(["canary.txt"]);
      expect((await readdir(join(place.directory, "run/one"))).sort()).toEqual(["workspace"]);
    },
    async [Symbol.asyncDispose]() {
      await commands.close();
      await new Promise((resolve) => server.close(resolve));
      await place[Symbol.asyncDispose]();
    },
  };
}

/** How many of them were run; at least one. */
async function attemptAll(commands: Commands, batch: string[]): Promise<number> {
  let output = "";
  const saveFile = async (_name: string, data: string | Uint8Array) => {
    output += Buffer.from(data).toString();
    return "kept";
  };
  const result = await commands.run({ command: ["sh", "-c", DRIVER, "sh", ...batch], timeout_ms: 60_000 }, { saveFile });
  output += result.stdout + result.stderr;
  expect(output, batch.join("\n")).not.toContain(SECRET);
  expect(result.timed_out).toBeUndefined();
  return output.includes("@@end") ? batch.length : Math.max(...[...output.matchAll(/^@@(\d+)$/gm)].map(([, n]) => Number(n)));
}

it("commands that try to get out stay inside", async () => {
  await using it = await guarded();
  const { place, canary, port, commands } = it;
  const tries: (string | string[])[] = [
    `cat ${canary}; echo x > ${canary}; rm -rf ${place.directory}/outside`,
    "cat ../../../outside/canary.txt; cat ../../two/workspace/theirs.txt",
    `cat /proc/1/root${canary}; cat /proc/self/root${canary}; cat /proc/$PPID/cwd/../../outside/canary.txt`,
    `ln -s ${canary} link; cat link; ln ${canary} hard; cat hard; cp -r ${place.directory} copy; grep -r canary copy`,
    `ln -sfn ${place.directory}/outside out; echo x > out/new; touch out/canary.txt`,
    "cat /proc/*/environ; env; set; cat /proc/*/cmdline",
    `exec 3<>/dev/tcp/127.0.0.1/${port}`,
    ["bash", "-c", `exec 3<>/dev/tcp/127.0.0.1/${port}; cat <&3`],
    `node -e 'require("net").connect(${port}, "127.0.0.1").on("data", (d) => console.log(String(d))).on("error", (e) => console.log(e.code))'`,
    `perl -MSocket -e 'socket(S, AF_INET, SOCK_STREAM, 0); connect(S, sockaddr_in(${port}, inet_aton("127.0.0.1"))) and print <S>'`,
    `kill -0 ${process.pid} && echo BROKEN; kill -0 1 && cat /proc/1/environ`,
    "mount --bind / /mnt && echo BROKEN; mount -t proc none /tmp; umount -l /proc; mount -o remount,rw /usr",
    "unshare -Urm sh -c 'mount --bind /usr /tmp'; unshare -p true; nsenter -t 1 -m true; chroot / true && echo BROKEN",
    "mknod disk b 8 0 && echo BROKEN; mknod null c 1 3 && echo BROKEN; ls /dev/sd* /dev/vd* /dev/nvme* /dev/mem && echo BROKEN",
    "for f in /proc/sysrq-trigger /proc/sys/kernel/core_pattern /proc/1/mem /proc/kcore /sys/power/state; do test -w $f && echo BROKEN; done",
    "for f in /etc/passwd /usr/bin/env /usr /etc /bin/ /lib/ /; do test -w $f && echo BROKEN; done; touch /usr/x && echo BROKEN",
    "cat /etc/shadow /root/.ssh/* ~root/.bashrc /var/log/*; ls /root /home /var /srv /mnt /work",
    "setsid sh -c 'sleep 1; touch /tmp/escaped' & disown 2>/dev/null; nohup sleep 100 &",
    "chmod u+s /bin/sh; cp /bin/sh suid; chmod 4755 suid; ./suid -p -c id; sudo -n id; su -c id",
    `tar -cf - ${place.directory} | tar -tf -; find / -name canary.txt -newer /etc/passwd`,
    "dd if=/dev/zero of=/dev/null & dd if=/dev/zero bs=1M",
  ];
  // Nobody limits root's processes, and those of a fork bomb are as many as there is time for.
  if (process.getuid?.() !== 0) tries.push("perl -e 'fork while 1'");
  for (const command of tries) {
    const { stdout, stderr } = await commands.run({ command, timeout_ms: 1_000 });
    expect(stdout, String(command)).not.toContain("BROKEN");
    expect(stdout + stderr, String(command)).not.toContain(SECRET);
  }
  await it.check();
}, 120_000);

it("no string of the corpus gets out, run as a command or given as an argument", async ({ skip }) => {
  if (!existsSync(CORPUS)) {
    console.log("Skipped: ../shared/corpora/commands.json is not beside the project.");
    skip("no corpus");
  }
  const corpus = JSON.parse(readFileSync(CORPUS, "utf8")) as string[];
  await using it = await guarded();
  const { commands } = it;

  let ran = 0;
  const queue = Array.from({ length: Math.ceil(corpus.length / BATCH) }, (_, n) => corpus.slice(n * BATCH, (n + 1) * BATCH));
  const worker = async () => {
    for (let batch = queue.shift(); batch !== undefined; batch = queue.shift()) {
      const done = await attemptAll(commands, batch);
      ran += done;
      if (done < batch.length) queue.push(batch.slice(done)); // one of them ended the whole sandbox
    }
  };
  await Promise.all([worker(), worker()]);
  expect(ran).toBe(corpus.length);
  await it.check();

  const saved: string[] = [];
  const saveFile = async (_name: string, data: string | Uint8Array) => {
    saved.push(Buffer.from(data).toString());
    return "kept";
  };
  const { stdout } = await commands.run({ command: ["printf", "%s\\0", ...corpus] }, { saveFile });
  expect((saved[0] ?? stdout).split("\0").slice(0, -1)).toEqual(corpus);
  console.log(`${ran} of ${corpus.length} commands of the corpus were run, and all stayed inside.`);
}, 240_000);
