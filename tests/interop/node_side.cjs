// The other side of test_node_resque.py: one command of node-resque, on a unix socket.
//
//   node node_side.cjs SOCKET enqueue '[["queue","Class",[1]], ...]'
//   node node_side.cjs SOCKET work '{"queues":["queue"],"jobs":2}'   until so many jobs are done
//   node node_side.cjs SOCKET look ''                                what its readers see
//   node node_side.cjs SOCKET delay '[[SECONDS,"queue","Class",[1]], ...]'   until those epochs
//   node node_side.cjs SOCKET delayed ''                             what is delayed
//   node node_side.cjs SOCKET schedule ''                            move until nothing is delayed
//   node node_side.cjs SOCKET retry ''                               retry all failures
//   node node_side.cjs SOCKET clean ''                               clean up all stuck workers
//
// Prints one line of JSON.
"use strict";

const { Queue, Scheduler, Worker } = require("node-resque");

const [path, command, text] = process.argv.slice(2);
const connection = { pkg: "ioredis", options: { path } };

async function withQueue(action) {
  const queue = new Queue({ connection });
  queue.on("error", (error) => { throw error; });
  await queue.connect();
  try {
    return await action(queue);
  } finally {
    await queue.end();
  }
}

async function enqueue(jobs) {
  return withQueue(async (queue) => {
    for (const [name, jobClass, args] of jobs) await queue.enqueue(name, jobClass, args);
    return jobs.length;
  });
}

async function look() {
  return withQueue(async (queue) => ({
    failed: await queue.failed(0, -1),
    queues: await queue.queues(),
    workers: await queue.workers(),
    working: await queue.allWorkingOn(),
    stats: await queue.stats(),
  }));
}

// Performs until `count` jobs have ended. `Held` ends when the key `let go` is set.
async function work({ queues, jobs: count }) {
  const performed = [];
  const note = (name) => async (...args) => { performed.push([name, ...args]); };
  const jobs = {
    "Py::Add": { perform: note("Py::Add") },
    "py.mail": { perform: note("py.mail") },
    Broken: { perform: async (message) => { throw new TypeError(message); } },
    Held: {
      perform: async function (...args) {
        while (!(await this.connection.redis.exists("let go"))) {
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
        performed.push(["Held", ...args]);
      },
    },
  };
  const worker = new Worker({ connection, queues, timeout: 10 }, jobs);
  await worker.connect();
  const allDone = new Promise((resolve, reject) => {
    let ended = 0;
    const one = () => { ended += 1; if (ended === count) resolve(); };
    worker.on("success", one);
    worker.on("failure", one);
    worker.on("error", reject);
  });
  await worker.start();
  await allDone;
  await worker.end();
  return performed;
}

async function delay(jobs) {
  return withQueue(async (queue) => {
    for (const [seconds, name, jobClass, args] of jobs) {
      await queue.enqueueAt(seconds * 1000, name, jobClass, args);
    }
    return jobs.length;
  });
}

async function delayed() {
  return withQueue((queue) => queue.allDelayed());
}

// Moves due jobs until none is delayed any more, and says which it moved.
async function schedule() {
  const scheduler = new Scheduler({ connection, timeout: 5, leaderLockTimeout: 60 });
  await scheduler.connect();
  const moved = [];
  const allMoved = new Promise((resolve, reject) => {
    scheduler.on("transferredJob", (timestamp, job) => moved.push([timestamp, job]));
    scheduler.on("error", reject);
    scheduler.on("poll", () => {
      const left = scheduler.connection.redis.exists("resque:delayed_queue_schedule");
      left.then((count) => { if (count === 0) resolve(); }, reject);
    });
  });
  await scheduler.start();
  await allMoved;
  await scheduler.end();
  return moved;
}

async function retry() {
  return withQueue(async (queue) => {
    const failed = await queue.failed(0, -1);
    for (const failure of failed) await queue.retryAndRemoveFailed(failure);
    return failed.length;
  });
}

// Both ways of its: by the age of what workers work on, and by their last signs of life.
async function clean() {
  const errors = [];
  const queue = new Queue({ connection });
  queue.on("error", (error) => errors.push(String(error)));
  await queue.connect();
  const cleaned = Object.keys(await queue.cleanOldWorkers(-60000));
  await queue.end();
  const scheduler = new Scheduler({ connection, timeout: 5, stuckWorkerTimeout: 1000 });
  scheduler.on("cleanStuckWorker", (name) => cleaned.push(name));
  await scheduler.connect();
  await scheduler.checkStuckWorkers();
  await scheduler.end();
  return { cleaned, errors };
}

const commands = { enqueue, work, look, delay, delayed, schedule, retry, clean };

commands[command](text ? JSON.parse(text) : undefined).then(
  (answer) => console.log(JSON.stringify(answer)),
  (error) => { console.error(error); process.exitCode = 1; },
);
