// Jobs that do nothing, through graphile-worker: how many a second are added, leased and ended.
//
// Usage: `node graphile_jobs.mjs <URL of PostgreSQL> <workers> <jobs>`. PEER_MODULES is the folder of
// `node_modules`. Each worker is a process with 16 places, and jobs are added 100 at once.
import { fork } from "node:child_process";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const { Logger, makeWorkerUtils, run } = createRequire(`${process.env.PEER_MODULES}/`)("graphile-worker");
const [url, workers, jobs] = process.argv.slice(2);
const logger = new Logger(() => () => {});

if (workers === "work") {
  process.on("disconnect", () => process.exit());
  const runner = await run({ connectionString: url, concurrency: 16, maxPoolSize: 4, logger, noHandleSignals: true, taskList: { nothing: async () => {} } });
  runner.events.once("worker:getJob:empty", () => process.send("ready"));
} else {
  const utils = await makeWorkerUtils({ connectionString: url, logger });
  await utils.migrate();
  const children = [];
  for (let number = 0; number < Number(workers); number += 1) {
    const child = fork(fileURLToPath(import.meta.url), [url, "work"]);
    children.push(child);
    await new Promise((ready) => child.once("message", ready));
  }
  const begun = performance.now();
  for (let first = 0; first < Number(jobs); first += 100) {
    await utils.addJobs(Array.from({ length: 100 }, (_, k) => ({ identifier: "nothing", jobKey: `key ${first + k}`, payload: { n: first + k } })));
  }
  const left = (client) => client.query("SELECT count(*)::int AS left FROM graphile_worker._private_jobs");
  while ((await utils.withPgClient(left)).rows[0].left > 0) {
    await new Promise((passed) => setTimeout(passed, 5));
  }
  console.log(`  ${workers} workers: ${(Number(jobs) / (performance.now() - begun) * 1000).toFixed(0)} jobs/s`);
  children.forEach((child) => child.kill("SIGKILL"));
  await utils.release();
}
