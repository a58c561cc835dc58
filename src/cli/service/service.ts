import http from 'node:http'
import type net from 'node:net'
import { guarded } from '../../tunnel/guard.js'
import type { Ending } from '../../tunnel/splice.js'
import type { Live } from '../../tunnel/tunnel.js'
import { ALERT_SHUTTING_DOWN } from '../../wire/stream.js'
import { shortage, shortageNow } from '../frame/descriptors.js'
import { Failure } from '../frame/failure.js'
import { leaveUnread, log } from '../frame/output.js'
import { isLocal, type ListenPlace, placeText } from '../frame/place.js'
import { heedSignals } from '../frame/signals.js'
import { notifySystemd, reloadingState } from '../frame/systemd.js'
import { type AccessEntry, AccessLog } from './access-log.js'
import { isInUse, type Listening, listenAt } from './listener.js'
import { createMetrics, type Metrics } from './metrics.js'
import { Throttle } from './throttle.js'

export type { Live }

export interface ServiceOptions {
  accessLog?: string | undefined
  metrics?: ListenPlace | undefined
  /** How long connections may go on when the service is told to end, in milliseconds. */
  drainTimeout: number
}

/** What a command that serves has in common with the others: it starts, reloads, drains, logs and counts. */
export class Service {
  readonly live = new Set<Live>()
  #listening: Listening[] = []
  #reloads: (() => unknown)[] = []
  #closings: (() => void)[] = []
  #troubles: { trouble: () => string; fails: boolean }[] = []
  #checks: (() => Promise<void>)[] = []
  #endings: (() => void)[] = []
  #accessLog: AccessLog | undefined
  #metrics: Metrics | undefined
  #drainTimeout: number
  #closed = false
  #whenOver = withResolver()
  #throttle = new Throttle()

  private constructor(drainTimeout: number) {
    this.#drainTimeout = drainTimeout
  }

  static async start({ accessLog, metrics, drainTimeout }: ServiceOptions): Promise<Service> {
    const service = new Service(drainTimeout)
    service.onHealth(shortageNow, true)
    if (accessLog !== undefined) service.#openLog(accessLog)
    if (metrics !== undefined) await service.#openStatus(metrics)
    return service
  }

  /** It takes nothing new any more. */
  get closed(): boolean {
    return this.#closed
  }

  /** Listens, for as long as the service takes connections. @returns where */
  async listen(server: net.Server, place: ListenPlace): Promise<string> {
    const listening = await listenAt(server, place)
    this.#outlive(server)
    this.#listening.push(listening)
    return listening.where
  }

  /** What it returns is waited for, before the service is said to be ready again. */
  onReload(reload: () => unknown): void {
    this.#reloads.push(reload)
  }

  /** Something that the health page tells while it is not empty; if it `fails` what the service is for, as 503. */
  onHealth(trouble: () => string, fails = false): void {
    this.#troubles.push({ trouble, fails })
  }

  /** What metrics tell of those that have not been let in. */
  countPending({ pending, refused }: { pending: () => number; refused: () => number }): void {
    this.gauge('nopki_connections_pending', 'Connections that are not let in yet.', pending)
    this.gauge(
      'nopki_connections_refused_lingering',
      'Connections that were refused, and are given a moment to hear it.',
      refused,
    )
  }

  /** A client was let in that asked for this key of ours, `pk_…`. */
  asked(key: string): void {
    this.#metrics?.asked(key)
  }

  /** A number that Prometheus is told. */
  gauge(name: string, help: string, value: () => number): void {
    this.#metrics?.gauge(name, help, value)
  }

  /** Called, and waited for, before the health page tells anything. */
  onCheck(check: () => Promise<void>): void {
    this.#checks.push(check)
  }

  /** Called when nothing new is taken any more; what is held then is waited for. */
  onClosing(closing: () => void): void {
    this.#closings.push(closing)
  }

  /** Called when all is over. */
  onEnd(end: () => void): void {
    this.#endings.push(end)
  }

  /** A connection that was let in: kept in sight until it is done. */
  track(live: Live): void {
    this.#metrics?.opened()
    this.hold(live)
  }

