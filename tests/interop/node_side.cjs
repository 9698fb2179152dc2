// The other side of test_node_resque.py: one command of node-resque, on a unix socket.
//
//   node node_side.cjs SOCKET enqueue '[["queue","Class",[1]], ...]'
//   node node_side.cjs SOCKET work '{"queues":["queue"],"jobs":2}'   until so many jobs are done
//   node node_side.cjs SOCKET look ''                                what its readers see
//
// Prints one line of JSON.
"use strict";

const { Queue, Worker } = require("node-resque");

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

const commands = { enqueue, work, look };

commands[command](text ? JSON.parse(text) : undefined).then(
  (answer) => console.log(JSON.stringify(answer)),
  (error) => { console.error(error); process.exitCode = 1; },
);
