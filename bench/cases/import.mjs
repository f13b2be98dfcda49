// CPU of a process that imports `url`, from its birth on; without `url`, of a bare one.
const { url } = JSON.parse(process.argv[2] ?? "{}");
if (url !== undefined) await import(url);
const { user, system } = process.cpuUsage();
console.log(JSON.stringify({ cpuMs: (user + system) / 1000 }));
