# Ruby's side of the benchmark: `ruby peer.rb resque worker | resque|sidekiq single|bulk|fill|paced N`,
# and `sidekiq -r peer.rb`. Resque is taken from the folder BENCH_RESQUE_LIB.
require "json"
require "socket"

PORT = ENV.fetch("BENCH_PORT").to_i
SYSTEM = File.basename($PROGRAM_NAME) == "peer.rb" ? ARGV[0] : "sidekiq"

def push(key, value)
  socket = TCPSocket.new("127.0.0.1", PORT)
  socket.write("RPUSH #{key} #{value}\r\n")
  socket.readpartial(64)
  socket.close
end

if SYSTEM == "resque"
  $LOAD_PATH.unshift ENV.fetch("BENCH_RESQUE_LIB")
  require "resque"
  Resque.redis = Redis.new(host: "127.0.0.1", port: PORT)
else
  require "sidekiq"
  Sidekiq.configure_client { |c| c.redis = { url: ENV.fetch("BENCH_URL") } }
  Sidekiq.configure_server { |c| c.redis = { url: ENV.fetch("BENCH_URL") } }
  Sidekiq.logger.level = Logger::WARN
end

# Each job is declared for either system.
def declare(name, &perform)
  job = Class.new
  Object.const_set(name, job)
  if SYSTEM == "resque"
    job.instance_variable_set(:@queue, :bench)
    job.define_singleton_method(:perform, &perform)
  else
    job.include(Sidekiq::Worker)
    job.sidekiq_options(queue: "bench")
    job.define_method(:perform, &perform)
  end
end

declare("Noop") { |*| nil }
declare("Stamp") { push("bench:stamps", Time.now.to_f) }
declare("Late") { |enqueued| push("bench:delays", Time.now.to_f - enqueued) }

def one(name, *args)
  SYSTEM == "resque" ? Resque.enqueue(Object.const_get(name), *args) : Object.const_get(name).perform_async(*args)
end

def many(name, count)
  return count.times { one(name) } if SYSTEM == "resque"
  Sidekiq::Client.push_bulk("class" => Object.const_get(name), "args" => Array.new(count) { [] })
end

def enqueue(mode, count)
  random = Random.new(count)
  one("Noop")
  begun = Process.clock_gettime(Process::CLOCK_MONOTONIC)
  case mode
  when "single" then count.times { one("Noop") }
  when "bulk", "fill"
    (0...count).step(1000) { |start| many("Noop", [1000, count - start].min) }
    10.times { one("Stamp") } if mode == "fill"
  else
    count.times do
      sleep random.rand(0.05..0.15)
      one("Late", Time.now.to_f)
    end
  end
  puts Process.clock_gettime(Process::CLOCK_MONOTONIC) - begun
end

if ARGV[1] == "worker"
  Resque.logger.level = Logger::WARN
  worker = Resque::Worker.new(*ENV.fetch("QUEUES").split(","))
  worker.term_child = true
  worker.prepare
  worker.work(ENV.fetch("INTERVAL", "5").to_f)
elsif %w[single bulk fill paced].include?(ARGV[1])
  enqueue(ARGV[1], ARGV[2].to_i)
end
