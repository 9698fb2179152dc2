# The jobs of the tests' real Sidekiq, and its settings. What a job does stands in the lists `own:began`
# and `own:ran`; one that holds goes on once the key `own:go` is there.
require 'sidekiq'
require 'sidekiq/launcher'

# Everything is as in production but for how often it beats and looks for what is due: tests need not
# wait as long. Where a test is to see what is between two beats, each but the first one waits for it.
Sidekiq::Launcher.send(:remove_const, :BEAT_PAUSE)
Sidekiq::Launcher::BEAT_PAUSE = Float(ENV.fetch('BEAT_S'))
Sidekiq.options[:poll_interval_average] = Float(ENV.fetch('POLL_S'))

if ENV['BEATS'] == 'asked'
  class Sidekiq::Launcher
    private

    def sleep(_pause)
      # Not one long wait: nothing is to hold up its end.
      nil until Sidekiq.redis { |redis| redis.blpop('own:beats', timeout: 1) }
    end
  end
end

class Sidekiq::Scheduled::Poller
  private

  def initial_wait; end
end

settings = { url: ENV.fetch('REDIS_URL') }
unless ENV['NAMESPACE'].to_s.empty?
  require 'redis-namespace'
  settings[:namespace] = ENV['NAMESPACE']
end
Sidekiq.configure_server { |config| config.redis = settings }

def note(list, job, *args)
  Sidekiq.redis { |redis| redis.rpush("own:#{list}", JSON.generate([job.class.name, job.jid, *args])) }
end

class Note
  include Sidekiq::Worker

  def perform(*args)
    note('ran', self, *args)
  end
end

class Hold
  include Sidekiq::Worker

  def perform(*args)
    note('began', self, *args)
    sleep 0.01 until Sidekiq.redis { |redis| redis.exists?('own:go') }
    note('ran', self, *args)
  end
end

class Fail
  include Sidekiq::Worker
  sidekiq_options retry: 2, backtrace: true

  def perform(message)
    note('began', self, message)
    raise ArgumentError, message
  end
end

class Die < Fail
  sidekiq_options retry: 0
end
