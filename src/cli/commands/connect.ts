import { ALERT_SHUTTING_DOWN } from '../../wire/stream.js'
import { ADDRESS, dialler, dialOptions } from '../channels/dial.js'
import { defineCommand } from '../frame/command.js'
import { Failure } from '../frame/failure.js'
import { Progress } from '../frame/progress.js'
import { heedSignals } from '../frame/signals.js'
import { duration } from '../frame/values.js'
import { StandardStreams } from '../join/standard.js'

export const connect = defineCommand({
  name: 'connect',
  summary: 'opens a channel, and joins it to standard input and output',
  description: `Connects to a server, sends it standard input, and prints what it sends. When both directions have ended it is over.
    The end of standard input ends this direction, and the other goes on.`,
  args: [ADDRESS],
  options: {
    ...dialOptions,
    'connect-timeout': {
      value: 'TIME',
      summary: 'for connecting and the handshake; 0 is no limit',
      default: '10s',
      read: duration,
    },
  },
  examples: [
    { summary: 'whatever the server says', line: 'nopki connect nopki://pk_…@host.example:4433 -k alice.key' },
    {
      summary: 'a folder to a server',
      line: 'tar c folder | nopki connect nopki://pk_…@host.example:4433 -k alice.key',
    },
    { summary: 'a server whose key nobody could tell', line: 'nopki connect host.example:4433 --trust-on-first-use' },
  ],
  notes: [
    {
      heading: 'Known servers',
      text: `With --trust-on-first-use the key that an unknown server proves is remembered by host and port, and from then on
        HOST:PORT alone is enough. Whoever stands between the two at the first time is trusted instead, so an address with its key is
        better. If a server that is known answers with another key, nothing is sent, and nothing is changed.

        Without --key the client has a new key every time, and servers see a stranger.`,
    },
  ],
  async run(values, [address = '']) {
    const dial = await dialler(address, values)
    // Aborted, it would end a channel without a word: only what is not yet one.
    const gone = new AbortController()
    let streams: StandardStreams | undefined
    const interrupt = () => {
      if (!streams) return gone.abort(INTERRUPTED)
      streams.end({ how: 'shutdown', detail: INTERRUPTED.message }, ALERT_SHUTTING_DOWN, 'the client was interrupted')
    }
    const forget = heedSignals({ drain: interrupt, stop: () => process.exit(1) })
    const waiting = new Progress(() => 'connecting…')
    try {
      const socket = await dial({ timeout: values['connect-timeout'], signal: gone.signal })
      waiting.end()
      streams = new StandardStreams(socket)
      await streams.finished
    } finally {
      waiting.end()
      forget()
    }
  },
})

const INTERRUPTED = new Failure('interrupted')
