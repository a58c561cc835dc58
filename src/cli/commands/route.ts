import { Router } from '../../engine/index.js'
import { encodePublicKey } from '../../node/index.js'
import { nodeCore } from '../../node/load.js'
import { defineCommand } from '../frame/command.js'
import { Failure } from '../frame/failure.js'
import { log } from '../frame/output.js'
import { parseListen } from '../frame/place.js'
import { duration } from '../frame/values.js'
import { watch } from '../frame/watched.js'
import { keyOptions, loadKey } from '../keys/options.js'
import { readPassphrase } from '../keys/passphrase.js'
import { Backends } from '../route/backends.js'
import { Middlebox } from '../route/middlebox.js'
import { isUrl, parseRedisPlace } from '../route/redis-place.js'
import { parseTable, placesOf, type Table } from '../route/table.js'
import { TableCopy } from '../route/table-copy.js'
import { RedisTable } from '../route/table-redis.js'
import { limitsOf, pendingOf, pendingOptions, serviceOptions, serviceOptionsOf } from '../service/options.js'
import { Service } from '../service/service.js'

export const route = defineCommand({
  name: 'route',
  summary: 'sends connections on by the server key that they ask for, which only it can read',
  description: `Accepts connections at LISTEN, opens the box in each hello with its own key, looks up in the table where the server
    is that the hello names, and joins the two. It learns which server is wanted and nothing else: not who the client is, and
    nothing of what they say. Clients address it by its public key: nopki://pk_SERVER@host:port?middlebox=pk_ROUTER. A client
    whose server has no route, or cannot be reached, is told so under encryption (in version 1, by closing). A server of version 1
    has to answer strangers: what comes through here is not addressed to it. A connection whose hello is not for this key, or is none, gets no answer; it is logged and counted, and so is one with a header of the PROXY protocol,
    which a router does not take.

    The table is read anew when it changes, and on SIGHUP; connections that are there stay. On SIGTERM no new connection is taken;
    those that have not said whom they want keep their --handshake-timeout, and those that are open have --drain-timeout to end by
    themselves; then, or on a second signal, they are reset.`,
  args: [{ name: 'LISTEN', summary: 'where to listen: PORT (of all addresses), HOST:PORT, unix:PATH or systemd' }],
  options: {
    ...keyOptions,
    table: { short: 't', value: 'FILE|redis://...', summary: 'the table of routes', completes: 'file' },
    'table-password': { value: 'FILE', summary: 'a file with the password for Redis', completes: 'file' },
    'table-copy': {
      value: 'FILE',
      summary: 'keeps the last good table of Redis in FILE, to start with if Redis has none to give',
      completes: 'file',
      writes: true,
    },
    ...pendingOptions,
    'handshake-timeout': { ...pendingOptions['handshake-timeout'], default: '5s' },
    'connect-timeout': {
      value: 'TIME',
      summary: 'how long connecting to a backend may take, and its answer',
      default: '3s',
      read: duration,
    },
    ...serviceOptions,
  },
  examples: [
    { summary: 'one public port for several services', line: 'nopki route 4433 -k router.key -t routes' },
    {
      summary: 'what a client says then',
      line: 'nopki connect "nopki://pk_SERVER@router.example:4433?middlebox=$(nopki pubkey router.key)"',
    },
    {
      summary: 'several routers with one table',
      line: "redis-cli hset nopki:routes pk_SERVER '10.0.0.5:4433 10.0.0.6:4433'\nnopki route 4433 -k router.key -t redis://10.0.0.2:6379",
    },
  ],
  notes: [
    {
      heading: 'The table',
      text: `A line a server: its public key, then one or more backends (HOST:PORT, PORT on this machine, unix:PATH); # at the start of a word begins a
        comment. The backend with the fewest connections is taken, by lot among equals. A server sends its challenge as soon as it
        has a hello: if a backend cannot be reached, or closes or is silent for --connect-timeout in place of that, the next one is
        taken, and the router asks the first with a hello of its own. A backend that gives no answer to that is down: it is taken
        last, and asked again until it answers. The only one, or the last, has twice the time. Where a line is wrong, it is named, and the last good
        table stays in force.

        In Redis (6 or later) it is a hash, nopki:routes unless ?key=NAME says otherwise, with a field a server: the key, and as its value
        the backends, separated by spaces. A change reaches all routers at once. It needs the package @redis/client, which is not
        installed with nopki.

        While Redis is away, or answers with an error, the last table stays in force, and Redis is asked again. An entry that is wrong
        keeps its last good value; it is named in the log and on the health page, and counted in nopki_table_bad_entries. A hash that
        is not there, as in a Redis that has lost its data, is no empty table: the last one stays. HSET nopki:routes empty yes says
        that a table without routes is meant, once there is no other field. With --table-copy FILE, a router that starts while Redis
        is away takes the last good table from FILE.

        An ACL user is named in the address, redis://USER@HOST:PORT, and its password is in the file of --table-password. It needs no
        more than this: ACL SETUSER USER on >PASSWORD resetkeys %R~nopki:routes nocommands +hgetall +ping +client|tracking
        (before Redis 7: ~nopki:routes). Sentinel is not asked, and Redis is not reached by a Unix socket: give the address of
        one Redis, such as a replica beside the router, or of what follows the master.`,
    },
  ],
  async run(values, [listen = '']) {
    const place = parseListen(listen, 'LISTEN')
    if (values.key === undefined) throw Failure.usage('--key is missing', 'nopki keygen -o router.key makes one')
    if (values.table === undefined) throw Failure.usage('--table is missing', 'give the file with the routes')
    const keyPair = await loadKey(values.key, values)
    const service = await Service.start(serviceOptionsOf(values))
    const backends = new Backends(keyPair.publicKey, values['connect-timeout'], {
      onDown: (_, reason) => log.warn(`${reason}; it is asked until it is back`),
      onUp: ({ name }) => log.info(`${name} is back`),
    })
    const table = await openTable(values, it => backends.retain(placesOf(it)))
    service.onHealth(() => table.trouble)
    service.gauge('nopki_table_bad_entries', 'Entries of the table that cannot be read.', () => table.badEntries ?? 0)
    service.onHealth(() => backends.down.map(name => `${name} is down`).join(', '))
    service.onReload(() => table.reload())
    service.onEnd(() => {
      table.close()
      backends.close()
    })
    const middlebox = new Middlebox(service, {
      router: new Router(nodeCore(), keyPair),
      backends,
      table: () => table.value,
      ...pendingOf(values),
      limits: limitsOf(values),
      keepAlive: values['tcp-keep-alive'],
      lifetime: values['max-lifetime'],
    })
    const where = await middlebox.open(place)
    // Signals are heeded from here on: before it is said that there is something to signal to.
    const over = service.run()
    log.info(`routing on ${where} as ${encodePublicKey(keyPair.publicKey)}: ${count(table.value)}`)
    await over
  },
})

interface TableSource {
  readonly value: Table
  readonly trouble: string
  /** Of those that can be wrong one by one. */
  readonly badEntries?: number
  reload(): void
  close(): void
}

interface TableValues {
  table?: string | undefined
  'table-password': string | undefined
  'table-copy': string | undefined
}

async function openTable(values: TableValues, onChange: (table: Table) => void): Promise<TableSource> {
  const { table: where = '', 'table-password': password, 'table-copy': copy } = values
  if (isUrl(where)) {
    return await RedisTable.open({
      place: parseRedisPlace(where),
      password: password && readPassphrase(password),
      copy: copy === undefined ? undefined : new TableCopy(copy),
      onChange,
    })
  }
  for (const option of ['table-password', 'table-copy'] as const) {
    if (values[option] !== undefined) throw Failure.usage(`--${option} is for a table in Redis`, 'leave it out')
  }
  return watch(where, parseTable, onChange)
}

function count(table: Table): string {
  if (table.size === 0) return 'the table is empty, so every client is refused'
  return table.size === 1 ? '1 route' : `${table.size} routes`
}