  /** Does not end before this is done. */
  hold(live: Live): void {
    this.live.add(live)
    const over = () => {
      this.live.delete(live)
      if (this.#closed && this.live.size === 0) this.#whenOver.resolve()
    }
    live.done.catch(error => this.fault(error)).finally(over)
  }

  /** Something was thrown in the handling of a connection, which it ends: the others go on. */
  fault(error: unknown): void {
    this.#throttle.say(`warning: a connection failed: ${Failure.of(error).message}`)
  }

  /** Ends one of several: the others are ended too, whatever that throws. */
  cut(live: Live, ending: Ending, alert: number, text: string): void {
    guarded(
      () => live.end(ending, alert, text),
      error => this.fault(error),
    )
  }

  /** A connection that is over, or an attempt that came to nothing. */
  record(entry: AccessEntry): void {
    guarded(
      () => {
        this.#accessLog?.write(entry)
        this.#metrics?.ended(entry)
      },
      error => this.fault(error),
    )
  }

  /** A connection that gets no answer, as it did not begin as it should. @param why one of a few words */
  ignored(why: string): void {
    this.#metrics?.ignored(why)
  }

  /** Serves until a signal has ended it, and all connections are over. */
  async run(): Promise<void> {
    const forget = heedSignals({
      drain: () => this.#drain().catch(error => this.fault(error)),
      stop: () => this.#stop(),
      reload: () => this.#reload().catch(error => this.fault(error)),
    })
    // Where connections are handed out, what is thrown ends the connection; here is what nobody thought of.
    const survive = (error: unknown) => this.fault(error)
    process.on('uncaughtException', survive)
    notifySystemd('READY=1')
    await this.#whenOver.promise
    process.off('uncaughtException', survive)
    forget()
    for (const end of this.#endings) end()
    await this.#accessLog?.close()
    leaveUnread()
  }

  /** Takes nothing new; is over when what is open has ended. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    for (const { close } of this.#listening) close()
    for (const closing of this.#closings) closing()
    if (this.live.size === 0) this.#whenOver.resolve()
  }

  /** Closes, and lets what is open end by itself, for a while. */
  async #drain(): Promise<void> {
    notifySystemd('STOPPING=1')
    await Promise.all(this.#listening.map(it => it.takeWaiting()))
    this.close()
    if (this.live.size === 0) return
    log.info(`ending: ${countText(this.live.size)} open, for ${this.#drainTimeout / 1000} s at most`)
    const timer = setTimeout(() => this.#stop(), this.#drainTimeout)
    this.#whenOver.promise.then(() => clearTimeout(timer))
  }

  #stop(): void {
    log.info(`ending ${countText(this.live.size)}`)
    for (const live of this.live)
      this.cut(live, { how: 'shutdown' }, ALERT_SHUTTING_DOWN, 'the service is shutting down')
  }

  async #reload(): Promise<void> {
    notifySystemd(...reloadingState())
    this.#accessLog?.reopen()
    await Promise.all(this.#reloads.map(reload => reload()))
    notifySystemd('READY=1')
  }

  #openLog(path: string): void {
    const accessLog = new AccessLog(path)
    this.#accessLog = accessLog
    this.onHealth(() => accessLog.trouble && `${path}: ${accessLog.trouble}`)
  }

  async #openStatus(place: ListenPlace): Promise<void> {
    if (!isLocal(place)) {
      throw Failure.usage(
        `--metrics ${placeText(place)} can be read from other machines`,
        'give a port of the loopback or unix:PATH, and have a web server in front of it',
      )
    }
    const { registry, ...metrics } = await createMetrics(
      () => this.live.size,
      () => this.#accessLog?.lost ?? 0,
    )
    this.#metrics = { registry, ...metrics }
    const answer = async ({ method, url }: http.IncomingMessage, response: http.ServerResponse) => {
      if (method !== 'GET' && method !== 'HEAD') return response.writeHead(405).end()
      if (url === '/health') return this.#sayHealth(response)
      if (url !== '/metrics') return response.writeHead(404).end('there are /metrics and /health\n')
      response.setHeader('content-type', registry.contentType)
      return response.end(await registry.metrics())
    }
    const server = http.createServer((request, response) => {
      answer(request, response).catch(error => {
        this.fault(error)
        response.destroy()
      })
    })
    await this.#serveStatus(server, place).catch(error => this.#serveLater(error, server, place))
  }

  async #serveStatus(server: http.Server, place: ListenPlace): Promise<void> {
    const { where, close } = await listenAt(server, place)
    this.#outlive(server)
    this.onEnd(() => {
      close()
      server.closeAllConnections()
    })
    log.info(`metrics and health on ${where}`)
  }

  /** A process that drains, and from which this one takes over, has the port until it is over. */
  #serveLater(error: unknown, server: http.Server, place: ListenPlace): void {
    if (!isInUse(error)) throw error
    log.warn(`${error.message}: metrics and health are served when it is free`)
    let timer: NodeJS.Timeout
    const later = () => {
      timer = setTimeout(() => this.#serveStatus(server, place).catch(later), AGAIN_MS).unref()
    }
    later()
    this.onEnd(() => clearTimeout(timer))
  }

  /** Too many open files, and the like: connections that are open go on. libuv drops those that come then, and says nothing. */
  #outlive(server: net.Server): void {
    server.on('connection', socket => {
      const few = shortage(socket)
      if (few) this.#throttle.sayOnce('descriptors', few)
    })
    server.on('error', error => this.#throttle.say(`a connection could not be taken: ${Failure.of(error).message}`))
  }

  /** 503 where a client had better go elsewhere. */
  async #sayHealth(response: http.ServerResponse): Promise<void> {
    if (!this.#closed) await Promise.all(this.#checks.map(check => check()))
    const present = this.#troubles.filter(({ trouble }) => trouble() !== '')
    const fails = this.#closed || present.some(it => it.fails)
    const status = this.#closed ? 'draining' : fails ? 'failing' : present.length > 0 ? 'trouble' : 'ok'
    const troubles = present.map(({ trouble }) => trouble())
    response.writeHead(fails ? 503 : 200, { 'content-type': 'application/json' })
    response.end(`${JSON.stringify({ status, connections: this.live.size, troubles })}\n`)
  }
}

function countText(count: number): string {
  return count === 1 ? '1 connection' : `${count} connections`
}

function withResolver(): { promise: Promise<void>; resolve: () => void } {
  let resolve!: () => void
  const promise = new Promise<void>(it => {
    resolve = it
  })
  return { promise, resolve }
}

const AGAIN_MS = 1000
