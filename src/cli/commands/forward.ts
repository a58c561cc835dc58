import type net from 'node:net'
import { errorTable } from '../../errors.js'
import type { SecureSocket } from '../../node/index.js'
import { forwardOne } from '../../tunnel/join.js'
import { Counter } from '../../tunnel/limits.js'
import { retrying } from '../../tunnel/patience.js'
import { plainListener } from '../../tunnel/plain-listener.js'
import { probeChannel, Reachability } from '../../tunnel/reachability.js'
import { ADDRESS, type Dial, dialler, dialOptions } from '../channels/dial.js'
import { defineCommand } from '../frame/command.js'
import { Failure } from '../frame/failure.js'
import { log } from '../frame/output.js'
import { isLocal, type ListenPlace, parsePlainListen, placeText } from '../frame/place.js'
import { backendOptions, limitsOf, serviceOptions, serviceOptionsOf } from '../service/options.js'
import { Service } from '../service/service.js'
import { Throttle } from '../service/throttle.js'

export const forward = defineCommand({
  name: 'forward',
  summary: 'plain connections in, channels out: reaches a service behind a key',
  description: `Listens for plain connections, and joins each one to a channel to ADDRESS, where expose or another nopki server is.
    Programs that know nothing of it connect here as if the service were on this machine.`,
  args: [
    { name: 'LISTEN', summary: 'where plain connections come in: PORT (of the loopback), unix:PATH or systemd' },
    ADDRESS,
  ],
  options: {
    ...dialOptions,
    'plain-anywhere': { summary: 'lets LISTEN be an address that other machines reach, without encryption' },
    ...backendOptions,
    ...serviceOptions,
  },
  examples: [
    {
      summary: 'a distant Redis, as if it were here',
      line: 'nopki forward 6379 nopki://pk_…@db.example:4433 -k alice.key\nredis-cli ping',
    },
    {
      summary: 'PostgreSQL by a Unix socket',
      line: 'nopki forward unix:/tmp/.s.PGSQL.5432 nopki://pk_…@db.example:4433 -k alice.key\npsql -h /tmp',
    },
  ],
  notes: [
    {
      heading: 'Ends',
      text: `An end of one direction is passed on, and the other goes on. A connection that is cut is never passed on as an end: a
        program whose channel breaks off, or is refused, sees its connection reset, and standard error says why.

        On SIGTERM no new connection is taken, and those that are open have --drain-timeout to end by themselves; then, or on a second
        signal, the servers are told, and the exit code is 0. SIGHUP opens --access-log anew.`,
    },
    {
      heading: 'Health',
      text: `/health is 503 while the server cannot be reached, or refuses this key. If no client has been there for 10 s, or the last one
        did not get there, it is tried when the page is asked for, by a channel that is ended at once.`,
    },
  ],
  async run(values, [listen = '', address = '']) {
    const place = parsePlainListen(listen, 'LISTEN')
    checkLocal(place, values['plain-anywhere'])
    const dial = await dialler(address, values)
    const service = await Service.start(serviceOptionsOf(values))
    const listener = new PlainListener(service, dial, values)
    const where = await service.listen(listener.server(), place)
    // It heeds signals before anybody is told that it is there.
    const over = service.run()
    log.info(`forwarding ${where}`)
    await over
  },
})

interface FrontValues {
  'connect-timeout': number
  retry: number
  'tcp-keep-alive': number
  'max-lifetime': number
  'max-connections': number
  'max-per-address': number
}

/** Where plain connections come in. */
class PlainListener {
  #service: Service
  #dial: Dial
  #values: FrontValues
  #counter: Counter
  #reachability = new Reachability(() =>
    probeChannel(this.#values['connect-timeout'], timeout => this.#dial({ timeout })),
  )
  #throttle = new Throttle()

  constructor(service: Service, dial: Dial, values: FrontValues) {
    this.#service = service
    this.#dial = dial
    this.#values = values
    this.#counter = new Counter(limitsOf(values))
    service.onHealth(() => this.#reachability.trouble, true)
    service.onCheck(() => this.#reachability.check())
    service.onHealth(() => this.#counter.trouble, true)
  }

  server(): net.Server {
    const keepAlive = this.#values['tcp-keep-alive']
    const alive = { keepAlive: keepAlive > 0, keepAliveInitialDelay: keepAlive }
    return plainListener(alive, this.#counter, {
      fault: error => this.#service.fault(error),
      refused: entry => {
        this.#throttle.say(`refused ${entry.address}: ${entry.detail}`)
        this.#service.record(entry)
      },
      take: (plain, pipe, address) => this.#take(plain, pipe, address),
    })
  }

  #take(plain: net.Socket, pipe: boolean, address: string): void {
    this.#service.track(
      forwardOne(plain, pipe, {
        reach: signal => this.#reach(signal),
        address,
        lifetime: this.#values['max-lifetime'],
        onEnd: entry => {
          if (entry.ended === 'channel') this.#throttle.fail(brokenOff(address, entry.detail ?? ''))
          this.#service.record(entry)
        },
      }),
    )
  }

  async #reach(signal: AbortSignal): Promise<SecureSocket> {
    const { 'connect-timeout': timeout, retry, 'tcp-keep-alive': keepAlive } = this.#values
    try {
      // The signal is the attempt's alone: an established channel ends by the splice.
      const dialled = retrying({ timeout, retry, signal }, () => this.#dial({ timeout }))
      const channel = await this.#reachability.learn(dialled, signal)
      if (keepAlive > 0) channel.setKeepAlive(true, keepAlive)
      return channel
    } catch (error) {
      if (!signal.aborted) this.#throttle.fail(error)
      throw error
    }
  }
}

/** @param detail `CODE: reason` */
function brokenOff(address: string, detail: string): Failure {
  const [code = ''] = detail.split(':')
  return new Failure(`${address}: ${detail}`, (errorTable() as Record<string, { next: string }>)[code]?.next)
}

function checkLocal(place: ListenPlace, anywhere: boolean): void {
  if (anywhere || isLocal(place)) return
  throw Failure.usage(
    `other machines could reach ${placeText(place)}, without encryption`,
    'give a port of the loopback or unix:PATH; --plain-anywhere, if it is meant so',
  )
}
