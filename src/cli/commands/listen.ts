import { decodePublicKey, formatAddress } from '../../node/index.js'
import { Admission, authorizedFile, authorizeOptions, type Client } from '../channels/admission.js'
import { keylogOption, keylogTo } from '../channels/keylog.js'
import { protocolOf, protocolOptions } from '../channels/protocol.js'
import { defineCommand } from '../frame/command.js'
import { Failure } from '../frame/failure.js'
import { log } from '../frame/output.js'
import { type ListenPlace, parseListen } from '../frame/place.js'
import { Echo } from '../join/echo.js'
import { Program } from '../join/program.js'
import { StandardStreams } from '../join/standard.js'
import { KeyFiles, serverKeyOptions } from '../keys/key-files.js'
import { aliveOption, limitOptions, limitsOf, pendingOf, pendingOptions, serviceOptions } from '../service/options.js'
import { type Live, Service } from '../service/service.js'

export const listen = defineCommand({
  name: 'listen',
  summary: 'takes channels, and joins them to standard input and output, or to a program',
  description: `Waits for a client whose key is authorized, sends it standard input, and prints what it sends. When both directions
    have ended it is over. With --echo or --exec it serves clients without standard input and output, and with --keep-open any
    number of them.`,
  args: [
    { name: 'LISTEN', summary: 'where channels come in: PORT (of all addresses), HOST:PORT, unix:PATH or systemd' },
  ],
  options: {
    ...serverKeyOptions,
    ...authorizeOptions,
    echo: { short: 'e', summary: 'sends back what comes' },
    exec: {
      short: 'x',
      value: 'COMMAND',
      summary:
        'runs COMMAND in a shell for each client, which sees the client’s key as NOPKI_PEER and its name as NOPKI_NAME',
    },
    'keep-open': { summary: 'goes on after the first client; with --echo or --exec' },
    ...pendingOptions,
    ...aliveOption,
    ...limitOptions,
    ...protocolOptions,
    'drain-timeout': serviceOptions['drain-timeout'],
    ...keylogOption,
  },
  examples: [
    {
      summary: 'a file for whoever is in authorized_keys',
      line: 'nopki listen 4433 -k server.key -a authorized_keys < file',
    },
    {
      summary: 'a server to try clients with',
      line: 'nopki listen 4433 -k server.key --allow-anyone --echo --keep-open',
    },
    {
      summary: 'a program that knows who asks',
      line: `nopki listen 4433 -k server.key -a authorized_keys --keep-open --exec 'echo "hello $NOPKI_NAME"; date'`,
    },
  ],
  notes: [
    {
      heading: 'Ends',
      text: `The end of standard input ends this direction, and the other goes on. A client that breaks off is an error, never an end;
        a program under --exec is then ended by SIGTERM. A program that fails is an alert to the client, behind what it has printed.

        Without --key the server has a new key every time, and prints it as part of its address.`,
    },
  ],
  async run(values, [text = '']) {
    const place = parseListen(text, 'LISTEN')
    checkWays(values)
    const authorized = authorizedFile(values)
    const protocol = protocolOf(values)
    const keys = await KeyFiles.open(values)
    const service = await Service.start({ drainTimeout: values['drain-timeout'] })
    const once = !values['keep-open']
    let streams: StandardStreams | undefined
    const onClient = (client: Client): Live => {
      log.info(`${client.name ?? client.key} from ${client.address}`)
      if (values.echo) return new Echo(client.socket)
      if (values.exec !== undefined) return new Program(client.socket, values.exec, environmentOf(client))
      streams = new StandardStreams(client.socket)
      return streams
    }
    const [limits, pending] = [limitsOf(values), pendingOf(values)]
    const options = {
      place,
      keys,
      authorized,
      limits,
      pending,
      protocol,
      once,
      heartbeat: values.heartbeat,
      tcpKeepAlive: 0,
      ...keylogTo(values.keylog),
    }
    const where = await new Admission(service, options, onClient).open()
    // It heeds signals before anybody is told that it is there.
    const over = service.run()
    log.info(`listening on ${addressText(where, place, keys, protocol.version)}`)
    await over
    await streams?.finished
  },
})

function checkWays(values: { echo: boolean; exec: string | undefined; 'keep-open': boolean }): void {
  if (values.echo && values.exec !== undefined)
    throw Failure.usage('--echo and --exec were both given', 'give one of them')
  if (values['keep-open'] && !values.echo && values.exec === undefined) {
    throw Failure.usage('--keep-open needs --echo or --exec', 'standard input and output serve one client')
  }
}

/** The address as a client takes it, where it can be written as one. */
function addressText(where: string, place: ListenPlace, keys: KeyFiles, version: 1 | 2): string {
  const match = /^(?:\[(.*)\]|(.*)):(\d+)$/.exec(where)
  const [serverKey, ...others] = keys.names.map(decodePublicKey)
  if (!match || 'path' in place || !serverKey) return `${where} as ${keys.names.join(', ')}`
  const host = match[1] ?? match[2] ?? ''
  const anywhere = host === '::' || host === '0.0.0.0'
  const at = {
    host: anywhere ? 'localhost' : host,
    port: Number(match[3]),
    serverKey,
    serverKeys: [serverKey, ...others],
  }
  return formatAddress(version === 1 ? { ...at, version } : at)
}

function environmentOf({ key, name, address }: Client): Record<string, string> {
  return { NOPKI_PEER: key, NOPKI_NAME: name ?? '', NOPKI_ADDRESS: address }
}
