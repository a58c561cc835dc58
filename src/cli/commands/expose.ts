import type net from 'node:net'
import type { SecureSocket } from '../../node/index.js'
import { exposeOne } from '../../tunnel/join.js'
import { proxyHeader } from '../../tunnel/proxy.js'
import { probePlain, Reachability } from '../../tunnel/reachability.js'
import { Admission, authorizedFile, authorizeOptions, type Client } from '../channels/admission.js'
import { connectPlain } from '../channels/backend.js'
import { keylogOption, keylogTo } from '../channels/keylog.js'
import { protocolOf, protocolOptions } from '../channels/protocol.js'
import { defineCommand } from '../frame/command.js'
import { Failure } from '../frame/failure.js'
import { log } from '../frame/output.js'
import { isLocal, type Place, parseListen, parsePlain, placeText } from '../frame/place.js'
import { KeyFiles, serverKeyOptions } from '../keys/key-files.js'
import {
  aliveOption,
  backendOptions,
  limitsOf,
  pendingOf,
  pendingOptions,
  serviceOptions,
  serviceOptionsOf,
} from '../service/options.js'
import { type Live, Service } from '../service/service.js'
import { Throttle } from '../service/throttle.js'

export const expose = defineCommand({
  name: 'expose',
  summary: 'channels in, plain connections out: puts a service behind a key',
  description: `Listens for channels, and joins each one whose key is authorized to a plain connection to TARGET. The service needs
    to know nothing of it, and needs no open port of its own.`,
  args: [
    { name: 'LISTEN', summary: 'where channels come in: PORT (of all addresses), HOST:PORT, unix:PATH or systemd' },
    { name: 'TARGET', summary: 'the service: PORT (of the loopback), HOST:PORT or unix:PATH' },
  ],
  options: {
    ...serverKeyOptions,
    ...authorizeOptions,
    'proxy-protocol': {
      value: 'v2',
      summary: 'tells the service where each client comes from, and its public key as the TLV 0xE0',
      read: proxyVersion,
      completes: ['v2'],
    },
    ...pendingOptions,
    ...backendOptions,
    ...aliveOption,
    ...serviceOptions,
    ...protocolOptions,
    ...keylogOption,
  },
  examples: [
    { summary: 'Redis, for those in a file', line: 'nopki expose 4433 6379 -k server.key -a authorized_keys' },
    {
      summary: 'PostgreSQL by its Unix socket, with a log and metrics',
      line:
        'nopki expose 4433 unix:/run/postgresql/.s.PGSQL.5432 -k server.key -a authorized_keys \\\n' +
        '  --access-log /var/log/nopki.jsonl --metrics 9433',
    },
    {
      summary: 'a web server that is to know who comes (listen … proxy_protocol)',
      line: 'nopki expose 4433 8080 -k server.key -a authorized_keys --proxy-protocol v2',
    },
  ],
  notes: [
    {
      heading: 'Ends',
      text: `An end of one direction is passed on, and the other goes on. A connection that is cut is never passed on as an end: a
        reset of the service reaches the client as an alert, and a channel that breaks off resets the connection to the service. A
        Unix socket cannot be reset: there, it closes.

        On SIGTERM no new connection is taken, and those that are open have --drain-timeout to end by themselves; then, or on a second
        signal, their clients are told, and the exit code is 0. SIGHUP reads --key and --authorized anew, and opens --access-log anew.`,
    },
    {
      heading: 'From one key to the next',
      text: `With several --key, each client gets the proof of the one that it asks for. So clients can change from the old key to the
        new one at any time, each on its own; give the new one first. Who still asks for another is named on standard error, once; the
        access log has the key as "wanted", and metrics count by it (nopki_connections_asked_total). A client that asks for none gets
        no answer, nor does one that comes through a router, unless --default-key says which key it is shown. Two files with the same
        key are one: so SIGHUP can go from one key to two, and back to one. docs/recipes/rolling-keys.md has all steps.`,
    },
    {
      heading: 'Health',
      text: `/health is 503 while TARGET cannot be reached. If no client has been there for 10 s, or the last one did not get there, it is
        tried when the page is asked for, by a connection that is closed at once.`,
    },
  ],
  async run(values, [listen = '', to = '']) {
    const place = parseListen(listen, 'LISTEN')
    const target = parsePlain(to, 'TARGET')
    const authorized = authorizedFile(values)
    const protocol = protocolOf(values)
    if (values.key.length === 0) {
      throw Failure.usage('--key is missing', 'nopki keygen -o server.key makes one; clients know the server by it')
    }
    const keys = await KeyFiles.open(values)
    if (!isLocal(target)) log.warn(`what goes to ${placeText(target)} leaves this machine without encryption`)
    const service = await Service.start(serviceOptionsOf(values))
    const backend = new Backend(service, target, values)
    const options = {
      place,
      keys,
      authorized,
      target: placeText(target),
      limits: limitsOf(values),
      protocol,
      pending: pendingOf(values),
      heartbeat: values.heartbeat,
      tcpKeepAlive: values['tcp-keep-alive'],
      ...keylogTo(values.keylog),
    }
    const where = await new Admission(service, options, client => backend.serve(client)).open()
    // It heeds signals before anybody is told that it is there.
    const over = service.run()
    log.info(`exposing ${placeText(target)} on ${where} as ${keys.names.join(', ')}`)
    await over
  },
})

interface BackendValues {
  'connect-timeout': number
  retry: number
  'tcp-keep-alive': number
  'max-lifetime': number
  'proxy-protocol': 'v2' | undefined
}

/** The service behind: its connections, and whether it can be reached. */
class Backend {
  #service: Service
  #target: Place
  #values: BackendValues
  #reachability = new Reachability(() =>
    probePlain(this.#values['connect-timeout'], timeout =>
      connectPlain(this.#target, { timeout, retry: 0, signal: new AbortController().signal }),
    ),
  )
  #throttle = new Throttle()

  constructor(service: Service, target: Place, values: BackendValues) {
    this.#service = service
    this.#target = target
    this.#values = values
    service.onHealth(() => this.#reachability.trouble, true)
    service.onCheck(() => this.#reachability.check())
  }

  serve({ key, name, address, wanted, socket }: Client): Live {
    return exposeOne(socket, 'path' in this.#target, {
      reach: signal => this.#reach(socket, signal),
      lifetime: this.#values['max-lifetime'],
      facts: () => ({ peer: key, name, address, ...(wanted && { wanted }) }),
      onEnd: entry => this.#service.record(entry),
    })
  }

  async #reach(socket: SecureSocket, signal: AbortSignal): Promise<net.Socket> {
    const { 'connect-timeout': timeout, retry, 'tcp-keep-alive': keepAlive } = this.#values
    try {
      const plain = await this.#reachability.learn(connectPlain(this.#target, { timeout, retry, signal }), signal)
      if (keepAlive > 0) plain.setKeepAlive(true, keepAlive)
      if (this.#values['proxy-protocol']) plain.write(proxyHeader(socket))
      return plain
    } catch (error) {
      if (!signal.aborted) this.#throttle.fail(error)
      throw error
    }
  }
}

function proxyVersion(text: string, name: string): 'v2' {
  if (text !== 'v2') throw Failure.usage(`${name} is “${text}”`, 'there is v2')
  return text
}
